// The blobs' contract where each project has a bucket, and how those buckets come to be, on a stand-in of Cloud Storage.

import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openCloudStorageBlobs } from '#shared/google/cloud-storage-blobs.ts';
import { absent, type Blobs, ObjectMissing, type ObjectName } from '#shared/ports/blobs.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { StoreRefused } from '#shared/ports/store-refused.ts';
import { type CloudStorage, startCloudStorage } from '#test/support/cloud-storage/server.ts';
import { blobsContract, body, compose, text } from './blobs.ts';
import { bytesOf, chunkBytes, hasty, mebibyte, pattern, pieces, type standIn } from './stand-in.ts';

const createOnly = { ifGeneration: absent };
const bucket = 'images-us-my-project';
const blob: ObjectName = ['us', 'my-project', 'blobs', 'sha256:ab'];
const part: ObjectName = ['us', 'my-project', 'parts', 'session', '1'];
const places: Readonly<Record<string, string>> = { us: 'US', eu: 'EUROPE-WEST1' };

/** A project whose name ends in `-none` can have no bucket. */
const buckets = (location: string, project: string) => ({
  staging: `staging-${location}`,
  blobs: project.endsWith('-none')
    ? undefined
    : `images-${location}-${project.replaceAll(/[^a-z0-9-]/g, '-')}`,
});

const options = {
  buckets,
  making: { projectId: 'registry', placeOf: (location: string) => places[location] ?? 'US' },
};
const server = { buckets: { 'staging-us': {}, 'staging-eu': {}, 'staging-local': {} } };

blobsContract('blobs in Cloud Storage, in a bucket of each project', async () => {
  const cloud = await startCloudStorage(server);
  return {
    blobs: openCloudStorageBlobs({ ...options, clock: systemClock, apiEndpoint: cloud.url }),
    close: () => cloud.close(),
  };
});

/** Opens a store that makes buckets. */
async function startAnew(t: Parameters<typeof standIn>[0]) {
  const cloud = await startCloudStorage(server);
  t.after(() => cloud.close());
  const open = () =>
    openCloudStorageBlobs({
      ...options,
      clock: systemClock,
      apiEndpoint: cloud.url,
      patience: hasty,
    });
  return { cloud, open, blobs: open() };
}

const refused = (why: string, message: RegExp) => (error: unknown) => {
  assert.ok(error instanceof StoreRefused, String(error));
  assert.equal(error.why, why);
  assert.match(error.message, message);
  return true;
};

/** The ways to the first object of a bucket. */
const ways: Readonly<Record<string, (blobs: Blobs, name: ObjectName) => Promise<unknown>>> = {
  'a small body': (blobs, name) => blobs.write(name, body('bytes'), createOnly),
  'a large body': (blobs, name) =>
    blobs.write(name, pieces(pattern(2 * chunkBytes + 1)), createOnly),
  'a part': async (blobs, name) => {
    await blobs.write(part, body('part'), createOnly);
    return compose(blobs, [part], name, createOnly);
  },
  'two parts': async (blobs, name) => {
    await blobs.write(part, body('part'), createOnly);
    return compose(blobs, [part, part], name, createOnly);
  },
};

for (const [way, write] of Object.entries(ways)) {
  test(`${way} finds its bucket made, once, in its location’s place, and open to nobody`, async (t) => {
    const { cloud, blobs } = await startAnew(t);
    assert.ok(await write(blobs, blob));
    assert.ok(await blobs.stat(blob));
    assert.deepEqual(cloud.backstage.buckets()[bucket], {
      location: 'US',
      locationType: 'multi-region',
      storageClass: 'STANDARD',
      iamConfiguration: {
        uniformBucketLevelAccess: { enabled: true },
        publicAccessPrevention: 'inherited',
      },
      labels: { 'managed-by': 'berth' },
    });
    cloud.resetRequests();
    await blobs.write([...blob, 'another'], body('bytes'), createOnly);
    assert.deepEqual(cloud.counts(), { 'objects.insert.multipart': 1 });
    assert.deepEqual(cloud.backstage.objects('staging-us').filter(isJoined), []);
  });

  test(`${way} is kept in a bucket that has gone since it was looked at`, async (t) => {
    const { cloud, blobs } = await startAnew(t);
    await blobs.write([...blob, 'before'], body('bytes'), createOnly);
    cloud.backstage.removeBucket(bucket);
    assert.ok(await write(blobs, blob));
    assert.deepEqual(cloud.backstage.objects(bucket), ['my-project/blobs/sha256:ab']);
  });

  for (const owner of ['closed', 'open'] as const) {
    test(`${way} is refused where somebody else has the bucket, which is ${owner}`, async (t) => {
      const { cloud, blobs } = await startAnew(t);
      cloud.backstage.takeBucket(bucket, owner);
      await assert.rejects(write(blobs, blob), refused('right', /images-us-my-project .*else/));
      assert.deepEqual(cloud.backstage.objects(bucket), []);
      assert.deepEqual(cloud.backstage.objects('staging-us').filter(isJoined), []);
    });
  }

  test(`${way} is refused without the right to make buckets, and taken when it was given`, async (t) => {
    const { cloud, blobs } = await startAnew(t);
    cloud.backstage.letMakeBuckets(false);
    await assert.rejects(
      write(blobs, blob),
      refused('right', /images-us-my-project .*'storage\.buckets\.create'/),
    );
    assert.equal(await blobs.stat(blob), undefined);
    cloud.backstage.letMakeBuckets(true);
    await blobs.write(blob, body('bytes'), createOnly);
    assert.equal(await text(blobs, blob), 'bytes');
  });
}

