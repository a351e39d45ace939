// Functions on Cloud Storage, each with the rights that Terraform gives it, in the moments that other suites cannot wait for.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { bucketsOf } from '#functions/buckets.ts';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { openCloudStorageBlobs } from '#shared/google/cloud-storage-blobs.ts';
import { giveBack, storeBlob, takeLease } from '#shared/mirror/blobs.ts';
import { collectMirrors } from '#shared/mirror/collect.ts';
import { blobObject as mirroredObject } from '#shared/mirror/layout.ts';
import { type Digest, digestOf } from '#shared/oci/digest.ts';
import { graceSeconds } from '#shared/oci/limits.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import { absent, type ObjectName } from '#shared/ports/blobs.ts';
import { collectOnce } from '#shared/registry/collect.ts';
import { blobObject, repositoryAt } from '#shared/registry/layout.ts';
import { unlink } from '#shared/registry/links.ts';
import { mountBlob } from '#shared/registry/mount.ts';
import { openSession } from '#shared/registry/sessions.ts';
import type { Store } from '#shared/registry/store.ts';
import { appendChunk, finishUpload, pushBlob } from '#shared/registry/uploads.ts';
import { fakeClock } from '#test/support/clock.ts';
import { type CloudStorage, startCloudStorage } from '#test/support/cloud-storage/server.ts';
import { rightsOf } from '#test/support/google.ts';
import { bytesOf, chunkBytes, hasty, pattern, pieces } from './stand-in.ts';

const accounts = ['manifests', 'uploads', 'collector', 'mirror', 'console'] as const;
type Account = (typeof accounts)[number];

const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
const templates = {
  blobs: 'blobs-{location}',
  staging: 'staging-{location}',
  projects: undefined,
};
let directory: string;
let cloud: CloudStorage;
let documents: ReturnType<typeof openSqliteDocuments>;
/** The store, as each function has it. */
let as: Record<Account, Store>;

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-rights-'));
  documents = openSqliteDocuments({ file: join(directory, 'documents'), clock, durable: false });
  cloud = await startCloudStorage({
    clock,
    buckets: { 'blobs-local': {}, 'staging-local': {}, 'blobs-mirror': {}, 'staging-mirror': {} },
    callers: Object.fromEntries(accounts.map((name) => [name, rightsOf(name)])),
  });
  const storeOf = (account: Account): Store => ({
    documents,
    clock,
    blobs: openCloudStorageBlobs({
      buckets: (location, project) => bucketsOf(templates, { location, project }),
      clock,
      apiEndpoint: cloud.urlOf(account),
      patience: hasty,
    }),
  });
  as = Object.fromEntries(accounts.map((name) => [name, storeOf(name)])) as typeof as;
});
after(async () => {
  documents.close();
  await cloud.close();
  await rm(directory, { recursive: true });
});

const author = { by: 'test' };
const repositoryOf = (name: string) =>
  repositoryAt('local', parseRepositoryName(name) ?? assert.fail());
const repository = repositoryOf('one/app');
/** A blob that no other test has. */
function newBlob(size = 1000): { bytes: Buffer; digest: Digest; object: ObjectName } {
  blobs += 1;
  const bytes = pattern(size);
  bytes.writeUInt32BE(blobs, 0);
  const digest = digestOf(bytes);
  return { bytes, digest, object: blobObject(repository, digest) };
}
let blobs = 0;

const busy = { status: 503, code: 'BLOB_UPLOAD_INVALID' };
const refused = { name: 'StorageFailure', status: 403 };

/** Pushes a blob, and brings it where the collector dies before it deletes the object. */
async function pushDoomed() {
  const blob = newBlob();
  await pushBlob(as.uploads, repository, blob.digest, pieces(blob.bytes));
  await unlink(as.manifests, repository, blob.digest, author);
  await collectOnce(as.collector, 'local');
  clock.advance((graceSeconds + 1) * 1000);
  cloud.failNext({ operation: 'objects.delete', status: 400 });
  const { failures } = await collectOnce(as.collector, 'local');
  assert.equal(failures.length, 1);
  return blob;
}

for (const size of [0, 1000, chunkBytes + 1]) {
  test(`who may only add, and meets an object, has read a body of ${size} bytes and changed nothing`, async () => {
    const name: ObjectName = ['local', 'add', 'blobs', `size-${size}`];
    const { blobs } = as.uploads;
    const bytes = pattern(size);
    const write = (verify: () => void) =>
      blobs.write(name, pieces(bytes), { ifGeneration: absent, verify });
    const first = await write(() => {});
    let verified = 0;
    assert.equal(
      await write(() => {
        verified += 1;
      }),
      undefined,
    );
    assert.equal(verified, 1);
    assert.deepEqual(await blobs.stat(name), first);
    const part: ObjectName = ['local', 'add', 'parts', `session-${size}`, '1'];
    await blobs.write(part, pieces(bytes), { ifGeneration: absent });
    assert.equal(await blobs.compose([part], name, { ifGeneration: absent, size }), undefined);
    const { generation = '' } = first ?? {};
    await assert.rejects(blobs.write(name, pieces(bytes), { ifGeneration: generation }), refused);
    await assert.rejects(blobs.delete(name, { ifGeneration: generation }), refused);
    assert.deepEqual(await blobs.stat(name), first);
  });
}

