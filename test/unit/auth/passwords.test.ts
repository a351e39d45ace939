// Passwords and their hashes: what matches, what is no hash, and what a hostile one may cost.

import assert from 'node:assert/strict';
import { scryptSync } from 'node:crypto';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  hashPassword,
  hashSecret,
  openPasswords,
  parsePasswordHash,
} from '#shared/auth/passwords.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import {
  passwordBytesMax,
  scryptMemoryBytesMax,
  scryptRoundsMax,
  scryptsAtOnce,
  scryptsWaitingMax,
} from '#shared/oci/limits.ts';
import { fakeClock } from '#test/support/clock.ts';

const start = Date.parse('2026-11-24T12:00:00Z');
const salt = Buffer.alloc(16, 7);

/** A hash that is quick to compute. */
function cheapHash(password: string, { ln = 4, r = 1, p = 1 } = {}): string {
  const hash = scryptSync(password, salt, 32, { N: 2 ** ln, r, p }).toString('base64url');
  return `scrypt:ln=${ln},r=${r},p=${p}:${salt.toString('base64url')}:${hash}`;
}

describe('hashPassword', () => {
  it('makes another hash each time, which its password has and no other', async () => {
    const [one, other] = [await hashPassword('correct horse'), await hashPassword('correct horse')];
    assert.match(one, /^scrypt:ln=15,r=8,p=1:[\w-]{22}:[\w-]{43}$/);
    assert.notEqual(one, other);
    const passwords = openPasswords(fakeClock(start));
    assert.equal(await passwords.verify(one, 'correct horse'), true);
    assert.equal(await passwords.verify(other, 'correct horse'), true);
    assert.equal(await passwords.verify(one, 'correct horse '), false);
    assert.equal(await passwords.verify(one, ''), false);
  });

  it('refuses one that is too long to be shown', async () => {
    await assert.rejects(hashPassword('x'.repeat(passwordBytesMax + 1)), /at most 1024 bytes/);
    await assert.rejects(hashPassword('x\0'), /no NUL/);
  });
});

describe('verify', () => {
  it('takes the password of a hash, and nothing else', async () => {
    const passwords = openPasswords(fakeClock(start));
    for (const hash of [cheapHash('pässwörd🔑'), hashSecret('pässwörd🔑')]) {
      assert.equal(await passwords.verify(hash, 'pässwörd🔑'), true);
      // Once more, from memory.
      assert.equal(await passwords.verify(hash, 'pässwörd🔑'), true);
      for (const wrong of ['', 'passwörd🔑', 'pässwörd', 'pässwörd🔑\0', 'PÄSSWÖRD🔑', hash]) {
        assert.equal(await passwords.verify(hash, wrong), false, JSON.stringify(wrong));
      }
    }
  });

  it('takes nothing for what is no hash, be it the password itself', async () => {
    const passwords = openPasswords(fakeClock(start));
    for (const hash of ['', 'sha256:', 'scrypt:', 'secret', 'a'.repeat(64)]) {
      assert.equal(await passwords.verify(hash, hash), false, hash);
      assert.equal(await passwords.verify(hash, ''), false, hash);
    }
  });

  it('refuses a password longer than any, without computing', async () => {
    const long = 'x'.repeat(passwordBytesMax + 1);
    const passwords = openPasswords(fakeClock(start));
    assert.equal(await passwords.verify(hashSecret(long), long), false);
    assert.equal(await passwords.verify(cheapHash(long), long), false);
    const longest = 'x'.repeat(passwordBytesMax);
    assert.equal(await passwords.verify(cheapHash(longest), longest), true);
  });

  it('knows a password for a minute, for the hash that it was shown for', async () => {
    const clock = fakeClock(start);
    const passwords = openPasswords(clock);
    const [hash, other] = [cheapHash('secret'), cheapHash('secret', { ln: 5 })];
    assert.equal(await passwords.verify(hash, 'secret'), true);
    clock.advance(61_000);
    assert.equal(await passwords.verify(hash, 'secret'), true);
    assert.equal(await passwords.verify(other, 'secret'), true);
    const changed = cheapHash('another');
    assert.equal(await passwords.verify(changed, 'secret'), false);
  });

  it('computes one hash for the same password shown many times at once', async () => {
    const passwords = openPasswords(fakeClock(start));
    const hash = cheapHash('secret');
    const many = Array.from({ length: 10 * scryptsWaitingMax }, () =>
      passwords.verify(hash, 'secret'),
    );
    assert.deepEqual(new Set(await Promise.all(many)), new Set([true]));
  });

  it('lets so many wait and tells the others to come again; then it goes on', async () => {
    const passwords = openPasswords(fakeClock(start));
    const hash = cheapHash('secret');
    const places = scryptsAtOnce + scryptsWaitingMax;
    const many = await Promise.allSettled(
      Array.from({ length: places + 10 }, (_, at) => passwords.verify(hash, `guess ${at}`)),
    );
    const refused = many.filter((one) => one.status === 'rejected');
    assert.equal(refused.length, 10);
    for (const { reason } of refused) {
      assert.ok(reason instanceof RegistryError);
      assert.deepEqual([reason.code, reason.status], ['TOOMANYREQUESTS', 429]);
      assert.equal(reason.headers['Retry-After'], '1');
    }
    assert.ok(many.every((one) => one.status === 'rejected' || !one.value));
    assert.equal(await passwords.verify(hash, 'secret'), true);
  });
});

