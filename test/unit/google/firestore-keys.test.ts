// Keys as Firestore's paths: there and back, in the same order, and never an id that Firestore refuses.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { keyOf, pathOf, rangeOf } from '#shared/google/firestore-keys.ts';
import type { Key } from '#shared/ports/documents.ts';

const alphabet = ['\u0001', ' ', '!', '%', '&', '-', '.', '/', '0', '9', 'A', 'E', 'F', '_', 'a'];
const beyond = [
  '}',
  '~',
  '\u007f',
  '\u0080',
  'ä',
  '\ud7ff',
  '\uff5e',
  '\u{1f40b}',
  '__',
  '~~',
  '%2F',
];
const element = fc.oneof(
  fc.string({ unit: fc.constantFrom(...alphabet, ...beyond), minLength: 1, maxLength: 4 }),
  fc.string({ unit: 'binary', minLength: 1, maxLength: 8 }).filter((text) => !text.includes('\0')),
  fc.constantFrom('.', '..', '__v1__', '__.__', '____', 'a', 'latest'),
);
const rest = fc.array(element, { minLength: 1, maxLength: 4 });
const anyKey = fc
  .tuple(element, element, element, rest)
  .map(([a, b, c, d]): Key => [a, b, c, ...d]);

const reserved = /^(?:\.\.?|__.*__|)$/;

/** The port's order, told another way than the code does: no element holds a NUL, which is below every byte. */
function byBytes(one: Key, other: Key): number {
  return Math.sign(Buffer.compare(Buffer.from(one.join('\0')), Buffer.from(other.join('\0'))));
}

const byCode = (one: string, other: string) => (one === other ? 0 : one < other ? -1 : 1);

describe('a key’s path', () => {
  it('leads back to the key', () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const { collection, id } = pathOf(key);
        assert.deepEqual(keyOf(`${collection}/${id}`), key);
      }),
    );
  });

  it('is printable ASCII in four parts, none of which Firestore keeps for itself', () => {
    fc.assert(
      fc.property(anyKey, (key) => {
        const { collection, id } = pathOf(key);
        const parts = `${collection}/${id}`.split('/');
        assert.equal(parts.length, 4);
        for (const part of parts) {
          assert.match(part, /^[!-~]+$/);
          assert.doesNotMatch(part, reserved);
        }
        // Over REST they are part of a URL, which some decode twice.
        assert.doesNotMatch(collection, /%/);
      }),
    );
  });

  it('has an id in the order of the tuples, each element by its bytes', () => {
    fc.assert(
      fc.property(rest, rest, (one, other) => {
        const id = (elements: Key) => pathOf(['l', 'p', 'k', ...elements]).id;
        assert.equal(byCode(id(one), id(other)), byBytes(one, other));
      }),
      { numRuns: 1000 },
    );
  });

  it('reads as what it is where nothing needs an escape', () => {
    assert.deepEqual(pathOf(['local', 'example.com/p', 'tags', 'a-b/c', 'v1.0']), {
      collection: 'local/example.Ecom.Fp/tags',
      id: 'a-b.Fc!v1.E0!',
    });
    assert.deepEqual(pathOf(['__l__', '..', '%', '!~']), {
      collection: '~5F_l__/.E.E/~25',
      id: '%21~7E!',
    });
  });

  it('is refused for a key that is none, and for one that is too long', () => {
    for (const key of [
      ['l', 'p', 'k'],
      ['l', 'p', 'k', ''],
      ['l', 'p', 'k', 'a\0b'],
      ['l', 'p', 'k', '\ud800'],
    ]) {
      assert.throws(() => pathOf(key), { name: 'AssertionError' });
    }
    assert.equal(pathOf(['l', 'p', 'k', 'x'.repeat(1499)]).id.length, 1500);
    assert.throws(() => pathOf(['l', 'p', 'k', 'x'.repeat(1500)]), /1501 bytes; the most is 1500/);
  });

  it('is told from a path that is no document’s', () => {
    for (const path of ['', 'l/p/k', 'l/p/k/a', 'l/p/k/a!/more/b!']) {
      assert.throws(() => keyOf(path), /not the path of a document/);
    }
  });
});

describe('a list’s range of ids', () => {
  it('holds the keys that begin with the prefix and go on, after `after`, and no others', () => {
    const few = fc.array(fc.constantFrom('a', 'b', '!', '/', '~', 'ä'), { maxLength: 3 });
    const after = fc.option(fc.tuple(fc.constantFrom('k', 'j', 'l'), few), { nil: undefined });
    fc.assert(
      fc.property(few, after, few, (prefixRest, from, keyRest) => {
        fc.pre(keyRest.length > 0);
        const prefix = ['l', 'p', 'k', ...prefixRest];
        const key = ['l', 'p', 'k', ...keyRest];
        const begin = from === undefined ? undefined : ['l', 'p', from[0], ...from[1]];
        const range = rangeOf(prefix, begin);
        const { id } = pathOf(key);
        const isIn =
          range !== undefined &&
          (range.after === undefined || id > range.after) &&
          (range.before === undefined || id < range.before);
        const isUnder = key.length > prefix.length && prefix.every((part, at) => key[at] === part);
        assert.equal(isIn, isUnder && (begin === undefined || byBytes(key, begin) > 0));
      }),
      { numRuns: 2000 },
    );
  });

  it('is refused for a prefix without location, project and kind', () => {
    assert.throws(() => rangeOf(['l', 'p'], undefined), { name: 'AssertionError' });
  });
});