test('who may not add is told so, and not that something is there', async () => {
  const name: ObjectName = ['local', 'add', 'blobs', 'refused'];
  const write = (account: Account) =>
    as[account].blobs.write(name, pieces(pattern(10)), { ifGeneration: absent });
  for (const account of ['collector', 'console', 'mirror'] as const) {
    await assert.rejects(write(account), refused, account);
  }
  await write('manifests');
  for (const account of ['collector', 'console', 'mirror'] as const) {
    await assert.rejects(as[account].blobs.write(name, pieces(pattern(10)), { ifGeneration: '1' }));
  }
  await assert.rejects(as.console.blobs.stat(name), refused);
  assert.equal((await as.collector.blobs.stat(name))?.size, 10);
});

test('a blob that is being deleted is answered 503 before its bytes are read', async () => {
  const { digest } = await pushDoomed();
  let isRead = false;
  const body = async function* () {
    isRead = true;
    yield Buffer.of(1);
  };
  await assert.rejects(pushBlob(as.uploads, repository, digest, body()), busy);
  assert.equal(isRead, false);
  await collectOnce(as.collector, 'local');
});

test('the next run of the collector completes what the last one began, and the blob can be pushed', async () => {
  const { bytes, digest, object } = await pushDoomed();
  // Not a moment later.
  assert.equal((await collectOnce(as.collector, 'local')).blobs, 1);
  assert.equal(await as.uploads.blobs.stat(object), undefined);
  await pushBlob(as.uploads, repository, digest, pieces(bytes));
  assert.ok(bytes.equals(await bytesOf(as.manifests.blobs, object)));
});

test('where the object has gone, and its record not yet, the blob is made anew', async () => {
  const { bytes, digest, object } = await pushDoomed();
  const { generation: ifGeneration = '' } = (await as.collector.blobs.stat(object)) ?? {};
  assert.ok(await as.collector.blobs.delete(object, { ifGeneration }));
  await pushBlob(as.uploads, repository, digest, pieces(bytes));
  await collectOnce(as.collector, 'local');
  assert.ok(bytes.equals(await bytesOf(as.manifests.blobs, object)));
});

test('an upload in parts, and a mount of another project, wait for a blob that is being deleted', async () => {
  const { bytes, digest, object } = await pushDoomed();
  const other = repositoryOf('two/app');
  await pushBlob(as.uploads, other, digest, pieces(bytes));
  const mount = () => mountBlob(as.uploads, { digest, from: other, into: repository });
  await assert.rejects(mount(), busy);
  const session = openSession(repository, as.uploads);
  await appendChunk(as.uploads, session, '/', { body: pieces(bytes) });
  const last = { body: pieces(Buffer.of()), length: 0 };
  const finish = () => finishUpload(as.uploads, session, '/', digest, last);
  await assert.rejects(finish(), busy);
  await collectOnce(as.collector, 'local');
  // What was received is there still.
  await finish();
  assert.ok(bytes.equals(await bytesOf(as.manifests.blobs, object)));
  assert.ok(await mount());
});

test('an upload of many parts is joined, and nothing is left of it', async () => {
  const { bytes, digest } = newBlob(40_000);
  const session = openSession(repository, as.uploads);
  for (let at = 0; at < bytes.length; at += 1000) {
    await appendChunk(as.uploads, session, '/', { body: pieces(bytes.subarray(at, at + 1000)) });
  }
  const last = { body: pieces(Buffer.of()), length: 0 };
  await finishUpload(as.uploads, session, '/', digest, last);
  const left = cloud.backstage.objects('staging-local').filter((name) => name.startsWith('one/'));
  assert.deepEqual(left, []);
});

test('an object of another size than its record’s is not written over, and is told by its name', async () => {
  const { bytes, digest, object } = newBlob();
  await pushBlob(as.uploads, repository, digest, pieces(bytes));
  // Somebody with more rights than any function.
  const all = openCloudStorageBlobs({
    buckets: (location, project) => bucketsOf(templates, { location, project }),
    clock,
    apiEndpoint: cloud.url,
  });
  const { generation: ifGeneration = '' } = (await all.stat(object)) ?? {};
  await all.write(object, pieces(bytes.subarray(1)), { ifGeneration });
  await assert.rejects(
    pushBlob(as.uploads, repository, digest, pieces(bytes)),
    /is damaged: it has 999 bytes, not 1000/,
  );
});

test('a mirror writes over what a crash left, the collector deletes it, and neither touches a blob', async () => {
  const { bytes, digest } = newBlob();
  const upstream = 'registry.example';
  const name = mirroredObject(upstream, digest);
  await as.mirror.blobs.write(name, pieces(Buffer.from('left')), { ifGeneration: absent });
  const lease = await takeLease(as.mirror, upstream, digest);
  assert.ok(typeof lease === 'object');
  const what = { upstream, digest, size: () => bytes.length };
  const verify = () => {};
  assert.ok(await storeBlob(as.mirror, what, { body: pieces(bytes), lease, verify }));
  await giveBack(as.mirror, upstream, digest, lease);
  assert.ok(bytes.equals(await bytesOf(as.mirror.blobs, name)));
  await assert.rejects(as.uploads.blobs.stat(name), refused);
  clock.advance(60 * 24 * 60 * 60 * 1000);
  const { failures } = await collectMirrors(as.collector, 30);
  assert.deepEqual(failures, []);
  assert.deepEqual(cloud.backstage.objects('blobs-mirror'), []);
});
