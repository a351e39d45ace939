// The blobs' contract on files, and what only files promise.

import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { openFileBlobs } from '#shared/embedded/file-blobs.ts';
import { absent, type ObjectName } from '#shared/ports/blobs.ts';
import { blobsContract, body, compose, generation, text } from './blobs.ts';

const createOnly = { ifGeneration: absent };
const blob: ObjectName = ['local', 'project', 'blobs', `sha256:${'ab'.repeat(32)}`];
const part: ObjectName = ['local', 'project', 'parts', 'session', '1'];
const descriptors = '/proc/self/fd';

blobsContract('blobs as files', async () => {
  const directory = await newDirectory();
  return {
    blobs: await openFileBlobs({ directory, durable: false }),
    close: () => rm(directory, { recursive: true }),
  };
});

test('synced, objects are written, composed, overwritten and deleted all the same', async (t) => {
  const blobs = await openFileBlobs({ directory: join(await testDirectory(t), 'not', 'yet') });
  const another: ObjectName = ['local', 'another', 'blobs', 'sha256:00'];
  const first = await blobs.write(part, body('bytes'), createOnly);
  const composed = await compose(blobs, [part], blob, createOnly);
  assert.deepEqual(composed, await blobs.stat(blob));
  assert.ok(await compose(blobs, [part, blob], another, createOnly));
  assert.equal(await text(blobs, another), 'bytesbytes');
  assert.equal(await blobs.delete(part, { ifGeneration: generation(first) }), true);
  const over = await blobs.write(blob, body('more'), { ifGeneration: generation(composed) });
  assert.deepEqual(await blobs.stat(blob), over);
  assert.equal(await text(blobs, blob), 'more');
});

test('what an earlier process left unfinished is removed at open', async (t) => {
  const directory = await testDirectory(t);
  await openFileBlobs({ directory, durable: false });
  await writeFile(join(directory, 'tmp', '1'), 'half of a lay');
  const blobs = await openFileBlobs({ directory, durable: false });
  assert.deepEqual(await readdir(join(directory, 'tmp')), []);
  assert.ok(await blobs.write(blob, body('bytes'), createOnly));
});

test('nothing is left in tmp by bodies that end, fail, are in vain, or meet a disk that refuses', async (t) => {
  const directory = await testDirectory(t);
  const blobs = await openFileBlobs({ directory, durable: false });
  const large = Buffer.alloc(3_000_000);
  assert.ok(await blobs.write(part, body(large), createOnly));
  assert.ok(await compose(blobs, [part], blob, createOnly));
  assert.equal(await blobs.write(blob, body(large), createOnly), undefined);
  assert.equal(await compose(blobs, [part], blob, createOnly), undefined);
  const verify = () => {
    throw new Error('another digest');
  };
  await assert.rejects(blobs.write(['new'], body(large), { ...createOnly, verify }), /another/);
  const overlong = Array.from({ length: 30 }, () => 'a'.repeat(200));
  await assert.rejects(blobs.write(overlong, body(large), createOnly), { code: 'ENAMETOOLONG' });
  await assert.rejects(blobs.write([''], body(large), createOnly), TypeError);
  assert.deepEqual(await readdir(join(directory, 'tmp')), []);
});

test('generations survive a reopening', async (t) => {
  const directory = await testDirectory(t);
  const first = await openFileBlobs({ directory, durable: false });
  const names = Array.from({ length: 50 }, (_, index) => ['local', 'a', 'blobs', String(index)]);
  const stored = await Promise.all(names.map((name) => first.write(name, body('x'), createOnly)));
  const second = await openFileBlobs({ directory, durable: false });
  for (const [index, name] of names.entries()) {
    assert.deepEqual(await second.stat(name), stored[index]);
  }
  assert.equal(new Set(stored.map(generation)).size, names.length);
});

