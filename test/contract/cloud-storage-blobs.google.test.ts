// The blobs' contract on Cloud Storage, and how the adapter uses the service. Cloud Storage is a stand-in of ours; with
// BERTH_TEST_PROJECT, and buckets of that project in BERTH_TEST_BLOBS_BUCKET and BERTH_TEST_STAGING_BUCKET, the contract
// is also run on the service itself, with the credentials that the SDK finds.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { test } from 'node:test';
import { promisify } from 'node:util';
import { openCloudStorageBlobs } from '#shared/google/cloud-storage-blobs.ts';
import { absent, type ObjectName } from '#shared/ports/blobs.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { blobsContract, body, compose, generation, text } from './blobs.ts';
import {
  blob,
  bytesOf,
  chunkBytes,
  mebibyte,
  part,
  pattern,
  pieces,
  standIn,
  standInBuckets,
  startStandIn,
} from './stand-in.ts';

const createOnly = { ifGeneration: absent };

blobsContract('blobs in Cloud Storage', async () => {
  const server = await startStandIn();
  return {
    blobs: openCloudStorageBlobs({
      buckets: () => standInBuckets,
      clock: systemClock,
      apiEndpoint: server.url,
    }),
    close: () => server.close(),
  };
});

const {
  BERTH_TEST_PROJECT: project,
  BERTH_TEST_BLOBS_BUCKET: blobsBucket,
  BERTH_TEST_STAGING_BUCKET: stagingBucket,
} = process.env;

if (project !== undefined) {
  blobsContract(`blobs in Cloud Storage itself, project ${project}`, async () => {
    assert(blobsBucket && stagingBucket, 'BERTH_TEST_PROJECT needs the names of two buckets');
    const buckets = { blobs: blobsBucket, staging: stagingBucket };
    return {
      blobs: openCloudStorageBlobs({ buckets: () => buckets, clock: systemClock }),
      close: async () => undefined,
    };
  });
}

for (const [size, requests] of Object.entries({
  0: { 'objects.insert.multipart': 1 },
  [chunkBytes - 1]: { 'objects.insert.multipart': 1 },
  // Nobody knows that a chunk that is full was the last: an empty one says so.
  [chunkBytes]: { 'uploads.start': 1, 'uploads.put': 2 },
  [chunkBytes + 1]: { 'uploads.start': 1, 'uploads.put': 2 },
  [2 * chunkBytes]: { 'uploads.start': 1, 'uploads.put': 3 },
  [2.5 * chunkBytes]: { 'uploads.start': 1, 'uploads.put': 3 },
})) {
  test(`a body of ${size} bytes is sent in ${JSON.stringify(requests)}, and is one operation`, async (t) => {
    const { blobs, server, metered } = await standIn(t);
    const bytes = pattern(Number(size));
    assert.equal((await blobs.write(blob, pieces(bytes), createOnly))?.size, bytes.length);
    assert.deepEqual(server.counts(), requests);
    assert.deepEqual(metered(), { objectWrite: 1 });
    assert.ok(bytes.equals(await bytesOf(blobs, blob)));
  });
}

test('every operation is metered as Cloud Storage bills it', async (t) => {
  const { blobs, metered } = await standIn(t);
  const first = await blobs.write(part('1'), body('one,'), createOnly);
  await blobs.write(part('2'), body('two,'), createOnly);
  await blobs.write(part('3'), body('three'), createOnly);
  assert.deepEqual(metered(), { objectWrite: 3 });
  await blobs.stat(part('1'));
  assert.deepEqual(metered(), { objectRead: 1 });
  await text(blobs, part('1'));
  assert.deepEqual(metered(), { objectRead: 2 }, 'a read and a stat, by which the test compares');
  await blobs.compose([part('1')], blob, { ...createOnly, size: 4 });
  assert.deepEqual(metered(), { objectRead: 1, objectWrite: 1 });
  const whole: ObjectName = ['local', 'project', 'blobs', 'whole'];
  await blobs.compose([part('1'), part('2'), part('3')], whole, { ...createOnly, size: 13 });
  assert.deepEqual(metered(), { objectWrite: 2, objectDelete: 1 }, 'composed, rewritten, removed');
  for await (const _ of blobs.list(['local']));
  assert.deepEqual(metered(), { objectWrite: 2 }, 'a page of each bucket');
  await blobs.delete(part('1'), { ifGeneration: generation(first) });
  assert.deepEqual(metered(), { objectDelete: 1 });
});

