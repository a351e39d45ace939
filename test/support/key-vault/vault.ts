// What Secret Manager and Cloud Storage keep of a registry's keys, in memory: secrets in versions, and the HMAC keys of
// service accounts. The stand-in (server.ts) answers from it as Google's REST APIs do, and ports.ts without any of them.

import { randomBytes } from 'node:crypto';
import type { Clock } from '#shared/ports/clock.ts';

export interface StoredVersion {
  readonly number: number;
  readonly bytes: Buffer;
  readonly createdMs: number;
  state: 'ENABLED' | 'DISABLED' | 'DESTROYED';
}

export interface StoredHmacKey {
  readonly accessId: string;
  readonly secret: string;
  readonly account: string;
  readonly createdMs: number;
  updatedMs: number;
  state: 'ACTIVE' | 'INACTIVE' | 'DELETED';
}

/** Cloud Storage's limit of keys of one account; those that were deleted do not count. */
export const hmacKeysMax = 10;

/** As Terraform makes them: without a version. */
export const secretNames = [
  ...['token-key', 'token-next-key', 'token-public-keys', 'state-keys', 'url-key', 'url-next-key'],
  ...['admin-password', 'admin-hash', 'mirror-credentials'],
] as const;

export class Vault {
  readonly clock: Clock;
  readonly secrets: ReadonlyMap<string, StoredVersion[]>;
  readonly hmacKeys: StoredHmacKey[] = [];

  constructor(clock: Clock, names: readonly string[] = secretNames) {
    this.clock = clock;
    this.secrets = new Map(names.map((name) => [name, []]));
  }

  /** The newest version's text; `undefined` where there is none. */
  textOf(secret: string): string | undefined {
    return this.secrets.get(secret)?.at(-1)?.bytes.toString('utf8');
  }

  add(secret: string, bytes: Buffer): StoredVersion {
    const versions = this.secrets.get(secret);
    if (versions === undefined) throw new Error(`no secret ${secret}`);
    const number = versions.length + 1;
    const version = { number, bytes, createdMs: this.clock.now(), state: 'ENABLED' } as const;
    versions.push({ ...version });
    return version;
  }

  createHmacKey(account: string): StoredHmacKey {
    const of = this.hmacKeys.filter((key) => key.account === account && key.state !== 'DELETED');
    if (of.length >= hmacKeysMax) throw new Error('too many HMAC keys');
    const key: StoredHmacKey = {
      accessId: `GOOG1E${randomBytes(12).toString('hex').toUpperCase()}`,
      secret: randomBytes(30).toString('base64'),
      account,
      createdMs: this.clock.now(),
      updatedMs: this.clock.now(),
      state: 'ACTIVE',
    };
    this.hmacKeys.push(key);
    return key;
  }

  hmacKey(accessId: string): StoredHmacKey | undefined {
    return this.hmacKeys.find((key) => key.accessId === accessId && key.state !== 'DELETED');
  }

  isActive(accessId: string): boolean {
    return this.hmacKey(accessId)?.state === 'ACTIVE';
  }
}
