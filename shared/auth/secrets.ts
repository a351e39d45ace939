// Secrets that cannot be guessed, and how they are kept and compared.

import { createHash, randomBytes, timingSafeEqual } from 'node:crypto';

/** A secret of 256 random bits, in letters that need no quoting. */
export function newSecret(): string {
  return randomBytes(32).toString('base64url');
}

export function sha256(secret: string): string {
  return createHash('sha256').update(secret).digest('hex');
}

/** Whether a secret has that hash, in a time that does not tell how nearly. */
export function hasHash(secret: string, secretSha256: string): boolean {
  return isSameHash(sha256(secret), secretSha256);
}

/** Whether two hashes in hex are one, in a time that does not tell how nearly. */
export function isSameHash(one: string, other: string): boolean {
  const [actual, expected] = [Buffer.from(one), Buffer.from(other)];
  return actual.length === expected.length && timingSafeEqual(actual, expected);
}
