// What bounds a mirror: what nobody pulls goes, and so does what a crash left; and an upstream sends so much in an hour.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { collectMirrors } from '#shared/mirror/collect.ts';
import { type MirrorReview, mirrorReviewKey } from '#shared/mirror/layout.ts';
import { digestOf } from '#shared/oci/digest.ts';
import { reviewsPerRunMax } from '#shared/oci/limits.ts';
import { write } from '#shared/registry/records.ts';
import { imageManifest, randomBlob } from '#test/support/manifests.ts';
import { type MirrorInTest, startMirror, until } from './mirrors.ts';

const day = 24 * 60 * 60 * 1000;
const tag = '/v2/team/image/manifests/v1';

async function withImage({ upstream }: MirrorInTest, name = 'team/image') {
  const image = imageManifest({ layers: [randomBlob(10_000)] });
  await upstream.push(name, image, 'v1');
  return { image, paths: image.blobs.map(({ digest }) => `/v2/${name}/blobs/${digest}`) };
}

async function objects({ registry: { services } }: MirrorInTest): Promise<number> {
  return (await Array.fromAsync(services.blobs.list(['mirror']))).length;
}

describe('what is mirrored', () => {
  it('goes when nobody pulled it for as long as the operator says, and no sooner', async (t) => {
    const mirror = await startMirror(t, { keepDays: 7 });
    const { services, clock } = mirror.registry;
    const { paths } = await withImage(mirror);
    const pullAll = async () => {
      for (const path of [tag, ...paths]) assert.equal((await mirror.pull(path)).status, 200);
    };
    const collect = async () => {
      const { failures, ...collected } = await collectMirrors(services, 7);
      assert.deepEqual(failures, []);
      return collected;
    };
    await pullAll();
    await mirror.stored(2);
    for (let at = 0; at < 5; at += 1) {
      clock.advance(5 * day);
      await collect();
      await pullAll();
    }
    assert.equal(mirror.upstream.count('GET', /blobs/), 2);
    assert.equal(await objects(mirror), 2);
    clock.advance(8 * day);
    const { blobs, bytes } = await collect();
    assert.equal(blobs, 2);
    assert.ok(bytes > 10_000);
    assert.equal(await objects(mirror), 0);
    const prefix = ['mirror', mirror.upstream.host];
    for (const kind of ['mirrorManifests', 'mirrorBlobs', 'mirrorLeases', 'mirrorTags']) {
      assert.deepEqual(await services.documents.list({ prefix: [...prefix, kind], limit: 9 }), []);
    }
    const reviews = { prefix: ['mirror', '-', 'mirrorReviews'], limit: 9 };
    assert.deepEqual(await services.documents.list(reviews), []);
    await pullAll();
    assert.equal(mirror.upstream.count('GET', /blobs/), 4);
  });

  it('costs a write a day at most, however often it is pulled', async (t) => {
    const mirror = await startMirror(t);
    const { documents } = mirror.registry.services;
    const { paths } = await withImage(mirror);
    for (const path of [tag, ...paths]) await mirror.pull(path);
    await mirror.stored(2);
    let transactions = 0;
    const counting: Pick<typeof documents, 'transact'> = {
      transact: (body) => {
        transactions += 1;
        return documents.transact(body);
      },
    };
    const other = await mirror.another({
      documents: Object.assign(Object.create(documents), counting),
    });
    for (const path of [tag, ...paths, ...paths]) await other.pull(path);
    assert.equal(transactions, 0);
    mirror.registry.clock.advance(25 * 60 * 60 * 1000);
    for (const path of [...paths, ...paths]) await other.pull(path);
    assert.equal(transactions, paths.length);
  });

  it('that a crash left without a record is written over, or collected', async (t) => {
    const mirror = await startMirror(t);
    const { documents, ...services } = mirror.registry.services;
    const { image, paths } = await withImage(mirror);
    const [path = assert.fail()] = paths;
    const [blob = assert.fail()] = image.blobs;
    // It has the lease, stores the object, and dies before the record is written.
    let transactions = 0;
    const dying: Pick<typeof documents, 'transact'> = {
      transact: (body) => {
        transactions += 1;
        return transactions === 1
          ? documents.transact(body)
          : Promise.reject(new Error('the process is dead'));
      },
    };
    const dead = await mirror.another({
      documents: Object.assign(Object.create(documents), dying),
    });
    assert.deepEqual((await dead.pull(path)).body, blob.bytes);
    await until(() => mirror.registry.logged.some((line) => line.includes('mirror: fetched')));
    assert.equal(await objects(mirror), 1);
    mirror.registry.clock.advance(61_000);
    assert.deepEqual((await mirror.pull(path)).body, blob.bytes);
    await mirror.stored(1);
    assert.equal(await objects(mirror), 1);
    assert.equal(mirror.upstream.count('GET', /blobs/), 2);
    await documents.transact(async (transaction) => {
      transaction.delete(['mirror', mirror.upstream.host, 'mirrorBlobs', blob.digest]);
    });
    mirror.registry.clock.advance(2 * day);
    await collectMirrors({ ...services, documents }, 30);
    assert.equal(await objects(mirror), 0);
  });

  it('that a run does not come to, or fails at, is told by how long ago it was due', async (t) => {
    const { registry } = await startMirror(t);
    const { services, clock } = registry;
    const due = clock.now();
    const subject = { kind: 'manifest', upstream: 'gone.test', digest: digestOf(Buffer.of()) };
    await services.documents.transact(async (transaction) => {
      for (let at = 0; at < reviewsPerRunMax + 200; at += 1) {
        write(transaction, mirrorReviewKey(due), subject as MirrorReview);
      }
    });
    clock.advance(90_000);
    const failing: Pick<typeof services.documents, 'transact'> = {
      transact: () => Promise.reject(new Error('out of reach')),
    };
    const documents = Object.assign(Object.create(services.documents), failing);
    const failed = await collectMirrors({ ...services, documents }, 30);
    assert.deepEqual([failed.failures.length, failed.lagSeconds], [failed.reviewed, 90]);
    const first = await collectMirrors(services, 30);
    assert.deepEqual([first.failures, first.lagSeconds], [[], 90]);
    assert.ok(first.reviewed >= reviewsPerRunMax);
    const second = await collectMirrors(services, 30);
    assert.equal(first.reviewed + second.reviewed, reviewsPerRunMax + 200);
    assert.equal(second.lagSeconds, 0);
  });

  it('whose object has gone is fetched anew', async (t) => {
    const mirror = await startMirror(t);
    const { image, paths } = await withImage(mirror);
    const [path = assert.fail()] = paths;
    await mirror.pull(path);
    await mirror.stored(1);
    for await (const { name, generation } of mirror.registry.services.blobs.list(['mirror'])) {
      await mirror.registry.services.blobs.delete(name, { ifGeneration: generation });
    }
    assert.deepEqual((await mirror.pull(path)).body, image.blobs[0]?.bytes);
  });
});

describe('the bytes of an hour', () => {
  it('that are spent leave what is at hand, and come again with the next hour', async (t) => {
    const mirror = await startMirror(t, { bytesPerHour: 15_000 });
    const [first, second] = [await withImage(mirror), await withImage(mirror, 'team/other')];
    const [, firstLayer = '', secondLayer = ''] = [...first.paths, second.paths[1] ?? ''];
    assert.equal((await mirror.pull(firstLayer)).status, 200);
    const refused = await mirror.pull(secondLayer);
    assert.equal(refused.status, 429);
    assert.ok(Number(refused.headers['retry-after']) <= 3600);
    assert.equal((await mirror.pull(firstLayer)).status, 200);
    mirror.registry.clock.advance(60 * 60 * 1000);
    assert.equal((await mirror.pull(secondLayer)).status, 200);
  });
});
