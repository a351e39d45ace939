// Names, tags and references, held against the specification's own regular expressions.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseDigest } from '#shared/oci/digest.ts';
import {
  parseReference,
  parseRepositoryName,
  parseTag,
  projectOf,
  referrersTag,
} from '#shared/oci/reference.ts';

// Distribution specification, "Pulling manifests", to the letter. Only for short texts.
const specName = /^([a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*)$/;
const specTag = /^([a-zA-Z0-9_][a-zA-Z0-9._-]{0,127})$/;

const letters = (maxLength: number) =>
  fc.string({ unit: fc.constantFrom(...'abz019'), minLength: 1, maxLength });
const separator = fc.constantFrom('.', '_', '__', '-', '--', '-----');
const component = fc
  .tuple(letters(6), fc.array(fc.tuple(separator, letters(4)), { maxLength: 3 }))
  .map(([first, rest]) => first + rest.map((pair) => pair.join('')).join(''));
const validName = fc
  .array(component, { minLength: 1, maxLength: 8 })
  .map((components) => components.join('/'))
  .filter((name) => name.length <= 255);
/** Almost a name: what the grammar is made of, in any order, and what it has no place for. */
const nearlyName = fc.string({
  unit: fc.constantFrom(
    'a',
    '0',
    '.',
    '_',
    '-',
    '/',
    'A',
    ':',
    '@',
    '%',
    ' ',
    '\n',
    '\0',
    'é',
    '\\',
  ),
  maxLength: 12,
});

function nameOf(text: string) {
  const name = parseRepositoryName(text);
  assert.ok(name !== undefined, text);
  return name;
}

describe('parseRepositoryName', () => {
  it('takes every name of the grammar, as it is', () => {
    fc.assert(fc.property(validName, (text) => assert.equal(parseRepositoryName(text), text)));
  });

  it('decides as the specification’s expression does', () => {
    fc.assert(
      fc.property(fc.oneof(nearlyName, fc.string({ unit: 'binary' })), (text) => {
        assert.equal(parseRepositoryName(text) !== undefined, specName.test(text), text);
      }),
      { numRuns: 3000 },
    );
  });

  it('decides so where a valid name was changed in one place', () => {
    const edited = fc.tuple(validName, fc.nat(40), nearlyName, fc.nat(2));
    fc.assert(
      fc.property(edited, ([name, at, inserted, removed]) => {
        const text = name.slice(0, at) + inserted.slice(0, 2) + name.slice(at + removed);
        assert.equal(
          parseRepositoryName(text) !== undefined,
          text.length <= 255 && specName.test(text),
          text,
        );
      }),
      { numRuns: 2000 },
    );
  });

  it('takes 255 characters and no more', () => {
    for (const unit of ['a', 'a/', 'a-', 'ab/c.d__e-----']) {
      const long = unit.repeat(256);
      const at255 = `${long.slice(0, 254)}z`;
      assert.equal(parseRepositoryName(at255), at255, unit);
      assert.equal(parseRepositoryName(`${at255}z`), undefined, unit);
    }
  });

  it('takes no path that climbs, is absolute or hides a separator', () => {
    for (const text of [
      '',
      '.',
      '..',
      '/',
      'a/..',
      '../a',
      'a/../b',
      'a/./b',
      'a//b',
      '/a',
      'a/',
      'a..b',
      'a___b',
      'a._b',
      'a-_b',
      '-a',
      'a-',
      '_a',
      'a%2fb',
      'a\\b',
      'a\0',
      'a\n',
      'Library/x',
      'ſ',
      '１',
      'ａ',
    ]) {
      assert.equal(parseRepositoryName(text), undefined, JSON.stringify(text));
    }
  });
});

describe('parseTag', () => {
  it('decides as the specification’s expression does', () => {
    const nearlyTag = fc.string({
      unit: fc.constantFrom('a', 'Z', '0', '_', '.', '-', '/', ':', '+', ' ', '\n', '\0', 'é'),
      maxLength: 8,
    });
    fc.assert(
      fc.property(fc.oneof(nearlyTag, fc.string({ unit: 'binary' })), (text) => {
        assert.equal(parseTag(text) !== undefined, specTag.test(text), text);
      }),
      { numRuns: 2000 },
    );
  });

  it('takes 128 characters and no more, and ids that stores reserve', () => {
    assert.equal(parseTag('t'.repeat(128)), 't'.repeat(128));
    assert.equal(parseTag('t'.repeat(129)), undefined);
    for (const tag of ['__v1__', '__proto__', 'constructor', '_', '_.-', 'sha256-abc']) {
      assert.equal(parseTag(tag), tag);
    }
    for (const text of ['', '.', '..', '-', '.hidden', 'a/b', 'a:b']) {
      assert.equal(parseTag(text), undefined, text);
    }
  });
});

describe('parseReference', () => {
  it('reads what holds a colon as a digest or as nothing, and all else as a tag or as nothing', () => {
    const text = fc.oneof(
      fc.stringMatching(/^[a-z0-9._:-]{1,20}$/),
      fc.stringMatching(/^(sha256|sha512|md5):[0-9a-f]{63,65}$/),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(text, (reference) => {
        const parsed = parseReference(reference);
        const digest = parseDigest(reference);
        const tag = parseTag(reference);
        const expected = reference.includes(':')
          ? digest && { kind: 'digest', digest }
          : tag && { kind: 'tag', tag };
        assert.deepEqual(parsed, expected);
      }),
      { numRuns: 1000 },
    );
  });
});

describe('projectOf', () => {
  it('is the first segment, or the first two when the first holds a dot', () => {
    for (const [name, project] of [
      ['hello', 'hello'],
      ['project/image', 'project'],
      ['project/deep/er/image', 'project'],
      ['example.com/project/image', 'example.com/project'],
      ['example.com/project', 'example.com/project'],
      ['example.com', 'example.com'],
      ['project/v1.2/image', 'project'],
      ['a.b/c.d/e.f', 'a.b/c.d'],
    ] as const) {
      assert.equal(projectOf(nameOf(name)), project, name);
    }
  });

  it('is a whole-segment beginning of the name, and the same for all that lies below it', () => {
    fc.assert(
      fc.property(validName, component, (text, below) => {
        const name = nameOf(text);
        const project = projectOf(name);
        assert.ok(name === project || name.startsWith(`${project}/`), project);
        assert.equal(parseRepositoryName(project), project);
        const deeper = parseRepositoryName(`${project}/${below}`);
        // A bare `example.com` is a project of its own, and the home of others.
        if (deeper === undefined || (project.includes('.') && !project.includes('/'))) return;
        assert.equal(projectOf(deeper), project);
      }),
    );
  });
});

describe('referrersTag', () => {
  it('is a tag of algorithm and encoded, truncated to 32 and 64 characters', () => {
    const digest = fc.stringMatching(/^(sha256:[0-9a-f]{64}|sha512:[0-9a-f]{128})$/);
    fc.assert(
      fc.property(digest, (text) => {
        const subject = parseDigest(text);
        assert.ok(subject !== undefined);
        const tag = referrersTag(subject);
        assert.equal(tag, `${text.slice(0, 6)}-${text.slice(7, 71)}`);
        assert.equal(parseTag(tag), tag);
      }),
    );
  });
});
