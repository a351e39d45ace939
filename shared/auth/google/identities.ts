// Google's accounts: who it is that shows an access token, an ID token, or a service account's key, and what Cloud Storage
// lets them do.
//
//   access-token.ts   opaque tokens, which tokeninfo knows
//   jwt.ts            tokens that a service account signed itself, and ID tokens
//   service-key.ts    keys of service accounts
//   buckets.ts        permissions on a bucket
//   requests.ts  answers.ts  keys.ts     how Google is asked, and what is kept of its answers
//
// What is kept: answers of tokeninfo and of Cloud Storage, briefly, and published keys. What is checked by those keys is
// checked each time.

import { createHash } from 'node:crypto';
import {
  googleCredentialBytesMax,
  googleIdentitySecondsMax,
  googleKeysSecondsMax,
  googleRefusalSeconds,
  serviceAccountKeysSecondsMax,
} from '../../oci/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { BucketPermission } from '../bucket-policy.ts';
import type { Principal } from '../principal.ts';
import { askTokenInfo, withRights } from './access-token.ts';
import { type KeptAnswer, questionHash, RecentAnswers } from './answers.ts';
import { askPermissions, isBucketName, knowsToken, readingPermissions } from './buckets.ts';
import { isJwt, jwtKindOf, verifyGoogleJwt } from './jwt.ts';
import { PublishedKeys } from './keys.ts';
import { type GoogleLog, GoogleSilent, openGoogle } from './requests.ts';
import { parseServiceKey, verifyServiceKey } from './service-key.ts';

type GooglePrincipal = Extract<Principal, { kind: 'google' }>;

export interface GoogleCredential {
  /** One of Google's family (`isGoogleUsername`); left out, `secret` came as a Bearer. */
  readonly username?: string | undefined;
  readonly secret: string;
  /** What this registry is called in a token's `aud`: its host, and that with `https://`. */
  readonly audiences: readonly string[];
}

export interface GoogleIdentity {
  readonly principal: GooglePrincipal;
  /** Milliseconds since 1970 at which what was shown expires. */
  readonly expiresAt: number;
  /**
   * What Cloud Storage says that the caller may do on a bucket, by the caller's own credential. None when the bucket is
   * not there, when what was shown does not tell Cloud Storage anything (an ID token), or when it does not answer. Never
   * rejects.
   */
  permissionsOn(bucket: string): Promise<readonly BucketPermission[]>;
}

export interface GoogleIdentities {
  /**
   * The account of a username of Google's family and its password, or of a raw Bearer credential. `undefined` when it is
   * wrong, or Google did not answer: a dead endpoint never grants.
   */
  identify(credential: GoogleCredential): Promise<GoogleIdentity | undefined>;
  /** What nobody in particular may do on a bucket (`allUsers`). Never rejects. */
  anonymousPermissionsOn(bucket: string): Promise<readonly BucketPermission[]>;
}

export interface GoogleIdentitiesOptions {
  readonly clock: Clock;
  /** One base URL in place of all of Google's hosts; below it each API has its own path. For tests. */
  readonly endpoint?: string | undefined;
  readonly log?: GoogleLog | undefined;
  /**
   * Whether IAM on buckets is the policy. Then a token is also taken that Cloud Storage knows and tokeninfo does not say
   * whose it is: of a federated identity, or with the scope for storage alone. It may do what `permissionsOn` says, and
   * has a name of its own: `user:token:` and 16 digits of the token's SHA-256.
   */
  readonly bucketMode?: boolean | undefined;
  /** How long Google may take for one answer, in milliseconds. */
  readonly patienceMs?: number | undefined;
}

const usernamePattern =
  /^(?:oauth2accesstoken|_token|gclouddockertoken|_dcgcloud_token|_dcgcr_(?:[0-9]{1,9}_){0,9}token|_json_key|_json_key_base64)$/;

/** Whether a username says that the password is a credential of Google's. */
export function isGoogleUsername(username: string): boolean {
  return usernamePattern.test(username);
}

/** Whether a Bearer token says of itself that it is Google's, which proves nothing. */
export function looksLikeGoogleBearer(token: string): boolean {
  return isOpaqueGoogleToken(token) || jwtKindOf(token) !== undefined;
}

/** Google's access tokens begin so, and those of its token service for federated identities. */
function isOpaqueGoogleToken(token: string): boolean {
  return isOpaqueToken(token) && token.startsWith('ya29.');
}

/** RFC 6750, section 2.1: it goes into a header as it is. */
function isOpaqueToken(token: string): boolean {
  return token.length <= googleCredentialBytesMax && /^[A-Za-z0-9._~+/-]+=*$/.test(token);
}

/** Whose it is that was shown, and until when. */
interface Shown {
  readonly principal: GooglePrincipal;
  readonly expiresAt: number;
}

interface Found extends Shown {
  /** What is shown to Cloud Storage; `undefined` when there is nothing to show. */
  readonly bearer: string | undefined;
}

