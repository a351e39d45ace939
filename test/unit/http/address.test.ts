// The client's address: what trusted proxies say, never what a client says of itself.

import assert from 'node:assert/strict';
import { isIP } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { clientAddress, networkOf, normalAddress } from '#shared/http/address.ts';
import type { Incoming } from '#shared/http/message.ts';

/** As much of a request as tells where it comes from. */
function from(remoteAddress: string | undefined, forwarded?: string): Incoming {
  const headers = forwarded === undefined ? {} : { 'x-forwarded-for': forwarded };
  return { headers, socket: { remoteAddress } } as Incoming;
}

describe('clientAddress', () => {
  const rows: [
    proxies: number,
    socket: string | undefined,
    forwarded: string | undefined,
    string,
  ][] = [
    // Nobody in front: nobody is believed.
    [0, '192.0.2.1', undefined, '192.0.2.1'],
    [0, '192.0.2.1', '198.51.100.7', '192.0.2.1'],
    [0, '192.0.2.1', '198.51.100.7, 198.51.100.8', '192.0.2.1'],
    [0, undefined, '198.51.100.7', 'unknown'],
    [0, '::ffff:192.0.2.1', undefined, '192.0.2.1'],
    [0, 'fe80::1%eth0', undefined, 'fe80::1'],
    // One proxy appends one.
    [1, '10.0.0.1', '198.51.100.7', '198.51.100.7'],
    [1, '10.0.0.1', '203.0.113.66, 198.51.100.7', '198.51.100.7'],
    [1, '10.0.0.1', '203.0.113.66,,198.51.100.7', '198.51.100.7'],
    [1, '10.0.0.1', '203.0.113.66, 2001:db8::1', '2001:db8::1'],
    // Google's load balancer appends two: the client and itself.
    [2, '169.254.1.1', '198.51.100.7,34.1.1.1', '198.51.100.7'],
    [2, '169.254.1.1', '203.0.113.66,198.51.100.7,34.1.1.1', '198.51.100.7'],
    [2, '169.254.1.1', '1, 2, "3", 4\t,198.51.100.7, 34.1.1.1', '198.51.100.7'],
    [2, '169.254.1.1', '203.0.113.66,[2001:DB8::1]:443,34.1.1.1', '2001:db8::1'],
    [2, '169.254.1.1', '203.0.113.66,junk,34.1.1.1', 'unknown'],
    [2, '169.254.1.1', '203.0.113.66,,34.1.1.1', 'unknown'],
    [2, '169.254.1.1', '198.51.100.7,,', 'unknown'],
    // Fewer than promised: who came past a proxy may have written them all.
    [1, '192.0.2.1', undefined, '192.0.2.1'],
    [2, '192.0.2.1', '198.51.100.7', '192.0.2.1'],
    [3, '192.0.2.1', '198.51.100.7, 10.0.0.1', '192.0.2.1'],
    [2, undefined, '198.51.100.7', 'unknown'],
    // One entry, and that empty, is an entry.
    [1, '192.0.2.1', '', 'unknown'],
    [2, '192.0.2.1', '', '192.0.2.1'],
  ];
  for (const [proxies, socket, forwarded, expected] of rows) {
    it(`with ${proxies} proxies, ${socket} and ${JSON.stringify(forwarded)} is ${expected}`, () => {
      assert.equal(clientAddress(from(socket, forwarded), proxies), expected);
    });
  }

  it('is the same whatever a client writes before what its proxies append', () => {
    const anything = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc
        .array(fc.oneof(fc.ipV4(), fc.ipV6(), fc.constantFrom('', ' ', '"', ',', 'unknown')))
        .map((entries) => entries.join(',')),
    );
    const appended = fc.array(fc.oneof(fc.ipV4(), fc.ipV6()), { minLength: 1, maxLength: 9 });
    fc.assert(
      fc.property(anything, appended, (written, entries) => {
        const honest = clientAddress(from('192.0.2.1', entries.join(', ')), entries.length);
        const sent = `${written}, ${entries.join(', ')}`;
        assert.equal(clientAddress(from('192.0.2.1', sent), entries.length), honest);
        assert.equal(honest, normalAddress(entries[0] ?? ''));
      }),
      { numRuns: 2000 },
    );
  });

  it('never throws, and is an address or unknown', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.ipV6().map((ip) => `${ip},x, ${ip}`),
    );
    fc.assert(
      fc.property(text, text, fc.integer({ min: 0, max: 9 }), (socket, forwarded, proxies) => {
        const address = clientAddress(from(socket, forwarded), proxies);
        assert.ok(address === 'unknown' || isIP(address) > 0, address);
      }),
      { numRuns: 2000 },
    );
  });

  it('looks at no more of a long header than it has to', () => {
    const long = `${'1.1.1.1,'.repeat(8000)}198.51.100.7,34.1.1.1`;
    assert.equal(clientAddress(from('192.0.2.1', long), 2), '198.51.100.7');
    assert.equal(clientAddress(from('192.0.2.1', `${'['.repeat(64_000)}:1`), 1), 'unknown');
  });
});

