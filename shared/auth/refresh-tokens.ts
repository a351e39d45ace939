// Refresh tokens (RFC 6749 section 6): what a client keeps in place of a password, and gets tokens by. 256 random bits,
// stored as SHA-256. It says who somebody is, and never what they may do: that is decided at each use.
//
//   - / - / refreshTokens / sha256            RefreshTokenRecord
//
// It is good for the host that it was got from, and as long as what it was got by: a robot's secret, or the admin's
// password. One that is not used for 90 days is gone. A job's, which an issuer vouched for but a moment, is good for an
// hour, so that a long build can push at its end. Google's accounts have refresh tokens of their own.

import {
  refreshTokenExtendSeconds,
  refreshTokenFederatedSeconds,
  refreshTokenSeconds,
} from '../oci/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Documents, Key, Transaction, Value } from '../ports/documents.ts';
import type { AudiencesOf } from './audiences.ts';
import type { Identity } from './identity.ts';
import { isLetInAnywhere } from './policies.ts';
import type { FederatedPrincipal, Principal } from './principal.ts';
import { identifyRobotAgain } from './robot-logins.ts';
import { isSameHash, newSecret, sha256 } from './secrets.ts';

/** Who it stands for, and by which of their secrets: all that is needed to find out whether they still are. */
type Holder =
  | { readonly kind: 'admin'; readonly credential: string }
  | {
      readonly kind: 'robot';
      readonly project: string;
      readonly name: string;
      /** The secret's id. */
      readonly credential: string;
    }
  | FederatedPrincipal;

type RefreshTokenRecord = {
  readonly holder: Holder;
  readonly host: string;
  readonly created: number;
  /** When it was last put off that it ends. */
  readonly extended: number;
};

export interface RefreshTokenStore {
  readonly documents: Documents;
  readonly clock: Clock;
  /** Another one with each password of the admin's; `undefined` where there is no admin. */
  readonly adminCredential: string | undefined;
  readonly audiencesOf: AudiencesOf;
}

const tokenPattern = /^berth_refresh_[A-Za-z0-9_-]{43}$/;

const refreshTokenKey = (hash: string): Key => ['-', '-', 'refreshTokens', hash];

/**
 * Makes a refresh token for who has just logged in.
 * @param host the registry's, as the client calls it
 * @returns `undefined` where none is given: to nobody, and to Google's accounts
 */
export async function createRefreshToken(
  { documents, clock }: Pick<RefreshTokenStore, 'documents' | 'clock'>,
  identity: Identity,
  host: string,
): Promise<string | undefined> {
  const holder = holderOf(identity);
  if (holder === undefined) return undefined;
  const token = `berth_refresh_${newSecret()}`;
  const now = clock.now();
  await documents.transact(async (transaction) => {
    const record = { holder, host, created: now, extended: now };
    writeRefreshToken(transaction, sha256(token), record, identity.expiresAt);
  });
  return token;
}

/**
 * Whom a refresh token shows, as they are now; `undefined` when it is none, is another host's, has expired or was
 * revoked, or when what it was got by is not good any more.
 */
export async function identifyRefreshed(
  store: RefreshTokenStore,
  token: string,
  host: string,
): Promise<Identity | undefined> {
  if (!tokenPattern.test(token)) return undefined;
  const hash = sha256(token);
  const found = await store.documents.get(refreshTokenKey(hash));
  const record = found?.value as RefreshTokenRecord | undefined;
  if (record === undefined || record.host !== host) return undefined;
  const identity = await identifyHolder(store, record);
  if (identity === undefined) return undefined;
  if (store.clock.now() - record.extended >= refreshTokenExtendSeconds * 1000) {
    // Where that cannot be written now, a later use will; who only reads need not wait for it.
    await extend(store, hash, identity).catch(() => undefined);
  }
  return identity;
}

/**
 * Takes a refresh token back, whoever shows it (RFC 7009 section 2.1). A token that was got by it is good to its end,
 * 15 minutes at most.
 */
export async function revokeRefreshToken(
  { documents }: Pick<RefreshTokenStore, 'documents'>,
  token: string,
): Promise<void> {
  if (!tokenPattern.test(token)) return;
  const key = refreshTokenKey(sha256(token));
  // What is not there is not written: nobody makes us write by guessing.
  if ((await documents.get(key)) === undefined) return;
  await documents.transact(async (transaction) => transaction.delete(key));
}

function holderOf({ principal, credential }: Identity): Holder | undefined {
  if (principal.kind === 'federated') return principal;
  if (credential === undefined) return undefined;
  if (principal.kind === 'admin') return { kind: 'admin', credential };
  if (principal.kind !== 'robot') return undefined;
  const { project, name } = principal;
  return { kind: 'robot', project, name, credential };
}

async function identifyHolder(
  store: RefreshTokenStore,
  { holder, host, created }: RefreshTokenRecord,
): Promise<Identity | undefined> {
  switch (holder.kind) {
    case 'admin': {
      const { adminCredential } = store;
      const isGood =
        adminCredential !== undefined && isSameHash(holder.credential, adminCredential);
      const principal: Principal = { kind: 'admin' };
      return isGood ? { principal, seen: {}, credential: adminCredential } : undefined;
    }
    case 'robot':
      return identifyRobotAgain(store, { ...holder, secret: holder.credential });
    case 'federated':
      if (!(await isLetInAnywhere(store.documents, holder, store.audiencesOf(host))))
        return undefined;
      return { principal: holder, seen: {}, expiresAt: federatedEnd(created) };
  }
}

async function extend(
  { documents, clock }: RefreshTokenStore,
  hash: string,
  identity: Identity,
): Promise<void> {
  await documents.transact(async (transaction) => {
    const found = await transaction.get(refreshTokenKey(hash));
    // It was revoked meanwhile.
    if (found === undefined) return;
    const record = { ...(found.value as RefreshTokenRecord), extended: clock.now() };
    writeRefreshToken(transaction, hash, record, identity.expiresAt);
  });
}

/** @param accountEnd when the robot or its secret expires */
function writeRefreshToken(
  transaction: Transaction,
  hash: string,
  record: RefreshTokenRecord,
  accountEnd = Number.POSITIVE_INFINITY,
): void {
  const { holder, created, extended } = record;
  const expiresAt =
    holder.kind === 'federated'
      ? federatedEnd(created)
      : Math.min(extended + refreshTokenSeconds * 1000, accountEnd);
  transaction.set(refreshTokenKey(hash), record as Value, { expiresAt });
}

function federatedEnd(created: number): number {
  return created + refreshTokenFederatedSeconds * 1000;
}