const isJoined = (object: string) => object.includes('/joined/');

test('two instances that make one bucket at once both write', async (t) => {
  const { cloud, open, blobs } = await startAnew(t);
  const made = Promise.withResolvers<void>();
  // The first has looked for it, and does not hear that it is not there before the second has made it.
  cloud.failNext({ operation: 'buckets.get', path: bucket, answerAfter: made.promise });
  const first = blobs.write(blob, body('first'), createOnly);
  while (cloud.counts()['buckets.get'] === undefined || !hasAsked(cloud)) await turn();
  const another: ObjectName = ['us', 'my-project', 'blobs', 'sha256:cd'];
  assert.ok(await open().write(another, body('second'), createOnly));
  made.resolve();
  assert.ok(await first);
  assert.equal(cloud.counts()['buckets.insert'], 2);
  assert.equal(await text(blobs, blob), 'first');
  assert.equal(await text(blobs, another), 'second');
});

const hasAsked = (cloud: CloudStorage) => cloud.requests.some(({ path }) => path.endsWith(bucket));
const turn = () => new Promise((resolve) => setImmediate(resolve));

test('a bucket is ours, though the answer that it was made was lost', async (t) => {
  const { cloud, blobs } = await startAnew(t);
  cloud.failNext({ operation: 'buckets.insert', loseAnswer: true });
  assert.ok(await blobs.write(blob, body('bytes'), createOnly));
  assert.equal(cloud.counts()['buckets.insert'], 2);
});

test('a service that is busy while a bucket is made is asked again', async (t) => {
  const { cloud, blobs } = await startAnew(t);
  cloud.failNext({ operation: 'buckets.get', status: 503 });
  cloud.failNext({ operation: 'buckets.insert', status: 429, times: 2 });
  assert.ok(await blobs.write(blob, body('bytes'), createOnly));
});

test('a bucket that is not known everywhere yet is waited for', async (t) => {
  const { cloud, blobs } = await startAnew(t);
  cloud.failNext({ operation: 'objects.insert.multipart', status: 404, times: 3 });
  assert.ok(await blobs.write(blob, body('bytes'), createOnly));
  assert.equal(await text(blobs, blob), 'bytes');
});

test('a bucket that somebody else makes first, while it is made, is not written to', async (t) => {
  const { cloud, blobs } = await startAnew(t);
  const taken = Promise.withResolvers<void>();
  cloud.failNext({ operation: 'buckets.get', path: bucket, answerAfter: taken.promise });
  const writing = blobs.write(blob, body('bytes'), createOnly);
  writing.catch(() => undefined);
  while (!hasAsked(cloud)) await turn();
  cloud.backstage.takeBucket(bucket, 'open');
  taken.resolve();
  await assert.rejects(writing, refused('right', /images-us-my-project/));
  assert.deepEqual(cloud.backstage.objects(bucket), []);
});

test('of a bucket that is not there nothing is known, and nothing is made by asking', async (t) => {
  const { cloud, blobs } = await startAnew(t);
  assert.equal(await blobs.stat(blob), undefined);
  assert.equal(await blobs.read(blob), undefined);
  assert.equal(await blobs.read(blob, { start: 1, end: 2 }), undefined);
  assert.equal(await blobs.delete(blob, { ifGeneration: '1' }), false);
  assert.deepEqual(await Array.fromAsync(blobs.list(['us', 'my-project'])), []);
  const into: ObjectName = ['us', 'another-project', 'blobs', 'sha256:ab'];
  await assert.rejects(compose(blobs, [blob], into, createOnly), ObjectMissing);
  assert.equal(cloud.counts()['buckets.insert'], undefined);
});

