// Digests: `algorithm:encoded`, image specification "Digests". sha256 and sha512, the registered ones.

import { createHash, type Hash } from 'node:crypto';
import type { IHasher } from 'hash-wasm';

export type Algorithm = 'sha256' | 'sha512';

declare const digestBrand: unique symbol;
/** A well-formed digest of a supported algorithm. Made only by {@link parseDigest} and {@link digestOf}. */
export type Digest = string & { readonly [digestBrand]: true };

const encodedPattern: Record<Algorithm, RegExp> = {
  sha256: /^[a-f0-9]{64}$/,
  sha512: /^[a-f0-9]{128}$/,
};

/** The digest, or `undefined` when the text is not one of a supported algorithm. */
export function parseDigest(text: string): Digest | undefined {
  const colon = text.indexOf(':');
  const algorithm = parseAlgorithm(text.slice(0, Math.max(colon, 0)));
  if (algorithm === undefined || !encodedPattern[algorithm].test(text.slice(colon + 1))) {
    return undefined;
  }
  return text as Digest;
}

/** The algorithm of that registered name, or `undefined`. */
export function parseAlgorithm(text: string): Algorithm | undefined {
  return text === 'sha256' || text === 'sha512' ? text : undefined;
}

export function algorithmOf(digest: Digest): Algorithm {
  return digest.startsWith('sha256:') ? 'sha256' : 'sha512';
}

/** The digest of bytes at hand. */
export function digestOf(bytes: Uint8Array, algorithm: Algorithm = 'sha256'): Digest {
  return `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}` as Digest;
}

/** A running digest. */
export interface Hasher {
  readonly algorithm: Algorithm;
  update(bytes: Uint8Array): void;
  /** The digest of all bytes so far; more may follow. */
  digest(): Digest;
  /** The state as text, to go on from in another process; `undefined` when this hasher cannot. */
  save(): string | undefined;
}

/** The fast hasher (node:crypto, over 1 GB/s), whose state cannot be saved. */
export function startHash(algorithm: Algorithm): Hasher {
  const hash: Hash = createHash(algorithm);
  return {
    algorithm,
    update: (bytes) => {
      hash.update(bytes);
    },
    digest: () => `${algorithm}:${hash.copy().digest('hex')}` as Digest,
    save: () => undefined,
  };
}

/**
 * The resumable hasher (WebAssembly, about 0.2 GB/s), for uploads that announce chunks: from the
 * start, or from where `saved` stood.
 * @throws Error when `saved` was written by another version of the hasher; the caller hashes anew.
 */
export async function resumableHash(algorithm: Algorithm, saved?: string): Promise<Hasher> {
  // Loaded by who needs it: few uploads announce chunks.
  const { createSHA256, createSHA512 } = await import('hash-wasm');
  const hash: IHasher = await (algorithm === 'sha256' ? createSHA256() : createSHA512());
  hash.init();
  if (saved !== undefined) hash.load(Buffer.from(saved, 'base64'));
  return {
    algorithm,
    update: (bytes) => {
      hash.update(bytes);
    },
    digest: () => {
      const state = hash.save();
      const encoded = hash.digest('hex');
      hash.load(state);
      return `${algorithm}:${encoded}` as Digest;
    },
    save: () => Buffer.from(hash.save()).toString('base64'),
  };
}
