// Many at once, slow ones, and ones that leave: one fetch, one stored copy, and nobody holds up anybody.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { buffer } from 'node:stream/consumers';
import { describe, it } from 'node:test';
import { imageManifest, randomBlob } from '#test/support/manifests.ts';
import { gate, type MirrorInTest, startMirror, until } from './mirrors.ts';

const megabyte = 1024 * 1024;

/** An image upstream, and the path of its one layer at the mirror. */
async function layerOf({ upstream }: MirrorInTest, size: number) {
  const image = imageManifest({ layers: [randomBlob(size)] });
  await upstream.push('team/image', image, 'v1');
  const [, layer = assert.fail()] = image.blobs;
  return { image, layer, path: `/v2/team/image/blobs/${layer.digest}` };
}

describe('many who pull at once', () => {
  it('are one fetch of the manifest, and one of the blob', async (t) => {
    const mirror = await startMirror(t);
    const { image, layer, path } = await layerOf(mirror, 2 * megabyte);
    const { opened, open } = gate();
    mirror.upstream.fault = ({ path: asked }) =>
      asked.includes('/blobs/') ? { cut: megabyte, until: opened } : { before: opened };
    const clients = Array.from({ length: 50 }, async () => {
      const [manifest, blob] = await Promise.all([
        mirror.pull('/v2/team/image/manifests/v1'),
        mirror.pull(path),
      ]);
      assert.deepEqual(manifest.body, image.bytes);
      assert.deepEqual(blob.body, layer.bytes);
    });
    await until(() => mirror.upstream.seen.length === 2);
    open();
    await Promise.all(clients);
    assert.equal(mirror.upstream.count('GET', /manifests/), 1);
    assert.equal(mirror.upstream.count('GET', /blobs/), 1);
  });

  it('read on from what has come so far', async (t) => {
    const mirror = await startMirror(t);
    const { layer, path } = await layerOf(mirror, 2 * megabyte);
    const { opened, open } = gate();
    mirror.upstream.fault = () => ({ cut: megabyte, until: opened });
    const first = await mirror.begin(path);
    await once(first, 'readable');
    // The second has bytes, while the upstream has not sent the last one.
    const second = await mirror.begin(path);
    await once(second, 'readable');
    const tail = mirror.pull(path, { headers: { Range: 'bytes=-100' } });
    open();
    assert.deepEqual(await buffer(first), layer.bytes);
    assert.deepEqual(await buffer(second), layer.bytes);
    assert.deepEqual((await tail).body, layer.bytes.subarray(-100));
    assert.equal(mirror.upstream.count('GET', /blobs/), 1);
  });
});

describe('a client', () => {
  it('that reads slowly does not keep the blob from the store, nor lose its own bytes', async (t) => {
    const mirror = await startMirror(t);
    const { layer, path } = await layerOf(mirror, 24 * megabyte);
    const slow = await mirror.begin(path);
    await once(slow, 'readable');
    // It reads nothing until another one had it all from the store.
    await until(() => mirror.registry.logged.some((line) => line.includes('"stored":true')));
    assert.deepEqual((await mirror.pull(path)).body, layer.bytes);
    assert.deepEqual(await buffer(slow), layer.bytes);
    assert.equal(mirror.upstream.count('GET', /blobs/), 1);
  });

  it('that leaves when most is there leaves the blob to be stored', async (t) => {
    const mirror = await startMirror(t);
    const { layer, path } = await layerOf(mirror, 2 * megabyte);
    const { opened, open } = gate();
    mirror.upstream.fault = () => ({ cut: 1.5 * megabyte, until: opened });
    const leaving = await mirror.begin(path);
    let read = 0;
    for await (const piece of leaving) {
      read += piece.length;
      if (read > 1.3 * megabyte) break;
    }
    await until(() => mirror.registry.served.some(({ route }) => route === 'mirror blob'));
    open();
    await until(() => mirror.registry.logged.some((line) => line.includes('"stored":true')));
    assert.deepEqual((await mirror.pull(path)).body, layer.bytes);
    assert.equal(mirror.upstream.count('GET', /blobs/), 1);
  });

  it('that leaves early ends the fetch', async (t) => {
    const mirror = await startMirror(t);
    const { layer, path } = await layerOf(mirror, 2 * megabyte);
    const { opened, open } = gate();
    const quarter = 0.25 * megabyte;
    mirror.upstream.fault = () => ({ cut: quarter, until: opened, more: quarter });
    const leaving = await mirror.begin(path);
    await once(leaving, 'readable');
    leaving.destroy();
    await until(() => mirror.registry.served.some(({ route }) => route === 'mirror blob'));
    open();
    await until(() => mirror.registry.logged.some((line) => line.includes('nobody waits')));
    mirror.upstream.fault = () => undefined;
    assert.deepEqual((await mirror.pull(path)).body, layer.bytes);
  });
});

describe('two instances over one store', () => {
  it('store one copy: the other waits for it', async (t) => {
    const mirror = await startMirror(t);
    const other = await mirror.another();
    const { layer, path } = await layerOf(mirror, 2 * megabyte);
    const { opened, open } = gate();
    mirror.upstream.fault = () => ({ cut: megabyte, until: opened });
    const first = await mirror.begin(path);
    await once(first, 'readable');
    const second = other.pull(path);
    open();
    assert.deepEqual(await buffer(first), layer.bytes);
    assert.deepEqual((await second).body, layer.bytes);
    assert.equal(mirror.upstream.count('GET', /blobs/), 1);
  });

  it('and where that takes long, the other streams without storing', async (t) => {
    const mirror = await startMirror(t);
    const other = await mirror.another();
    const { layer, path } = await layerOf(mirror, 6 * megabyte);
    const { opened, open } = gate();
    let asked = 0;
    mirror.upstream.fault = ({ path: of }) => {
      if (!of.includes('/blobs/')) return undefined;
      asked += 1;
      return asked === 1 ? { cut: megabyte, until: opened } : undefined;
    };
    const first = await mirror.begin(path);
    await once(first, 'readable');
    assert.deepEqual((await other.pull(path)).body, layer.bytes);
    open();
    assert.deepEqual(await buffer(first), layer.bytes);
    await until(
      () => mirror.registry.logged.filter((line) => line.includes('mirror: fetched')).length === 2,
    );
    const stored = mirror.registry.logged.filter((line) => line.includes('"stored":true'));
    assert.equal(stored.length, 1);
    assert.equal(mirror.upstream.count('GET', /blobs/), 2);
  });
});