test('a source that goes while it is copied is missing, and the bucket is not taken for that', async (t) => {
  const { cloud, blobs } = await startAnew(t);
  const stored = await blobs.write(part, body('part'), createOnly);
  const gone = Promise.withResolvers<void>();
  cloud.failNext({ operation: 'buckets.get', path: bucket, answerAfter: gone.promise });
  const composing = compose(blobs, [part], blob, createOnly);
  composing.catch(() => undefined);
  while (!hasAsked(cloud)) await turn();
  await blobs.delete(part, { ifGeneration: stored?.generation ?? assert.fail() });
  gone.resolve();
  await assert.rejects(composing, ObjectMissing);
});

test('a project that can have no bucket keeps nothing, and has nothing', async (t) => {
  const { cloud, blobs } = await startAnew(t);
  const name: ObjectName = ['us', 'project-none', 'blobs', 'sha256:ab'];
  const parts: ObjectName = ['us', 'project-none', 'parts', 'session', '1'];
  const why = refused('name', /'project-none' can have no bucket/);
  await assert.rejects(blobs.write(name, body('bytes'), createOnly), why);
  assert.ok(blobs.prepare);
  await assert.rejects(blobs.prepare(['us', 'project-none']), why);
  await blobs.write(parts, body('bytes'), createOnly);
  await assert.rejects(compose(blobs, [parts], name, createOnly), why);
  await assert.rejects(compose(blobs, [name], blob, createOnly), ObjectMissing);
  assert.equal(await blobs.stat(name), undefined);
  assert.equal(await blobs.read(name), undefined);
  assert.equal(await blobs.readUrl(name, { mediaType: 'text/plain' }), undefined);
  assert.equal(await blobs.delete(name, { ifGeneration: '1' }), false);
  const listed = await Array.fromAsync(blobs.list(['us', 'project-none']));
  assert.equal(listed.length, 1);
  assert.equal(cloud.counts()['buckets.insert'], undefined);
});

test('a blob is copied from bucket to bucket by the service', async (t) => {
  const { cloud, blobs } = await startAnew(t);
  const bytes = pattern(9 * mebibyte);
  await blobs.write(blob, pieces(bytes), createOnly);
  cloud.resetRequests();
  const into: ObjectName = ['us', 'another-project', 'blobs', 'sha256:ab'];
  assert.ok(await blobs.compose([blob], into, { ...createOnly, size: bytes.length }));
  assert.deepEqual(cloud.counts(), {
    'objects.get': 1,
    'buckets.get': 1,
    'buckets.insert': 1,
    'objects.rewrite': 1,
  });
  assert.ok(bytes.equals(await bytesOf(blobs, into)));
});

test('each location has buckets of its own, in its place', async (t) => {
  const { cloud, blobs } = await startAnew(t);
  const inEurope: ObjectName = ['eu', 'my-project', 'blobs', 'sha256:ab'];
  await blobs.write(blob, body('bytes'), createOnly);
  assert.equal(await blobs.stat(inEurope), undefined);
  assert.ok(await blobs.write(inEurope, body('bytes'), createOnly));
  const { 'images-eu-my-project': made } = cloud.backstage.buckets();
  assert.equal(made?.['location'], 'EUROPE-WEST1');
});

test('that a bucket can be written to is known before its first bytes come', async (t) => {
  const { cloud, blobs } = await startAnew(t);
  cloud.backstage.letMakeBuckets(false);
  assert.ok(blobs.prepare);
  await assert.rejects(blobs.prepare(['us', 'my-project']), refused('right', /create/));
  cloud.backstage.letMakeBuckets(true);
  await blobs.prepare(['us', 'my-project']);
  await blobs.prepare(['us', 'my-project']);
  assert.equal(cloud.counts()['buckets.insert'], 2, 'refused, and made');
});

test('a name that Cloud Storage does not take is refused with that', async (t) => {
  const { blobs } = await startAnew(t);
  const name: ObjectName = ['us', 'my-google', 'blobs', 'sha256:ab'];
  await assert.rejects(
    blobs.write(name, body('bytes'), createOnly),
    refused('name', /images-us-my-google/),
  );
});
