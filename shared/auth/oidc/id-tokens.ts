// ID tokens of CI jobs, and of whoever else an issuer vouches for (OpenID Connect Core 1.0, section 2; JWT best current
// practices, RFC 8725). A token says by itself whose it claims to be; only an issuer that some project trusts is asked.

import type { JWTPayload, JWTVerifyGetKey } from 'jose';
import * as v from 'valibot';
import { internet, type Network } from '../../http/public-connection.ts';
import {
  audienceCharactersMax,
  audiencesMax,
  claimCharactersMax,
  claimsBytesMax,
  idTokenCharactersMax,
  idTokenSecondsMax,
  issuerCharactersMax,
  issuerSkewSeconds,
  subjectCharactersMax,
} from '../../oci/limits.ts';
import type { Principal } from '../principal.ts';
import { claimNamePattern, tokenClaims } from './federation-rules.ts';
import { type IssuerKeysOptions, openIssuerKeys } from './issuer-keys.ts';
import { issuerFault } from './issuer-url.ts';

type Federated = Extract<Principal, { kind: 'federated' }>;

export interface VerifiedToken {
  readonly principal: Federated;
  /** Milliseconds since 1970. */
  readonly expiresAt: number;
}

export interface OidcTokens {
  /**
   * The principal of an ID token, or `undefined` when it is forged, expired, of an issuer that `isTrusted` does not know, or
   * its keys cannot be had. Whatever the token is, it does not throw; what `isTrusted` throws, it does.
   * @param isTrusted is asked before the issuer is: for no other does anything go out to the network
   */
  verify(
    token: string,
    isTrusted: (issuer: string) => Promise<boolean>,
  ): Promise<VerifiedToken | undefined>;
}

export interface OidcTokensOptions extends Pick<IssuerKeysOptions, 'documents' | 'clock' | 'log'> {
  /** Issuers that may be http and in a private network: the operator's own, each as its tokens name it. */
  readonly privateIssuers?: readonly string[] | undefined;
  /** Left out: the internet. */
  readonly network?: Network | undefined;
  /** How long an issuer may take to tell its keys, in milliseconds. */
  readonly patienceMs?: number | undefined;
}

/** Signatures that a public key verifies (RFC 7518, section 3; RFC 8037; RFC 9864). Never a secret's, never none. */
const algorithms = [
  ...['RS256', 'RS384', 'RS512', 'PS256', 'PS384', 'PS512'],
  ...['ES256', 'ES384', 'ES512', 'EdDSA', 'Ed25519'],
];

/** What else the header says, of keys and of where they are, is not looked at. */
const headerSchema = v.object({
  alg: v.picklist(algorithms),
  kid: v.optional(v.pipe(v.string(), v.maxLength(256))),
  // Tokens for other ends say so, by an issuer that signs them with the same keys (RFC 8725, section 3.11).
  typ: v.optional(v.pipe(v.string(), v.regex(/^(?:application\/)?jwt$/i))),
  crit: v.optional(v.never()),
});

const audienceSchema = v.pipe(v.string(), v.nonEmpty(), v.maxLength(audienceCharactersMax));
const seconds = v.pipe(v.number(), v.finite(), v.minValue(0));
const payloadSchema = v.looseObject({
  iss: v.pipe(v.string(), v.nonEmpty(), v.maxLength(issuerCharactersMax)),
  // It goes into names and logs as it is.
  sub: v.pipe(
    v.string(),
    v.nonEmpty(),
    v.maxLength(subjectCharactersMax),
    v.regex(/^[^\p{Cc}\p{Cs}\u2028\u2029]*$/u),
  ),
  aud: v.union([
    audienceSchema,
    v.pipe(v.array(audienceSchema), v.nonEmpty(), v.maxLength(audiencesMax)),
  ]),
  exp: seconds,
  iat: seconds,
  nbf: v.optional(seconds),
});

type Payload = v.InferOutput<typeof payloadSchema>;

