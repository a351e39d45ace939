// The HMAC keys that sign addresses of blobs. Cloud Storage verifies them: to be known is to be active there. The next key
// is made a rotation before it signs, too: it takes minutes until Cloud Storage knows a key everywhere.

import { urlKeyInactiveMs, urlKeyUnknownMs } from '../../oci/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { KnownHmacKey } from '../../ports/hmac-keys.ts';
import type { SecretVersion } from '../../ports/secret-versions.ts';
import {
  byStep,
  destroyOld,
  isDue,
  type KeyStores,
  keySecrets,
  type Outcome,
  parsed,
  readTogether,
  type Step,
  type When,
} from './key-stores.ts';

interface UrlKeys {
  /** The access id of the key that signs. */
  readonly key: string | undefined;
  /** Of the one that signs after the next rotation. */
  readonly next: string | undefined;
  /** What the secret of the latter says. */
  readonly nextText: string;
  readonly since: readonly (SecretVersion | undefined)[];
}

/** Makes the keys where there are none, completes what was begun, and has another key sign when it is time. */
export async function rotateUrlKeys(stores: KeyStores, when: When): Promise<Outcome> {
  await removeUnused(stores);
  const outcome = await byStep(when, async (mayRotate) =>
    nextStep(stores, await readUrlKeys(stores), mayRotate ? when : 'never'),
  );
  await destroyOld(stores, keySecrets.urlKey, keySecrets.nextUrlKey);
  return outcome;
}

async function nextStep(
  { secrets, urlKeys, clock }: KeyStores,
  keys: UrlKeys,
  when: When,
): Promise<Step | undefined> {
  const { key, next, nextText, since } = keys;
  const makeNext: Step = {
    outcome: key === undefined ? 'made' : 'completed',
    do: async () => {
      const { accessId, secret } = await urlKeys.create();
      await secrets.add(keySecrets.nextUrlKey, `${accessId}:${secret}`);
    },
  };
  const signBy = (outcome: Step['outcome']): Step => ({
    outcome,
    do: () => secrets.add(keySecrets.urlKey, nextText),
  });
  if (next === undefined || next === key) return makeNext;
  if (key === undefined) return signBy('made');
  if (!isDue(when, clock, ...since)) return undefined;
  const known = await urlKeys.list();
  // Somebody took it away: it would sign for nothing. (One that was just made need not be listed yet.)
  const isThere = known.some(({ accessId, isActive }) => accessId === next && isActive);
  const [, nextVersion] = since;
  const isKnown = clock.now() - (nextVersion?.createdMs ?? 0) >= urlKeyUnknownMs;
  if (!isThere && isKnown) return makeNext;
  // Nobody holds what there was before the key that has signed all this time.
  const over = othersSince(0, known, keys, clock).filter(({ isActive }) => isActive);
  return {
    outcome: 'rotated',
    do: async () => {
      for (const { accessId } of over) await urlKeys.deactivate(accessId);
      await signBy('rotated').do();
    },
  };
}

/** Those that neither sign nor will, made since then, and not just now: whoever makes one may not have kept it yet. */
function othersSince(
  sinceMs: number,
  known: readonly KnownHmacKey[],
  { key, next }: UrlKeys,
  clock: Clock,
): readonly KnownHmacKey[] {
  return known.filter(
    ({ accessId, createdMs }) =>
      accessId !== key &&
      accessId !== next &&
      createdMs > sinceMs &&
      clock.now() - createdMs >= urlKeyUnknownMs,
  );
}

/**
 * Takes away the keys whose secrets nobody has, because what made them did not come to keep them, and deletes those that
 * have been inactive for a while. An account has ten at most.
 */
async function removeUnused(stores: KeyStores): Promise<void> {
  const { urlKeys, clock } = stores;
  const keys = await readUrlKeys(stores);
  const known = await urlKeys.list();
  // What signed before the present key is older than the version by which that came to sign.
  const lost = othersSince(keys.since[0]?.createdMs ?? 0, known, keys, clock);
  for (const { accessId, isActive } of lost) if (isActive) await urlKeys.deactivate(accessId);
  const idle = othersSince(0, known, keys, clock).filter(
    ({ isActive, changedMs }) => !isActive && clock.now() - changedMs >= urlKeyInactiveMs,
  );
  for (const { accessId } of idle) await urlKeys.delete(accessId);
}

async function readUrlKeys({ secrets }: KeyStores): Promise<UrlKeys> {
  const { urlKey, nextUrlKey } = keySecrets;
  const [key, next] = await readTogether(secrets, urlKey, nextUrlKey);
  return {
    key: parsed(urlKey, key, accessIdIn),
    next: parsed(nextUrlKey, next, accessIdIn),
    nextText: next?.text ?? '',
    since: [key, next],
  };
}

/** @throws Error when it is no HMAC key */
function accessIdIn(text: string): string {
  const [, accessId] = /^([A-Z0-9]+):[A-Za-z0-9/+=]+$/.exec(text) ?? [];
  if (accessId === undefined) throw new Error('not an HMAC key');
  return accessId;
}
