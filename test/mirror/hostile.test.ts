// Upstreams that lie, break off, or want to lead the mirror elsewhere: nothing that is wrong is kept, or reaches anybody whole.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { imageManifest, type Manifest, randomBlob } from '#test/support/manifests.ts';
import { type MirrorInTest, mirrorHost, pulling, startMirror } from './mirrors.ts';
import type { Fault } from './upstream.ts';

const size = 1024 * 1024;
const tag = '/v2/team/image/manifests/v1';

async function withImage(
  mirror: MirrorInTest,
): Promise<{ image: Manifest; bytes: Buffer; path: string }> {
  const image = imageManifest({ layers: [randomBlob(size)] });
  await mirror.upstream.push('team/image', image, 'v1');
  const [, layer = assert.fail()] = image.blobs;
  return { image, bytes: layer.bytes, path: `/v2/team/image/blobs/${layer.digest}` };
}

/** What is wrong → what the upstream sends. */
const wrongBlobs: Readonly<Record<string, (bytes: Buffer) => Fault>> = {
  'with other bytes': (bytes) => ({ body: Buffer.alloc(bytes.length, 1) }),
  'with one other byte at the end': (bytes) => ({
    body: Buffer.concat([bytes.subarray(0, -1), Buffer.from([(bytes.at(-1) ?? 0) ^ 1])]),
  }),
  'that breaks off': () => ({ cut: size / 2 }),
  'that is announced longer than it is': (bytes) => ({
    body: bytes,
    headers: { 'content-length': String(bytes.length + 10) },
    cut: bytes.length,
  }),
  'that is shorter, as announced': (bytes) => ({ body: bytes.subarray(0, -1) }),
};

describe('a blob', () => {
  for (const [what, faultOf] of Object.entries(wrongBlobs)) {
    it(`${what} ends in a broken connection, and is not kept`, async (t) => {
      const mirror = await startMirror(t);
      const { bytes, path } = await withImage(mirror);
      mirror.upstream.fault = ({ path: asked }) =>
        asked.includes('/blobs/') ? faultOf(bytes) : undefined;
      await assert.rejects(mirror.pull(path), { code: 'ECONNRESET' });
      mirror.upstream.fault = () => undefined;
      assert.deepEqual((await mirror.pull(path)).body, bytes);
    });
  }

  it('that is encoded, or of which too much is announced, is refused', async (t) => {
    const mirror = await startMirror(t);
    const { bytes, path } = await withImage(mirror);
    mirror.upstream.fault = () => ({ headers: { 'content-length': '99999999999999' }, cut: 0 });
    assert.equal((await mirror.pull(path)).status, 502);
    const body = gzipSync(bytes);
    mirror.upstream.fault = () => ({ body, headers: { 'content-encoding': 'gzip' } });
    await assert.rejects(mirror.pull(path), { code: 'ECONNRESET' });
    mirror.upstream.fault = () => undefined;
    assert.deepEqual((await mirror.pull(path)).body, bytes);
  });

  it('whose length is not announced is stored first, and then sent', async (t) => {
    const mirror = await startMirror(t);
    const { bytes, path } = await withImage(mirror);
    mirror.upstream.fault = () => ({ headers: { 'content-length': '' } });
    const { headers, body } = await mirror.pull(path);
    assert.equal(headers['content-length'], String(size));
    assert.deepEqual(body, bytes);
    mirror.upstream.fault = () => ({ body: Buffer.alloc(size), headers: { 'content-length': '' } });
    const other = await withImage(mirror);
    assert.equal((await mirror.pull(other.path)).status, 502);
  });

  it('is sent on where the store fails, and not kept', async (t) => {
    const mirror = await startMirror(t);
    const { bytes, path } = await withImage(mirror);
    const { blobs } = mirror.registry.services;
    const gone = async () => {
      throw new Error('the disk is gone');
    };
    const other = await mirror.another({
      blobs: Object.assign(Object.create(blobs), { write: gone }),
    });
    assert.deepEqual((await other.pull(path)).body, bytes);
    assert.deepEqual((await mirror.pull(path)).body, bytes);
    assert.equal(mirror.upstream.count('GET', /blobs/), 2);
  });
});

