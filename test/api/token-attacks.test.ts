// Tokens that are forged, bent, stolen or somebody else's, sent to the real process. The keys are read from its data, so
// that all but one thing about each token is right.

import assert from 'node:assert/strict';
import { createHmac, createPublicKey } from 'node:crypto';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import {
  base64url,
  CompactSign,
  type CryptoKey,
  EncryptJWT,
  exportJWK,
  generateKeyPair,
  importJWK,
  type JWK,
} from 'jose';
import { sha256 } from '#shared/auth/secrets.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { type Answer, type Call, send } from '#test/support/calls.ts';

const name = 'team/app';
const encode = (value: unknown) =>
  base64url.encode(typeof value === 'string' ? value : JSON.stringify(value));

let berth: RunningBerth;
let forger: Forger;
/** Whoever a token sends us to for a key. */
let elsewhere: { server: Server; url: string; asked: string[] };

before(async () => {
  const server = createServer((asked, answer) => {
    elsewhere.asked.push(asked.url ?? '');
    answer.end(JSON.stringify({ keys: [forger.strangerPublic] }));
  });
  await once(server.listen({ host: '127.0.0.1', port: 0 }), 'listening');
  const { port } = server.address() as AddressInfo;
  elsewhere = { server, url: `http://127.0.0.1:${port}/keys.json`, asked: [] };
  berth = await startBerth();
  forger = await Forger.open(berth);
});
after(async () => {
  elsewhere.server.close();
  await berth.remove();
});

type Claims = Record<string, unknown>;
type Header = Record<string, unknown>;

/** Makes tokens: good ones, and those that are wrong in one thing. */
class Forger {
  readonly host: string;
  readonly kid: string;
  readonly #key: CryptoKey;
  readonly #public: JWK;
  readonly #stranger: CryptoKey;
  readonly #credential: string;
  readonly strangerPublic: JWK;

  private constructor(
    host: string,
    ours: { kid: string; key: CryptoKey; publicJwk: JWK; adminHash: string },
    stranger: { key: CryptoKey; publicJwk: JWK },
  ) {
    this.host = host;
    this.kid = ours.kid;
    this.#credential = sha256(ours.adminHash);
    this.#key = ours.key;
    this.#public = ours.publicJwk;
    this.#stranger = stranger.key;
    this.strangerPublic = stranger.publicJwk;
  }

  static async open({ host, dataDirectory }: RunningBerth): Promise<Forger> {
    const secrets = JSON.parse(await readFile(join(dataDirectory, 'secrets.json'), 'utf8'));
    const [jwk] = secrets.tokenKeys as [JWK & { kid: string }];
    const { d: _private, ...publicJwk } = jwk;
    const key = (await importJWK(jwk, 'ES256')) as CryptoKey;
    const pair = await generateKeyPair('ES256', { extractable: true });
    return new Forger(
      host,
      { kid: jwk.kid, key, publicJwk, adminHash: secrets.chosenHash },
      { key: pair.privateKey, publicJwk: await exportJWK(pair.publicKey) },
    );
  }

  /** What the registry itself would write. */
  claims(changes: Claims = {}): Claims {
    const now = Math.floor(Date.now() / 1000);
    return {
      access: [{ type: 'repository', name, actions: ['pull', 'push', 'delete'] }],
      refused: [],
      principal: { kind: 'admin' },
      seen: {},
      credential: this.#credential,
      iss: 'berth',
      sub: 'user:admin',
      aud: this.host,
      iat: now,
      nbf: now,
      exp: now + 900,
      jti: 'x',
      ...changes,
    };
  }

  /** What is `undefined` is left out. */
  sign(claims: Claims = {}, header: Header = {}): Promise<string> {
    return this.#signBy(this.#key, this.claims(claims), header);
  }

  /** By a key that the registry does not know. */
  signAsStranger(header: Header = {}): Promise<string> {
    return this.#signBy(this.#stranger, this.claims(), header);
  }