test('objects lie in the bucket of their kind, in the buckets of their location', async (t) => {
  const { blobs, server } = await standIn(t, {
    buckets: (location) => ({ blobs: `berth-${location}`, staging: 'berth-staging' }),
  });
  for (const name of [['blobs', 'example.com/project', 'blobs', 'sha256:ab'], part('1')]) {
    await blobs.write(name, body('bytes'), createOnly);
    await blobs.stat(name);
  }
  const paths = server.requests.filter(({ method }) => method === 'GET').map(({ path }) => path);
  assert.deepEqual(paths, [
    '/storage/v1/b/berth-blobs/o/example.com%252Fproject%2Fblobs%2Fsha256%3Aab',
    '/storage/v1/b/berth-staging/o/project%2Fparts%2Fsession%2F1',
  ]);
});

test('a body that fails late ends its session, and what it sent is dropped', async (t) => {
  const { blobs, server } = await standIn(t);
  const gone = new Error('the client went away');
  const failing = (async function* () {
    // When more is asked for than two chunks, the first one has arrived.
    yield* pieces(pattern(2 * chunkBytes + mebibyte));
    throw gone;
  })();
  await assert.rejects(blobs.write(blob, failing, createOnly), (error) => error === gone);
  assert.equal(server.counts()['uploads.cancel'], 1);
  assert.equal(await blobs.stat(blob), undefined);
});

test('a large body in vain is read and verified, but not sent', async (t) => {
  const { blobs, server } = await standIn(t);
  await blobs.write(blob, body('first'), createOnly);
  server.resetRequests();
  let isVerified = false;
  const verify = () => {
    isVerified = true;
  };
  const written = await blobs.write(blob, pieces(pattern(3 * chunkBytes)), {
    ...createOnly,
    verify,
  });
  assert.equal(written, undefined);
  assert.equal(isVerified, true);
  assert.deepEqual(server.counts(), { 'uploads.start': 1 });
});

test('of two large bodies for one name the one that ends first is kept, whole', async (t) => {
  const { blobs } = await standIn(t);
  const bytes = pattern(2 * chunkBytes + 5);
  const slow = (async function* () {
    yield* pieces(bytes.subarray(0, chunkBytes));
    assert.ok(await blobs.write(blob, pieces(bytes), createOnly));
    yield* pieces(bytes.subarray(chunkBytes));
  })();
  assert.equal(await blobs.write(blob, slow, createOnly), undefined);
  assert.ok(bytes.equals(await bytesOf(blobs, blob)));
});

test('1,025 sources become one object in three levels, and nothing made on the way stays', async (t) => {
  const { blobs, server } = await standIn(t);
  const letters = [...'abcdefghijk'];
  for (const letter of letters) await blobs.write(part(letter), body(letter), createOnly);
  const text1025 = letters.join('').repeat(94).slice(0, 1025);
  const sources = [...text1025].map(part);
  assert.ok(await blobs.compose(sources, blob, { ...createOnly, size: 1025 }));
  assert.equal(await text(blobs, blob), text1025);
  assert.equal(server.counts()['objects.compose'], 33 + 2 + 1);
  assert.equal(await count(blobs.list(['local'])), letters.length + 1);
});

