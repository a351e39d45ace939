// Digests: what is one, and hashers that agree with node:crypto however the bytes are cut.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type Algorithm,
  algorithmOf,
  digestOf,
  parseAlgorithm,
  parseDigest,
  resumableHash,
  startHash,
} from '#shared/oci/digest.ts';

const encodedCharacters: Record<Algorithm, number> = { sha256: 64, sha512: 128 };
const anyAlgorithm = fc.constantFrom<Algorithm>('sha256', 'sha512');
const hex = (length: number) =>
  fc.string({ unit: fc.constantFrom(...'0123456789abcdef'), minLength: length, maxLength: length });
const validDigest = anyAlgorithm.chain((algorithm) =>
  hex(encodedCharacters[algorithm]).map((encoded) => `${algorithm}:${encoded}`),
);

/** By splitting and counting, where the code has patterns. */
function isDigest(text: string): boolean {
  const [algorithm = '', encoded = '', ...more] = text.split(':');
  const wanted = algorithm === 'sha256' ? 64 : algorithm === 'sha512' ? 128 : undefined;
  const isHex = [...encoded].every((character) => '0123456789abcdef'.includes(character));
  return more.length === 0 && encoded.length === wanted && isHex;
}

describe('parseDigest', () => {
  it('takes every digest of a registered algorithm, as it is', () => {
    fc.assert(
      fc.property(validDigest, (text) => {
        const digest = parseDigest(text);
        assert.equal(digest, text);
        assert.ok(digest !== undefined);
        assert.equal(algorithmOf(digest), text.slice(0, text.indexOf(':')));
      }),
    );
  });

  it('takes nothing that differs from a digest in one place', () => {
    const edited = fc.tuple(
      validDigest,
      fc.nat(140),
      fc.constantFrom(...'0aA:/. %\0\n\u0430g', ''),
      fc.nat(2),
    );
    fc.assert(
      fc.property(edited, ([digest, at, character, removed]) => {
        const text = digest.slice(0, at) + character + digest.slice(at + removed);
        assert.equal(parseDigest(text) !== undefined, isDigest(text), text);
      }),
      { numRuns: 1000 },
    );
  });

  it('answers undefined for any other text', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(parseDigest(text), undefined);
      }),
    );
    for (const text of [
      '',
      ':',
      'sha256',
      'sha256:',
      `sha256:${'A'.repeat(64)}`,
      `SHA256:${'a'.repeat(64)}`,
      `sha256:${'a'.repeat(64)}\n`,
      ` sha256:${'a'.repeat(64)}`,
      `sha256:${'a'.repeat(128)}`,
      `sha512:${'a'.repeat(64)}`,
      `sha384:${'a'.repeat(96)}`,
      `md5:${'a'.repeat(32)}`,
      `sha256+b64:${'a'.repeat(64)}`,
      `__proto__:${'a'.repeat(64)}`,
      `constructor:${'a'.repeat(64)}`,
    ]) {
      assert.equal(parseDigest(text), undefined, text);
    }
  });
});

describe('parseAlgorithm', () => {
  it('knows sha256 and sha512, and no property of an object', () => {
    assert.equal(parseAlgorithm('sha256'), 'sha256');
    assert.equal(parseAlgorithm('sha512'), 'sha512');
    for (const text of ['', 'SHA256', 'sha384', 'md5', 'toString', '__proto__']) {
      assert.equal(parseAlgorithm(text), undefined, text);
    }
  });
});

/** A body as it may come in: pieces of all sizes, about the sizes of the hashes' blocks above all. */
const anyPieces = fc.array(
  fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc
      .constantFrom(0, 1, 63, 64, 65, 127, 128, 129, 16_385)
      .map((length) => new Uint8Array(length).fill(length)),
  ),
  { maxLength: 12 },
);

function cryptoDigest(algorithm: Algorithm, pieces: readonly Uint8Array[]): string {
  return `${algorithm}:${createHash(algorithm).update(Buffer.concat(pieces)).digest('hex')}`;
}

describe('the hashers', () => {
  it('agree with node:crypto over any split of the bytes, after every piece', async () => {
    await fc.assert(
      fc.asyncProperty(anyAlgorithm, anyPieces, async (algorithm, pieces) => {
        const hashers = [startHash(algorithm), await resumableHash(algorithm)];
        for (const [at, piece] of pieces.entries()) {
          const expected = cryptoDigest(algorithm, pieces.slice(0, at + 1));
          for (const hasher of hashers) {
            hasher.update(piece);
            // Twice: that the digest was asked for must not change what follows.
            assert.equal(hasher.digest(), expected);
            assert.equal(hasher.digest(), expected);
          }
        }
        for (const hasher of hashers) {
          assert.equal(hasher.algorithm, algorithm);
          assert.equal(hasher.digest(), cryptoDigest(algorithm, pieces));
        }
        assert.equal(digestOf(Buffer.concat(pieces), algorithm), cryptoDigest(algorithm, pieces));
      }),
      { numRuns: 150 },
    );
  });

  it('go on from a saved state, wherever it was saved', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyAlgorithm,
        anyPieces,
        fc.array(fc.boolean()),
        async (algorithm, pieces, saves) => {
          let hasher = await resumableHash(algorithm);
          for (const [at, piece] of pieces.entries()) {
            hasher.update(piece);
            if (saves[at] !== true) continue;
            const left = hasher;
            hasher = await resumableHash(algorithm, left.save());
            // What became of the one that was left is no matter of the new one.
            left.update(Buffer.from('something else'));
          }
          assert.equal(hasher.digest(), cryptoDigest(algorithm, pieces));
        },
      ),
      { numRuns: 150 },
    );
  });

  it('save a state as text that is no longer for more bytes', async () => {
    for (const algorithm of ['sha256', 'sha512'] as const) {
      const hasher = await resumableHash(algorithm);
      hasher.update(new Uint8Array(1));
      const short = hasher.save() ?? '';
      hasher.update(new Uint8Array(1_000_000));
      assert.match(short, /^[A-Za-z0-9+/=]+$/);
      assert.equal(hasher.save()?.length, short.length);
    }
  });

  it('refuse a state that is another algorithm’s, cut short or made up', async () => {
    const hasher = await resumableHash('sha256');
    hasher.update(Buffer.from('bytes'));
    const state = hasher.save() ?? '';
    await assert.rejects(resumableHash('sha512', state), Error);
    await assert.rejects(resumableHash('sha256', state.slice(0, 40)), Error);
    await assert.rejects(resumableHash('sha256', ''), Error);
    await assert.rejects(resumableHash('sha256', Buffer.alloc(116).toString('base64')), Error);
  });

  it('say that the fast one cannot be saved', () => {
    assert.equal(startHash('sha256').save(), undefined);
  });
});
