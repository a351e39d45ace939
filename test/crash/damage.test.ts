// Bytes that were damaged on the disk, by whatever did it: they are never given out as if they were good.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, open, readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, describe, it } from 'node:test';
import { objectPath } from '#shared/embedded/object-paths.ts';
import { attempt, unlessInstalled } from '#test/clients/client.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { type Content, digestOf, imageManifest, randomBlob } from '#test/support/manifests.ts';
import { ask, assertFailed, openUpload, pullImage, pushes, pushImage } from './asking.ts';
import { partsIn } from './leftovers.ts';

const name = 'demo/damage';

/** What becomes of a file, so that it has another length. */
const cuts: Record<string, (file: string) => Promise<void>> = {
  'truncated by a byte': async (file) => truncate(file, (await readFile(file)).length - 1),
  'truncated to nothing': (file) => truncate(file, 0),
  'extended by a byte': async (file) => writeFile(file, Buffer.of(0), { flag: 'a' }),
  deleted: (file) => rm(file),
};

async function flip(file: string): Promise<void> {
  const handle = await open(file, 'r+');
  try {
    const { size } = await handle.stat();
    const byte = Buffer.alloc(1);
    await handle.read(byte, 0, 1, size - 1);
    byte[0] = ~(byte[0] ?? 0);
    await handle.write(byte, 0, 1, size - 1);
  } finally {
    await handle.close();
  }
}

