// Ranges, held against a model that counts: what is asked for, byte by byte, and what a blob has.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseContentRange, parseRange, receivedRange } from '#shared/oci/range.ts';

/** The bytes of `size` that are asked for, one by one. */
function wantedBytes(first: number | undefined, last: number | undefined, size: number): number[] {
  const all = Array.from({ length: size }, (_, at) => at);
  if (first === undefined) return last === undefined || last === 0 ? [] : all.slice(-last);
  return all.filter((at) => at >= first && (last === undefined || at <= last));
}

const small = fc.nat(40);
const position = fc.option(fc.nat(45), { nil: undefined });

describe('parseRange', () => {
  it('asks for the very bytes that the header names, and for none outside of the blob', () => {
    fc.assert(
      fc.property(position, position, small, fc.boolean(), (first, last, size, spaced) => {
        fc.pre(first !== undefined || last !== undefined);
        const gap = spaced ? ' ' : '';
        const range = parseRange(`bytes=${gap}${first ?? ''}-${last ?? ''}${gap}`, size);
        const wanted = wantedBytes(first, last, size);
        const expected =
          wanted.length === 0 ? 'unsatisfiable' : { start: wanted.at(0), end: wanted.at(-1) };
        assert.deepEqual(range, expected);
      }),
      { numRuns: 2000 },
    );
  });

  it('never leaves the blob, whatever the header and the size', () => {
    const digits = fc.stringMatching(/^\d{0,20}$/);
    const header = fc.oneof(
      fc.tuple(digits, digits).map(([first, last]) => `bytes=${first}-${last}`),
      fc.string({ unit: fc.constantFrom(...'bytes=0123456789-, '), maxLength: 30 }),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(header, fc.maxSafeNat(), (text, size) => {
        const range = parseRange(text, size);
        if (range === undefined || range === 'unsatisfiable') return;
        const { start, end } = range;
        assert.ok(Number.isSafeInteger(start) && Number.isSafeInteger(end), text);
        assert.ok(start >= 0 && start <= end && end < size, `${text} of ${size}: ${start}-${end}`);
      }),
      { numRuns: 2000 },
    );
  });

  it('ignores what is no single range of bytes, which then asks for the whole', () => {
    for (const header of [
      undefined,
      '',
      'bytes',
      'bytes=',
      'bytes=-',
      'bytes=0-1,3-4',
      'bytes=a-b',
      'bytes=0x1-2',
      'bytes=1.5-2',
      'bytes=-1-2',
      'bytes=+1-2',
      'bytes=1-2-3',
      'items=0-1',
      'Bytes 0-1',
      'bytes=١-٢',
      'bytes=0-1\0',
    ]) {
      assert.equal(parseRange(header, 10), undefined, header);
    }
  });

  it('finds nothing in an empty blob', () => {
    for (const header of ['bytes=0-', 'bytes=0-0', 'bytes=-1', 'bytes=-0']) {
      assert.equal(parseRange(header, 0), 'unsatisfiable', header);
    }
  });
});

describe('parseContentRange', () => {
  it('reads start and end, in the specification’s form and in HTTP’s', () => {
    const form = fc.constantFrom<[string, (end: number) => string]>(
      ['', () => ''],
      ['bytes ', () => ''],
      ['bytes=', () => ''],
      ['bytes ', () => '/*'],
      ['bytes ', (end) => `/${end + 1}`],
      ['bytes ', (end) => `/${end + 1000}`],
    );
    const range = fc.tuple(fc.nat(1_000_000), fc.nat(1_000_000));
    fc.assert(
      fc.property(form, range, ([before, after], [start, length]) => {
        const end = start + length;
        const header = `${before}${start}-${end}${after(end)}`;
        assert.deepEqual(parseContentRange(header), { start, end }, header);
      }),
    );
  });

  it('reads nothing but whole numbers that can be counted, in order', () => {
    const header = fc.oneof(
      fc.stringMatching(/^\d{0,20}-\d{0,20}$/),
      fc.string({ unit: fc.constantFrom(...'bytes =0123456789-/*,.'), maxLength: 24 }),
      fc.string({ unit: 'binary' }),
    );
    fc.assert(
      fc.property(header, (text) => {
        const range = parseContentRange(text);
        if (range === undefined) return;
        assert.ok(Number.isSafeInteger(range.start) && Number.isSafeInteger(range.end), text);
        assert.ok(range.start >= 0 && range.start <= range.end, text);
        assert.ok(text.includes(`${range.start}-`) || /\b0\d/.test(text), text);
      }),
      { numRuns: 2000 },
    );
  });

  it('refuses what is no range of a chunk', () => {
    for (const header of [
      '',
      '-',
      '5',
      '5-',
      '-5',
      '5-2',
      '0-1,2-3',
      'a-b',
      '0x0-0x5',
      '1.0-2.0',
      '-1-5',
      '+1-5',
      '1e1-1e2',
      'bytes 0-5/',
      'bytes */10',
      'items 0-5/10',
      '0-9007199254740992',
      '0-99999999999999999999',
      '0-5\0',
    ]) {
      assert.equal(parseContentRange(header), undefined, header);
    }
  });

  it('refuses a range that goes beyond the size it gives itself (RFC 9110 section 14.4)', () => {
    for (const header of ['bytes 0-5/5', 'bytes 0-5/4', 'bytes 0-0/0']) {
      assert.equal(parseContentRange(header), undefined, header);
    }
  });
});

describe('receivedRange', () => {
  it('is inclusive, and 0-0 where nothing was received', () => {
    assert.equal(receivedRange(0), '0-0');
    fc.assert(
      fc.property(fc.integer({ min: 1 }), (offset) => {
        assert.deepEqual(parseContentRange(receivedRange(offset)), { start: 0, end: offset - 1 });
      }),
    );
  });
});
