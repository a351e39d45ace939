// The settings of the registry on one machine: what each may be, and a wrong one that says its name.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { functionSettings } from '#functions/settings.ts';
import { readSettings, settings } from '#infra/local/settings.ts';
import { settingsReader } from '#shared/settings.ts';

const fallbacks = {
  port: 5000,
  host: '127.0.0.1',
  dataDirectory: '.data',
  adminPassword: '',
  anonymousPull: new Set<string>(),
  operators: [] as readonly string[],
  hosts: new Set<string>() as ReadonlySet<string>,
  gcrListing: true,
  privateIssuers: [] as readonly string[],
  googleEndpoint: undefined as string | undefined,
  pushEndpoints: [] as readonly string[],
  proxies: 0,
  freeFailures: 5,
  requestsPerSecond: 1000,
};

/** Variable → what it must not be. */
const wrong: Record<keyof typeof settings, readonly string[]> = {
  PORT: [
    '',
    ' ',
    '-1',
    '+80',
    '1.5',
    '65536',
    '99999',
    '123456',
    '0x50',
    '80 ',
    '１',
    'http',
    'NaN',
  ],
  HOST: ['', ' ', 'a b', 'http://localhost', 'localhost/', 'a,b', 'ä', '[::1]', '127.0.0.1\n'],
  BERTH_DATA: [''],
  BERTH_ADMIN_PASSWORD: [' ', 'short', '1234567', 'x'.repeat(1025), 'ä'.repeat(513)],
  BERTH_ANONYMOUS_PULL: ['**', '*,a', 'a,*', ',', 'a,', 'a,,b', 'A', 'a b', '-a', 'a;b', ' a', 'ä'],
  BERTH_OPERATORS: ['a', 'user:', 'user:a', 'allUsers', 'user:a@x.example;user:b@x.example'],
  BERTH_HOSTS: ['https://a', 'a/b', 'a b', '-a', 'a:port'],
  BERTH_GCR_LISTING: ['', 'yes', 'true', 'ON', 'on '],
  BERTH_PRIVATE_ISSUERS: ['a', 'ftp://a', 'https://', 'https://a?b', 'https://a, b'],
  BERTH_GOOGLE_STAND_IN: [
    'a',
    'https://google.example',
    'http://127.0.0.1.evil.example',
    'http://127.0.0.1/x',
  ],
  BERTH_PUSH_ENDPOINTS: [
    ' ',
    ',',
    'http://a/,',
    'localhost:8080',
    'ftp://a/',
    'http://',
    'http://user:secret@a/',
    'http://a/#part',
    Array.from({ length: 21 }, (_, at) => `http://a/${at}`).join(','),
  ],
  BERTH_PROXIES: ['', ' ', '-1', '1.5', '10', '1e1', 'one', '２'],
  BERTH_FREE_FAILURES: ['', '-1', '0.5', '10001', 'off'],
  BERTH_REQUESTS_PER_SECOND: ['', '-1', '0.5', '1000001', '9999999999', '1_000', 'no', 'Infinity'],
};

/** Variable → a value, and what it is read as. */
const right: readonly (readonly [keyof typeof settings, string, Partial<typeof fallbacks>])[] = [
  ['PORT', '0', { port: 0 }],
  ['PORT', '80', { port: 80 }],
  ['PORT', '65535', { port: 65_535 }],
  ['BERTH_GCR_LISTING', 'on', { gcrListing: true }],
  ['BERTH_GCR_LISTING', 'off', { gcrListing: false }],
  ['HOST', '0.0.0.0', { host: '0.0.0.0' }],
  ['HOST', '::1', { host: '::1' }],
  ['HOST', 'registry.example.com', { host: 'registry.example.com' }],
  ['BERTH_DATA', '/var/lib/berth data', { dataDirectory: '/var/lib/berth data' }],
  ['BERTH_ADMIN_PASSWORD', '', { adminPassword: '' }],
  ['BERTH_ADMIN_PASSWORD', '12345678', { adminPassword: '12345678' }],
  ['BERTH_ADMIN_PASSWORD', ' pass:wörd ', { adminPassword: ' pass:wörd ' }],
  ['BERTH_ANONYMOUS_PULL', '', { anonymousPull: new Set() }],
  ['BERTH_ANONYMOUS_PULL', 'team', { anonymousPull: new Set(['team']) }],
  [
    'BERTH_ANONYMOUS_PULL',
    'team, other ,example.com/team',
    { anonymousPull: new Set(['team', 'other', 'example.com/team']) },
  ],
  ['BERTH_PROXIES', '2', { proxies: 2 }],
  ['BERTH_PROXIES', '9', { proxies: 9 }],
  ['BERTH_FREE_FAILURES', '0', { freeFailures: 0 }],
  ['BERTH_FREE_FAILURES', '20', { freeFailures: 20 }],
  ['BERTH_REQUESTS_PER_SECOND', '0', { requestsPerSecond: 0 }],
  ['BERTH_REQUESTS_PER_SECOND', '1000000', { requestsPerSecond: 1_000_000 }],
  [
    'BERTH_OPERATORS',
    'user:A@x.example, robot:ci@team',
    { operators: ['user:a@x.example', 'robot:ci@team'] },
  ],
  [
    'BERTH_HOSTS',
    'Registry.example.com, eu.example.com:8443',
    { hosts: new Set(['registry.example.com', 'eu.example.com:8443']) },
  ],
  [
    'BERTH_PRIVATE_ISSUERS',
    'http://git.internal:8080/x, https://ci.internal',
    { privateIssuers: ['http://git.internal:8080/x', 'https://ci.internal'] },
  ],
  ['BERTH_GOOGLE_STAND_IN', 'http://127.0.0.1:80', { googleEndpoint: 'http://127.0.0.1:80' }],
  ['BERTH_PUSH_ENDPOINTS', 'http://[::1]:8080', { pushEndpoints: ['http://[::1]:8080'] }],
  [
    'BERTH_PUSH_ENDPOINTS',
    'http://localhost:8080/events, https://example.com/hook?token=1',
    { pushEndpoints: ['http://localhost:8080/events', 'https://example.com/hook?token=1'] },
  ],
];