describe('normalAddress', () => {
  for (const [text, expected] of [
    ['192.0.2.1', '192.0.2.1'],
    ['192.0.2.1:443', '192.0.2.1'],
    ['::ffff:192.0.2.1', '192.0.2.1'],
    ['::FFFF:192.0.2.1', '192.0.2.1'],
    ['::ffff:c000:201', '192.0.2.1'],
    ['0:0:0:0:0:ffff:c000:0201', '192.0.2.1'],
    ['[::ffff:192.0.2.1]:443', '192.0.2.1'],
    ['[2001:db8::1]:443', '2001:db8::1'],
    ['[2001:db8::1]', '2001:db8::1'],
    ['2001:DB8:0:0:0:0:0:1', '2001:db8::1'],
    ['2001:db8:0:0:1:0:0:1', '2001:db8::1:0:0:1'],
    ['2001:db8:0:1:1:1:1:1', '2001:db8:0:1:1:1:1:1'],
    ['2001:0:0:1:0:0:0:1', '2001:0:0:1::1'],
    ['::', '::'],
    ['::1', '::1'],
    ['1::', '1::'],
    ['10:0:0:0:0:0:0:100', '10::100'],
    ['64:ff9b::192.0.2.33', '64:ff9b::c000:221'],
    ['fe80::1%eth0', 'fe80::1'],
    ...[
      '',
      ' ',
      'unknown',
      'localhost',
      'localhost:80',
      '192.0.2',
      '192.0.2.256',
      '192.0.2.1.',
      '192.0.2.1:',
      '192.0.2.1:123456',
      '0300.0.2.1',
      '192.0.2.1/24',
      ' 192.0.2.1',
      '[192.0.2.1',
      '[]',
      '[]:80',
      '::1]:80',
      '[::1]:80:80',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      ':::',
      '1::2::3',
      '12345::',
      '::ffff:192.0.2.256',
      '_hidden',
      '2001:db8::1\0',
      '１.1.1.1',
    ].map((wrong) => [wrong, 'unknown'] as const),
  ] as const) {
    it(`${JSON.stringify(text)} is ${expected}`, () => assert.equal(normalAddress(text), expected));
  }

  it('writes each address in one way, and as it was', () => {
    fc.assert(
      fc.property(fc.ipV6(), (text) => {
        const address = normalAddress(text);
        assert.equal(normalAddress(address), address);
        // What WHATWG's parser makes of both is one host.
        if (isIP(address) === 6) {
          assert.equal(`[${address}]`, new URL(`http://[${text}]`).hostname);
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('networkOf', () => {
  for (const [address, expected] of [
    ['192.0.2.1', '192.0.2.1'],
    ['unknown', 'unknown'],
    ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
    ['2001:db8:1:2::6', '2001:db8:1:2::/64'],
    ['2001:db8:1:3::6', '2001:db8:1:3::/64'],
    ['2001:db8::1', '2001:db8:0:0::/64'],
    ['::1', '0:0:0:0::/64'],
  ] as const) {
    it(`of ${address} is ${expected}`, () => assert.equal(networkOf(address), expected));
  }
});