const wrongManifests: Readonly<Record<string, (image: Manifest) => Fault>> = {
  'with another digest than it says': () => ({ body: imageManifest().bytes }),
  'that is no JSON': () => ({ body: 'not JSON', headers: { 'docker-content-digest': '' } }),
  'that nests deeply': () => ({
    body: '['.repeat(100_000),
    headers: { 'docker-content-digest': '' },
  }),
  'of another type than it says': () => ({
    headers: { 'content-type': 'application/vnd.oci.image.index.v1+json' },
  }),
  'that is larger than manifests are': () => ({
    body: Buffer.alloc(5 * size, ' '),
    headers: { 'docker-content-digest': '' },
  }),
  'that breaks off': () => ({ cut: 10 }),
  'with huge headers': () => ({ headers: { 'x-large': 'x'.repeat(40_000) } }),
};

describe('a manifest', () => {
  for (const [what, faultOf] of Object.entries(wrongManifests)) {
    it(`${what} is not there, and is not kept`, async (t) => {
      const mirror = await startMirror(t);
      const { image } = await withImage(mirror);
      mirror.upstream.fault = () => faultOf(image);
      assert.equal((await mirror.pull(tag)).status, 502);
      mirror.upstream.fault = () => undefined;
      const { body, headers } = await mirror.pull(tag);
      assert.deepEqual(body, image.bytes);
      assert.equal(headers['content-type'], image.mediaType);
    });
  }

  it('by its digest is that one, whatever the upstream says', async (t) => {
    const mirror = await startMirror(t);
    const { image } = await withImage(mirror);
    const other = imageManifest();
    const headers = { 'docker-content-digest': other.digest };
    mirror.upstream.fault = () => ({ body: other.bytes, headers });
    const { status } = await mirror.pull(`/v2/team/image/manifests/${image.digest}`);
    assert.equal(status, 502);
  });
});

describe('a redirect', () => {
  it('is followed without the credentials, to a host that may be asked', async (t) => {
    const mirror = await startMirror(t);
    const { bytes, path } = await withImage(mirror);
    const asked: (string | undefined)[] = [];
    const elsewhere = createServer((request, response) => {
      asked.push(request.headers.authorization);
      response.writeHead(200, { 'content-length': bytes.length }).end(bytes);
    }).listen(0, '127.0.0.1');
    t.after(() => elsewhere.close());
    const port = await portOf(elsewhere);
    mirror.upstream.fault = ({ headers: { authorization } }) =>
      authorization === undefined
        ? { status: 401, headers: challenge(mirror) }
        : { status: 307, headers: { location: `http://127.0.0.1:${port}/x` } };
    const token = mirror.upstream.fault;
    mirror.upstream.fault = (seen) => (seen.path.startsWith('/v2/token') ? undefined : token(seen));
    assert.deepEqual((await mirror.pull(path)).body, bytes);
    assert.deepEqual(asked, [undefined]);
  });

  for (const location of [
    'http://localhost:1/x',
    'http://169.254.169.254/computeMetadata/v1/',
    'https://10.0.0.1/x',
    'https://metadata.google.internal/x',
    'http://example.com/x',
    'ftp://example.com/x',
    'http://[::1]/x',
  ]) {
    it(`to ${location} is not`, async (t) => {
      const mirror = await startMirror(t);
      const { path } = await withImage(mirror);
      mirror.upstream.fault = () => ({ status: 307, headers: { location } });
      assert.equal((await mirror.pull(path)).status, 502);
      assert.equal((await mirror.pull(tag)).status, 502);
    });
  }

  it('in a circle ends', async (t) => {
    const mirror = await startMirror(t);
    const { path } = await withImage(mirror);
    mirror.upstream.fault = () => ({ status: 302, headers: { location: path } });
    assert.equal((await mirror.pull(path)).status, 502);
    assert.ok(mirror.upstream.seen.length < 10);
  });
});

