// The settings of the registry on one machine: what each may be, and a wrong one that says its name.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { functionSettings } from '#functions/settings.ts';
import { readSettings, settings } from '#infra/local/settings.ts';
import type { MirrorSettings } from '#shared/mirror/mirror.ts';
import { settingsReader } from '#shared/settings.ts';

const fallbacks = {
  port: 5000,
  host: '127.0.0.1',
  dataDirectory: '.data',
  adminPassword: '',
  anonymousPull: new Set<string>(),
  operators: [] as readonly string[],
  hosts: new Map<string, string | undefined>() as ReadonlyMap<string, string | undefined>,
  gcrListing: true,
  privateIssuers: [] as readonly string[],
  googleEndpoint: undefined as string | undefined,
  pushEndpoints: [] as readonly string[],
  proxies: 0,
  freeFailures: 5,
  requestsPerSecond: 1000,
  mirror: {
    hosts: new Map<string, URL>() as MirrorSettings['hosts'],
    allowed: { any: false, named: new Map() } as MirrorSettings['allowed'],
    credentials: new Map() as MirrorSettings['credentials'],
    login: false,
    freshSeconds: 600,
    keepDays: 30,
    bytesPerHour: 0,
  },
};

/** Those of mirrors, but for some. */
const mirror = (settings: Partial<MirrorSettings>) => ({
  mirror: { ...fallbacks.mirror, ...settings },
});

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
  BERTH_HOSTS: [
    ...['https://a', 'a/b', 'a b', '-a', 'a:port', '=us', 'a==us', 'a=us=eu'],
    ...['a=', 'a=-', 'a=US', 'a=us.east', 'a=us/east', 'a=us-', `a=${'x'.repeat(64)}`],
    ...['a,a', 'a=us,A=eu', 'a=us,a:443=eu', 'a:80,a'],
  ],
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
  BERTH_MIRRORS: [
    '=',
    'a=',
    'a b',
    'a=ftp://b',
    'a=https://b/path',
    'a=https://u:p@b',
    'https://a',
  ],
  BERTH_MIRROR_UPSTREAMS: ['**', '=https://a', 'a=', 'ftp://a', 'https://a/path', 'a b'],
  BERTH_MIRROR_CREDENTIALS: ['[1]', '{', '{"a":{}}', '{"a":{"username":"","password":"b"}}'],
  BERTH_MIRROR_LOGIN: ['', 'yes', '2'],
  BERTH_MIRROR_FRESH_SECONDS: ['', '-1', '604801'],
  BERTH_MIRROR_KEEP_DAYS: ['', '-1', '3651'],
  BERTH_MIRROR_BYTES_PER_HOUR: ['', '-1', '1e9', '1234567890123456'],
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
    'BERTH_MIRRORS',
    'Mirror.example, q.example:8443=quay.io,p.example=http://10.0.0.1:5000',
    mirror({
      hosts: new Map([
        ['mirror.example', new URL('https://registry-1.docker.io')],
        ['q.example:8443', new URL('https://quay.io')],
        ['p.example', new URL('http://10.0.0.1:5000')],
      ]),
    }),
  ],
  [
    'BERTH_MIRROR_UPSTREAMS',
    'ghcr.io,docker.io=http://10.0.0.1:5000,*',
    mirror({
      allowed: {
        any: true,
        named: new Map([
          ['ghcr.io', new URL('https://ghcr.io')],
          ['docker.io', new URL('http://10.0.0.1:5000')],
        ]),
      },
    }),
  ],
  [
    'BERTH_MIRROR_CREDENTIALS',
    '{"index.docker.io":{"username":"a","password":"b"}}',
    mirror({ credentials: new Map([['docker.io', { username: 'a', password: 'b' }]]) }),
  ],
  ['BERTH_MIRROR_LOGIN', '1', mirror({ login: true })],
  ['BERTH_MIRROR_FRESH_SECONDS', '0', mirror({ freshSeconds: 0 })],
  ['BERTH_MIRROR_KEEP_DAYS', '7', mirror({ keepDays: 7 })],
  ['BERTH_MIRROR_BYTES_PER_HOUR', '1000000000000', mirror({ bytesPerHour: 1e12 })],
  [
    'BERTH_OPERATORS',
    'user:A@x.example, robot:ci@team',
    { operators: ['user:a@x.example', 'robot:ci@team'] },
  ],
  [
    'BERTH_HOSTS',
    'Registry.example.com, eu.example.com:8443',
    {
      hosts: new Map([
        ['registry.example.com', undefined],
        ['eu.example.com:8443', undefined],
      ]),
    },
  ],
  [
    'BERTH_HOSTS',
    'Registry.example.com:443, us.example.com=us,eu.example.com:8443 = eu-west1 ,[::1]:5000=us',
    {
      hosts: new Map<string, string | undefined>([
        ['registry.example.com', undefined],
        ['us.example.com', 'us'],
        ['eu.example.com:8443', 'eu-west1'],
        ['[::1]:5000', 'us'],
      ]),
    },
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
