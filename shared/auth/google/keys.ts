// The public keys that Google publishes, its own and those of each service account, as JWK sets.

import type { JWK } from 'jose';
import * as v from 'valibot';
import {
  googleKeySetsMax,
  googleKeysAgainSeconds,
  googleKeysKeptSeconds,
  googleRefusalSeconds,
} from '../../oci/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import { type Google, GoogleSilent } from './requests.ts';

const keysMax = 100;

/** RSA of 2048 to 4096 bits: a larger one would take its time, and a smaller one is none. */
const modulus = v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{342,684}$/));

const keySchema = v.object({
  kty: v.literal('RSA'),
  kid: v.pipe(v.string(), v.minLength(1), v.maxLength(256)),
  n: modulus,
  e: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{2,6}$/)),
  alg: v.optional(v.literal('RS256')),
  use: v.optional(v.literal('sig')),
});

const setSchema = v.object({ keys: v.pipe(v.array(v.unknown()), v.maxLength(keysMax)) });

export type PublishedKey = JWK & v.InferOutput<typeof keySchema>;

interface KeySet {
  readonly keys: ReadonlyMap<string, PublishedKey>;
  /** Milliseconds since 1970: when it was read, until when it is taken as it is, when Google was last asked. */
  readonly readAt: number;
  readonly freshUntil: number;
  askedAt: number;
}

export class PublishedKeys {
  readonly #google: Google;
  readonly #clock: Clock;
  readonly #freshSecondsMax: number;
  /** By path; the one that was read first stands first. Sets that are not there are kept apart, and briefly. */
  readonly #sets = new Map<string, KeySet>();
  readonly #missing = new Map<string, KeySet>();
  readonly #asked = new Map<string, Promise<KeySet>>();

  /** @param options.freshSecondsMax how long a set is taken as it is, whatever its headers allow */
  constructor(google: Google, clock: Clock, { freshSecondsMax }: { freshSecondsMax: number }) {
    this.#google = google;
    this.#clock = clock;
    this.#freshSecondsMax = freshSecondsMax;
  }

  /**
   * The key of that id, or `undefined` when it is not published (any more).
   * @param path of the set, on www.googleapis.com
   * @throws GoogleSilent when the set was never read, or too long ago
   */
  async find(path: string, kid: string): Promise<PublishedKey | undefined> {
    const set = await this.#current(path);
    const key = set.keys.get(kid);
    if (key !== undefined) return key;
    // It may have been made since: keys are rotated, and people make new ones.
    if (!this.#mayAskAgain(set)) return undefined;
    return (await this.#read(path, set)).keys.get(kid);
  }

  async #current(path: string): Promise<KeySet> {
    const known = this.#sets.get(path) ?? this.#missing.get(path);
    if (known === undefined) return await this.#read(path, undefined);
    if (this.#clock.now() < known.freshUntil) return known;
    try {
      return this.#mayAskAgain(known) ? await this.#read(path, known) : this.#kept(known);
    } catch (error) {
      if (!(error instanceof GoogleSilent)) throw error;
      return this.#kept(known);
    }
  }

  /** A set that is no longer fresh, while Google does not answer. */
  #kept(set: KeySet): KeySet {
    if (set.keys.size > 0 && this.#clock.now() < set.readAt + googleKeysKeptSeconds * 1000)
      return set;
    throw new GoogleSilent('no keys, and those known are too old');
  }

  #mayAskAgain(set: KeySet): boolean {
    const now = this.#clock.now();
    if (set.keys.size === 0) return now >= set.freshUntil;
    return now >= set.askedAt + googleKeysAgainSeconds * 1000;
  }

  async #read(path: string, before: KeySet | undefined): Promise<KeySet> {
    const asked = this.#asked.get(path);
    if (asked !== undefined) return await asked;
    if (before !== undefined) before.askedAt = this.#clock.now();
    const asking = this.#ask(path).finally(() => this.#asked.delete(path));
    this.#asked.set(path, asking);
    return await asking;
  }

  async #ask(path: string): Promise<KeySet> {
    const { status, body, freshSeconds = 0 } = await this.#google.ask('www', path);
    const now = this.#clock.now();
    const keys = keysOf(this.#google, status, body);
    const seconds =
      keys.size === 0
        ? googleRefusalSeconds
        : Math.min(Math.max(freshSeconds, googleKeysAgainSeconds), this.#freshSecondsMax);
    const set = { keys, readAt: now, freshUntil: now + seconds * 1000, askedAt: now };
    this.#sets.delete(path);
    this.#missing.delete(path);
    const sets = keys.size === 0 ? this.#missing : this.#sets;
    for (const oldest of sets.keys()) {
      if (sets.size < googleKeySetsMax) break;
      sets.delete(oldest);
    }
    sets.set(path, set);
    return set;
  }
}

/** The keys that are good for RS256, by their ids; none where there is no such account. */
function keysOf(google: Google, status: number, body: unknown): Map<string, PublishedKey> {
  const keys = new Map<string, PublishedKey>();
  if (status === 404 || status === 400) return keys;
  const set = v.safeParse(setSchema, body);
  if (status !== 200 || !set.success)
    throw google.silence('www', `status ${status}, and not a set of keys`);
  for (const one of set.output.keys) {
    const key = v.safeParse(keySchema, one);
    // Frozen, so that what jose makes of it is made once.
    if (key.success) keys.set(key.output.kid, Object.freeze(key.output) as PublishedKey);
  }
  return keys;
}
