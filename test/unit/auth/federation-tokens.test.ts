// ID tokens: which one proves who is asking, and the many that do not.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { generateKeyPair } from 'jose';
import { issuerOf, type OidcTokens, openOidcTokens } from '#shared/auth/oidc/id-tokens.ts';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { fakeClock } from '#test/support/clock.ts';
import {
  githubClaims,
  gitlabClaims,
  type OidcIssuer,
  startOidcIssuer,
} from '#test/support/oidc-issuer.ts';

const start = Date.parse('2026-11-24T12:00:00Z');
const now = start / 1000;
const audience = 'https://registry.example.com';

const encode = (value: unknown) => Buffer.from(JSON.stringify(value)).toString('base64url');

describe('an ID token', () => {
  const clock = fakeClock(start);
  let directory: string;
  let documents: ReturnType<typeof openSqliteDocuments>;
  let issuer: OidcIssuer;
  let rsaIssuer: OidcIssuer;
  /** Trusted by nobody, and at hand to a stranger. */
  let stranger: OidcIssuer;
  let tokens: OidcTokens;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-federation-'));
    documents = openSqliteDocuments({ file: join(directory, 'documents.sqlite'), clock });
    issuer = await startOidcIssuer({ now: clock.now });
    rsaIssuer = await startOidcIssuer({ now: clock.now, alg: 'RS256', path: '/realms/team' });
    stranger = await startOidcIssuer({ now: clock.now });
    const privateIssuers = [issuer.url, rsaIssuer.url, stranger.url];
    tokens = openOidcTokens({ documents, clock, privateIssuers });
  });
  after(async () => {
    await Promise.all([issuer.close(), rsaIssuer.close(), stranger.close()]);
    documents.close();
    await rm(directory, { recursive: true });
  });

  const verify = (token: string) =>
    tokens.verify(token, async (url) => url === issuer.url || url === rsaIssuer.url);

  it('of GitHub’s form says which job it is of, and until when', async () => {
    const token = await issuer.token({ ...githubClaims(), aud: audience, nbf: now - 600 });
    const verified = await verify(token);
    assert.equal(verified?.expiresAt, (now + 300) * 1000);
    const { claims, ...rest } = verified.principal;
    assert.deepEqual(rest, {
      kind: 'federated',
      issuer: issuer.url,
      subject: 'repo:octo-org/octo-repo:ref:refs/heads/main',
      audiences: [audience],
    });
    const { sub: _sub, jti: _jti, ...all } = githubClaims();
    assert.deepEqual(claims, all);
  });

  it('of GitLab’s form does, too: numbers become text, and lists are left out', async () => {
    const token = await rsaIssuer.token({ ...gitlabClaims(), aud: ['x', audience] });
    const { principal } = (await verify(token)) ?? {};
    const { sub: _sub, jti: _jti, groups_direct: _groups, ...all } = gitlabClaims();
    assert.deepEqual(principal?.claims, { ...all, runner_id: '1' });
    assert.deepEqual(principal?.audiences, ['x', audience]);
    assert.equal(principal?.issuer, rsaIssuer.url);
  });

  it('keeps of its claims what fits, and nothing that all objects have', async () => {
    const token = await issuer.token({
      aud: audience,
      flag: true,
      long: 'a'.repeat(257),
      longest: 'a'.repeat(256),
      ['n'.repeat(65)]: 'x',
      'https://example.com/claim': 'url',
      'a b': 'x',
      nested: { a: 'b' },
      none: null,
      nonce: 'x',
      at_hash: 'x',
      ...JSON.parse('{"__proto__": "x", "constructor": "x"}'),
    });
    const claims = (await verify(token))?.principal.claims ?? {};
    assert.deepEqual(claims, {
      flag: 'true',
      longest: 'a'.repeat(256),
      'https://example.com/claim': 'url',
    });
    const many = Object.fromEntries(
      Array.from({ length: 40 }, (_, n) => [`c${n}`, 'a'.repeat(250)]),
    );
    const kept = (await verify(await issuer.token({ aud: audience, ...many })))?.principal.claims;
    assert.equal(Object.keys(kept ?? {}).length, 16);
  });

  const right: readonly (readonly [what: string, make: () => Promise<string>])[] = [
    ['a clock a minute ahead', () => issuer.token({ aud: audience, iat: now + 60, nbf: now + 60 })],
    ['a day to live', () => issuer.token({ aud: audience, iat: now, exp: now + 86_400 })],
    ['a second left', () => issuer.token({ aud: audience, iat: now - 299, exp: now + 1 })],
    ['no kid, where there is one key', () => issuer.token({ aud: audience }, { kid: null })],
    ['no type', () => issuer.token({ aud: audience }, { header: { typ: undefined } })],
    ['a type in small letters', () => issuer.token({ aud: audience }, { header: { typ: 'jwt' } })],
    ['a subject of 1,024 characters', () => issuer.token({ aud: audience, sub: 'a'.repeat(1024) })],
  ];
  for (const [what, make] of right) {
    it(`is good with ${what}`, async () => {
      assert.notEqual(await verify(await make()), undefined);
    });
  }

  it('is good in each algorithm that its issuer’s key is for', async () => {
    for (const alg of ['RS512', 'PS256', 'ES384', 'ES512', 'EdDSA']) {
      const one = await startOidcIssuer({ now: clock.now, alg });
      const own = openOidcTokens({ documents, clock, privateIssuers: [one.url] });
      const token = await one.token({ aud: audience });
      assert.notEqual(await own.verify(token, async () => true), undefined, alg);
      await one.close();
    }
  });

  /** Made by hand, where no library would. */
  const handmade = (header: unknown, payload: unknown, signature = 'AAAA') =>
    `${encode(header)}.${encode(payload)}.${signature}`;
  const claims = () => ({
    ...{ iss: issuer.url, sub: 'job', aud: audience, iat: now, exp: now + 300 },
  });
  const strangers = async () => (await generateKeyPair('ES256', { extractable: true })).privateKey;
  const by = async (header: Record<string, unknown>) =>
    issuer.token({ aud: audience }, { key: await strangers(), header });
  const withHeader = (header: Record<string, unknown>) =>
    issuer.token({ aud: audience }, { header });
  const secret = (text: string) => new TextEncoder().encode(text.padEnd(64));

  const wrong: readonly (readonly [what: string, make: () => string | Promise<string>])[] = [
    // What it is signed with.
    ['no signature', () => handmade({ alg: 'none', kid: 'key-1' }, claims(), '')],
    ['alg none', () => handmade({ alg: 'none', kid: 'key-1' }, claims())],
    ['alg None', () => handmade({ alg: 'None', kid: 'key-1' }, claims())],
    ['no alg', () => handmade({ kid: 'key-1' }, claims())],
    ['a list of algs', () => handmade({ alg: ['ES256'], kid: 'key-1' }, claims())],
    [
      'HS256 by the public key',
      () =>
        issuer.token(
          { aud: audience },
          { alg: 'HS256', key: secret(JSON.stringify(issuer.publicKey())) },
        ),
    ],
    [
      'HS256 by a number of the public key',
      () =>
        rsaIssuer.token(
          { aud: audience },
          { alg: 'HS256', key: Buffer.from(String(rsaIssuer.publicKey().n), 'base64url') },
        ),
    ],
    ['HS512', () => issuer.token({ aud: audience }, { alg: 'HS512', key: secret('guess') })],
    [
      'an algorithm of another type of key',
      async () => {
        const { privateKey } = await generateKeyPair('RS256');
        return issuer.token({ aud: audience }, { alg: 'RS256', key: privateKey });
      },
    ],
    [
      'another algorithm than the key is for',
      async () => {
        const { privateKey } = await generateKeyPair('PS256');
        return rsaIssuer.token({ aud: audience }, { alg: 'PS256', key: privateKey });
      },
    ],
    ['a stranger’s key under the issuer’s kid', () => by({})],
    ['a stranger’s issuer', () => stranger.token({ aud: audience })],
    ['a stranger’s signature for the issuer', () => stranger.token(claims(), { kid: 'key-1' })],
    [
      'another trusted issuer’s signature',
      () => rsaIssuer.token({ aud: audience, iss: issuer.url }),
    ],
    ['a key in the header', () => by({ jwk: { kty: 'EC', crv: 'P-256', x: 'AA', y: 'AA' } })],
    ['an address of keys in the header', () => by({ jku: `${stranger.url}/keys` })],
    ['an address of a certificate in the header', () => by({ x5u: `${stranger.url}/keys` })],
    ['a certificate in the header', () => by({ x5c: ['MIIB'] })],
    ['a kid that is a path', () => by({ kid: '../../../../dev/null' })],
    ['a kid that is a URL', () => by({ kid: `${stranger.url}/keys` })],
    ['a kid that is a query', () => by({ kid: "key-1' OR '1'='1" })],
    ['a kid that objects have', () => by({ kid: '__proto__' })],
    ['an empty kid', () => withHeader({ kid: '' })],
    ['a kid that is a number', () => withHeader({ kid: 1 })],
    ['a long kid', () => withHeader({ kid: 'a'.repeat(257) })],
    ['a kid in other letters', () => withHeader({ kid: 'KEY-1' })],
    ['an extension that must be understood', () => withHeader({ crit: ['x'], x: 1 })],
    ['a payload that is not encoded', () => withHeader({ crit: ['b64'], b64: true })],
    ['the type of an access token', () => withHeader({ typ: 'at+jwt' })],
    ['the type of a log-out token', () => withHeader({ typ: 'logout+jwt' })],
    [
      'a payload that was changed',
      async () => {
        const [head, , signature] = (await issuer.token({ aud: audience })).split('.');
        return `${head}.${encode({ ...claims(), sub: 'another' })}.${signature}`;
      },
    ],
    ['a signature that was cut', async () => (await issuer.token({ aud: audience })).slice(0, -4)],
    [
      'the signature of another of its tokens',
      async () => {
        const [head, payload] = (await issuer.token({ aud: audience })).split('.');
        const [, , signature] = (await issuer.token({ aud: 'x' })).split('.');
        return `${head}.${payload}.${signature}`;
      },
    ],
    // For whom it is good, and when.
    ['no audience', () => issuer.token({})],
    ['an empty audience', () => issuer.token({ aud: '' })],
    ['an empty list of audiences', () => issuer.token({ aud: [] })],
    ['an audience that is a number', () => issuer.token({ aud: [audience, 1] })],
    ['an audience that is an object', () => issuer.token({ aud: { a: audience } })],
    ['too many audiences', () => issuer.token({ aud: Array.from({ length: 21 }, String) })],
    ['a long audience', () => issuer.token({ aud: 'a'.repeat(257) })],
    ['no expiry', () => issuer.token({ aud: audience, exp: undefined })],
    ['an expiry that is text', () => issuer.token({ aud: audience, exp: `${now + 300}` })],
    ['an expiry that never comes', () => issuer.token({ aud: audience, exp: 1e300 })],
    ['an expiry that is now', () => issuer.token({ aud: audience, iat: now - 9, exp: now })],
    ['an expiry a second ago', () => issuer.token({ aud: audience, iat: now - 9, exp: now - 1 })],
    ['an expiry in milliseconds', () => issuer.token({ aud: audience, exp: (now + 300) * 1000 })],
    ['more than a day to live', () => issuer.token({ aud: audience, exp: now + 86_401 })],
    ['an issue long ago', () => issuer.token({ aud: audience, iat: now - 86_400, exp: now + 9 })],
    [
      'an issue after its expiry',
      () => issuer.token({ aud: audience, iat: now + 9, exp: now + 8 }),
    ],
    ['an issue in the future', () => issuer.token({ aud: audience, iat: now + 61 })],
    ['no time of issue', () => issuer.token({ aud: audience, iat: undefined })],
    ['an issue before time', () => issuer.token({ aud: audience, iat: -1 })],
    ['a beginning in the future', () => issuer.token({ aud: audience, nbf: now + 61 })],
    ['a beginning that is text', () => issuer.token({ aud: audience, nbf: 'now' })],
    // Whose it is.
    ['no subject', () => issuer.token({ aud: audience, sub: undefined })],
    ['an empty subject', () => issuer.token({ aud: audience, sub: '' })],
    ['a subject that is a number', () => issuer.token({ aud: audience, sub: 1 })],
    ['a long subject', () => issuer.token({ aud: audience, sub: 'a'.repeat(1025) })],
    ['a subject of two lines', () => issuer.token({ aud: audience, sub: 'a\nb' })],
    ['a subject with NUL', () => issuer.token({ aud: audience, sub: 'a\0' })],
    ['no issuer', () => issuer.token({ aud: audience, iss: undefined })],
    ['an issuer that is a list', () => issuer.token({ aud: audience, iss: [issuer.url] })],
    ['its issuer with a slash', () => issuer.token({ aud: audience, iss: `${issuer.url}/` })],
    ['its issuer with a path', () => issuer.token({ aud: audience, iss: `${issuer.url}/a` })],
    [
      'its issuer in capitals',
      () => issuer.token({ aud: audience, iss: issuer.url.toUpperCase() }),
    ],
    [
      'an issuer whose path is shorter',
      () => rsaIssuer.token({ aud: audience, iss: rsaIssuer.url.replace('/team', '') }),
    ],
    [
      'a long issuer',
      () => issuer.token({ aud: audience, iss: `${issuer.url}/${'a'.repeat(256)}` }),
    ],
    // What is none.
    ['nothing', () => ''],
    ['two parts', () => `${encode({ alg: 'ES256' })}.${encode(claims())}`],
    ['four parts', async () => `${await issuer.token({ aud: audience })}.AAAA`],
    ['five parts, as if it were encrypted', () => 'eyJhbGciOiJSU0EtT0FFUCJ9.AA.AA.AA.AA'],
    ['a header that is a list', () => handmade([], claims())],
    ['a payload that is null', () => handmade({ alg: 'ES256', kid: 'key-1' }, null)],
    ['spaces about it', async () => ` ${await issuer.token({ aud: audience })} `],
    ['a line’s end', async () => `${await issuer.token({ aud: audience })}\n`],
    ['more than 16 KiB', () => issuer.token({ aud: audience, a: 'a'.repeat(16_384) })],
  ];
  for (const [what, make] of wrong) {
    it(`proves nothing with ${what}`, async () => {
      assert.equal(await verify(await make()), undefined);
    });
  }

  it('of an issuer that nobody trusts has nothing asked, whatever else it says', async () => {
    assert.deepEqual(stranger.asked, { document: 0, keys: 0 });
    const asked: string[] = [];
    const nobody = async (url: string) => {
      asked.push(url);
      return false;
    };
    assert.equal(await tokens.verify(await stranger.token({ aud: audience }), nobody), undefined);
    assert.deepEqual(asked, [stranger.url]);
    assert.deepEqual(stranger.asked, { document: 0, keys: 0 });
  });

  it('that cannot be good has not even a project asked', async () => {
    const never = () => Promise.reject(new Error('asked'));
    for (const token of [
      await issuer.token({ aud: audience, exp: now }),
      handmade({ alg: 'none' }, claims()),
      await issuer.token({ aud: audience, iss: 'http://127.0.0.1:1' }),
      await issuer.token({ aud: audience, iss: 'https://169.254.169.254' }),
      await issuer.token({ aud: audience, iss: 'file:///etc/passwd' }),
    ]) {
      assert.equal(await tokens.verify(token, never), undefined);
    }
  });

  it('for which nobody can say whether its issuer is trusted fails as that does', async () => {
    const broken = () => Promise.reject(new Error('the store is away'));
    const token = await issuer.token({ aud: audience });
    await assert.rejects(tokens.verify(token, broken), /the store is away/);
  });

  it('expires', async () => {
    const own = fakeClock(start);
    const later = openOidcTokens({ documents, clock: own, privateIssuers: [issuer.url] });
    const token = await issuer.token({ aud: audience });
    assert.notEqual(await later.verify(token, async () => true), undefined);
    own.advance(300_000);
    assert.equal(await later.verify(token, async () => true), undefined);
  });

  it('may be any garbage: it never throws', async () => {
    const text = fc.string({ unit: 'binary', maxLength: 60 });
    const json = fc.jsonValue({ maxDepth: 1 });
    const part = fc.oneof(text, fc.base64String(), json.map(encode));
    const header = fc.record({ alg: fc.constantFrom('ES256', 'none', 1), kid: json });
    const payload = fc.dictionary(
      fc.constantFrom('iss', 'sub', 'aud', 'exp', 'iat', 'nbf', '__proto__'),
      fc.oneof(json, fc.constantFrom(now, now + 9, issuer.url, audience)),
    );
    const garbage = fc.oneof(
      text,
      fc.tuple(part, part, part).map((parts) => parts.join('.')),
      fc.tuple(header, payload).map(([one, other]) => handmade(one, other)),
    );
    await fc.assert(
      fc.asyncProperty(garbage, async (token) => {
        assert.equal(await verify(token), undefined);
        const named = issuerOf(token);
        assert.ok(named === undefined || named.length <= 256);
      }),
      { numRuns: 500 },
    );
  });
});

describe('issuerOf', () => {
  it('tells the issuer that a token names, good or not', () => {
    const token = `${encode({ alg: 'none' })}.${encode({ iss: 'https://a.example' })}.AA`;
    assert.equal(issuerOf(token), 'https://a.example');
  });

  it('tells nothing of what is no token, or names none, or is too long', () => {
    const long = encode({ iss: 'https://a.example', a: 'a'.repeat(16_384) });
    for (const token of [
      '',
      'a',
      '..',
      'a.b.c',
      'ya29.a0AfH6SMC',
      `${encode({})}.${encode([])}.AA`,
      `${encode({})}.${encode({ iss: 1 })}.AA`,
      `${encode({})}.${encode({ iss: '' })}.AA`,
      `${encode({})}.${encode({ iss: 'a'.repeat(257) })}.AA`,
      `${encode({})}.${long}.AA`,
      'a'.repeat(1_000_000),
    ]) {
      assert.equal(issuerOf(token), undefined);
    }
  });
});
