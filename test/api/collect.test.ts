// The collector, as a client sees it: what it leaves, what it removes, and when.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { digestOf } from '#shared/oci/digest.ts';
import { graceSeconds, leaseSeconds, reviewsPerRunMax } from '#shared/oci/limits.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import { collectOnce } from '#shared/registry/collect.ts';
import { repositoryAt, reviewShards } from '#shared/registry/layout.ts';
import { reviewLink } from '#shared/registry/links.ts';
import type { Store } from '#shared/registry/store.ts';
import { type Call, pushAll, sendAll, useRegistry } from '#test/support/calls.ts';
import { imageManifest, type Manifest } from '#test/support/manifests.ts';

const registry = useRegistry();
const collect = () => collectOnce(registry().services, 'local');
const later = (seconds: number) => registry().clock.advance(seconds * 1000);

const deleteManifest = (name: string, digest: string): Call => ({
  method: 'DELETE',
  path: `/v2/${name}/manifests/${digest}`,
  expect: { status: 202 },
});

const head = (name: string, { blobs }: Manifest, status: 200 | 404) =>
  sendAll(
    registry().url,
    blobs.map(({ digest }) => ({
      method: 'GET',
      path: `/v2/${name}/blobs/${digest}`,
      expect: { status },
    })),
  );

it('an image is kept for as long as its manifest is there, however old it gets', async () => {
  const image = imageManifest();
  await sendAll(registry().url, pushAll('collect/kept', image, 'v1'));
  for (let day = 0; day < 5; day += 1) {
    later(leaseSeconds + 1);
    await collect();
  }
  await head('collect/kept', image, 200);
});

it('the blobs of a manifest that was deleted go after a day and the grace, bytes and all', async () => {
  const image = imageManifest();
  const name = 'collect/deleted';
  await sendAll(registry().url, [
    ...pushAll(name, image, 'v1'),
    deleteManifest(name, image.digest),
  ]);
  await collect();
  await head(name, image, 200);
  later(leaseSeconds + 1);
  await collect();
  await head(name, image, 404);
  await collect();
  later(graceSeconds + 1);
  const { blobs, bytes, failures, lagSeconds } = await collect();
  assert.equal(lagSeconds, 0);
  const sizes = image.blobs.map((blob) => blob.bytes.length);
  assert.deepEqual(failures, []);
  assert.equal(blobs, sizes.length);
  assert.equal(
    bytes,
    sizes.reduce((sum, size) => sum + size, 0),
  );
});

it('a blob that another repository of the project holds stays', async () => {
  const image = imageManifest();
  await sendAll(registry().url, [
    ...pushAll('collect/first', image, 'v1'),
    ...pushAll('collect/second', image, 'v1'),
    deleteManifest('collect/first', image.digest),
  ]);
  for (let day = 0; day < 4; day += 1) {
    later(leaseSeconds + 1);
    await collect();
  }
  await head('collect/first', image, 404);
  await head('collect/second', image, 200);
});

it('all that is due is taken up, however many those are, and what is not is left', async () => {
  const { services, clock } = registry();
  const name = parseRepositoryName('collect/many') ?? assert.fail();
  const elsewhere = repositoryAt('elsewhere', name);
  const review = (count: number, dueMs: number) =>
    services.documents.transact(async (transaction) => {
      for (let at = 0; at < count; at += 1) {
        reviewLink(transaction, elsewhere, digestOf(Buffer.from(String(at))), dueMs);
      }
    });
  // Of each shard several pages, of which the last is due in part.
  await review(2000, clock.now() - 1);
  await review(500, clock.now() + 1000);
  const collected = { blobs: 0, bytes: 0, failures: [], lagSeconds: 0 };
  const collectThere = () => collectOnce(services, 'elsewhere');
  assert.deepEqual(await collectThere(), { ...collected, reviewed: 2000 });
  assert.deepEqual(await collectThere(), { ...collected, reviewed: 0 });
  later(1);
  assert.deepEqual(await collectThere(), { ...collected, reviewed: 500 });
});

it('a collector that has enough tells how long the oldest waits that it did not come to', async () => {
  const { services, clock } = registry();
  const name = parseRepositoryName('collect/behind') ?? assert.fail();
  const behind = repositoryAt('behind', name);
  // One digest is one shard, of which a run takes up a sixteenth.
  const inOneRun = reviewsPerRunMax / reviewShards.length;
  const digest = digestOf(Buffer.from('behind'));
  const dues = Array.from({ length: inOneRun + 2 }, (_, at) => clock.now() - 3_600_000 + at * 1000);
  await services.documents.transact(async (transaction) => {
    for (const due of dues) reviewLink(transaction, behind, digest, due);
  });
  const collectBehind = async () => {
    const { reviewed, lagSeconds } = await collectOnce(services, 'behind');
    return { reviewed, lagSeconds };
  };
  assert.deepEqual(await collectBehind(), {
    reviewed: inOneRun,
    lagSeconds: 3600 - inOneRun,
  });
  assert.deepEqual(await collectBehind(), { reviewed: 2, lagSeconds: 0 });
});

it('a review that fails is told by how long ago it was due, until it is done', async () => {
  const { services } = registry();
  const name = parseRepositoryName('collect/failing') ?? assert.fail();
  const failing = repositoryAt('failing', name);
  const digest = digestOf(Buffer.from('failing'));
  await services.documents.transact(async (transaction) => {
    reviewLink(transaction, failing, digest, registry().clock.now());
  });
  later(90);
  const { documents } = services;
  const closed = { ...documents, list: documents.list.bind(documents) };
  const transact = () => Promise.reject(new Error('out of reach'));
  const lagOf = async (store: Store) => (await collectOnce(store, 'failing')).lagSeconds;
  assert.equal(await lagOf({ ...services, documents: { ...closed, transact } }), 90);
  assert.equal(await lagOf(services), 0);
});
