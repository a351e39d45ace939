// Issuers: how their keys are had and kept, how they fail, and where none of them may lead.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { getCACertificates, setDefaultCACertificates } from 'node:tls';
import { gzipSync } from 'node:zlib';
import { type OidcTokensOptions, openOidcTokens } from '#shared/auth/oidc/id-tokens.ts';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { isPublicAddress } from '#shared/http/public-addresses.ts';
import type { Network } from '#shared/http/public-connection.ts';
import type { Documents } from '#shared/ports/documents.ts';
import { unlessInstalled } from '#test/clients/client.ts';
import { type FakeClock, fakeClock } from '#test/support/clock.ts';
import { type Lie, type OidcIssuer, startOidcIssuer } from '#test/support/oidc-issuer.ts';

const start = Date.parse('2026-11-24T12:00:00Z');
const aud = 'https://registry.example.com';
const second = 1000;
const minute = 60 * second;
const hour = 60 * minute;
const day = 24 * hour;

interface Setting {
  readonly clock: FakeClock;
  readonly documents: Documents;
  readonly issuer: OidcIssuer;
  /** What was logged: the reasons, else the messages. */
  readonly warnings: string[];
  /** A fresh instance's answer to whether a new token of the issuer is good; each call of what it gives is one question. */
  instance(options?: Partial<OidcTokensOptions>): (kid?: string) => Promise<boolean>;
}

async function inSetting(use: (setting: Setting) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-issuers-'));
  const clock = fakeClock(start);
  const documents = openSqliteDocuments({ file: join(directory, 'documents.sqlite'), clock });
  const issuer = await startOidcIssuer({ now: clock.now });
  const warnings: string[] = [];
  const instance: Setting['instance'] = (options = {}) => {
    const tokens = openOidcTokens({
      documents,
      clock,
      privateIssuers: [issuer.url],
      log: (severity, message, { reason }) => {
        assert.equal(severity, 'WARNING');
        warnings.push(String(reason ?? message));
      },
      ...options,
    });
    return async (kid) => {
      const token = await issuer.token({ aud }, kid === undefined ? {} : { kid });
      return (await tokens.verify(token, async () => true)) !== undefined;
    };
  };
  try {
    await use({ clock, documents, issuer, warnings, instance });
  } finally {
    await issuer.close();
    documents.close();
    await rm(directory, { recursive: true });
  }
}

