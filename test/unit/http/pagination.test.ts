// Pages: what a client may ask for, and the Link it is given.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { nextLink, parsePage } from '#shared/http/pagination.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { pageEntriesMax } from '#shared/oci/limits.ts';

const refused = (error: unknown) =>
  error instanceof RegistryError && error.code === 'UNSUPPORTED' && error.status === 400;

describe('parsePage', () => {
  it('reads n as it is up to the greatest page, and last as it is', () => {
    fc.assert(
      fc.property(fc.nat(3 * pageEntriesMax), fc.string({ minLength: 1 }), (n, last) => {
        fc.pre(!last.includes('\0'));
        const page = parsePage(new URLSearchParams({ n: String(n), last }));
        assert.deepEqual(page, { limit: Math.min(n, pageEntriesMax), last });
      }),
    );
  });

  it('falls back where there is no n, or an empty one', () => {
    for (const query of ['', 'n=', 'last=']) {
      assert.equal(parsePage(new URLSearchParams(query)).limit, pageEntriesMax);
      assert.equal(parsePage(new URLSearchParams(query), 7).limit, 7);
    }
    assert.equal(parsePage(new URLSearchParams('n=')).last, undefined);
  });

  it('caps an n of any length, and answers a whole number or a refusal for any text', () => {
    for (const n of ['10001', '9007199254740993', '9'.repeat(400)]) {
      assert.equal(parsePage(new URLSearchParams({ n })).limit, pageEntriesMax);
    }
    const text = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'0123456789-+.eE x'), minLength: 1, maxLength: 6 }),
      fc.string({ unit: 'binary', minLength: 1 }),
    );
    fc.assert(
      fc.property(text, (n) => {
        const query = new URLSearchParams({ n });
        if ([...n].every((character) => '0123456789'.includes(character))) {
          assert.equal(parsePage(query).limit, Math.min(Number(n), pageEntriesMax));
        } else assert.throws(() => parsePage(query), refused);
      }),
      { numRuns: 1000 },
    );
  });

  it('refuses numbers that are none, and a last that no name can be', () => {
    for (const query of [
      'n=-1',
      'n=+1',
      'n=1.5',
      'n=1e3',
      'n=0x10',
      'n=%D9%A1',
      'n=%001',
      'n=%201',
    ]) {
      assert.throws(() => parsePage(new URLSearchParams(query)), refused, query);
    }
    assert.throws(() => parsePage(new URLSearchParams('last=a%00b')), refused);
  });
});

describe('nextLink', () => {
  it('leads to what it was made of, and cannot be broken out of', () => {
    const parameters = fc.dictionary(
      fc.stringMatching(/^[a-zA-Z]{1,8}$/),
      fc.string({ unit: 'grapheme' }),
    );
    fc.assert(
      fc.property(parameters, (wanted) => {
        const link = nextLink('/v2/a/tags/list', wanted);
        assert.match(link, /^<\/v2\/a\/tags\/list\?[A-Za-z0-9%&=+*._-]*>; rel="next"$/);
        const target = link.slice(1, link.indexOf('>'));
        const { pathname, searchParams } = new URL(target, 'http://localhost');
        assert.equal(pathname, '/v2/a/tags/list');
        assert.deepEqual(Object.fromEntries(searchParams), { ...wanted });
      }),
    );
  });
});