describe('what is damaged', () => {
  let berth: RunningBerth;
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-damage-'));
    berth = await startBerth({ dataDirectory: join(directory, 'data') });
  });
  after(async () => {
    await berth.kill();
    await rm(directory, { recursive: true });
  });

  const restart = async (meanwhile: () => Promise<unknown> = async () => undefined) => {
    await berth.stop();
    await meanwhile();
    berth = await startBerth({ dataDirectory: berth.dataDirectory });
  };
  const fileOf = ({ digest }: Content) =>
    join(berth.dataDirectory, 'blobs/objects', objectPath(['local', 'demo', 'blobs', digest]));
  const get = (path: string, headers: Record<string, string> = {}) =>
    ask(berth, { method: 'GET', path: `/v2/${name}/${path}`, headers });
  const head = (path: string) => ask(berth, { method: 'HEAD', path: `/v2/${name}/${path}` });
  const push = async (blob: Content) => {
    assert.equal((await pushes['PUT with the whole'](berth, name, blob)).status, 201);
  };

  // Small ones are read at once, large ones while they are sent.
  const sizes = [1000, 3_000_000];

  for (const [cut, damage] of Object.entries(cuts)) {
    it(`a blob whose file was ${cut} is not sent, nor a part of it`, async () => {
      const blobs = sizes.map((size) => randomBlob(size));
      const good = randomBlob(1000);
      for (const blob of [...blobs, good]) await push(blob);
      for (const blob of blobs) await damage(fileOf(blob));
      for (const restarted of [false, true]) {
        if (restarted) await restart();
        for (const { digest } of blobs) {
          assertFailed(berth, await get(`blobs/${digest}`));
          assertFailed(berth, await get(`blobs/${digest}`, { range: 'bytes=10-99' }));
        }
        assert.ok((await get(`blobs/${good.digest}`)).body.equals(good.bytes));
      }
    });

    it(`a blob whose file was ${cut} is whole once it is pushed again, in whatever way`, async () => {
      for (const again of Object.values(pushes)) {
        const blob = randomBlob(100_000);
        await push(blob);
        await damage(fileOf(blob));
        assert.equal((await again(berth, name, blob)).status, 201);
        assert.equal((await head(`blobs/${blob.digest}`)).status, 200);
        assert.ok((await get(`blobs/${blob.digest}`)).body.equals(blob.bytes));
      }
    });
  }

  it('a blob whose file is cut off while it is sent is broken off', async () => {
    const blob = randomBlob(32 * 1024 * 1024);
    await push(blob);
    const basic = Buffer.from(`admin:${berth.password}`).toString('base64');
    const sent = request(new URL(`/v2/${name}/blobs/${blob.digest}`, berth.url), {
      headers: { authorization: `Basic ${basic}` },
    }).end();
    const [answer]: IncomingMessage[] = await once(sent, 'response');
    assert.ok(answer !== undefined);
    assert.equal(answer.statusCode, 200);
    assert.equal(answer.headers['content-length'], String(blob.bytes.length));
    // Nothing was read of the body yet: more than what fits into the connection is still to come.
    await truncate(fileOf(blob), blob.bytes.length - 1000);
    await assert.rejects(Array.fromAsync(answer), { code: 'ECONNRESET' });
  });

  for (const [cut, damage] of Object.entries(cuts)) {
    it(`an upload of which a part was ${cut} does not become a blob`, async () => {
      const blob = randomBlob(100_000);
      const location = await openUpload(berth, name);
      const patched = await ask(berth, { method: 'PATCH', path: location, body: blob.bytes });
      assert.equal(patched.status, 202);
      // Of others' a damaged file may be left: it is not the one that was written, and expires.
      const parts = await partsIn(berth.dataDirectory);
      const part = parts.find(({ session }) => location.includes(session));
      assert.ok(part !== undefined);
      await damage(part.path);
      const closing = { method: 'PUT', path: `${location}&digest=${blob.digest}` };
      assert.notEqual((await ask(berth, closing)).status, 201);
      assert.equal((await head(`blobs/${blob.digest}`)).status, 404);
      await ask(berth, { method: 'DELETE', path: location });
    });
  }

  it('a blob with a byte that is another is told by its digest', async () => {
    const blob = randomBlob(100_000);
    await push(blob);
    await flip(fileOf(blob));
    for (const restarted of [false, true]) {
      if (restarted) await restart();
      const { status, headers, body } = await get(`blobs/${blob.digest}`);
      if (status !== 200) continue;
      assert.equal(headers['docker-content-digest'], blob.digest);
      assert.equal(headers['content-length'], String(blob.bytes.length));
      assert.notEqual(digestOf(body), blob.digest);
    }
  });

  it('a layer with a byte that is another is refused by skopeo', {
    skip: unlessInstalled('skopeo'),
  }, async () => {
    const copy = (tag: string) =>
      attempt('skopeo', [
        'copy',
        '--src-tls-verify=false',
        `--src-creds=admin:${berth.password}`,
        `docker://${berth.host}/${name}:${tag}`,
        `dir:${join(directory, tag)}`,
      ]);
    const layer = randomBlob(100_000);
    await pushImage(berth, name, imageManifest({ layers: [layer] }), 'layer');
    assert.equal((await copy('layer')).ok, true);
    await flip(fileOf(layer));
    const { ok, stderr } = await copy('layer');
    assert.equal(ok, false);
    assert.match(stderr, /digest/i);
  });

  const alterations: Record<string, (bytes: Buffer) => Buffer> = {
    'with a byte that is another': (bytes) => Buffer.from(bytes).fill(' ', bytes.length - 1),
    'that was cut': (bytes) => bytes.subarray(0, -1),
    'that is empty': () => Buffer.alloc(0),
  };
  for (const [how, alter] of Object.entries(alterations)) {
    it(`a manifest ${how} in the documents is not sent, and others are`, async () => {
      const image = imageManifest();
      const good = imageManifest();
      await pushImage(berth, name, image, 'altered');
      await pushImage(berth, name, good, 'good');
      await restart(async () => alterDocument(berth.dataDirectory, image.bytes, alter));
      for (const reference of ['altered', image.digest]) {
        assertFailed(berth, await get(`manifests/${reference}`));
      }
      await pullImage(berth, name, good, 'good');
    });
  }

  const fileDamages = { 'with a byte that is another': flip, ...cuts };
  for (const [how, damage] of Object.entries(fileDamages)) {
    it(`a manifest so large that it is a file, ${how}, is not sent`, async () => {
      const annotations = { 'org.example.note': 'x'.repeat(600_000) };
      const image = imageManifest({ fields: { annotations } });
      await pushImage(berth, name, image, 'large');
      await damage(fileOf(image));
      for (const reference of ['large', image.digest]) {
        assertFailed(berth, await get(`manifests/${reference}`));
      }
    });
  }
});

/** Puts other bytes in the place of a document's. No registry may be running. */
function alterDocument(dataDirectory: string, bytes: Buffer, alter: (bytes: Buffer) => Buffer) {
  const database = new DatabaseSync(join(dataDirectory, 'documents.sqlite'));
  try {
    const { changes } = database
      .prepare('UPDATE document SET bytes = ? WHERE bytes = ?')
      .run(alter(bytes), bytes);
    assert.equal(changes, 1);
  } finally {
    database.close();
  }
}