/** Knows who shows what of Google's. Nothing is asked before somebody shows something. */
export function openGoogleIdentities(options: GoogleIdentitiesOptions): GoogleIdentities {
  const { clock, bucketMode = false } = options;
  const google = openGoogle(options);
  const keys = {
    google: new PublishedKeys(google, clock, { freshSecondsMax: googleKeysSecondsMax }),
    serviceAccounts: new PublishedKeys(google, clock, {
      freshSecondsMax: serviceAccountKeysSecondsMax,
    }),
  };
  const tokens = new RecentAnswers<Shown | undefined>(clock);
  const permissions = new RecentAnswers<readonly BucketPermission[]>(clock);

  const ofKey = async (secret: string, base64: boolean): Promise<Found | undefined> => {
    const key = parseServiceKey(secret, { base64 });
    return key === undefined ? undefined : await verifyServiceKey(keys.serviceAccounts, clock, key);
  };

  const ofJwt = async (token: string, audiences: readonly string[]): Promise<Found | undefined> => {
    const verified = await verifyGoogleJwt(keys, clock, { token, audiences });
    if (verified === undefined) return undefined;
    const isShown = jwtKindOf(token)?.kind === 'selfSigned';
    return { ...verified, bearer: isShown ? token : undefined };
  };

  /** What tokeninfo says, or where IAM on buckets is the policy, what Cloud Storage does. */
  const askToken = async (token: string): Promise<KeptAnswer<Shown | undefined>> => {
    const info = await askTokenInfo(google, clock, token);
    const { answer } = info;
    if (answer === 'useless') return { ...info, answer: undefined };
    if (answer !== 'unknown') {
      const { principal = bucketMode ? nameless(token, answer.pullOnly) : undefined } = answer;
      if (principal === undefined) return { ...info, answer: undefined, refused: true };
      return { ...info, answer: { ...answer, principal } };
    }
    const now = clock.now();
    if (!bucketMode || !isOpaqueGoogleToken(token) || !(await knowsToken(google, token)))
      return { answer: undefined, refused: true, until: now + googleRefusalSeconds * 1000 };
    // Nobody tells when a federated token expires, so it is asked about again soon.
    const expiresAt = now + googleIdentitySecondsMax * 1000;
    const principal = nameless(token, false);
    return { answer: { principal, expiresAt }, refused: false, until: expiresAt };
  };

  const ofToken = async (token: string): Promise<Found | undefined> => {
    const found = await tokens.ask(questionHash('token', token), () => askToken(token));
    if (found === undefined) return undefined;
    return { ...found, bearer: token };
  };

  const find = async (credential: GoogleCredential): Promise<Found | undefined> => {
    const { username, secret, audiences } = credential;
    if (username !== undefined && !isGoogleUsername(username)) return undefined;
    if (username === '_json_key' || username === '_json_key_base64')
      return await ofKey(secret, username === '_json_key_base64');
    if (isJwt(secret)) return await ofJwt(secret, audiences);
    // A Bearer may be anybody's, so it is shown to Google only when it looks like theirs.
    const isTheirs = username === undefined ? isOpaqueGoogleToken(secret) : isOpaqueToken(secret);
    return isTheirs ? await ofToken(secret) : undefined;
  };

  const permissionsOn = async (
    bucket: string,
    { caller, bearer }: { readonly caller: string; readonly bearer?: string },
  ): Promise<readonly BucketPermission[]> => {
    if (!isBucketName(bucket)) return [];
    const hash = questionHash('permissions', bucket, caller);
    const answer = await orSilence(
      permissions.ask(hash, () => askPermissions(google, clock, { bucket, bearer })),
    );
    return answer ?? [];
  };

  return {
    identify: async (credential) => {
      const found = await orSilence(find(credential));
      if (found === undefined || found.expiresAt <= clock.now()) return undefined;
      const { principal, expiresAt, bearer } = found;
      const caller = questionHash('caller', credential.username ?? '', credential.secret);
      return {
        principal,
        expiresAt,
        permissionsOn: async (bucket) => {
          if (bearer === undefined || expiresAt <= clock.now()) return [];
          const held = await permissionsOn(bucket, { caller, bearer });
          return principal.pullOnly === true
            ? held.filter((permission) => readingPermissions.includes(permission))
            : held;
        },
      };
    },
    anonymousPermissionsOn: (bucket) => permissionsOn(bucket, { caller: '' }),
  };
}

/** `undefined` when Google did not answer, which requests.ts has logged. */
async function orSilence<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof GoogleSilent) return undefined;
    throw error;
  }
}

/** The principal of a token that does not tell whose it is: it is the same as long as the token is. */
function nameless(token: string, pullOnly: boolean): GooglePrincipal {
  const digits = createHash('sha256').update(token).digest('hex').slice(0, 16);
  return withRights({ kind: 'google', type: 'user', id: `token:${digits}` }, pullOnly);
}