describe('the keys of an issuer', () => {
  it('are asked for once an hour', () =>
    inSetting(async ({ clock, issuer, instance }) => {
      const isGood = instance();
      for (let n = 0; n < 5; n += 1) assert.ok(await isGood());
      clock.advance(hour - 1);
      assert.ok(await isGood());
      assert.deepEqual(issuer.asked, { document: 1, keys: 1 });
      clock.advance(1);
      assert.ok(await isGood());
      assert.deepEqual(issuer.asked, { document: 2, keys: 2 });
    }));

  it('are asked for once, however many want them at once', () =>
    inSetting(async ({ issuer, instance }) => {
      const isGood = instance();
      const answers = await Promise.all(Array.from({ length: 20 }, () => isGood()));
      assert.ok(answers.every(Boolean));
      assert.deepEqual(issuer.asked, { document: 1, keys: 1 });
    }));

  for (const [cacheControl, age, freshMs] of [
    ['max-age=7200', undefined, 2 * hour],
    ['public, max-age=7200, must-revalidate', '3600', hour],
    ['max-age=1', undefined, 5 * minute],
    ['max-age=0', undefined, 5 * minute],
    ['no-store', undefined, 5 * minute],
    ['no-cache, max-age=7200', undefined, 5 * minute],
    ['max-age=99999999', undefined, day],
    ['max-age=99999999999999999999', undefined, hour],
    ['max-age=-5', undefined, hour],
    ['s-maxage=7200', undefined, hour],
    ['nonsense', 'nonsense', hour],
  ] as const) {
    it(`are good for ${freshMs / minute} minutes when it says ${cacheControl}${age === undefined ? '' : `, ${age} s ago`}`, () =>
      inSetting(async ({ clock, issuer, instance }) => {
        issuer.keyHeaders = {
          'Cache-Control': cacheControl,
          ...(age === undefined ? {} : { Age: age }),
        };
        const isGood = instance();
        assert.ok(await isGood());
        clock.advance(freshMs - 1);
        assert.ok(await isGood());
        assert.equal(issuer.asked.keys, 1);
        clock.advance(1);
        assert.ok(await isGood());
        assert.equal(issuer.asked.keys, 2);
      }));
  }

  it('are taken from the store by a fresh instance while they are fresh', () =>
    inSetting(async ({ clock, issuer, instance }) => {
      assert.ok(await instance()());
      clock.advance(hour - 1);
      assert.ok(await instance()());
      assert.equal(issuer.asked.keys, 1);
      clock.advance(1);
      assert.ok(await instance()());
      assert.equal(issuer.asked.keys, 2);
    }));

  it('are relied on while it is down, and for a week, which is told once an hour', () =>
    inSetting(async ({ clock, issuer, warnings, instance }) => {
      const isGood = instance();
      assert.ok(await isGood());
      issuer.down();
      clock.advance(hour);
      assert.ok(await isGood());
      assert.equal(warnings.length, 1);
      clock.advance(hour - 1);
      assert.ok(await isGood());
      assert.equal(warnings.length, 1);
      clock.advance(30 * second);
      assert.ok(await isGood());
      assert.equal(warnings.length, 2);
      clock.advance(7 * day - 2 * hour - 30 * second);
      assert.ok(await isGood());
      clock.advance(1);
      assert.equal(await isGood(), false);
      issuer.up();
      clock.advance(30 * second);
      assert.ok(await isGood());
    }));

  it('are found in the store by a fresh instance while it is down, and for a week', () =>
    inSetting(async ({ clock, issuer, warnings, instance }) => {
      assert.ok(await instance()());
      issuer.down();
      clock.advance(7 * day - 1);
      assert.ok(await instance()());
      assert.equal(warnings.length, 1);
      clock.advance(1);
      assert.equal(await instance()(), false);
    }));

  it('are not had of one that was never seen and is down, and it is asked again after half a minute', () =>
    inSetting(async ({ clock, issuer, warnings, instance }) => {
      issuer.down();
      const isGood = instance();
      assert.equal(await isGood(), false);
      issuer.up();
      clock.advance(30 * second - 1);
      assert.equal(await isGood(), false);
      assert.deepEqual(issuer.asked, { document: 0, keys: 0 });
      clock.advance(1);
      assert.ok(await isGood());
      assert.equal(warnings.length, 1);
    }));

  it('are asked for again when a token names a new one, and the withdrawn one is gone', () =>
    inSetting(async ({ clock, issuer, instance }) => {
      const tokens = openOidcTokens({
        ...{ documents: never, clock },
        privateIssuers: [issuer.url],
      });
      const verify = (token: string) => tokens.verify(token, async () => true);
      const old = await issuer.token({ aud });
      const isGood = instance();
      assert.ok(await isGood());
      assert.notEqual(await verify(old), undefined);
      clock.advance(30 * second);
      await issuer.rotate();
      // Until it is asked, the old key is known, and the new one makes that it is.
      assert.notEqual(await verify(old), undefined);
      assert.notEqual(await verify(await issuer.token({ aud })), undefined);
      assert.equal(await verify(old), undefined);
      assert.ok(await isGood());
      // In the store, too.
      issuer.down();
      assert.ok(await instance()());
      assert.equal(await instance()('key-1'), false);
    }));

  it('are not asked for again by every token that names an unknown one', () =>
    inSetting(async ({ clock, issuer, instance }) => {
      const isGood = instance();
      assert.ok(await isGood());
      for (let n = 0; n < 10; n += 1) assert.equal(await isGood(`unknown-${n}`), false);
      assert.equal(issuer.asked.keys, 1);
      clock.advance(30 * second);
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, n) => isGood(`unknown-${n}`)),
      );
      assert.ok(!answers.some(Boolean));
      assert.equal(issuer.asked.keys, 2);
      assert.ok(await isGood());
    }));

  it('are written once a day, and when they changed', () =>
    inSetting(async ({ clock, documents, issuer, instance }) => {
      let written = 0;
      const counted: Documents = {
        get: (key) => documents.get(key),
        list: (options) => documents.list(options),
        names: (options) => documents.names(options),
        transact: (body) => {
          written += 1;
          return documents.transact(body);
        },
      };
      const isGood = instance({ documents: counted });
      const other = instance({ documents: counted });
      for (let n = 0; n < 24; n += 1) {
        assert.ok(await isGood());
        assert.ok(await other());
        clock.advance(hour);
      }
      assert.equal(written, 1);
      assert.ok(await isGood());
      assert.equal(written, 2);
      await issuer.rotate();
      clock.advance(30 * second);
      assert.ok(await isGood());
      assert.equal(written, 3);
    }));

  it('do without a store that fails', () =>
    inSetting(async ({ clock, issuer, warnings, instance }) => {
      const isGood = instance({ documents: never });
      assert.ok(await isGood());
      assert.deepEqual(warnings, ['the store is away', 'the store is away']);
      clock.advance(hour);
      assert.ok(await isGood());
      assert.equal(issuer.asked.keys, 2);
    }));

  it('of one that forgets them are others’ no longer: 200 issuers are remembered', () =>
    inSetting(async ({ documents, clock }) => {
      const issuers = await Promise.all(
        ['/a', '/b'].map((path) => startOidcIssuer({ now: clock.now, path })),
      );
      const [one, other] = issuers;
      assert.ok(one !== undefined && other !== undefined);
      // Two hundred more that nobody is behind, each remembered as one that does not answer.
      const away = Array.from({ length: 200 }, (_, n) => `http://127.0.0.1:1/${n}`);
      const tokens = openOidcTokens({
        ...{ documents, clock },
        privateIssuers: [one.url, other.url, ...away],
      });
      const verify = async (iss: string) =>
        (await tokens.verify(await one.token({ aud, iss }), async () => true)) !== undefined;
      assert.ok(await verify(one.url));
      one.down();
      for (const url of away) assert.equal(await verify(url), false);
      // From the store now, and no other's.
      assert.ok(await verify(one.url));
      assert.equal(await verify(other.url), false);
      await Promise.all(issuers.map((each) => each.close()));
    }));
});

