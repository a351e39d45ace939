// Google's JWTs, checked here by the published keys: those that a service account signed itself, in place of an access
// token (google.aip.dev/auth/4111), and Google's ID tokens (OpenID Connect Core, section 2).

import * as v from 'valibot';
import {
  clockSkewSeconds,
  googleCredentialBytesMax,
  selfSignedSecondsMax,
} from '../../oci/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { GooglePrincipal } from '../principal.ts';
import { isServiceAccount, parseAccountId, parseEmail, principalOfEmail } from './accounts.ts';
import type { PublishedKey, PublishedKeys } from './keys.ts';
import { rightsOfScopes } from './scopes.ts';

export interface VerifiedJwt {
  readonly principal: GooglePrincipal;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

const googleIssuers: readonly string[] = ['https://accounts.google.com', 'accounts.google.com'];
const googleKeysPath = '/oauth2/v3/certs';

/** Where the keys of a service account are. The email was checked: there is nothing in it that means anything in a URL. */
export function serviceAccountKeysPath(email: string): string {
  return `/service_accounts/v1/metadata/jwk/${email}`;
}

const headerSchema = v.object({
  alg: v.literal('RS256'),
  kid: v.pipe(v.string(), v.minLength(1), v.maxLength(256)),
  typ: v.optional(v.literal('JWT')),
});

const times = {
  iat: v.pipe(v.number(), v.safeInteger()),
  exp: v.pipe(v.number(), v.safeInteger()),
};

const selfSignedSchema = v.object({
  ...times,
  iss: v.string(),
  sub: v.string(),
  aud: v.optional(v.union([v.string(), v.array(v.string())])),
  scope: v.optional(v.string()),
});

const idTokenSchema = v.object({
  ...times,
  iss: v.picklist(googleIssuers),
  sub: v.string(),
  aud: v.string(),
  azp: v.optional(v.string()),
  email: v.optional(v.string()),
  email_verified: v.optional(v.boolean()),
});

type Kind = { readonly kind: 'selfSigned'; readonly email: string } | { readonly kind: 'idToken' };

/** What a JWT says it is, whoever wrote it; `undefined` when it is none of Google's. */
export function jwtKindOf(token: string): Kind | undefined {
  const iss = partOf(token, 1)?.['iss'];
  if (typeof iss !== 'string') return undefined;
  if (googleIssuers.includes(iss)) return { kind: 'idToken' };
  return isServiceAccount(iss) ? { kind: 'selfSigned', email: iss } : undefined;
}

/** Whether a text has a JWT's form. A federated identity's token, `ya29.d.…`, has it too, and is none. */
export function isJwt(token: string): boolean {
  return (
    token.length <= googleCredentialBytesMax &&
    !token.startsWith('ya29.') &&
    /^[A-Za-z0-9_-]+\.[A-Za-z0-9_-]+\.[A-Za-z0-9_-]*$/.test(token)
  );
}

export interface JwtKeys {
  readonly google: PublishedKeys;
  readonly serviceAccounts: PublishedKeys;
}

/**
 * Whose token it is, or `undefined` when anything is wrong with it.
 * @param audiences what this registry is called: a token for another opens nothing here
 * @throws GoogleSilent when the keys cannot be had
 */
export async function verifyGoogleJwt(
  keys: JwtKeys,
  clock: Clock,
  { token, audiences }: { readonly token: string; readonly audiences: readonly string[] },
): Promise<VerifiedJwt | undefined> {
  const kind = jwtKindOf(token);
  const header = v.safeParse(headerSchema, partOf(token, 0));
  if (kind === undefined || !header.success) return undefined;
  const { kid } = header.output;
  const key =
    kind.kind === 'idToken'
      ? await keys.google.find(googleKeysPath, kid)
      : await keys.serviceAccounts.find(serviceAccountKeysPath(kind.email), kid);
  if (key === undefined) return undefined;
  const claims = await verifySignature(token, key, clock);
  if (claims === undefined) return undefined;
  return kind.kind === 'idToken'
    ? ofIdToken(claims, clock, audiences)
    : ofSelfSigned(claims, clock, audiences, kind.email);
}

/** The claims of a token that this key signed and that is good now, or nearly; `undefined` for any other. */
export async function verifySignature(
  token: string,
  key: PublishedKey,
  clock: Clock,
): Promise<Record<string, unknown> | undefined> {
  const { jwtVerify } = await import('jose/jwt/verify');
  try {
    const { payload } = await jwtVerify(token, key, {
      algorithms: ['RS256'],
      currentDate: new Date(clock.now()),
      clockTolerance: clockSkewSeconds,
    });
    return payload;
  } catch {
    // There are many ways to be wrong, and one answer.
    return undefined;
  }
}

function ofSelfSigned(
  payload: Record<string, unknown>,
  clock: Clock,
  audiences: readonly string[],
  email: string,
): VerifiedJwt | undefined {
  const parsed = v.safeParse(selfSignedSchema, payload);
  if (!parsed.success || !isTimely(parsed.output, clock)) return undefined;
  const { iss, sub, aud = [], scope = '', exp } = parsed.output;
  if (iss !== email || sub !== email) return undefined;
  const meant = [aud].flat().filter((one) => one !== '');
  // One that is also good elsewhere is not ours: whom it was meant for could show it here.
  if (!meant.every((one) => audiences.includes(one))) return undefined;
  if (scope === '') {
    if (meant.length === 0) return undefined;
    return { principal: principalOfEmail(email), expiresAt: exp * 1000 };
  }
  const rights = rightsOfScopes(scope);
  if (rights === undefined) return undefined;
  const principal = principalOfEmail(email);
  return {
    principal: rights === 'pull' ? { ...principal, pullOnly: true } : principal,
    expiresAt: exp * 1000,
  };
}

function ofIdToken(
  payload: Record<string, unknown>,
  clock: Clock,
  audiences: readonly string[],
): VerifiedJwt | undefined {
  const parsed = v.safeParse(idTokenSchema, payload);
  if (!parsed.success || !isTimely(parsed.output, clock)) return undefined;
  const { sub, aud, azp, exp, email, email_verified: verified } = parsed.output;
  if (aud === '' || !audiences.includes(aud)) return undefined;
  const id = parseAccountId(sub);
  const expiresAt = exp * 1000;
  if (email === undefined) {
    // The metadata server leaves it out unless it is asked for `format=full`: then it is the account's number alone.
    if (id === undefined || azp !== sub) return undefined;
    return { principal: { kind: 'google', type: 'serviceAccount', id }, expiresAt };
  }
  const address = parseEmail(email);
  if (address === undefined || verified !== true) return undefined;
  return { principal: principalOfEmail(address, id), expiresAt };
}

/** Expired is expired, by our clock; only when it was made may lie ahead of that by a little. */
function isTimely({ iat, exp }: { iat: number; exp: number }, clock: Clock): boolean {
  const now = Math.floor(clock.now() / 1000);
  return (
    exp > now &&
    exp > iat &&
    iat <= now + clockSkewSeconds &&
    exp - iat <= selfSignedSecondsMax + clockSkewSeconds
  );
}

/** A part of a JWT as JSON, unverified; `undefined` when it is no object. */
function partOf(token: string, index: 0 | 1): Record<string, unknown> | undefined {
  if (!isJwt(token)) return undefined;
  try {
    const part: unknown = JSON.parse(
      Buffer.from(token.split('.')[index] ?? '', 'base64url').toString('utf8'),
    );
    return typeof part === 'object' && part !== null
      ? (part as Record<string, unknown>)
      : undefined;
  } catch {
    return undefined;
  }
}
