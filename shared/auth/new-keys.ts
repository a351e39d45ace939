// How keys are made, wherever they are kept.

import { randomBytes } from 'node:crypto';
import type { JWK } from 'jose';
import { newSecret } from './secrets.ts';

/** A key as others are told it: with a name. */
export type NamedJwk = JWK & { readonly kty: string; readonly kid: string };

/** A private ES256 key that signs tokens. Its name is its thumbprint (RFC 7638): never that of another. */
export async function newTokenKey(): Promise<NamedJwk> {
  const [{ generateKeyPair }, { exportJWK }, { calculateJwkThumbprint }] = await Promise.all([
    import('jose/key/generate/keypair'),
    import('jose/key/export'),
    import('jose/jwk/thumbprint'),
  ]);
  const { privateKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = await exportJWK(privateKey);
  return { ...jwk, kty: jwk.kty ?? 'EC', kid: await calculateJwkThumbprint(jwk) };
}

/** A key that signs upload sessions. */
export function newStateKey(): { readonly id: string; readonly secret: string } {
  return { id: randomBytes(5).toString('hex'), secret: newSecret() };
}