test('a blob composed of one part has its bytes without a copy, and keeps them', async (t) => {
  const directory = await testDirectory(t);
  const blobs = await openFileBlobs({ directory, durable: false });
  const stored = await blobs.write(part, body('bytes'), createOnly);
  await compose(blobs, [part], blob, createOnly);
  const links = await stat(join(directory, 'objects/local/project/parts/session/1='));
  assert.equal(links.nlink, 2);
  assert.equal(await blobs.delete(part, { ifGeneration: generation(stored) }), true);
  assert.equal(await text(blobs, blob), 'bytes');
});

test('parts expire with their directories, blobs and younger parts do not', async (t) => {
  const directory = await testDirectory(t);
  const blobs = await openFileBlobs({ directory, durable: false });
  const others: ObjectName[] = [
    ['local', 'project', 'parts', 'session', '2'],
    ['Host.example', 'a'.repeat(255), 'parts', 'session', '1'],
  ];
  const parts = [part, ...others];
  for (const name of parts) await blobs.write(name, body('bytes'), createOnly);
  await compose(blobs, [part], blob, createOnly);
  await blobs.write(['local', 'project'], body('an object of another kind'), createOnly);

  assert.equal(await blobs.expireParts(Date.now() - 60_000), 0);
  for (const name of parts) assert.equal(await text(blobs, name), 'bytes');
  assert.equal(await blobs.expireParts(Date.now() + 60_000), 3);
  for (const name of parts) assert.equal(await blobs.stat(name), undefined);
  assert.equal(await text(blobs, blob), 'bytes');
  assert.ok(await blobs.stat(['local', 'project']));
  assert.deepEqual(await readdir(join(directory, 'objects/local/project')), ['blobs']);
});

test('parts written while others expire, and take their directories along, arrive', async (t) => {
  const blobs = await openFileBlobs({ directory: await testDirectory(t), durable: false });
  let writing = true;
  const expiring = (async () => {
    while (writing) await blobs.expireParts(Date.now() + 60_000);
  })();
  try {
    for (let round = 0; round < 300; round += 1) {
      const name = ['local', 'project', 'parts', `session ${round % 3}`, String(round)];
      assert.ok(await blobs.write(name, body('bytes'), createOnly));
    }
  } finally {
    writing = false;
    await expiring;
  }
});

test('a file that is not ours is not listed', async (t) => {
  const directory = await testDirectory(t);
  const blobs = await openFileBlobs({ directory, durable: false });
  await blobs.write(part, body('bytes'), createOnly);
  for (const name of ['.DS_Store', 'README', '%zz=']) {
    await writeFile(join(directory, 'objects', 'local', name), '');
  }
  const names: ObjectName[] = [];
  for await (const { name } of blobs.list([])) names.push(name);
  assert.deepEqual(names, [part]);
});

test('files are closed whatever the reader or the writer does', {
  skip: !canCount() && 'open files cannot be counted here',
}, async (t) => {
  const blobs = await openFileBlobs({ directory: await testDirectory(t), durable: false });
  await blobs.write(blob, body(Buffer.alloc(9_000_000)), createOnly);
  const before = readdirSync(descriptors).length;
  for (let round = 0; round < 20; round += 1) {
    await blobs.read(blob);
    const returned = await blobs.read(blob);
    await returned?.bytes[Symbol.asyncIterator]().return?.();
    for await (const _ of (await blobs.read(blob))?.bytes ?? []) break;
    for await (const _ of (await blobs.read(blob, { start: 5, end: 9 }))?.bytes ?? []) break;
    const thrown = (async () => {
      for await (const _ of (await blobs.read(blob))?.bytes ?? [])
        throw new Error('the client went away');
    })();
    await assert.rejects(thrown, /went away/);
    await blobs.write(blob, body(Buffer.alloc(3_000_000)), createOnly);
    for await (const _ of blobs.list([])) break;
  }
  assert.equal(readdirSync(descriptors).length, before);
});

function canCount(): boolean {
  try {
    return readdirSync(descriptors).length > 0;
  } catch {
    return false;
  }
}

function newDirectory(): Promise<string> {
  return mkdtemp(join(tmpdir(), 'berth-blobs-'));
}

async function testDirectory(t: TestContext): Promise<string> {
  const directory = await newDirectory();
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}