describe('parsePasswordHash', () => {
  const hash = 'A'.repeat(43);
  const scrypt = (cost: string, salt22 = 'A'.repeat(22)) => `scrypt:${cost}:${salt22}:${hash}`;

  for (const text of [
    scrypt('ln=15,r=8,p=1'),
    scrypt('ln=16,r=8,p=4'),
    scrypt('ln=1,r=1,p=1'),
    scrypt('ln=15,r=16,p=1', 'A'.repeat(86)),
    `sha256:${'0'.repeat(64)}`,
  ]) {
    it(`reads ${text}`, () => assert.ok(parsePasswordHash(text) !== undefined));
  }

  for (const text of [
    '',
    'scrypt',
    scrypt('ln=17,r=8,p=1'),
    scrypt('ln=20,r=8,p=1'),
    scrypt('ln=63,r=1,p=1'),
    scrypt('ln=99,r=99,p=99'),
    scrypt('ln=15,r=99,p=1'),
    scrypt('ln=15,r=8,p=5'),
    scrypt('ln=16,r=1,p=1'),
    scrypt('ln=0,r=8,p=1'),
    scrypt('ln=15,r=0,p=1'),
    scrypt('ln=15,r=8,p=0'),
    scrypt('ln=-1,r=8,p=1'),
    scrypt('ln=1e1,r=8,p=1'),
    scrypt('ln=015,r=8,p=1'),
    scrypt('r=8,ln=15,p=1'),
    scrypt('ln=15,r=8'),
    scrypt('ln=15,r=8,p=1', 'A'.repeat(21)),
    scrypt('ln=15,r=8,p=1', 'A'.repeat(87)),
    scrypt('ln=15,r=8,p=1', ''),
    scrypt('ln=15,r=8,p=1', `${'A'.repeat(21)}=`),
    'scrypt:ln=15,r=8,p=1:AAAAAAAAAAAAAAAAAAAAAA:',
    `scrypt:ln=15,r=8,p=1:AAAAAAAAAAAAAAAAAAAAAA:${'A'.repeat(42)}`,
    `scrypt:ln=15,r=8,p=1:AAAAAAAAAAAAAAAAAAAAAA:${'A'.repeat(44)}`,
    `${scrypt('ln=15,r=8,p=1')}\n`,
    ` ${scrypt('ln=15,r=8,p=1')}`,
    'sha256:',
    `sha256:${'0'.repeat(63)}`,
    `sha256:${'0'.repeat(65)}`,
    `sha256:${'A'.repeat(64)}`,
    `SHA256:${'0'.repeat(64)}`,
    `sha512:${'0'.repeat(128)}`,
    '0'.repeat(64),
  ]) {
    it(`refuses ${JSON.stringify(text)}`, () => {
      assert.equal(parsePasswordHash(text), undefined);
    });
  }

  it('reads nothing that would take more memory or time than one may, and never throws', () => {
    const number = fc.integer({ min: 0, max: 120 });
    const text = fc
      .tuple(number, number, number)
      .map(([ln, r, p]) => scrypt(`ln=${ln},r=${r},p=${p}`));
    fc.assert(
      fc.property(fc.oneof(text, fc.string({ unit: 'binary' })), (one) => {
        const read = parsePasswordHash(one);
        if (read?.kind !== 'scrypt') return;
        const { ln, r, p } = read.cost;
        assert.ok(128 * r * 2 ** ln <= scryptMemoryBytesMax && p <= scryptRoundsMax);
        assert.ok(ln >= 1 && r >= 1 && p >= 1);
      }),
      { numRuns: 2000 },
    );
  });

  it('reads only what scrypt takes', async () => {
    const passwords = openPasswords(fakeClock(start));
    for (const [ln, r] of [
      [15, 1],
      [1, 1],
      [4, 64],
      [16, 8],
    ] as const) {
      assert.equal(await passwords.verify(scrypt(`ln=${ln},r=${r},p=1`), 'x'), false);
    }
  });
});
