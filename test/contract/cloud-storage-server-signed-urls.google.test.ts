// The stand-in for Cloud Storage keeps the service's rules: URLs that are signed by V4, and what was changed in them.

import assert from 'node:assert/strict';
import { createHash, createHmac, generateKeyPairSync, sign } from 'node:crypto';
import { describe, it } from 'node:test';
import { fakeClock } from '#test/support/clock.ts';
import { storageOn, useCloudStorage } from '#test/support/cloud-storage-client.ts';

const { publicKey, privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const email = 'registry@a-project.iam.gserviceaccount.com';
const hmacKey = { id: 'GOOG1EXAMPLE', secret: 'a-secret-of-the-tests' };
// To come: the SDK signs nothing that by the machine's clock is over.
const signedAt = new Date('2100-11-24T12:00:00Z');
const clock = fakeClock(signedAt.getTime());
const client = useCloudStorage({
  clock,
  keys: { rsa: { [email]: publicKey }, hmac: { [hmacKey.id]: hmacKey.secret } },
});

/** The SDK's own signer, whose key lies here and not with Google. */
async function signRsa(name: string, more: Record<string, string> = {}): Promise<string> {
  const storage = storageOn(client.server.url);
  storage.authClient.getCredentials = async () => ({ client_email: email });
  storage.authClient.sign = async (text) =>
    sign('RSA-SHA256', Buffer.from(text), privateKey).toString('base64');
  const [url] = await storage
    .bucket('the-blobs')
    .file(name)
    .getSignedUrl({
      version: 'v4',
      action: 'read',
      accessibleAt: signedAt,
      expires: signedAt.getTime() + 600_000,
      ...more,
    });
  return url;
}

interface Signing {
  readonly method?: string;
  readonly host?: string;
  readonly expires?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly query?: Readonly<Record<string, string>>;
}

/** What the SDK has not: a signature with an HMAC key, by the reference's recipe. */
function signHmac(name: string, signing: Signing = {}): string {
  const { method = 'GET', host = client.server.host, expires = '600', headers = {} } = signing;
  const path = `/the-blobs/${name.split('/').map(encode).join('/')}`;
  const scope = '21001124/auto/storage/goog4_request';
  const sent = Object.entries({ ...headers, host }).sort(([a], [b]) => (a < b ? -1 : 1));
  const signedHeaders = sent.map(([header]) => header).join(';');
  const query = Object.entries({
    'X-Goog-Algorithm': 'GOOG4-HMAC-SHA256',
    'X-Goog-Credential': `${hmacKey.id}/${scope}`,
    'X-Goog-Date': '21001124T120000Z',
    'X-Goog-Expires': expires,
    'X-Goog-SignedHeaders': signedHeaders,
    ...signing.query,
  })
    .map(([key, value]) => `${encode(key)}=${encode(value)}`)
    .sort()
    .join('&');
  const lines = sent.map(([header, value]) => `${header}:${value}\n`).join('');
  const canonical = [method, path, query, lines, signedHeaders, 'UNSIGNED-PAYLOAD'].join('\n');
  const hash = createHash('sha256').update(canonical).digest('hex');
  const text = ['GOOG4-HMAC-SHA256', '21001124T120000Z', scope, hash].join('\n');
  const key = scope
    .split('/')
    .reduce<Buffer>(
      (last, part) => createHmac('sha256', last).update(part).digest(),
      Buffer.from(`GOOG4${hmacKey.secret}`),
    );
  const signature = createHmac('sha256', key).update(text).digest('hex');
  return `${client.server.url}${path}?${query}&X-Goog-Signature=${signature}`;
}

/** Percent-encoded, all but letters, digits and `-._~`. */
function encode(text: string): string {
  const rest: Record<string, string> = {
    '!': '%21',
    "'": '%27',
    '(': '%28',
    ')': '%29',
    '*': '%2A',
  };
  return encodeURIComponent(text).replace(/[!'()*]/g, (character) => rest[character] ?? '');
}

/** An answer, and the code of the error in it. */
async function ask(url: string, init: RequestInit = {}) {
  const answer = await fetch(url, init);
  const text = await answer.text();
  const [, code] = /<Error><Code>(\w+)<\/Code>/.exec(text) ?? [];
  return { status: answer.status, headers: answer.headers, text, code };
}

const changed: readonly (readonly [what: string, from: RegExp, to: string, answer: string])[] = [
  ['the object', /(the-blobs\/objects)/, '$1/another', '403 SignatureDoesNotMatch'],
  ['the bucket', /the-blobs/, 'the-staging', '403 SignatureDoesNotMatch'],
  ['the expiry', /Expires=600/, 'Expires=601', '403 SignatureDoesNotMatch'],
  ['the date', /T120000Z/, 'T120001Z', '403 SignatureDoesNotMatch'],
  ['the signature', /Signature=./, 'Signature=z', '403 SignatureDoesNotMatch'],
  [
    'a signed header',
    /SignedHeaders=host/,
    'SignedHeaders=accept%3Bhost',
    '403 SignatureDoesNotMatch',
  ],
  ['another parameter', /$/, '&response-content-type=text%2Fhtml', '403 SignatureDoesNotMatch'],
  ['any parameter', /$/, '&a=b', '403 SignatureDoesNotMatch'],
  ['the algorithm', /GOOG4-(RSA|HMAC)/, 'GOOG4-MD5', '400 MalformedSecurityHeader'],
  ['the service', /storage%2Fgoog4/, 'stooorage%2Fgoog4', '400 MalformedSecurityHeader'],
  ['the day', /Date=21001124/, 'Date=21001125', '400 MalformedSecurityHeader'],
  ['a second date', /$/, '&X-Goog-Date=21001124T120000Z', '400 MalformedSecurityHeader'],
  ['a second signature', /$/, '&X-Goog-Signature=00', '400 MalformedSecurityHeader'],
  ['no expiry', /&X-Goog-Expires=600/, '', '400 MalformedSecurityHeader'],
  ['an expiry of years', /Expires=600/, 'Expires=99999999', '400 MalformedSecurityHeader'],
  ['no signed host', /SignedHeaders=host/, 'SignedHeaders=accept', '400 MalformedSecurityHeader'],
  ['no signature', /&X-Goog-Signature=.*/, '', '403 AccessDenied'],
];

for (const [algorithm, signed] of [
  ['RSA', signRsa],
  ['HMAC', async (name: string) => signHmac(name)],
] as const)
  describe(`a URL that is signed with ${algorithm}`, () => {
    it('gives the object, and any range of it, to who has no other right', async () => {
      const { name, metadata } = await client.store('0123456789');
      const url = await signed(name);
      const whole = await ask(url);
      assert.deepEqual([whole.status, whole.text], [200, '0123456789']);
      assert.equal(whole.headers.get('x-goog-generation'), metadata.generation);
      const hex = Buffer.from(String(metadata.md5Hash), 'base64').toString('hex');
      assert.equal(whole.headers.get('etag'), `"${hex}"`);
      const range = await ask(url, { headers: { range: 'bytes=2-4' } });
      assert.deepEqual([range.status, range.text], [206, '234']);
      assert.equal((await ask(url, { headers: { range: 'bytes=10-' } })).status, 416);
    });

    it('is of any name', async () => {
      for (const name of ['a b+c/%2F', 'ü/☃', "sha256:ab/(c)*!'", 'x?y=z&a#b'])
        assert.equal((await ask(await signed((await client.store(name, name)).name))).text, name);
    });

    it('says what is not there', async () => {
      const { status, code } = await ask(await signed('not-here'));
      assert.deepEqual([status, code], [404, 'NoSuchKey']);
    });

    for (const [what, from, to, answer] of changed)
      it(`is refused with ${what} changed`, async () => {
        const url = await signed((await client.store('x')).name);
        assert.match(url, from);
        const { status, code } = await ask(url.replace(from, to));
        assert.equal(`${status} ${code}`, answer);
      });

    it('is refused for another method', async () => {
      const url = await signed((await client.store('x')).name);
      assert.equal((await ask(url, { method: 'HEAD' })).status, 403);
    });

    it('is refused with an Authorization beside it', async () => {
      const url = await signed((await client.store('x')).name);
      const { status, code } = await ask(url, { headers: { authorization: 'Bearer token' } });
      assert.deepEqual([status, code], [403, 'AccessDenied']);
    });

    it('ends when it expires', async () => {
      const url = await signed((await client.store('x')).name);
      clock.advance(600_000);
      const last = await ask(url);
      clock.advance(1);
      const { status, code, text } = await ask(url);
      clock.advance(-600_001);
      assert.equal(last.status, 200);
      assert.deepEqual([status, code], [400, 'ExpiredToken']);
      assert.match(text, /Request signature expired at: 2100-11-24T12:10:00\+00:00/);
    });
  });

describe('a signature', () => {
  it('may say what the answer is called', async () => {
    const { name } = await client.store('x');
    const type = 'application/vnd.oci.image.layer.v1.tar+gzip';
    const disposition = 'attachment; filename="a b"';
    const urls = [
      await signRsa(name, { responseType: type, responseDisposition: disposition }),
      signHmac(name, {
        query: { 'response-content-type': type, 'response-content-disposition': disposition },
      }),
    ];
    for (const url of urls) {
      const { status, headers } = await ask(url);
      assert.equal(status, 200);
      assert.equal(headers.get('content-type'), type);
      assert.equal(headers.get('content-disposition'), disposition);
    }
  });

  it('may leave out the port of the host, as the SDK does', async () => {
    const { name } = await client.store('x');
    assert.equal((await ask(signHmac(name, { host: '127.0.0.1' }))).status, 200);
    assert.equal((await ask(signHmac(name, { host: 'storage.googleapis.com' }))).status, 403);
  });

  it('of HEAD is for HEAD', async () => {
    const { name } = await client.store('0123456789');
    const url = signHmac(name, { method: 'HEAD' });
    const { status, headers, text } = await ask(url, { method: 'HEAD' });
    assert.deepEqual([status, headers.get('content-length'), text], [200, '10', '']);
    assert.equal((await ask(url)).status, 403);
  });

  it('covers the headers that it names, and all of x-goog', async () => {
    const { name } = await client.store('x');
    const headers = { 'x-goog-meta': 'a  b', 'x-other': 'c' };
    const url = signHmac(name, { headers: { ...headers, 'x-goog-meta': 'a b' } });
    const status = async (found: Record<string, string>) => {
      return (await ask(url, { headers: found })).status;
    };
    assert.equal(await status(headers), 200);
    assert.equal(await status({ ...headers, 'x-other': 'd' }), 403);
    assert.equal(await status({ 'x-goog-meta': 'a b' }), 400);
    assert.equal(await status({ ...headers, 'x-goog-more': 'a' }), 400);
  });

  it('is for seven days at most', async () => {
    const { name } = await client.store('x');
    assert.equal((await ask(signHmac(name, { expires: '604800' }))).status, 200);
    assert.equal((await ask(signHmac(name, { expires: '604801' }))).status, 400);
  });

  it('is not for a time to come', async () => {
    const { name } = await client.store('x');
    clock.advance(-16 * 60 * 1000);
    const { status } = await ask(signHmac(name));
    clock.advance(16 * 60 * 1000);
    assert.equal(status, 403);
  });
});

it('nothing is public', async () => {
  const { name } = await client.store('x');
  const { status, code } = await ask(`${client.server.url}/the-blobs/${name}`);
  assert.deepEqual([status, code], [403, 'AccessDenied']);
});