describe('readSettings', () => {
  it('takes its defaults where nothing is set, and looks at nothing else', () => {
    assert.deepEqual(readSettings({}), fallbacks);
    assert.deepEqual(readSettings({ PATH: 'x', port: '1', PORT: undefined }), fallbacks);
  });

  for (const [name, value, expected] of right) {
    it(`takes ${name}=${JSON.stringify(value)}`, () => {
      assert.deepEqual(readSettings({ [name]: value }), { ...fallbacks, ...expected });
    });
  }

  it('takes * for every project', () => {
    assert.equal(readSettings({ BERTH_ANONYMOUS_PULL: '*' }).anonymousPull, '*');
  });

  for (const [name, values] of Object.entries(wrong)) {
    it(`refuses a wrong ${name}, names it and says what it must be`, () => {
      for (const value of values) {
        assert.throws(
          () => readSettings({ [name]: value }),
          new RegExp(`^Error: ${name} must (be|have) .`),
          JSON.stringify(value),
        );
      }
    });
  }

  it('either reads any environment or names the one variable that is wrong', () => {
    const names = Object.keys(settings) as (keyof typeof settings)[];
    const environment = fc.record(
      Object.fromEntries(
        names.map((name) => [
          name,
          fc.oneof(
            fc.string({ unit: 'binary' }),
            fc.constantFrom('', '0', 'a', '*', ...wrong[name]),
          ),
        ]),
      ),
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(environment, (values) => {
        try {
          const { port, host, dataDirectory, adminPassword } = readSettings(values);
          assert.ok(Number.isInteger(port) && port >= 0 && port <= 65_535);
          assert.ok(host !== '' && dataDirectory !== '');
          assert.ok(adminPassword === '' || adminPassword.length >= 8);
        } catch (error) {
          assert.ok(error instanceof Error);
          const [named = ''] = error.message.split(' ');
          assert.ok(Object.hasOwn(values, named), error.message);
        }
      }),
      { numRuns: 1000 },
    );
  });

  it('never tells a password in what it refuses', () => {
    assert.throws(
      () => readSettings({ BERTH_ADMIN_PASSWORD: 'hunter2' }),
      (error: unknown) => error instanceof Error && !error.message.includes('hunter2'),
    );
  });
});

describe('BERTH_ADMIN_HASH', () => {
  const read = (text: string) =>
    settingsReader(functionSettings, { BERTH_ADMIN_HASH: text })('BERTH_ADMIN_HASH');
  const hex = '0123456789abcdef'.repeat(4);
  const scrypt = `scrypt:ln=15,r=8,p=1:${'A'.repeat(22)}:${'B'.repeat(43)}`;

  it('is a hash by scrypt or SHA-256, and of hexadecimal digits alone the latter', () => {
    assert.equal(read(scrypt), scrypt);
    assert.equal(read(`sha256:${hex}`), `sha256:${hex}`);
    assert.equal(read(hex), `sha256:${hex}`);
  });

  it('is nothing else, above all no password, and is not told', () => {
    for (const text of [
      '',
      'hunter2hunter2',
      hex.slice(1),
      hex.toUpperCase(),
      `sha512:${hex}`,
      `sha256:sha256:${hex}`,
      scrypt.replace('ln=15', 'ln=24'),
      scrypt.slice(0, -1),
      `${scrypt}\n`,
    ]) {
      assert.throws(
        () => read(text),
        (error: unknown) =>
          error instanceof Error &&
          /^BERTH_ADMIN_HASH must be /.test(error.message) &&
          (text === '' || !error.message.includes(text)),
        JSON.stringify(text),
      );
    }
  });
});
