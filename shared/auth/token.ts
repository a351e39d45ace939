// Tokens: short-lived ES256 JWTs in the form of the Docker token specification ("JSON Web Token"). They say
// what was granted, and beside it what was asked for and refused, so that a refusal is told apart from a
// scope that was never asked for; who it is, so that nobody need be looked up; and by which versions of which
// documents it was granted, so that it can be refused when they change (revocations.ts).

import type { CryptoKey, JWK, jwtVerify } from 'jose';
import * as v from 'valibot';
import { RegistryError } from '../oci/errors.ts';
import { tokenCharactersMax, tokenSeconds, verifiedTokensCharactersMax } from '../oci/limits.ts';
import type { Clock } from '../ports/clock.ts';
import { type Principal, principalName } from './principal.ts';
import type { Seen } from './revocations.ts';
import type { Scope } from './scope.ts';

const algorithm = 'ES256';
const issuer = 'berth';

export interface TokenClaims {
  readonly principal: Principal;
  readonly seen: Seen;
  readonly granted: readonly Scope[];
  readonly refused: readonly Scope[];
  /** Of the admin's tokens, what stands for the password that they were got by. */
  readonly credential?: string | undefined;
}

export interface IssuedToken {
  readonly token: string;
  readonly expiresInSeconds: number;
  readonly issuedAt: Date;
}

export interface TokenIssuer {
  /**
   * @param service the host it is good for
   * @param notAfter milliseconds since 1970 at which it expires, if that is sooner than others do
   * @throws RegistryError DENIED (400) when it would be longer than clients could send
   */
  issue(service: string, claims: TokenClaims, notAfter?: number): Promise<IssuedToken>;
}

export interface TokenVerifier {
  /** The public keys that it verifies by (RFC 7517). */
  readonly keys: readonly JWK[];
  /** What the token says, or `undefined` when it is forged, expired, or another host's. */
  verify(service: string, token: string): Promise<TokenClaims | undefined>;
}

/** What verifies what a key signs, as others are told it (RFC 7517 section 4): nothing private, whatever is in it. */
export function publicJwk({ kty, crv, x, y, kid }: JWK): JWK {
  return { kty, crv, x, y, kid, alg: algorithm, use: 'sig' } as JWK;
}

/** @param key the private key, as a JWK with its `kid`. Only the function `token` holds it. */
export async function createIssuer(key: JWK, clock: Clock): Promise<TokenIssuer> {
  // Loaded here: who only verifies need not know how tokens are signed.
  const [{ importJWK }, { SignJWT }] = await Promise.all([
    import('jose/key/import'),
    import('jose/jwt/sign'),
  ]);
  const privateKey = await importJWK(key, algorithm);
  return {
    issue: async (service, claims, notAfter = Number.POSITIVE_INFINITY) => {
      const { principal, seen, granted, refused, credential } = claims;
      const issued = Math.floor(clock.now() / 1000);
      const seconds = Math.min(tokenSeconds, Math.max(1, Math.floor(notAfter / 1000) - issued));
      const token = await new SignJWT({ access: granted, refused, principal, seen, credential })
        .setProtectedHeader({ alg: algorithm, typ: 'JWT', kid: key.kid ?? '' })
        .setIssuer(issuer)
        .setSubject(principalName(principal))
        .setAudience(service)
        .setIssuedAt(issued)
        .setNotBefore(issued)
        .setExpirationTime(issued + seconds)
        .setJti(crypto.randomUUID())
        .sign(privateKey);
      if (token.length > tokenCharactersMax) throw tooLong();
      return { token, expiresInSeconds: seconds, issuedAt: new Date(issued * 1000) };
    },
  };
}

