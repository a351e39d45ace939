// The keys that sign tokens.

import * as v from 'valibot';
import type { SecretVersion } from '../../ports/secret-versions.ts';
import { type NamedJwk, newTokenKey } from '../new-keys.ts';
import { publicJwk } from '../token.ts';
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

const jwkSchema = v.looseObject({ kty: v.string(), kid: v.string() });

/** As they are stored. */
interface TokenKeys {
  /** Signs. */
  readonly key: NamedJwk | undefined;
  /** Signs after the next rotation. */
  readonly next: NamedJwk | undefined;
  /** What all verify by. */
  readonly announced: readonly NamedJwk[];
  /** The versions by which the first and the last of these became known. */
  readonly since: readonly (SecretVersion | undefined)[];
}

/** Makes the keys where there are none, completes what was begun, and has another key sign when it is time. */
export async function rotateTokenKeys(stores: KeyStores, when: When): Promise<Outcome> {
  const { tokenKey, nextTokenKey, tokenPublicKeys } = keySecrets;
  const outcome = await byStep(when, async (mayRotate) =>
    nextStep(stores, await readTokenKeys(stores), mayRotate ? when : 'never'),
  );
  await destroyOld(stores, tokenKey, nextTokenKey, tokenPublicKeys);
  return outcome;
}

function nextStep(
  { secrets, clock }: KeyStores,
  { key, next, announced, since }: TokenKeys,
  when: When,
): Step | undefined {
  const outcome = key === undefined ? 'made' : 'completed';
  if (next === undefined || next.kid === key?.kid) {
    return {
      outcome,
      do: async () => {
        await secrets.add(keySecrets.nextTokenKey, JSON.stringify(await newTokenKey()));
      },
    };
  }
  const isAnnounced = ({ kid }: NamedJwk) => announced.some((one) => one.kid === kid);
  if (!isAnnounced(next) || (key !== undefined && !isAnnounced(key))) {
    const keys = toAnnounce(key, next, announced).map(publicJwk);
    return {
      outcome,
      do: () => secrets.add(keySecrets.tokenPublicKeys, JSON.stringify(keys)),
    };
  }
  // Only one that is announced may sign, and has to have been for as long as an instance may live.
  if (key === undefined || isDue(when, clock, ...since)) {
    return {
      outcome: key === undefined ? 'made' : 'rotated',
      do: () => secrets.add(keySecrets.tokenKey, JSON.stringify(next)),
    };
  }
  return undefined;
}

/** The key that signs next, the one that signs, and the one that did before it. */
function toAnnounce(
  key: NamedJwk | undefined,
  next: NamedJwk,
  announced: readonly NamedJwk[],
): readonly NamedJwk[] {
  if (key === undefined) return [next];
  const at = announced.findIndex(({ kid }) => kid === key.kid);
  // When it is not among them, nobody knows which of them it came after.
  const before = at === -1 ? announced : announced.slice(at + 1);
  const others = before.filter(({ kid }) => kid !== key.kid && kid !== next.kid);
  return [next, key, ...others].slice(0, 3);
}

async function readTokenKeys({ secrets }: KeyStores): Promise<TokenKeys> {
  const { tokenKey, nextTokenKey, tokenPublicKeys } = keySecrets;
  const [key, next, announced] = await readTogether(
    secrets,
    tokenKey,
    nextTokenKey,
    tokenPublicKeys,
  );
  const jwk = (text: string): NamedJwk => v.parse(jwkSchema, JSON.parse(text));
  const jwks = (text: string): NamedJwk[] => v.parse(v.array(jwkSchema), JSON.parse(text));
  return {
    key: parsed(tokenKey, key, jwk),
    next: parsed(nextTokenKey, next, jwk),
    announced: parsed(tokenPublicKeys, announced, jwks) ?? [],
    since: [key, announced],
  };
}
