// Google's accounts, in memory: users, and service accounts with real keys.

import { createPublicKey, generateKeyPair, type KeyObject, randomBytes } from 'node:crypto';
import { promisify } from 'node:util';
import type { Clock } from '#shared/ports/clock.ts';
import { type Json, signJwt } from './jwt.ts';

export interface User {
  readonly email: string;
  /** Google's number for the account: `sub`. */
  readonly id: string;
  readonly verified: boolean;
}

/** The file that Google gives out for a service account, as it writes it. */
export interface ServiceKeyFile {
  readonly type: 'service_account';
  readonly project_id: string;
  readonly private_key_id: string;
  readonly private_key: string;
  readonly client_email: string;
  readonly client_id: string;
  readonly auth_uri: string;
  readonly token_uri: string;
  readonly auth_provider_x509_cert_url: string;
  readonly client_x509_cert_url: string;
  readonly universe_domain: string;
}

/** What a token says other than it should: claims and header fields; `undefined` leaves one out. */
export interface JwtChanges {
  readonly claims?: Json;
  readonly header?: Json;
  /** Signs in place of the account's own key. */
  readonly key?: KeyObject;
}

export interface ServiceAccount {
  readonly email: string;
  readonly id: string;
  /** The first key's file. */
  readonly key: ServiceKeyFile;
  /** Its text. */
  readonly keyJson: string;
  /** Makes another key. */
  addKey(): Promise<ServiceKeyFile>;
  /** Deletes a key: it is no longer published, and what it signs is refused. */
  deleteKey(privateKeyId: string): void;
  /**
   * A JWT that the account signed itself, as Google's libraries do: with a scope or an audience, for an hour.
   * @param changes.file signs with this key, which is of the account or not
   */
  selfSignedJwt(
    claims: { readonly scope?: string; readonly aud?: unknown },
    changes?: JwtChanges & { readonly file?: ServiceKeyFile },
  ): string;
}

/** A key pair as it is published, and as it signs. */
export interface KeyPair {
  readonly kid: string;
  readonly privateKey: KeyObject;
}

const newRsa = promisify(generateKeyPair);

/** @param bits 2048, as Google's are, when left out */
export async function newKeyPair(bits = 2048): Promise<KeyPair> {
  const { privateKey } = await newRsa('rsa', { modulusLength: bits });
  return { kid: randomBytes(20).toString('hex'), privateKey };
}

/** As Google publishes keys. */
export function publishedSet(keys: Iterable<KeyPair>): Json {
  return {
    keys: [...keys].map(({ kid, privateKey }) => {
      const { n, e } = createPublicKey(privateKey).export({ format: 'jwk' });
      return { use: 'sig', kid, kty: 'RSA', n, alg: 'RS256', e };
    }),
  };
}

/** The keys of a service account by their ids; the account is gone with the last mention of it in `Accounts`. */
interface ServiceAccountEntry {
  readonly account: ServiceAccount;
  readonly keys: Map<string, KeyPair>;
}

export class Accounts {
  readonly #clock: Clock;
  readonly #users = new Map<string, User>();
  readonly #serviceAccounts = new Map<string, ServiceAccountEntry>();
  #googleKeys: KeyPair[] = [];
  #made = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  addUser(email: string, { verified = true }: { readonly verified?: boolean } = {}): User {
    const user = { email, id: this.#newId(), verified };
    this.#users.set(email, user);
    return user;
  }

  user(email: string): User | undefined {
    return this.#users.get(email);
  }

  serviceAccount(email: string): ServiceAccount | undefined {
    return this.#serviceAccounts.get(email)?.account;
  }

  serviceAccountById(id: string): ServiceAccount | undefined {
    return [...this.#serviceAccounts.values()].find(({ account }) => account.id === id)?.account;
  }

  /** The account's keys; `undefined` when there is no such account. */
  keysOf(email: string): ReadonlyMap<string, KeyPair> | undefined {
    return this.#serviceAccounts.get(email)?.keys;
  }

  async addServiceAccount(email: string): Promise<ServiceAccount> {
    const keys = new Map<string, KeyPair>();
    const id = this.#newId();
    const addKey = async () => {
      const pair = await newKeyPair();
      keys.set(pair.kid, pair);
      return keyFile(email, id, pair);
    };
    const key = await addKey();
    const account: ServiceAccount = {
      email,
      id,
      key,
      keyJson: JSON.stringify(key, null, 2),
      addKey,
      deleteKey: (kid) => void keys.delete(kid),
      selfSignedJwt: (claims, { file = key, ...changes } = {}) => {
        const signer = changes.key ?? keys.get(file.private_key_id)?.privateKey ?? file.private_key;
        return signJwt(
          { alg: 'RS256', typ: 'JWT', kid: file.private_key_id, ...changes.header },
          { iss: email, sub: email, ...this.hour(), ...claims, ...changes.claims },
          { key: signer as KeyObject },
        );
      },
    };
    this.#serviceAccounts.set(email, { account, keys });
    return account;
  }

  deleteServiceAccount(email: string): void {
    this.#serviceAccounts.delete(email);
  }

  /** `iat` and `exp` of what is good for an hour from now. */
  hour(): { iat: number; exp: number } {
    const iat = Math.floor(this.#clock.now() / 1000);
    return { iat, exp: iat + 3600 };
  }

  /** Google's own keys, by which ID tokens are signed: the newest first. */
  get googleKeys(): readonly KeyPair[] {
    return this.#googleKeys;
  }

  /** Signs by a new key from now on. The one before stays published, the one before that does not. */
  async rotateGoogleKeys(): Promise<void> {
    this.#googleKeys = [await newKeyPair(), ...this.#googleKeys.slice(0, 1)];
  }

  #newId(): string {
    this.#made += 1;
    return `1${String(this.#made).padStart(20, '0')}`;
  }
}

/** The key of a pair as the file that Google would give out for it. */
export function keyFile(email: string, id: string, { kid, privateKey }: KeyPair): ServiceKeyFile {
  return {
    type: 'service_account',
    project_id: email.replace(/^.*@|\.iam\.gserviceaccount\.com$/g, ''),
    private_key_id: kid,
    private_key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
    client_email: email,
    client_id: id,
    auth_uri: 'https://accounts.google.com/o/oauth2/auth',
    token_uri: 'https://oauth2.googleapis.com/token',
    auth_provider_x509_cert_url: 'https://www.googleapis.com/oauth2/v1/certs',
    client_x509_cert_url: `https://www.googleapis.com/robot/v1/metadata/x509/${encodeURIComponent(email)}`,
    universe_domain: 'googleapis.com',
  };
}
