// Instances of the registry's functions: each is given what is the newest when it starts, and lives with that for as long as
// it lives, which may be nearly as long as a key signs. Written down are those of every moment at which anything changed.

import assert from 'node:assert/strict';
import type { JWK } from 'jose';
import { sessionSecondsMax, signingKeyDays, tokenSeconds } from '#shared/oci/limits.ts';
import type { StateKey } from '#shared/registry/sessions.ts';
import type { Vault } from './vault.ts';

const day = 24 * 60 * 60 * 1000;
/** Of a signed address. */
const urlMs = 20 * 60 * 1000;

/** How long an instance lives at most: what it signed last has to have been of use, too. */
export const lifeMs = signingKeyDays * day - sessionSecondsMax * 1000;

export interface Instance {
  readonly startMs: number;
  readonly tokenKey: JWK;
  readonly publicKeys: readonly JWK[];
  readonly stateKeys: readonly StateKey[];
  readonly urlKey: string;
}

export class Instances {
  readonly #vault: Vault;
  readonly started: Instance[] = [];

  constructor(vault: Vault) {
    this.#vault = vault;
  }

  /** Starts one now, where all that it needs is there, and checks it with all that may live beside it. */
  start(): void {
    const read = <T>(secret: string) => JSON.parse(this.#vault.textOf(secret) ?? 'null') as T;
    const tokenKey = read<JWK | null>('token-key');
    const publicKeys = read<JWK[] | null>('token-public-keys');
    const stateKeys = read<StateKey[] | null>('state-keys');
    const [urlKey] = this.#vault.textOf('url-key')?.split(':') ?? [];
    if (tokenKey === null || publicKeys === null || stateKeys === null) return;
    if (urlKey === undefined) return;
    const startMs = this.#vault.clock.now();
    const fresh = { startMs, tokenKey, publicKeys, stateKeys, urlKey };
    this.started.push(fresh);
    for (const other of this.started) {
      assertUnderstands(fresh, other);
      assertUnderstands(other, fresh);
    }
  }

  /** What lives now or has signed an address that is still good: its key has to be active. */
  checkUrls(): void {
    const now = this.#vault.clock.now();
    for (const { startMs, urlKey } of this.started) {
      if (startMs < now - lifeMs - urlMs) continue;
      assert.ok(this.#vault.isActive(urlKey), `the key ${urlKey} of an instance is not active`);
    }
  }
}

/** What one signs, the other verifies, as long as it is good for and both live. */
function assertUnderstands(verifier: Instance, signer: Instance): void {
  const meets = (goodMs: number) =>
    verifier.startMs < signer.startMs + lifeMs + goodMs &&
    signer.startMs < verifier.startMs + lifeMs;
  if (meets(tokenSeconds * 1000)) {
    const kids = verifier.publicKeys.map(({ kid }) => kid);
    assert.ok(kids.includes(signer.tokenKey.kid ?? ''), 'a token is not verified');
  }
  if (meets(sessionSecondsMax * 1000)) {
    const ids = verifier.stateKeys.map(({ id }) => id);
    assert.ok(ids.includes(signer.stateKeys[0]?.id ?? ''), 'an upload session is not verified');
  }
}
