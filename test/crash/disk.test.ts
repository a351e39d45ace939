// A disk that is full, or that takes no more writes: what was acknowledged stays and is pulled, a push is told that
// it failed, nothing it wrote stays behind, and the registry needs no restart once there is room again.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { imageManifest, type Manifest, randomBlob } from '#test/support/manifests.ts';
import {
  ask,
  assertFailed,
  freeBytes,
  openUpload,
  pullImage,
  pushes,
  pushImage,
  pushManifest,
} from './asking.ts';
import { type Disk, mountDisk, unlessMountable } from './disks.ts';
import { partsIn, temporariesIn } from './leftovers.ts';

const name = 'demo/disk';
const mebibyte = 1024 * 1024;

describe('a full disk', { skip: unlessMountable('tmpfs') }, () => {
  let disk: Disk;
  let berth: RunningBerth;
  const image = imageManifest({ layers: [randomBlob(100_000), randomBlob(3 * mebibyte)] });

  before(async () => {
    disk = mountDisk('tmpfs', 64);
    berth = await startBerth({ dataDirectory: join(disk.path, 'data') });
    await pushImage(berth, name, image, 'v1');
  });
  afterEach(() => disk.empty());
  after(async () => {
    await berth.kill();
    disk.remove();
  });

  for (const [way, push] of Object.entries(pushes)) {
    it(`fails a ${way} clearly, keeps nothing of it, and takes it when there is room`, async () => {
      const blob = randomBlob(8 * mebibyte);
      disk.fill(2 * mebibyte);
      const before = freeBytes(disk.path);
      for (let times = 0; times < 3; times += 1) {
        assertFailed(berth, await push(berth, name, blob));
        const { status } = await ask(berth, {
          method: 'HEAD',
          path: `/v2/${name}/blobs/${blob.digest}`,
        });
        assert.equal(status, 404);
      }
      await pullImage(berth, name, image, 'v1');
      assert.deepEqual(await temporariesIn(berth.dataDirectory), []);
      assert.deepEqual(await partsIn(berth.dataDirectory), []);
      // What SQLite wrote down meanwhile is small.
      assert.ok(before - freeBytes(disk.path) < 200_000, 'the failed pushes fill the disk');
      disk.empty();
      assert.equal((await push(berth, name, blob)).status, 201);
      await removeBlob(blob.digest);
    });
  }

  it('leaves an open upload as it was, which goes on when there is room', async () => {
    const blob = randomBlob(6 * mebibyte);
    const half = blob.bytes.length / 2;
    const location = await openUpload(berth, name);
    const patch = (from: number) =>
      ask(berth, {
        method: 'PATCH',
        path: location,
        headers: { 'content-range': `${from}-${from + half - 1}` },
        body: blob.bytes.subarray(from, from + half),
      });
    assert.equal((await patch(0)).status, 202);
    disk.fill(mebibyte);
    assertFailed(berth, await patch(half));
    const { status, headers } = await ask(berth, { method: 'GET', path: location });
    assert.deepEqual([status, headers.range], [204, `0-${half - 1}`]);
    disk.empty();
    assert.equal((await patch(half)).status, 202);
    const closing = { method: 'PUT', path: `${location}&digest=${blob.digest}` };
    disk.fill(mebibyte);
    // Two parts are joined in a new file, for which there is no room.
    assertFailed(berth, await ask(berth, closing));
    disk.empty();
    assert.equal((await ask(berth, closing)).status, 201);
    const path = `/v2/${name}/blobs/${blob.digest}`;
    assert.ok((await ask(berth, { method: 'GET', path })).body.equals(blob.bytes));
    assert.deepEqual(await partsIn(berth.dataDirectory), []);
  });

  it('fails manifests and tags clearly when the documents have no room, and keeps those it took', async () => {
    const taken: [Manifest, string][] = [];
    const refused: [Manifest, string][] = [];
    disk.fill(0);
    // There may be some room inside of the documents' own files.
    for (let at = 0; refused.length < 3; at += 1) {
      assert.ok(at < 1000, 'the disk is not full');
      const manifest = noted(image, at);
      const answer = await pushManifest(berth, name, manifest, `n${at}`);
      if (answer.status === 201) taken.push([manifest, `n${at}`]);
      else {
        assertFailed(berth, answer);
        refused.push([manifest, `n${at}`]);
      }
    }
    for (const [manifest, tag] of taken) await pullImage(berth, name, manifest, tag);
    for (const [manifest, tag] of refused) await missManifest(manifest, tag);
    await pullImage(berth, name, image, 'v1');
    disk.empty();
    for (const [manifest, tag] of refused) {
      assert.equal((await pushManifest(berth, name, manifest, tag)).status, 201);
      await pullImage(berth, name, manifest, tag);
    }
  });

  it('starts on a full disk after kill -9, and serves what it has', async () => {
    disk.fill(0);
    await berth.kill();
    berth = await startBerth({ dataDirectory: berth.dataDirectory });
    await pullImage(berth, name, image, 'v1');
    assertFailed(berth, await pushes['POST with the whole'](berth, name, randomBlob(mebibyte)));
    disk.empty();
    const more = imageManifest();
    await pushImage(berth, name, more, 'more');
    await pullImage(berth, name, more, 'more');
  });

  async function removeBlob(digest: string): Promise<void> {
    const path = `/v2/${name}/blobs/${digest}`;
    assert.equal((await ask(berth, { method: 'DELETE', path })).status, 202);
  }

  async function missManifest({ digest }: Manifest, tag: string): Promise<void> {
    for (const reference of [digest, tag]) {
      const path = `/v2/${name}/manifests/${reference}`;
      assert.equal((await ask(berth, { method: 'GET', path })).status, 404, reference);
    }
  }
});

