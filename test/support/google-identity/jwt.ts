// JWTs by hand: with anything in them, for tests, and read as strictly as Google does.

import { createHmac, createPublicKey, createSign, createVerify, type KeyObject } from 'node:crypto';

export type Json = Readonly<Record<string, unknown>>;

/** Signs what it is given, whatever it says of itself. `secret` makes an HMAC; with neither the signature is empty. */
export function signJwt(
  header: Json,
  claims: unknown,
  { key, secret }: { readonly key?: KeyObject; readonly secret?: string } = {},
): string {
  const signed = `${encode(header)}.${encode(claims)}`;
  const signature =
    key !== undefined
      ? createSign('RSA-SHA256').update(signed).sign(key).toString('base64url')
      : secret !== undefined
        ? createHmac('sha256', secret).update(signed).digest('base64url')
        : '';
  return `${signed}.${signature}`;
}

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

/** The header and the claims, unverified; `undefined` when it is no JWT. */
export function readJwt(token: string): { header: Json; claims: Json } | undefined {
  const [header, claims, signature, ...more] = token.split('.');
  if (header === undefined || claims === undefined || signature === undefined || more.length > 0)
    return undefined;
  try {
    return { header: decode(header), claims: decode(claims) };
  } catch {
    return undefined;
  }
}

function decode(part: string): Json {
  return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Json;
}

/** Whether this key signed a token, by RS256. */
export function isSignedBy(token: string, key: KeyObject): boolean {
  const dot = token.lastIndexOf('.');
  return createVerify('RSA-SHA256')
    .update(token.slice(0, dot))
    .verify(createPublicKey(key), token.slice(dot + 1), 'base64url');
}