test('sources of both buckets are joined in order', async (t) => {
  const { blobs } = await standIn(t);
  const another: ObjectName = ['local', 'another', 'blobs', 'sha256:cd'];
  await blobs.write(part('1'), body('part,'), createOnly);
  await blobs.write(another, body('blob,'), createOnly);
  assert.ok(await compose(blobs, [part('1'), another, part('1')], blob, createOnly));
  assert.equal(await text(blobs, blob), 'part,blob,part,');
  assert.equal(await count(blobs.list(['local'])), 3);
});

test('a rewrite may take many calls, and its precondition holds for the last one too', async (t) => {
  const { blobs, server } = await standIn(t, { server: { rewriteStepBytes: mebibyte } });
  const bytes = pattern(5 * mebibyte);
  await blobs.write(part('1'), pieces(bytes), createOnly);
  const composed = await blobs.compose([part('1')], blob, { ...createOnly, size: bytes.length });
  assert.equal(server.counts()['objects.rewrite'], 5);
  assert.deepEqual(await blobs.stat(blob), composed);

  const name: ObjectName = ['local', 'project', 'blobs', 'contended'];
  const ended = Promise.withResolvers<void>();
  server.failNext({ operation: 'objects.rewrite', skip: 3, answerAfter: ended.promise });
  const composing = blobs.compose([part('1')], name, { ...createOnly, size: bytes.length });
  const first = await blobs.write(name, body('first'), createOnly);
  ended.resolve();
  assert.equal(await composing, undefined);
  assert.deepEqual(await blobs.stat(name), first);
});

test('a list goes on for as many pages as there are, and passes over what is not ours', async (t) => {
  const { blobs, server } = await standIn(t);
  const names = Array.from({ length: 1001 }, (_, index) => part(String(index)));
  await Promise.all(names.map((name) => blobs.write(name, body(), createOnly)));
  const foreign = `${server.url}/upload/storage/v1/b/berth-staging/o?uploadType=media&name=project/parts/100%25`;
  assert.equal((await fetch(foreign, { method: 'POST', body: 'bytes' })).status, 200);
  server.resetRequests();
  assert.equal(await count(blobs.list(['local', 'project', 'parts'])), 1001);
  assert.deepEqual(server.counts(), { 'objects.list': 2 });
});

test('a range that begins behind the last byte has no bytes, and tells the size', async (t) => {
  const { blobs } = await standIn(t);
  await blobs.write(blob, body('bytes'), createOnly);
  const read = await blobs.read(blob, { start: 5, end: 9 });
  assert.equal(read?.size, 5);
  assert.equal(await count(read?.bytes ?? assert.fail()), 0);
  assert.equal((await blobs.read(blob, { start: 3, end: 9 }))?.size, 5);
});

test('16 uploads at once take less than 350 MiB, the SDK and the process with them', async (t) => {
  const { server } = await standIn(t);
  const script = join(import.meta.dirname, 'sixteen-uploads.ts');
  const { stdout } = await promisify(execFile)(process.execPath, [script, server.url]);
  const { sizes, maxResidentMiB } = JSON.parse(stdout);
  assert.deepEqual(
    sizes,
    Array.from({ length: 16 }, () => 32 * mebibyte),
  );
  assert.ok(maxResidentMiB < 350, `${maxResidentMiB} MiB`);
});

test('a body is what its digest says, whatever its pieces', async (t) => {
  const { blobs } = await standIn(t);
  const bytes = pattern(3 * chunkBytes + 12_345);
  const uneven = (async function* () {
    for (let at = 0, length = 1; at < bytes.length; at += length, length = (length * 7) % 99_991) {
      yield bytes.subarray(at, at + length);
    }
  })();
  await blobs.write(blob, uneven, createOnly);
  const digest = (all: Uint8Array) => createHash('sha256').update(all).digest('hex');
  assert.equal(digest(await bytesOf(blobs, blob)), digest(bytes));
});

async function count(items: AsyncIterable<unknown>): Promise<number> {
  let found = 0;
  for await (const _ of items) found += 1;
  return found;
}
