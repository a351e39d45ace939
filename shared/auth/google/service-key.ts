// A service account's key, as the JSON file that Google gives out: whoever can sign with it is the account. Nothing else
// that it says is believed, and no address in it is asked.

import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import * as v from 'valibot';
import { googleCredentialBytesMax, selfSignedSecondsMax } from '../../oci/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import { isServiceAccount, principalOfEmail } from './accounts.ts';
import { serviceAccountKeysPath, type VerifiedJwt, verifySignature } from './jwt.ts';
import type { PublishedKey, PublishedKeys } from './keys.ts';
import { fullScope } from './scopes.ts';

/** Google's token endpoint, by all the names that its key files had for it. */
const tokenUris = [
  'https://oauth2.googleapis.com/token',
  'https://accounts.google.com/o/oauth2/token',
  'https://www.googleapis.com/oauth2/v3/token',
  'https://www.googleapis.com/oauth2/v4/token',
] as const;

const keySchema = v.object({
  type: v.literal('service_account'),
  client_email: v.pipe(v.string(), v.check(isServiceAccount)),
  private_key_id: v.pipe(v.string(), v.regex(/^[A-Za-z0-9_-]{1,256}$/)),
  private_key: v.pipe(v.string(), v.startsWith('-----BEGIN ')),
  token_uri: v.picklist(tokenUris),
  universe_domain: v.optional(v.literal('googleapis.com')),
});

type ServiceKey = v.InferOutput<typeof keySchema>;

/** @param secret the file's text, or with `base64` that in base64, in one line or many; `undefined` when it is none */
export function parseServiceKey(
  secret: string,
  { base64 }: { readonly base64: boolean },
): ServiceKey | undefined {
  // Base64 is a third longer, and broken into lines a little more.
  if (secret.length > googleCredentialBytesMax * (base64 ? 1.5 : 1)) return undefined;
  if (base64 && !/^[A-Za-z0-9+/_\s-]+(?:=[=\s]*)?$/.test(secret)) return undefined;
  const text = base64 ? Buffer.from(secret, 'base64').toString('utf8') : secret;
  try {
    const parsed = v.safeParse(keySchema, JSON.parse(text));
    return parsed.success ? parsed.output : undefined;
  } catch {
    return undefined;
  }
}

/**
 * Signs with the key and checks that by the account's published key of that id.
 * @returns the account, with the JWT that was signed, which Cloud Storage takes as a Bearer; `undefined` when the key is
 *   not the account's (any more)
 * @throws GoogleSilent when the published keys cannot be had
 */
export async function verifyServiceKey(
  keys: PublishedKeys,
  clock: Clock,
  key: ServiceKey,
): Promise<(VerifiedJwt & { readonly bearer: string }) | undefined> {
  const { client_email: email, private_key_id: kid } = key;
  const published = await keys.find(serviceAccountKeysPath(email), kid);
  if (published === undefined) return undefined;
  const privateKey = privateKeyOf(key.private_key, published);
  if (privateKey === undefined) return undefined;
  const issued = Math.floor(clock.now() / 1000);
  const expires = issued + selfSignedSecondsMax;
  const { SignJWT } = await import('jose/jwt/sign');
  let bearer: string;
  try {
    bearer = await new SignJWT({ scope: fullScope })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid })
      .setIssuer(email)
      .setSubject(email)
      .setIssuedAt(issued)
      .setExpirationTime(expires)
      .sign(privateKey);
  } catch {
    // Its numbers do not fit together.
    return undefined;
  }
  if ((await verifySignature(bearer, published, clock)) === undefined) return undefined;
  // The file also tells the account's number, but whoever has the file can write another into it.
  return { principal: principalOfEmail(email), expiresAt: expires * 1000, bearer };
}

/**
 * The private key, when its public half is the published one. That half anybody can read, so it proves nothing; but
 * nothing is signed with a key of any size that somebody liked to send.
 */
function privateKeyOf(pem: string, published: PublishedKey): KeyObject | undefined {
  try {
    const privateKey = createPrivateKey({ key: pem, format: 'pem' });
    if (privateKey.asymmetricKeyType !== 'rsa') return undefined;
    const { n, e } = createPublicKey(privateKey).export({ format: 'jwk' });
    return n === published.n && e === published.e ? privateKey : undefined;
  } catch {
    return undefined;
  }
}
