// The keys of issuers, remembered: in the instance, and among the documents, so that a fresh instance can verify while an
// issuer is down. A key that the issuer withdrew is gone with the next answer, here and there.

import { createHash } from 'node:crypto';
import type { JSONWebKeySet, JWTVerifyGetKey } from 'jose';
import {
  issuerDownSecondsMax,
  issuerKeysStoredSeconds,
  issuerPauseSeconds,
  issuersRememberedMax,
  issuerWarningSeconds,
} from '../../oci/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { Documents, Key } from '../../ports/documents.ts';
import { type Discovery, discoverKeys, type PublicKey } from './issuer-discovery.ts';

/** `- / - / issuerKeys / sha256 of the issuer` (shared/registry/layout.ts). It expires when the keys are too old to be used. */
type StoredKeys = {
  readonly issuer: string;
  readonly keys: readonly PublicKey[];
  /** Milliseconds since 1970. */
  readonly fetchedAt: number;
  readonly freshUntil: number;
};

const issuerKeysKey = (issuer: string): Key => [
  '-',
  '-',
  'issuerKeys',
  createHash('sha256').update(issuer).digest('hex'),
];

export interface IssuerKeysOptions extends Discovery {
  readonly documents: Documents;
  readonly clock: Clock;
  /** Told, once an hour at most for an issuer, that its keys could not be had, read or stored. */
  readonly log?:
    | ((severity: 'WARNING', message: string, fields: Record<string, unknown>) => void)
    | undefined;
}

export interface IssuerKeys {
  /**
   * Chooses among the issuer's keys; `undefined` when they cannot be had. The issuer is asked when what is known of it is
   * no longer fresh or has no key of that id, and at most once in 30 seconds; who asks meanwhile shares the answer.
   * @param issuer one that is trusted
   * @param kid of the token; `undefined` when it names none
   */
  find(issuer: string, kid: string | undefined): Promise<JWTVerifyGetKey | undefined>;
}

interface Known extends StoredKeys {
  readonly choose: JWTVerifyGetKey;
}

/** What an instance remembers of an issuer. Times are milliseconds since 1970. */
interface Remembered {
  known?: Known;
  /** What the documents hold, as far as is known. */
  stored?: StoredKeys;
  looked: boolean;
  askedAt: number;
  /** Message → when it was last logged. */
  readonly warnedAt: Map<string, number>;
  asking?: Promise<void> | undefined;
}

export function openIssuerKeys(options: IssuerKeysOptions): IssuerKeys {
  const { documents, clock, log } = options;
  const issuers = new Map<string, Remembered>();

  /** The most recently used are last; the first one is forgotten. */
  const recall = (issuer: string): Remembered => {
    const one = issuers.get(issuer) ?? { looked: false, askedAt: -Infinity, warnedAt: new Map() };
    issuers.delete(issuer);
    const [oldest] = issuers.keys();
    if (issuers.size >= issuersRememberedMax && oldest !== undefined) issuers.delete(oldest);
    issuers.set(issuer, one);
    return one;
  };

  const lacks = ({ known }: Remembered, kid: string | undefined): boolean =>
    known === undefined ||
    known.freshUntil <= clock.now() ||
    (kid !== undefined && !known.keys.some((key) => key.kid === kid));

  const rests = ({ askedAt }: Remembered): boolean =>
    Math.abs(clock.now() - askedAt) < issuerPauseSeconds * 1000;

  const warn = (one: Remembered, message: string, fields: Record<string, unknown>) => {
    const warnedAt = one.warnedAt.get(message) ?? -Infinity;
    if (Math.abs(clock.now() - warnedAt) < issuerWarningSeconds * 1000) return;
    one.warnedAt.set(message, clock.now());
    log?.('WARNING', message, fields);
  };

  /** Takes up what is stored, and asks the issuer when that does not do. */
  const refresh = async (issuer: string, one: Remembered, kid: string | undefined) => {
    if (!one.looked) {
      await recallStored(issuer, one);
      if (!lacks(one, kid)) return;
    }
    one.askedAt = clock.now();
    try {
      const { keys, freshSeconds } = await discoverKeys(issuer, options);
      const fetchedAt = clock.now();
      const freshUntil = fetchedAt + freshSeconds * 1000;
      one.known = await withChoice({ issuer, keys, fetchedAt, freshUntil });
    } catch (error) {
      warn(one, 'the keys of an issuer of ID tokens cannot be had', {
        issuer,
        reason: reasonOf(error),
        lastHad: one.known === undefined ? 'never' : new Date(one.known.fetchedAt).toISOString(),
      });
      return;
    }
    await store(one, one.known);
  };

  const recallStored = async (issuer: string, one: Remembered) => {
    try {
      const stored = (await documents.get(issuerKeysKey(issuer)))?.value as StoredKeys | undefined;
      one.looked = true;
      if (stored?.issuer !== issuer) return;
      one.known = await withChoice(stored);
      one.stored = stored;
    } catch (error) {
      // The issuer itself may still answer.
      warn(one, 'stored keys of an issuer cannot be read', { issuer, reason: reasonOf(error) });
    }
  };

  const store = async (one: Remembered, { choose: _, ...known }: Known) => {
    if (isKept(one.stored, known)) return;
    const key = issuerKeysKey(known.issuer);
    const expiresAt = known.fetchedAt + issuerDownSecondsMax * 1000;
    try {
      await documents.transact(async (transaction) => {
        const stored = (await transaction.get(key))?.value as StoredKeys | undefined;
        // Another instance has it stored, or has asked later.
        if (isKept(stored, known) || (stored?.fetchedAt ?? 0) > known.fetchedAt) return;
        transaction.set(issuerKeysKey(known.issuer), known, { expiresAt });
      });
      one.stored = known;
    } catch (error) {
      warn(one, 'keys of an issuer cannot be stored', {
        issuer: known.issuer,
        reason: reasonOf(error),
      });
    }
  };

  return {
    find: async (issuer, kid) => {
      const one = recall(issuer);
      while (lacks(one, kid) && (one.asking !== undefined || !rests(one))) {
        one.asking ??= refresh(issuer, one, kid).finally(() => {
          one.asking = undefined;
        });
        await one.asking;
      }
      if (one.known === undefined) return undefined;
      const ageMs = clock.now() - one.known.fetchedAt;
      return ageMs < issuerDownSecondsMax * 1000 ? one.known.choose : undefined;
    },
  };
}

/** Whether what is stored has the same keys and is not much older. */
function isKept(stored: StoredKeys | undefined, known: StoredKeys): boolean {
  if (stored === undefined) return false;
  const age = known.fetchedAt - stored.fetchedAt;
  return age < issuerKeysStoredSeconds * 1000 && sorted(stored.keys) === sorted(known.keys);
}

function sorted(keys: StoredKeys['keys']): string {
  // The stores give the names of an object in an order of their own.
  const texts = keys.map((key) =>
    JSON.stringify(Object.entries(key).sort(([a], [b]) => (a < b ? -1 : 1))),
  );
  return texts.sort().join('\n');
}

async function withChoice(stored: StoredKeys): Promise<Known> {
  const { createLocalJWKSet } = await import('jose/jwks/local');
  return { ...stored, choose: createLocalJWKSet({ keys: stored.keys } as JSONWebKeySet) };
}

function reasonOf(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).slice(0, 200);
}