/** Documents of a store that is away. */
const never: Documents = {
  get: () => Promise.reject(new Error('the store is away')),
  list: () => Promise.reject(new Error('the store is away')),
  names: () => Promise.reject(new Error('the store is away')),
  transact: () => Promise.reject(new Error('the store is away')),
};

describe('an issuer that lies', () => {
  const rsa = { kty: 'RSA', kid: 'key-1', e: 'AQAB' };
  const rows: readonly (readonly [
    what: string,
    lie: (issuer: OidcIssuer, other: OidcIssuer) => void,
    reason: RegExp,
  ])[] = [];
  const row = (
    what: string,
    reason: RegExp,
    lie: (issuer: OidcIssuer, other: OidcIssuer) => void,
  ) => {
    (rows as (typeof rows)[number][]).push([what, lie, reason]);
  };
  const document = (lie: Lie) => (issuer: OidcIssuer) => {
    issuer.lies.document = lie;
  };
  const keys = (lie: Lie) => (issuer: OidcIssuer) => {
    issuer.lies.keys = lie;
  };
  const set = (...all: unknown[]) => keys({ body: JSON.stringify({ keys: all }) });
  const described = (more: (issuer: OidcIssuer, other: OidcIssuer) => Record<string, unknown>) => {
    return (issuer: OidcIssuer, other: OidcIssuer) => {
      issuer.described = more(issuer, other);
    };
  };

  const otherIssuer = /issuer/;
  row(
    'names another issuer',
    otherIssuer,
    described((_, { url }) => ({ issuer: url })),
  );
  row(
    'names itself with a slash',
    /another issuer/,
    described(({ url }) => ({ issuer: `${url}/` })),
  );
  row(
    'names itself in capitals',
    otherIssuer,
    described(({ url }) => ({ issuer: url.toUpperCase() })),
  );
  row(
    'names no issuer',
    otherIssuer,
    described(() => ({ issuer: undefined })),
  );
  row(
    'names two issuers',
    otherIssuer,
    described(({ url }) => ({ issuer: [url] })),
  );
  row(
    'has no place of keys',
    /no jwks_uri/,
    described(() => ({ jwks_uri: undefined })),
  );
  row(
    'has a place of keys that is no URL',
    /no jwks_uri/,
    described(() => ({ jwks_uri: '/keys' })),
  );
  row(
    'has a list of places',
    /no jwks_uri/,
    described(({ url }) => ({ jwks_uri: [`${url}/keys`] })),
  );
  row(
    'has its keys elsewhere',
    /another origin/,
    described((_, { url }) => ({ jwks_uri: `${url}/keys` })),
  );
  row(
    'has its keys in a file',
    /another origin/,
    described(() => ({ jwks_uri: 'file:///etc/passwd' })),
  );
  row(
    'has its keys in itself',
    /another origin/,
    described(() => ({ jwks_uri: 'data:,{}' })),
  );
  row(
    'has its keys behind a name',
    /user name/,
    described(({ url }) => ({
      jwks_uri: `${url.replace('://', '://user:secret@')}/keys`,
    })),
  );
  row('sends on to another document', /answered 302/, (issuer, { url }) => {
    const Location = `${url}/.well-known/openid-configuration`;
    issuer.lies.document = { status: 302, headers: { Location } };
  });
  row('sends on to other keys', /answered 307/, (issuer, { url }) => {
    issuer.lies.keys = { status: 307, headers: { Location: `${url}/keys` } };
  });
  row('has no document', /answered 404/, document({ status: 404 }));
  row('has no keys', /answered 500/, keys({ status: 500 }));
  row('says that nothing changed', /answered 304/, keys({ status: 304, body: '' }));
  row(
    'has a document that is a page',
    /content-type/,
    document({
      headers: { 'Content-Type': 'text/html' },
      body: '<html></html>',
    }),
  );
  row('has a page for a document', /parse|JSON/i, document({ body: '<html></html>' }));
  row('has a page for keys', /no set of keys/, keys({ body: '<html></html>' }));
  row('has a document that is empty', /parse|JSON/i, document({ body: '' }));
  row('has a document that is null', /./, document({ body: 'null' }));
  row('has a document that is a list', /./, document({ body: '[]' }));
  row('has a document without an end', /larger than/, document({ body: 'endless' }));
  row('has keys without an end', /larger than/, keys({ body: 'endless' }));
  row(
    'has keys over the limit',
    /larger than/,
    keys({ body: `{"keys":[${' '.repeat(256 * 1024)}]}` }),
  );
  row('nests deeply', /no set of keys|no key of use/, keys({ body: '['.repeat(200_000) }));
  row('has a document that never comes', /abort|timeout/i, document({ silent: true }));
  row('has keys that never come', /abort|timeout/i, keys({ silent: true }));
  row(
    'compresses',
    /compressed/,
    keys({
      headers: { 'Content-Encoding': 'gzip' },
      body: gzipSync('{"keys":[]}').toString('latin1'),
    }),
  );
  row('has an empty set', /no key of use/, set());
  row('has a set that is a list', /no set of keys/, keys({ body: '[]' }));
  row('has keys that are none', /no key of use/, set(null, 1, 'x', [], {}));
  row('has a secret for a key', /no key of use/, set({ kty: 'oct', kid: 'key-1', k: 'AAAA' }));
  row('has a key for encryption', /no key of use/, (issuer) => {
    set({ ...issuer.publicKey(), use: 'enc' })(issuer);
  });
  row('publishes a private key', /no key of use/, (issuer) => {
    set({ ...issuer.publicKey(), d: 'AAAA' })(issuer);
  });
  row('has a key of too many bits', /no key of use/, set({ ...rsa, n: 'A'.repeat(1367) }));
  row('has too many keys', /more than 50 keys/, (issuer) => {
    set(...Array.from({ length: 51 }, () => issuer.publicKey()))(issuer);
  });

  for (const [what, lie, reason] of rows) {
    it(`proves nothing when it ${what}, which the log tells`, () =>
      inSetting(async ({ documents, issuer, warnings, instance, clock }) => {
        const other = await startOidcIssuer({ now: clock.now });
        lie(issuer, other);
        const patienceMs = /abort/.test(reason.source) ? 50 : undefined;
        assert.equal(await instance({ patienceMs })(), false);
        assert.equal(warnings.length, 1);
        assert.match(warnings[0] ?? '', reason);
        assert.deepEqual(other.asked, { document: 0, keys: 0 });
        const stored = await documents.list({ prefix: ['-', '-', 'issuerKeys'], limit: 1 });
        assert.deepEqual(stored, []);
        await other.close();
      }));
  }

  const useless: readonly (readonly [what: string, lie: (issuer: OidcIssuer) => void])[] = [
    ['has a small RSA key', set({ ...rsa, n: Buffer.alloc(128, 255).toString('base64url') })],
    ['has a key off the curve', set({ kty: 'EC', crv: 'P-256', kid: 'key-1', x: 'AA', y: 'AA' })],
    [
      'has a key for another algorithm',
      (issuer) => set({ ...issuer.publicKey(), alg: 'ES384' })(issuer),
    ],
    ['has two keys of one name', (issuer) => set(issuer.publicKey(), issuer.publicKey())(issuer)],
    [
      'has a key that may not verify',
      (issuer) => set({ ...issuer.publicKey(), key_ops: ['sign'] })(issuer),
    ],
  ];
  for (const [what, lie] of useless) {
    it(`proves nothing when it ${what}`, () =>
      inSetting(async ({ issuer, instance }) => {
        lie(issuer);
        assert.equal(await instance()(), false);
      }));
  }

  it('is believed for the rest: what is of no use among its keys is left out', () =>
    inSetting(async ({ issuer, instance, documents }) => {
      issuer.otherKeys = [{ kty: 'oct', kid: 'key-1', k: 'AAAA' }, null, { ...rsa, n: '!' }];
      assert.ok(await instance()());
      const [stored] = await documents.list({ prefix: ['-', '-', 'issuerKeys'], limit: 1 });
      assert.deepEqual(stored?.value['keys'], [issuer.publicKey()]);
    }));

  it('loses nothing that it said before', () =>
    inSetting(async ({ clock, issuer, instance }) => {
      const isGood = instance();
      assert.ok(await isGood());
      issuer.lies.keys = { body: '{"keys":[]}' };
      clock.advance(hour);
      assert.ok(await isGood());
      assert.ok(await instance()());
    }));
});

