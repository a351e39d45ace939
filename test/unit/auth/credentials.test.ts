// Basic credentials, as clients encode them.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseBasic } from '#shared/auth/credentials.ts';

function basic(text: string, encoding: 'base64' | 'base64url' = 'base64'): string {
  return `Basic ${Buffer.from(text).toString(encoding)}`;
}

describe('parseBasic', () => {
  it('splits at the first colon, so that a password may hold colons, and anything but NUL', () => {
    const text = fc.string({ unit: 'grapheme' }).filter((one) => !one.includes('\0'));
    const username = text.filter((one) => !one.includes(':'));
    const encoding = fc.constantFrom('base64' as const, 'base64url' as const);
    fc.assert(
      fc.property(username, text, encoding, (name, password, as) => {
        const header = basic(`${name}:${password}`, as);
        assert.deepEqual(parseBasic(header), { kind: 'basic', username: name, password });
      }),
      { numRuns: 1000 },
    );
  });

  it('reads these', () => {
    for (const [text, username, password] of [
      ['admin:secret', 'admin', 'secret'],
      ['admin:a:b:c', 'admin', 'a:b:c'],
      ['admin:', 'admin', ''],
      [':secret', '', 'secret'],
      [':', '', ''],
      ['robot@example.com/project:x', 'robot@example.com/project', 'x'],
      ['jürgen:pässwörd🔑', 'jürgen', 'pässwörd🔑'],
      ['a:\r\nb', 'a', '\r\nb'],
    ] as const) {
      assert.deepEqual(parseBasic(basic(text)), { kind: 'basic', username, password }, text);
    }
    const encoded = Buffer.from('a:b').toString('base64');
    for (const scheme of ['basic', 'BASIC', 'bAsIc']) {
      assert.deepEqual(parseBasic(`${scheme}   ${encoded}`), {
        kind: 'basic',
        username: 'a',
        password: 'b',
      });
    }
  });

  it('answers undefined for what is none', () => {
    const encoded = Buffer.from('a:b').toString('base64');
    for (const header of [
      '',
      'Basic',
      'Basic ',
      `Basic${encoded}`,
      `Basic\t${encoded}`,
      `Basic ${encoded} `,
      `Basic ${encoded} x`,
      `Basic ${encoded},Basic ${encoded}`,
      `Bearer ${encoded}`,
      `Digest ${encoded}`,
      ` Basic ${encoded}`,
      'Basic a:b',
      'Basic =é',
      basic('nocolon'),
      basic(''),
      basic('a\0:b'),
      basic('a:b\0'),
    ]) {
      assert.equal(parseBasic(header), undefined, header);
    }
  });

  it('never throws, whatever the header', () => {
    const header = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: 'binary' }).map((text) => `Basic ${text}`),
      fc.base64String().map((text) => `Basic ${text}`),
    );
    fc.assert(
      fc.property(header, (text) => {
        const credentials = parseBasic(text);
        assert.ok(credentials === undefined || !credentials.username.includes(':'));
      }),
      { numRuns: 1000 },
    );
  });
});