export function openOidcTokens(options: OidcTokensOptions): OidcTokens {
  const { clock, privateIssuers = [], network = internet } = options;
  const keys = openIssuerKeys({ ...options, privateIssuers, network });
  return {
    verify: async (token, isTrusted) => {
      const [header, claimed] = readToken(token) ?? [];
      const said = v.safeParse(headerSchema, header);
      const payload = parsePayload(claimed, clock.now());
      if (!said.success || payload === undefined) return undefined;
      const { iss } = payload;
      if (issuerFault(iss, privateIssuers) !== undefined || !(await isTrusted(iss))) {
        return undefined;
      }
      const choose = await keys.find(iss, said.output.kid);
      if (choose === undefined) return undefined;
      const verified = await verifySignature(token, choose, iss, clock.now());
      const proven = parsePayload(verified, clock.now());
      if (proven === undefined) return undefined;
      return { principal: principalOf(proven), expiresAt: proven.exp * 1000 };
    },
  };
}

/**
 * The issuer that a token names, which nothing has verified; `undefined` when it is no JWT of at most
 * `idTokenCharactersMax` characters. It never throws.
 */
export function issuerOf(token: string): string | undefined {
  const [, payload] = readToken(token) ?? [];
  const parsed = v.safeParse(v.pick(payloadSchema, ['iss']), payload);
  return parsed.success ? parsed.output.iss : undefined;
}

/** Header and payload of a JWT in its compact form (RFC 7519, section 7.2), unverified. */
function readToken(token: string): [unknown, unknown] | undefined {
  if (token.length > idTokenCharactersMax) return undefined;
  const parts = token.split('.', 4);
  if (parts.length !== 3 || !parts.every((part) => /^[A-Za-z0-9_-]+$/.test(part))) return undefined;
  try {
    const [header = '', payload = ''] = parts.map((part) =>
      Buffer.from(part, 'base64url').toString('utf8'),
    );
    return [JSON.parse(header), JSON.parse(payload)];
  } catch {
    return undefined;
  }
}

/** What a token says, when it is one that may be good now. */
function parsePayload(value: unknown, nowMs: number): Payload | undefined {
  const parsed = v.safeParse(payloadSchema, value);
  if (!parsed.success) return undefined;
  const { exp, iat, nbf = iat } = parsed.output;
  const now = nowMs / 1000;
  const begun = Math.max(iat, nbf) <= now + issuerSkewSeconds;
  const isShort = iat < exp && exp - iat <= idTokenSecondsMax;
  return begun && isShort && now < exp ? parsed.output : undefined;
}

async function verifySignature(
  token: string,
  choose: JWTVerifyGetKey,
  issuer: string,
  nowMs: number,
): Promise<JWTPayload | undefined> {
  // Loaded here: who is shown no ID tokens need not know how they are verified.
  const { jwtVerify } = await import('jose/jwt/verify');
  try {
    const { payload } = await jwtVerify(token, choose, {
      algorithms,
      issuer,
      clockTolerance: issuerSkewSeconds,
      currentDate: new Date(nowMs),
    });
    return payload;
  } catch {
    // Whatever is wrong with it, and there are many ways, it proves nothing.
    return undefined;
  }
}

function principalOf(payload: Payload): Federated {
  const { iss, sub, aud } = payload;
  const audiences = typeof aud === 'string' ? [aud] : [...aud];
  return { kind: 'federated', issuer: iss, subject: sub, audiences, claims: claimsOf(payload) };
}

/**
 * The claims that conditions can be made of: texts, numbers and booleans, as text. Lists and objects are left out, and what
 * is over the limits; a condition on it is not met then. `sub` is the principal's subject.
 */
function claimsOf(payload: Payload): Record<string, string> {
  const left: readonly string[] = [...tokenClaims, 'sub'];
  const claims: [string, string][] = [];
  let bytes = 0;
  for (const [name, value] of Object.entries(payload)) {
    if (left.includes(name) || !claimNamePattern.test(name)) continue;
    if (!['string', 'number', 'boolean'].includes(typeof value)) continue;
    const text = String(value);
    bytes += Buffer.byteLength(name) + Buffer.byteLength(text);
    if (bytes > claimsBytesMax) break;
    if (text.length <= claimCharactersMax) claims.push([name, text]);
  }
  return Object.fromEntries(claims);
}