const scopesSchema = v.array(
  v.object({ type: v.string(), name: v.string(), actions: v.array(v.string()) }),
);
const role = v.picklist(['owner', 'writer', 'reader']);
const principalSchema = v.variant('kind', [
  v.object({ kind: v.literal('anonymous') }),
  v.object({ kind: v.literal('admin') }),
  v.object({
    kind: v.literal('robot'),
    name: v.string(),
    project: v.string(),
    role,
    prefix: v.optional(v.string()),
  }),
  v.object({
    kind: v.literal('google'),
    type: v.picklist(['user', 'serviceAccount']),
    email: v.optional(v.string()),
    id: v.optional(v.string()),
    pullOnly: v.optional(v.boolean()),
  }),
  v.object({
    kind: v.literal('federated'),
    issuer: v.string(),
    subject: v.string(),
    audiences: v.array(v.string()),
    claims: v.record(v.string(), v.string()),
  }),
]) satisfies v.GenericSchema<unknown, Principal>;
const claimsSchema = v.object({
  // One host, and not a list with it in.
  aud: v.string(),
  exp: v.number(),
  access: scopesSchema,
  refused: scopesSchema,
  principal: principalSchema,
  seen: v.record(v.string(), v.number()),
  credential: v.optional(v.string()),
});

/**
 * Verifies tokens by the public keys, and remembers what it verified until that expires: a client
 * sends one token many times.
 * @param keys public JWKs with their `kid`s; more than one while keys rotate
 */
export async function createVerifier(keys: readonly JWK[], clock: Clock): Promise<TokenVerifier> {
  const [{ importJWK }, jose] = await Promise.all([
    import('jose/key/import'),
    import('jose/jwt/verify'),
  ]);
  const publicKeys = keys.map(publicJwk);
  const imported = new Map<string, CryptoKey>();
  for (const key of publicKeys) {
    const publicKey = await importJWK(key, algorithm);
    if (!(publicKey instanceof Uint8Array)) imported.set(key.kid ?? '', publicKey);
  }
  const verified = new Map<string, { claims: TokenClaims; expiresAt: number }>();
  let verifiedCharacters = 0;
  return {
    keys: publicKeys,
    verify: async (service, token) => {
      if (token.length > tokenCharactersMax) return undefined;
      const cacheKey = `${service}\0${token}`;
      const known = verified.get(cacheKey);
      if (known !== undefined && known.expiresAt > clock.now()) return known.claims;
      if (verified.delete(cacheKey)) verifiedCharacters -= cacheKey.length;
      const fresh = await verifyToken(jose.jwtVerify, imported, service, token, clock);
      if (fresh === undefined) return undefined;
      verifiedCharacters += cacheKey.length;
      if (verifiedCharacters > verifiedTokensCharactersMax) {
        verified.clear();
        verifiedCharacters = cacheKey.length;
      }
      verified.set(cacheKey, fresh);
      return fresh.claims;
    },
  };
}

async function verifyToken(
  verify: typeof jwtVerify,
  keys: ReadonlyMap<string, CryptoKey>,
  service: string,
  token: string,
  clock: Clock,
): Promise<{ claims: TokenClaims; expiresAt: number } | undefined> {
  try {
    const { payload } = await verify(token, ({ kid }) => keyOf(keys, kid), {
      algorithms: [algorithm],
      issuer,
      audience: service,
      requiredClaims: ['exp', 'nbf', 'sub'],
      currentDate: new Date(clock.now()),
    });
    const { exp, access, refused, principal, seen, credential } = v.parse(claimsSchema, payload);
    const claims = { principal, seen, granted: access, refused };
    return {
      claims: credential === undefined ? claims : { ...claims, credential },
      expiresAt: exp * 1000,
    };
  } catch {
    // Whatever is wrong with it, and there are many ways, the client needs another.
    return undefined;
  }
}

function tooLong(): RegistryError {
  return new RegistryError('DENIED', {
    message: 'the token would be too long to be sent: ask for fewer scopes in one',
    status: 400,
  });
}

/** By its name alone: whatever else a token says of keys is not looked at. */
function keyOf(keys: ReadonlyMap<string, CryptoKey>, kid: string | undefined): CryptoKey {
  const key = kid === undefined ? undefined : keys.get(kid);
  if (key === undefined) throw new Error('no such key');
  return key;
}
