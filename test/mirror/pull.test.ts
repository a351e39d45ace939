// What a mirror answers, of what is at hand and of what is not.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { imageIndex, imageManifest, randomBlob } from '#test/support/manifests.ts';
import { adminBasic } from '#test/support/registry.ts';
import { startMirror } from './mirrors.ts';

describe('a mirror', () => {
  it('gives an image as it is upstream, and then without asking', async (t) => {
    const { upstream, pull } = await startMirror(t);
    const image = imageManifest({ layers: [randomBlob(300_000)] });
    await upstream.push('team/image', image, 'v1');
    for (const isCached of [false, true]) {
      const before = upstream.seen.length;
      const byTag = await pull('/v2/team/image/manifests/v1');
      assert.equal(byTag.status, 200);
      assert.deepEqual(byTag.body, image.bytes);
      assert.equal(byTag.headers['content-type'], image.mediaType);
      assert.equal(byTag.headers['docker-content-digest'], image.digest);
      const byDigest = await pull(`/v2/team/image/manifests/${image.digest}`);
      assert.deepEqual(byDigest.body, image.bytes);
      for (const blob of image.blobs) {
        const pulled = await pull(`/v2/team/image/blobs/${blob.digest}`);
        assert.equal(pulled.status, 200);
        assert.deepEqual(pulled.body, blob.bytes);
        assert.equal(pulled.headers['docker-content-digest'], blob.digest);
      }
      assert.equal(upstream.seen.length > before, !isCached);
    }
  });

  it('gives an index and an image that is larger than a document', async (t) => {
    const { upstream, pull } = await startMirror(t);
    const annotations = { large: 'x'.repeat(800_000) };
    const child = imageManifest({ fields: { annotations } });
    const index = imageIndex([child]);
    await upstream.push('team/image', index, 'v1');
    for (const _ of [1, 2]) {
      const { headers } = await pull('/v2/team/image/manifests/v1', { method: 'HEAD' });
      assert.equal(headers['docker-content-digest'], index.digest);
      assert.equal(headers['content-length'], String(index.bytes.length));
      const pulled = await pull(`/v2/team/image/manifests/${child.digest}`);
      assert.deepEqual(pulled.body, child.bytes);
    }
    assert.equal(upstream.count('GET', new RegExp(`manifests/${child.digest}`)), 1);
  });

  it('answers HEAD and ranges of a blob, whether it has it or not', async (t) => {
    const { upstream, pull } = await startMirror(t);
    const image = imageManifest({ layers: [randomBlob(100_000)] });
    await upstream.push('team/image', image);
    const [, layer = assert.fail()] = image.blobs;
    const path = `/v2/team/image/blobs/${layer.digest}`;
    for (const _ of ['fetched', 'stored']) {
      const head = await pull(path, { method: 'HEAD' });
      assert.equal(head.status, 200);
      assert.equal(head.headers['content-length'], '100000');
      const part = await pull(path, { headers: { Range: 'bytes=90000-' } });
      assert.equal(part.status, 206);
      assert.equal(part.headers['content-range'], 'bytes 90000-99999/100000');
      assert.deepEqual(part.body, layer.bytes.subarray(90_000));
      const outside = await pull(path, { headers: { Range: 'bytes=100000-' } });
      assert.equal(outside.status, 416);
      const held = await pull(path, { headers: { 'If-None-Match': `"${layer.digest}"` } });
      assert.equal(held.status, 304);
    }
    assert.equal(upstream.count('GET', /blobs/), 1);
  });

  it('only pulls, and is asked by anybody', async (t) => {
    const { pull } = await startMirror(t);
    assert.equal((await pull('/v2/')).status, 200);
    assert.equal((await pull('/v2/', { headers: { Authorization: 'Basic eDp5' } })).status, 200);
    const blob = randomBlob();
    for (const [method, path] of [
      ['POST', '/v2/team/image/blobs/uploads/'],
      ['PUT', '/v2/team/image/manifests/v1'],
      ['DELETE', `/v2/team/image/blobs/${blob.digest}`],
      ['GET', '/v2/token'],
      ['GET', '/v2/team/image/tags/list'],
      ['GET', '/metrics'],
    ] as const) {
      const { status } = await pull(path, { method });
      assert.equal(status, method === 'GET' ? 404 : 405, `${method} ${path}`);
    }
  });

  it('asks for a login where the operator wants one', async (t) => {
    const { pull } = await startMirror(t, { login: true });
    const nobody = await pull('/v2/');
    assert.equal(nobody.status, 401);
    assert.equal(nobody.headers['www-authenticate'], 'Basic realm="mirror.test"');
    assert.equal((await pull('/v2/', { headers: { Authorization: adminBasic } })).status, 200);
    const wrong = { Authorization: `Basic ${Buffer.from('admin:no').toString('base64')}` };
    assert.equal((await pull('/v2/', { headers: wrong })).status, 401);
  });

  it('takes of `ns` what it is allowed to mirror', async (t) => {
    const allowed = { any: false, named: new Map<string, URL>() };
    const { upstream, pull } = await startMirror(t, { allowed });
    allowed.named.set('other.test', upstream.url);
    const image = imageManifest();
    await upstream.push('team/image', image, 'v1');
    const path = '/v2/team/image/manifests/v1';
    assert.equal((await pull(`${path}?ns=${upstream.host}`)).status, 200);
    assert.equal((await pull(`${path}?ns=other.test`)).status, 200);
    for (const ns of ['quay.io', 'localhost', '10.0.0.1', 'x y', 'mirror.test', '../..']) {
      const { status } = await pull(`${path}?ns=${encodeURIComponent(ns)}`);
      assert.equal(status, 404, ns);
    }
  });

  it('keeps what it has apart from the registry, and the registry from it', async (t) => {
    const { upstream, registry, pull } = await startMirror(t);
    const image = imageManifest();
    await upstream.push('team/image', image, 'v1');
    assert.equal((await pull('/v2/team/image/manifests/v1')).status, 200);
    const own = await fetch(`${registry.url}/v2/team/image/manifests/v1`, {
      headers: { authorization: adminBasic },
    });
    assert.equal(own.status, 404);
  });
});