async function portOf(server: Server): Promise<number> {
  if (!server.listening) await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}

/** As the upstream would ask for a token itself. */
function challenge({ upstream }: MirrorInTest): Record<string, string> {
  const realm = `${upstream.url.origin}/v2/token`;
  return { 'www-authenticate': `Bearer realm="${realm}",service="${upstream.host}"` };
}

describe('credentials', () => {
  it('get a token for a private image, once for all that is pulled, and nobody else sees them', async (t) => {
    const credentials = new Map();
    const mirror = await startMirror(t, { credentials });
    const { upstream, pull } = mirror;
    const { bytes, path } = await withImage(mirror);
    const password = 'correct horse battery staple';
    credentials.set(upstream.host, { username: 'admin', password });
    const isToken = (asked: string) => asked.startsWith('/v2/token');
    upstream.fault = ({ path: asked, headers: { authorization } }) =>
      authorization === undefined && !isToken(asked)
        ? { status: 401, headers: challenge(mirror) }
        : undefined;
    assert.equal((await pull(tag)).status, 200);
    assert.deepEqual((await pull(path)).body, bytes);
    const tokens = upstream.seen.filter(({ path: asked }) => isToken(asked));
    assert.equal(tokens.length, 1);
    assert.match(tokens[0]?.headers.authorization ?? '', /^Basic /);
    assert.match(tokens[0]?.path ?? '', /scope=repository%3Ateam%2Fimage%3Apull/);
    for (const { path: asked, headers } of upstream.seen) {
      if (!isToken(asked)) assert.doesNotMatch(headers.authorization ?? '', /^Basic/);
    }
  });

  it('are shown to no token service on another origin', async (t) => {
    const asked: (string | undefined)[] = [];
    const thief = createServer((request, response) => {
      asked.push(request.headers.authorization);
      response.end(JSON.stringify({ token: 'x' }));
    }).listen(0, '127.0.0.1');
    t.after(() => thief.close());
    const credentials = new Map();
    const mirror = await startMirror(t, { credentials });
    credentials.set(mirror.upstream.host, { username: 'admin', password: 'secret' });
    await withImage(mirror);
    const realm = `http://127.0.0.1:${await portOf(thief)}/token`;
    mirror.upstream.fault = () => ({
      status: 401,
      headers: { 'www-authenticate': `Bearer realm="${realm}",service="x"` },
    });
    assert.equal((await mirror.pull(tag)).status, 404);
    assert.deepEqual(asked, [undefined]);
  });

  it('that are wrong are the operator’s to see to: what is kept is served', async (t) => {
    const credentials = new Map();
    const mirror = await startMirror(t, { credentials });
    const { upstream, registry, pull } = mirror;
    await withImage(mirror);
    assert.equal((await pull(tag)).status, 200);
    credentials.set(upstream.host, { username: 'admin', password: 'wrong' });
    upstream.fault = ({ path: asked }) =>
      asked.startsWith('/v2/token') ? undefined : { status: 401, headers: challenge(mirror) };
    registry.clock.advance(700_000);
    assert.match((await pull(tag)).headers['warning'] ?? '', /^110/);
    assert.ok(!registry.logged.some((line) => line.includes('wrong')));
  });
});

describe('an upstream that anybody may name', () => {
  it('is not one of this machine or its network', async (t) => {
    const allowed = { any: true, named: new Map<string, URL>() };
    const hosts = new Map([[mirrorHost, new URL('https://quay.io')]]);
    const { registry, upstream } = await startMirror(t, { allowed, hosts });
    const { pull } = pulling(registry.url);
    for (const ns of [upstream.host, 'localhost:5000', '10.0.0.1', 'a.internal', '[::1]']) {
      assert.equal((await pull(`${tag}?ns=${ns}`)).status, 404, ns);
    }
    assert.equal(upstream.seen.length, 0);
  });
});