  #signBy(key: CryptoKey, claims: Claims, header: Header): Promise<string> {
    return new CompactSign(Buffer.from(JSON.stringify(claims)))
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: this.kid, ...header })
      .sign(key, { crit: { b64: true, berth: false, exp: false } });
  }

  /** With a header that no library would write, and a good signature over it. */
  async signRaw(header: unknown, claims: unknown = this.claims()): Promise<string> {
    const signed = `${encode(header)}.${encode(claims)}`;
    const algorithm = { name: 'ECDSA', hash: 'SHA-256' };
    const signature = await crypto.subtle.sign(algorithm, this.#key, Buffer.from(signed));
    return `${signed}.${base64url.encode(new Uint8Array(signature))}`;
  }

  /** HS256, by a secret that is known to all: what our public key is written as. */
  signByPublicKey(format: 'jwk' | 'pem' | 'der' | 'x', header: Header = {}): string {
    const key = createPublicKey({ key: this.#public as never, format: 'jwk' });
    const secrets = {
      jwk: JSON.stringify(this.#public),
      pem: key.export({ type: 'spki', format: 'pem' }),
      der: key.export({ type: 'spki', format: 'der' }),
      x: Buffer.from(String(this.#public.x), 'base64url'),
    };
    const signed = `${encode({ alg: 'HS256', typ: 'JWT', kid: this.kid, ...header })}.${encode(this.claims())}`;
    const mac = createHmac('sha256', secrets[format]).update(signed).digest('base64url');
    return `${signed}.${mac}`;
  }

  async signByAlgorithm(alg: string): Promise<string> {
    const { privateKey } = await generateKeyPair(alg, { extractable: true });
    return new CompactSign(Buffer.from(JSON.stringify(this.claims())))
      .setProtectedHeader({ alg, typ: 'JWT', kid: this.kid })
      .sign(privateKey);
  }

  /** The same header and claims, with another signature. */
  async withSignature(change: (signature: Buffer) => Uint8Array): Promise<string> {
    const [header, payload, signature = ''] = (await this.sign()).split('.');
    return `${header}.${payload}.${base64url.encode(change(Buffer.from(signature, 'base64url')))}`;
  }

  /** The same header and signature, with other claims. */
  async withClaims(changes: Claims): Promise<string> {
    const [header, , signature] = (await this.sign()).split('.');
    return `${header}.${encode(this.claims(changes))}.${signature}`;
  }

  unsigned(alg: string): string {
    return `${encode({ alg, typ: 'JWT', kid: this.kid })}.${encode(this.claims())}.`;
  }

  async encrypted(): Promise<string> {
    const secret = Buffer.alloc(32, 'k');
    const jwt = new EncryptJWT(this.claims()).setProtectedHeader({ alg: 'dir', enc: 'A256GCM' });
    return jwt.encrypt(secret);
  }
}

const list: Call = {
  method: 'GET',
  path: `/v2/${name}/tags/list`,
  expect: { status: 401 },
};
const calls: readonly Call[] = [
  list,
  { ...list, path: '/v2/' },
  { ...list, method: 'POST', path: `/v2/${name}/blobs/uploads/` },
  { ...list, method: 'DELETE', path: `/v2/${name}/manifests/v1` },
];

const ask = (call: Call, token: string, headers: Record<string, string> = {}) =>
  send(berth.url, { ...call, headers, authorization: `Bearer ${token}` });

/** The registry's form, and nothing of the token in it, nor of why. */
function checkRefusal({ status, headers, body }: Answer, token: string): void {
  assert.equal(status, 401, String(body));
  assert.match(String(headers['www-authenticate']), /^Bearer realm="[^"]+",service="[^"]+"/);
  const [error, ...more] = JSON.parse(String(body)).errors;
  assert.deepEqual([error.code, more], ['UNAUTHORIZED', []]);
  assert.equal(typeof error.detail.requestId, 'string');
  const longest = token.split('.').sort((one, other) => other.length - one.length)[0] ?? '';
  if (longest.length > 20) assert.ok(!String(body).includes(longest.slice(0, 20)));
}

const in5Minutes = () => Math.floor(Date.now() / 1000) + 300;
const in20Minutes = () => Math.floor(Date.now() / 1000) + 1200;
const attacks: Record<string, () => string | Promise<string>> = {
  // No algorithm, or another.
  'alg none, with no signature': () => forger.unsigned('none'),
  'alg None': () => forger.unsigned('None'),
  'alg nOnE': () => forger.unsigned('nOnE'),
  'alg of no text': () => forger.unsigned(''),
  'alg none, over a good signature': () => forger.signRaw({ alg: 'none', kid: forger.kid }),
  'alg missing, over a good signature': () => forger.signRaw({ typ: 'JWT', kid: forger.kid }),
  'alg in lower case, over a good signature': () =>
    forger.signRaw({ alg: 'es256', kid: forger.kid }),
  'alg in a list': () => forger.signRaw({ alg: ['ES256'], kid: forger.kid }),
  'HS256 by the public key as JWK': () => forger.signByPublicKey('jwk'),
  'HS256 by the public key as PEM': () => forger.signByPublicKey('pem'),
  'HS256 by the public key as DER': () => forger.signByPublicKey('der'),
  'HS256 by the public key’s x': () => forger.signByPublicKey('x'),
  'HS256 that says it is ES256': () => forger.signByPublicKey('pem', { alg: 'ES256' }),
  RS256: () => forger.signByAlgorithm('RS256'),
  PS256: () => forger.signByAlgorithm('PS256'),
  ES384: () => forger.signByAlgorithm('ES384'),
  EdDSA: () => forger.signByAlgorithm('EdDSA'),
  'a token that is encrypted': () => forger.encrypted(),
  // Another key.
  'another’s key under the name of ours': () => forger.signAsStranger(),
  'a kid of nobody': () => forger.sign({}, { kid: 'nobody' }),
  'no kid': () => forger.sign({}, { kid: undefined }),
  'an empty kid': () => forger.sign({}, { kid: '' }),
  'a kid that is a path': () => forger.sign({}, { kid: '../../../../dev/null' }),
  'a kid that is a query': () => forger.sign({}, { kid: "x' OR '1'='1" }),
  'a kid that every object has': () => forger.signRaw({ alg: 'ES256', kid: '__proto__' }),
  'a kid that is a list with ours': () => forger.signRaw({ alg: 'ES256', kid: [forger.kid] }),
  'a kid that is an object': () => forger.signRaw({ alg: 'ES256', kid: { kid: forger.kid } }),
  'a kid that is a number': () => forger.signRaw({ alg: 'ES256', kid: 0 }),
  'a key in the header': () => forger.signAsStranger({ jwk: forger.strangerPublic }),
  'a key in the header, and no kid': () =>
    forger.signAsStranger({ jwk: forger.strangerPublic, kid: undefined }),
  'a jku': () => forger.signAsStranger({ jku: elsewhere.url }),
  'a jku, and the kid of a key that is there': () =>
    forger.signAsStranger({ jku: elsewhere.url, kid: 'stranger' }),
  'an x5u': () => forger.signAsStranger({ x5u: elsewhere.url }),
  'an x5c': () => forger.signAsStranger({ x5c: ['MIIB'] }),
  // Another host's.
  'aud of another host': () => forger.sign({ aud: 'other.example' }),
  'aud of another port': () => forger.sign({ aud: '127.0.0.1:1' }),
  'aud of the host with a path': () => forger.sign({ aud: `${forger.host}/` }),
  'aud a list of another host': () => forger.sign({ aud: ['other.example'] }),
  'aud a list with ours in it': () => forger.sign({ aud: ['other.example', forger.host] }),
  'no aud': () => forger.sign({ aud: undefined }),
  'an empty aud': () => forger.sign({ aud: '' }),
  // Another time.
  'exp in the past': () => forger.sign({ exp: Math.floor(Date.now() / 1000) - 1 }),
  'exp now': () => forger.sign({ exp: Math.floor(Date.now() / 1000) }),
  'exp of 1970': () => forger.sign({ exp: 0 }),
  'exp a text': () => forger.sign({ exp: String(in5Minutes()) }),
  'exp null': () => forger.sign({ exp: null }),
  'exp a list': () => forger.sign({ exp: [in5Minutes()] }),
  'no exp': () => forger.sign({ exp: undefined }),
  'nbf in the future': () => forger.sign({ nbf: in5Minutes(), exp: in20Minutes() }),
  'nbf a text': () => forger.sign({ nbf: '0' }),
  'no nbf': () => forger.sign({ nbf: undefined }),
  // Another issuer's, or of another form.
  'another iss': () => forger.sign({ iss: 'somebody' }),
  'iss in other letters': () => forger.sign({ iss: 'Berth' }),
  'iss a list': () => forger.sign({ iss: ['berth'] }),
  'no iss': () => forger.sign({ iss: undefined }),
  'iss of an issuer that nobody trusts': () => forger.sign({ iss: 'https://issuer.example' }),
  'no sub': () => forger.sign({ sub: undefined }),
  'no principal': () => forger.sign({ principal: undefined }),
  'a principal of no kind': () => forger.sign({ principal: { kind: 'root' } }),
  'a robot of no role': () =>
    forger.sign({ principal: { kind: 'robot', name: 'x', project: 'team', role: 'god' } }),
  'nothing that it was granted by': () => forger.sign({ seen: undefined }),
  'access that is a text': () => forger.sign({ access: `repository:${name}:pull` }),
  'actions that are a text': () =>
    forger.sign({ access: [{ type: 'repository', name, actions: 'pull' }] }),
  'claims that are a list': () => forger.signRaw({ alg: 'ES256', kid: forger.kid }, []),
  'claims that are null': () => forger.signRaw({ alg: 'ES256', kid: forger.kid }, 'null'),
  'claims that are no JSON': () => forger.signRaw({ alg: 'ES256', kid: forger.kid }, '{"exp":'),
  'a header that is no JSON': () => forger.signRaw('{"alg":'),
  'crit with what we do not know': () => forger.sign({}, { crit: ['berth'], berth: true }),
  'crit with exp': () => forger.sign({}, { crit: ['exp'], exp: in5Minutes() }),
  'crit that is empty': () => forger.signRaw({ alg: 'ES256', kid: forger.kid, crit: [] }),
  'crit that is no list': () => forger.signRaw({ alg: 'ES256', kid: forger.kid, crit: 'exp' }),
  'a payload that is not encoded (b64 false)': () =>
    forger.signRaw({ alg: 'ES256', kid: forger.kid, b64: false, crit: ['b64'] }),
  // Changed after it was signed.
  'more actions': () =>
    forger.withClaims({ access: [{ type: 'registry', name: 'catalog', actions: ['*'] }] }),
  'another principal': () => forger.withClaims({ principal: { kind: 'anonymous' } }),
  'a later exp': () => forger.withClaims({ exp: in20Minutes() }),
  'one bit of the payload': async () => {
    const [header, payload = '', signature] = (await forger.sign()).split('.');
    return `${header}.${payload.slice(0, -1)}${payload.endsWith('A') ? 'Q' : 'A'}.${signature}`;
  },
  'the signature of another token': async () => {
    const [header, payload] = (await forger.sign()).split('.');
    return `${header}.${payload}.${(await forger.sign({ jti: 'y' })).split('.')[2]}`;
  },
  'no signature': async () => (await forger.sign()).split('.').slice(0, 2).join('.'),
  'an empty signature': () => forger.withSignature(() => Buffer.alloc(0)),
  'a signature of r = s = 0': () => forger.withSignature(() => Buffer.alloc(64)),
  'a signature of r = s = n': () =>
    forger.withSignature(() =>
      Buffer.from(
        'ffffffff00000000ffffffffffffffffbce6faada7179e84f3b9cac2fc632551'.repeat(2),
        'hex',
      ),
    ),
  'a signature of r = s = 2^256 - 1': () => forger.withSignature(() => Buffer.alloc(64, 0xff)),
  'a signature with s = 0': () => forger.withSignature((signature) => signature.fill(0, 32)),
  'half a signature': () => forger.withSignature((signature) => signature.subarray(0, 32)),
  'a signature with a byte more': () =>
    forger.withSignature((signature) => Buffer.concat([signature, Buffer.alloc(1)])),
  'a signature in DER': () =>
    forger.withSignature((signature) =>
      Buffer.concat([
        Buffer.from([0x30, 0x46, 0x02, 0x21, 0x00]),
        signature.subarray(0, 32),
        Buffer.from([0x02, 0x21, 0x00]),
        signature.subarray(32),
      ]),
    ),
  // Too much, or nothing.
  'a token of 60,000 characters': () => forger.sign({ jti: 'x'.repeat(44_000) }),
  '50,000 dots': () => '.'.repeat(50_000),
  '50,000 opening brackets': () =>
    `${encode('['.repeat(20_000))}.${encode('{'.repeat(15_000))}.AAAA`,
  'three empty parts': () => '..',
  'a fourth part': async () => `${await forger.sign()}.AAAA`,
  'a part before': async () => `AAAA.${await forger.sign()}`,
  'a word': () => 'null',
  'an upload of bytes that are no text': () =>
    `${encode('\xff\xfe')}.${encode('\0')}.${encode('')}`,
};

describe('a token is 401, in the registry’s form, wherever it is sent, with', () => {
  for (const [what, forge] of Object.entries(attacks)) {
    it(what, async () => {
      const token = await forge();
      for (const call of calls) checkRefusal(await ask(call, token), token);
      assert.deepEqual(elsewhere.asked, [], 'it asked where the token told it to');
    });
  }
});

describe('a token is taken with', () => {
  const good: Record<string, () => Promise<string>> = {
    'nothing wrong': () => forger.sign(),
    'a header that says more than we read': () =>
      forger.sign({}, { jku: elsewhere.url, x5u: elsewhere.url, cty: 'JWT' }),
    'a principal whose claims are 4 KiB': () =>
      forger.sign({
        principal: {
          kind: 'federated',
          issuer: 'https://issuer.example',
          subject: 'repo:team/app',
          audiences: [forger.host],
          claims: Object.fromEntries(
            Array.from({ length: 32 }, (_, one) => [`claim${one}`, 'x'.repeat(120)]),
          ),
        },
      }),
    '45,000 characters': () => forger.sign({ jti: 'x'.repeat(33_000) }),
  };
  for (const [what, make] of Object.entries(good)) {
    it(what, async () => {
      const { status, body } = await ask(list, await make());
      assert.equal(status, 404, String(body));
      assert.deepEqual(elsewhere.asked, []);
    });
  }
});

describe('a robot’s token opens nothing but what it was asked for', () => {
  const robot = { kind: 'robot', name: 'ci', project: 'team', role: 'writer' };
  const pulls = { access: [{ type: 'repository', name, actions: ['pull'] }], principal: robot };
  const elsewhereCalls: [string, Call, string, number][] = [
    [
      'a repository whose name goes on',
      { ...list, path: `/v2/${name}2/tags/list` },
      'UNAUTHORIZED',
      401,
    ],
    ['a repository below', { ...list, path: `/v2/${name}/x/tags/list` }, 'UNAUTHORIZED', 401],
    ['a repository above', { ...list, path: '/v2/team/tags/list' }, 'UNAUTHORIZED', 401],
    ['another repository', { ...list, path: '/v2/team/other/tags/list' }, 'UNAUTHORIZED', 401],
    ['another project', { ...list, path: '/v2/other/app/tags/list' }, 'UNAUTHORIZED', 401],
    [
      'a push',
      { ...list, method: 'POST', path: `/v2/${name}/blobs/uploads/` },
      'UNAUTHORIZED',
      401,
    ],
    [
      'a delete',
      { ...list, method: 'DELETE', path: `/v2/${name}/manifests/v1` },
      'UNAUTHORIZED',
      401,
    ],
    ['the catalog', { ...list, path: '/v2/_catalog' }, 'UNAUTHORIZED', 401],
    ['the figures', { ...list, path: '/metrics' }, 'DENIED', 403],
    ['a token for another', { ...list, path: '/v2/token' }, 'UNAUTHORIZED', 401],
  ];
  for (const [what, call, code, status] of elsewhereCalls) {
    it(`not ${what}`, async () => {
      const answer = await ask(call, await forger.sign(pulls));
      // Where each function is a process of its own nobody asks it for figures.
      if (call.path === '/metrics' && answer.status === 404) return;
      assert.equal(answer.status, status, String(answer.body));
      assert.equal(JSON.parse(String(answer.body)).errors[0].code, code);
    });
  }

  it('not on another host, whatever that is called', async () => {
    const token = await forger.sign(pulls);
    assert.equal((await ask(list, token)).status, 404);
    for (const host of ['other.example', '127.0.0.1:1', forger.host.replace(/:.*/, '')]) {
      checkRefusal(await ask(list, token, { Host: host }), token);
    }
  });
});

describe('/.well-known/jwks.json', () => {
  it('tells the public keys, and nothing else of them, for five minutes', async () => {
    const answer = await send(berth.url, {
      method: 'GET',
      path: '/.well-known/jwks.json',
      authorization: null,
    });
    assert.equal(answer.status, 200);
    assert.equal(answer.headers['content-type'], 'application/json');
    assert.equal(answer.headers['cache-control'], 'public, max-age=300');
    const { keys } = JSON.parse(String(answer.body)) as { keys: JWK[] };
    assert.deepEqual(
      keys.map(({ x, y, ...rest }) => [rest, typeof x, typeof y]),
      [
        [
          { kty: 'EC', crv: 'P-256', kid: forger.kid, alg: 'ES256', use: 'sig' },
          'string',
          'string',
        ],
      ],
    );
  });

  it('tells keys by which others verify what we sign', async () => {
    const { createRemoteJWKSet, jwtVerify } = await import('jose');
    const keys = createRemoteJWKSet(new URL('/.well-known/jwks.json', berth.url));
    const { payload } = await jwtVerify(await forger.sign(), keys, { issuer: 'berth' });
    assert.equal(payload.sub, 'user:admin');
  });

  it('is not there for another method', async () => {
    const answer = await send(berth.url, { method: 'POST', path: '/.well-known/jwks.json' });
    assert.equal(answer.status, 405);
    assert.equal(answer.headers.allow, 'GET, HEAD');
  });
});