describe('isPublicAddress', () => {
  const own = [
    ...['0.0.0.0', '0.1.2.3', '10.0.0.1', '10.255.255.255', '100.64.0.1', '100.127.255.255'],
    ...['127.0.0.1', '127.255.255.254', '169.254.169.254', '169.254.0.1', '172.16.0.1'],
    ...['172.31.255.255', '192.0.0.1', '192.0.2.1', '192.88.99.1', '192.168.0.1', '198.18.0.1'],
    ...['198.19.255.255', '198.51.100.1', '203.0.113.1', '224.0.0.1', '239.255.255.255'],
    ...['240.0.0.1', '255.255.255.255', '::', '::1', '::127.0.0.1', '::ffff:127.0.0.1'],
    ...['::ffff:7f00:1', '::ffff:8.8.8.8', '::ffff:0:10.0.0.1', '64:ff9b::7f00:1'],
    ...['64:ff9b:1::a00:1', '100::1', 'fc00::1', 'fd12:3456::1', 'fe80::1', 'fe80::1%lo'],
    ...['fec0::1', 'ff02::1', '2001::1', '2001:0:7f00:1::', '2001:db8::1', '2002:7f00:1::'],
    ...['2002:a00:1::1', '3fff::1', '4000::1'],
    // No addresses, as a resolver writes them.
    ...['', 'localhost', '2130706433', '0x7f.1', '017700000001', '127.1', '8.8.8.8 ', '[::1]'],
    ...['2606:4700:4700::1111%eth0', '1.2.3.4.5', '08.8.8.8'],
  ];
  for (const address of own) {
    it(`says no of ${JSON.stringify(address)}`, () => assert.ok(!isPublicAddress(address)));
  }

  it('says yes of the internet’s, up to the edges', () => {
    for (const address of [
      ...['1.1.1.1', '8.8.8.8', '9.255.255.255', '11.0.0.0', '100.63.255.255', '100.128.0.0'],
      ...['126.255.255.255', '128.0.0.0', '169.253.255.255', '172.15.255.255', '172.32.0.0'],
      ...['192.167.255.255', '192.169.0.0', '198.17.255.255', '198.20.0.0', '223.255.255.255'],
      ...['2606:4700:4700::1111', '2001:4860:4860::8888', '2a00:1450:4001::1', '2001:200::1'],
    ]) {
      assert.ok(isPublicAddress(address), address);
    }
  });
});

