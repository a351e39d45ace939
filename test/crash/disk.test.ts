// A disk that is full, or that takes no more writes: what was acknowledged stays and is pulled, a push is told that
// it failed, nothing it wrote stays behind, and the registry needs no restart once there is room again.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, describe, it } from 'node:test';
import { attempt, unlessInstalled } from '#test/clients/client.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { writeImage } from '#test/support/images.ts';
import {
  type Content,
  digestOf,
  imageManifest,
  type Manifest,
  randomBlob,
} from '#test/support/manifests.ts';
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
import { runCommand } from './commands.ts';
import { type Disk, mountDisk, unlessMountable } from './disks.ts';
import { partsIn, temporariesIn } from './leftovers.ts';

const name = 'demo/disk';
const mebibyte = 1024 * 1024;
const noSkopeo = unlessInstalled('skopeo');

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
    for (const [manifest, tag] of refused) await missManifest(berth, manifest.digest, tag);
    await pullImage(berth, name, image, 'v1');
    disk.empty();
    for (const [manifest, tag] of refused) {
      assert.equal((await pushManifest(berth, name, manifest, tag)).status, 201);
      await pullImage(berth, name, manifest, tag);
    }
  });

  it('refuses every change clearly when nothing more fits, and shows nothing of it', async () => {
    const loose = randomBlob();
    assert.equal((await pushes['POST with the whole'](berth, name, loose)).status, 201);
    disk.fill(0);
    // What little room there is in the documents' own files is used up.
    for (let at = 0, refused = 0; refused < 3; at += 1) {
      assert.ok(at < 2000, 'the disk is not full');
      const { status } = await pushManifest(berth, name, image, `t${at}`);
      refused = status === 201 ? 0 : refused + 1;
    }
    await refusesChanges(berth, image, loose);
    disk.empty();
    await removeBlob(loose.digest);
  });

  it('refuses a push by skopeo while its pull goes on', { skip: noSkopeo }, async () => {
    disk.fill(mebibyte);
    await refusesSkopeo(berth, image);
  });

  it('starts on a full disk after kill -9, and is whole', async () => {
    const refused = randomBlob(mebibyte);
    disk.fill(0);
    assertFailed(berth, await pushes['PATCH and PUT'](berth, name, refused));
    await berth.kill();
    berth = await startBerth({ dataDirectory: berth.dataDirectory });
    await pullImage(berth, name, image, 'v1');
    assertFailed(berth, await pushes['POST with the whole'](berth, name, refused));
    await missBlob(berth, refused);
    await berth.kill();
    disk.empty();
    await assertWhole(berth.dataDirectory);
    berth = await startBerth({ dataDirectory: berth.dataDirectory });
    await missBlob(berth, refused);
    const more = imageManifest();
    await pushImage(berth, name, more, 'more');
    await pullImage(berth, name, more, 'more');
  });

  async function removeBlob(digest: string): Promise<void> {
    const path = `/v2/${name}/blobs/${digest}`;
    assert.equal((await ask(berth, { method: 'DELETE', path })).status, 202);
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
    // Of these one is a file. The documents' own files are open, and are written to all the same.
    const large = noted(image, 0, mebibyte);
    assertFailed(berth, await pushManifest(berth, name, large, 'large'));
    await missManifest(berth, large.digest, 'large');
    await missBlob(berth, blob);
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

  it('refuses a push by skopeo while its pull goes on', { skip: noSkopeo }, async () => {
    disk.cover(berth.dataDirectory);
    try {
      await refusesSkopeo(berth, image);
    } finally {
      disk.uncover(berth.dataDirectory);
    }
  });

  it('does not start after kill -9 while it is read-only, says so, and is whole afterwards', async () => {
    disk.cover(berth.dataDirectory);
    const refused = randomBlob(mebibyte);
    assertFailed(berth, await pushes['PATCH and PUT'](berth, name, refused));
    await berth.kill();
    disk.uncover(berth.dataDirectory);
    disk.remount('ro');
    const { dataDirectory } = berth;
    await assert.rejects(startBerth({ dataDirectory }), (error: Error) => {
      assert.match(error.message, /berth: .*read-?only/i);
      assert.ok(error.message.includes(dataDirectory), error.message);
      assert.doesNotMatch(error.message, /\n\s+at /);
      return true;
    });
    disk.remount('rw');
    await assertWhole(dataDirectory);
    berth = await startBerth({ dataDirectory });
    await pullImage(berth, name, image, 'v1');
    await missBlob(berth, refused);
  });
});