describe('a directory that turns read-only', { skip: unlessMountable('tmpfs') }, () => {
  let disk: Disk;
  let berth: RunningBerth;
  const image = imageManifest({ layers: [randomBlob(100_000), randomBlob(mebibyte)] });

  before(async () => {
    disk = mountDisk('tmpfs', 64);
    berth = await startBerth({ dataDirectory: join(disk.path, 'data') });
    await pushImage(berth, name, image, 'v1');
  });
  after(async () => {
    await berth.kill();
    disk.remove();
  });

  it('goes on with pulls, fails pushes, and takes them again without a restart', async () => {
    const location = await openUpload(berth, name);
    const blob = randomBlob(mebibyte);
    disk.cover(berth.dataDirectory);
    await pullImage(berth, name, image, 'v1');
    for (const push of Object.values(pushes)) assertFailed(berth, await push(berth, name, blob));
    assertFailed(berth, await ask(berth, { method: 'PATCH', path: location, body: blob.bytes }));
    await pullImage(berth, name, image, 'v1');
    disk.uncover(berth.dataDirectory);
    for (const push of Object.values(pushes)) {
      assert.equal((await push(berth, name, blob)).status, 201);
    }
    const more = imageManifest();
    await pushImage(berth, name, more, 'more');
    await pullImage(berth, name, more, 'more');
    assert.deepEqual(await temporariesIn(berth.dataDirectory), []);
    assert.deepEqual(await partsIn(berth.dataDirectory), []);
  });

  it('does not start while it is read-only, says so, and starts afterwards', async () => {
    await berth.stop();
    disk.remount('ro');
    const { dataDirectory } = berth;
    await assert.rejects(startBerth({ dataDirectory }), (error: Error) => {
      assert.match(error.message, /berth: .*read-?only/i);
      assert.ok(error.message.includes(dataDirectory), error.message);
      assert.doesNotMatch(error.message, /\n\s+at /);
      return true;
    });
    disk.remount('rw');
    berth = await startBerth({ dataDirectory });
    await pullImage(berth, name, image, 'v1');
  });
});

describe('a disk that breaks', { skip: unlessMountable('ext4') }, () => {
  it('is read until it is mounted again, and has lost nothing then', async () => {
    const disk = mountDisk('ext4', 64);
    let berth: RunningBerth | undefined;
    try {
      berth = await startBerth({ dataDirectory: join(disk.path, 'data') });
      const { dataDirectory } = berth;
      const image = imageManifest({ layers: [randomBlob(100_000), randomBlob(mebibyte)] });
      await pushImage(berth, name, image, 'v1');
      // The file system's own simulation of an error: from now on it takes no write, whoever has the file open.
      disk.remount('abort');
      await pullImage(berth, name, image, 'v1');
      for (const push of Object.values(pushes)) {
        assertFailed(berth, await push(berth, name, randomBlob(mebibyte)));
      }
      assertFailed(berth, await pushManifest(berth, name, noted(image, 0), 'v2'));
      await pullImage(berth, name, image, 'v1');
      await berth.kill();
      disk.mountAgain();
      berth = await startBerth({ dataDirectory });
      await pullImage(berth, name, image, 'v1');
      const path = `/v2/${name}/manifests/v2`;
      assert.equal((await ask(berth, { method: 'GET', path })).status, 404);
      await pushImage(berth, name, imageManifest(), 'more');
    } finally {
      await berth?.kill();
      disk.remove();
    }
  });
});

/** Another manifest of the same blobs, large enough to need room. */
function noted({ blobs }: Manifest, serial: number): Manifest {
  const [config, ...layers] = blobs;
  assert.ok(config !== undefined);
  const annotations = { 'org.example.note': `${serial} ${'x'.repeat(200_000)}` };
  return imageManifest({ config, layers, fields: { annotations } });
}