describe('an issuer of the internet', {
  skip: unlessInstalled('openssl'),
}, () => {
  const hostname = 'issuer.example.com';
  const clock = fakeClock(start);
  let directory: string;
  let documents: ReturnType<typeof openSqliteDocuments>;
  let issuer: OidcIssuer;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-issuers-'));
    documents = openSqliteDocuments({ file: join(directory, 'documents.sqlite'), clock });
    const [key, cert] = [join(directory, 'key'), join(directory, 'cert')];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes'],
        ...['-days', '2', '-subj', '/CN=An issuer for tests', '-keyout', key, '-out', cert],
        ...['-addext', `subjectAltName = DNS:${hostname}`],
      ],
      { stdio: ['ignore', 'ignore', 'pipe'] },
    );
    const tls = { key: await readFile(key, 'utf8'), cert: await readFile(cert, 'utf8'), hostname };
    setDefaultCACertificates([...getCACertificates(), tls.cert]);
    issuer = await startOidcIssuer({ now: clock.now, tls });
  });
  after(async () => {
    await issuer.close();
    documents.close();
    await rm(directory, { recursive: true });
  });

  /** The internet as these tests have it: names lead to this machine, whose address counts as one of the internet. */
  const here: Network = {
    resolve: async () => [{ address: '127.0.0.1', family: 4 }],
    isPublic: (address) => address === '127.0.0.1' || isPublicAddress(address),
  };
  const resolving = (...addresses: string[]): Network => ({
    ...here,
    resolve: async () =>
      addresses.map((address) => ({ address, family: address.includes(':') ? 6 : 4 })),
  });

  /** Whether a fresh instance believes it, and what it says when not. Nothing is stored. */
  async function ask(network: Network): Promise<string> {
    const reasons: string[] = [];
    issuer.asked.document = 0;
    issuer.asked.keys = 0;
    issuer.connections = 0;
    const tokens = openOidcTokens({
      documents: never,
      clock,
      network,
      log: (_severity, _message, { reason }) => {
        if (reason !== 'the store is away') reasons.push(String(reason));
      },
    });
    const token = await issuer.token({ aud });
    const verified = await tokens.verify(token, async () => true);
    return verified === undefined ? (reasons[0] ?? 'refused') : 'believed';
  }

  it('is believed over TLS, under its own name', async () => {
    assert.equal(await ask(here), 'believed');
    assert.deepEqual(issuer.asked, { document: 1, keys: 1 });
  });

  for (const addresses of [
    ['127.0.0.2'],
    ['::1'],
    ['::ffff:127.0.0.1'],
    ['::ffff:7f00:1'],
    ['10.0.0.1'],
    ['100.64.0.1'],
    ['169.254.169.254'],
    ['192.168.1.1'],
    ['172.16.0.1'],
    ['fd00::1'],
    ['fe80::1'],
    ['64:ff9b::7f00:1'],
    ['224.0.0.1'],
    ['0.0.0.0'],
    ['127.0.0.1', '10.0.0.1'],
    ['::1', '127.0.0.1'],
  ]) {
    it(`is not asked when its name leads to ${addresses.join(' and ')}`, async () => {
      assert.match(await ask(resolving(...addresses)), /not one of the public internet/);
      assert.equal(issuer.connections, 0);
    });
  }

  it('is not asked when its name leads to this machine, which is not of the real internet', async () => {
    assert.match(
      await ask({ ...here, isPublic: isPublicAddress }),
      /not one of the public internet/,
    );
    assert.equal(issuer.connections, 0);
  });

  it('is not asked when its name leads nowhere', async () => {
    assert.match(await ask(resolving()), /no address/);
    const failing = () => Promise.reject(new Error('getaddrinfo ENOTFOUND'));
    assert.match(await ask({ ...here, resolve: failing }), /ENOTFOUND/);
  });

  it('is not asked for its keys when its name leads elsewhere by then', async () => {
    let asked = 0;
    const rebinding: Network = {
      ...here,
      resolve: async () => {
        asked += 1;
        return [{ address: asked === 1 ? '127.0.0.1' : '10.0.0.1', family: 4 }];
      },
    };
    assert.match(await ask(rebinding), /not one of the public internet/);
    assert.deepEqual(issuer.asked, { document: 1, keys: 0 });
  });

  for (const [place, reason] of [
    ['https://127.0.0.1:PORT/keys', /public internet/],
    ['https://2130706433:PORT/keys', /public internet/],
    ['https://0x7f.0.0.1:PORT/keys', /public internet/],
    ['https://0177.1:PORT/keys', /public internet/],
    ['https://[::1]:PORT/keys', /public internet/],
    ['https://[::ffff:127.0.0.1]:PORT/keys', /public internet/],
    ['https://localhost:PORT/keys', /public internet/],
    ['https://keys.localhost:PORT/keys', /public internet/],
    ['https://metadata.google.internal/computeMetadata/v1/', /public internet/],
    ['https://169.254.169.254/latest/meta-data/', /public internet/],
    ['https://issuer.example.com.:PORT/keys', /public internet/],
    ['http://issuer.example.com:PORT/keys', /https/],
    ['ftp://issuer.example.com/keys', /https/],
    ['file:///etc/passwd', /https/],
    ['https://user@issuer.example.com:PORT/keys', /user name/],
    // Another name that leads here: the certificate is not for it.
    ['https://other.example.com:PORT/keys', /altnames|certificate/i],
  ] as const) {
    it(`is not believed when it has its keys at ${place}`, async () => {
      issuer.described = { jwks_uri: place.replace('PORT', new URL(issuer.url).port) };
      assert.match(await ask(here), reason);
      assert.deepEqual(issuer.asked, { document: 1, keys: 0 });
      // The one for the document; another where the certificate is what is wrong.
      assert.equal(issuer.connections, place.includes('other') ? 2 : 1);
      issuer.described = {};
    });
  }
});