describe('a disk that breaks', { skip: unlessMountable('ext4') }, () => {
  let disk: Disk;
  let berth: RunningBerth;
  const image = imageManifest({ layers: [randomBlob(100_000), randomBlob(mebibyte)] });
  const [loose, refused] = [randomBlob(), randomBlob(mebibyte)];

  before(async () => {
    disk = mountDisk('ext4', 64);
    berth = await startBerth({ dataDirectory: join(disk.path, 'data') });
    await pushImage(berth, name, image, 'v1');
    assert.equal((await pushes['POST with the whole'](berth, name, loose)).status, 201);
    // The file system's own simulation of an error: from now on it takes no write, whoever has the file open.
    disk.remount('abort');
  });
  after(async () => {
    await berth.kill();
    disk.remove();
  });

  it('is read, and refuses every change clearly and shows nothing of it', async () => {
    await pullImage(berth, name, image, 'v1');
    for (const push of Object.values(pushes)) assertFailed(berth, await push(berth, name, refused));
    await refusesChanges(berth, image, loose);
  });

  it('refuses a push by skopeo while its pull goes on', { skip: noSkopeo }, async () => {
    await refusesSkopeo(berth, image);
  });

  it('has lost nothing when it was killed with -9 and the disk is mounted again', async () => {
    await berth.kill();
    disk.mountAgain();
    const { dataDirectory } = berth;
    await assertWhole(dataDirectory);
    berth = await startBerth({ dataDirectory });
    await pullImage(berth, name, image, 'v1');
    await missManifest(berth, 'other', 'another-tag');
    await missBlob(berth, refused);
    await pushImage(berth, name, imageManifest(), 'more');
  });
});

/** No change is made, each is answered with a failure, and all that is seen is what was there before. */
async function refusesChanges(berth: RunningBerth, image: Manifest, loose: Content): Promise<void> {
  const remove = (path: string) => ask(berth, { method: 'DELETE', path: `/v2/${name}/${path}` });
  const other = noted(image, -1);
  const answers = [
    await pushManifest(berth, name, other, 'other'),
    await pushManifest(berth, name, image, 'another-tag'),
    await remove('manifests/v1'),
    await remove(`manifests/${image.digest}`),
    await remove(`blobs/${loose.digest}`),
  ];
  for (const answer of answers) assertFailed(berth, answer);
  await missManifest(berth, other.digest, 'other', 'another-tag');
  await pullImage(berth, name, image, 'v1');
  const path = `/v2/${name}/blobs/${loose.digest}`;
  assert.ok((await ask(berth, { method: 'GET', path })).body.equals(loose.bytes));
}

/** skopeo is told that its push failed, and pulls at the same time what is there. */
async function refusesSkopeo(berth: RunningBerth, image: Manifest): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-disk-skopeo-'));
  try {
    const [layout, pulled] = [join(directory, 'layout'), join(directory, 'pulled')];
    const made = await writeImage(layout, { seed: directory, layers: 2, bytesPerLayer: 1_500_000 });
    const at = (tag: string) => `docker://${berth.host}/${name}:${tag}`;
    const [push, pull] = await Promise.all(
      [
        [
          '--dest-tls-verify=false',
          `--dest-creds=admin:${berth.password}`,
          `oci:${layout}:latest`,
          at('skopeo'),
        ],
        [
          '--src-tls-verify=false',
          `--src-creds=admin:${berth.password}`,
          at('v1'),
          `dir:${pulled}`,
        ],
      ].map((parameters) => attempt('skopeo', ['copy', ...parameters])),
    );
    assert.equal(push?.ok, false);
    assert.match(push?.stderr ?? '', /\b50[07]\b|no room left|went wrong on our side/);
    assert.equal(pull?.ok, true, pull?.stderr);
    assert.equal(digestOf(await readFile(join(pulled, 'manifest.json'))), image.digest);
    await missManifest(berth, made.digest, 'skopeo');
    for (const digest of made.layers) await missBlob(berth, { digest });
  } finally {
    await rm(directory, { recursive: true });
  }
}

async function missManifest(berth: RunningBerth, ...references: string[]): Promise<void> {
  for (const reference of references) {
    const path = `/v2/${name}/manifests/${reference}`;
    assert.equal((await ask(berth, { method: 'GET', path })).status, 404, reference);
  }
}

async function missBlob(berth: RunningBerth, { digest }: Pick<Content, 'digest'>): Promise<void> {
  for (const method of ['HEAD', 'GET']) {
    const path = `/v2/${name}/blobs/${digest}`;
    assert.equal((await ask(berth, { method, path })).status, 404, digest);
  }
}

/** Every document and every byte is what it should be. No registry runs. */
async function assertWhole(dataDirectory: string): Promise<void> {
  const { code, stdout, stderr } = await runCommand('verify', dataDirectory);
  assert.deepEqual([code, stderr], [0, ''], stdout);
  assert.match(stdout, /; all whole\n$/);
}

/** Another manifest of the same blobs, large enough to need room. */
function noted({ blobs }: Manifest, serial: number, bytes = 200_000): Manifest {
  const [config, ...layers] = blobs;
  assert.ok(config !== undefined);
  const annotations = { 'org.example.note': `${serial} ${'x'.repeat(bytes)}` };
  return imageManifest({ config, layers, fields: { annotations } });
}
