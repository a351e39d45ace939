// The stand-in for Cloud Storage keeps the service's rules: buckets, and who may ask.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { startCloudStorage } from '#test/support/cloud-storage/server.ts';
import { storageOn, useCloudStorage } from '#test/support/cloud-storage-client.ts';

const client = useCloudStorage();
const simple = { resumable: false } as const;

describe('buckets', () => {
  it('are what they were made as, and made once', async () => {
    const storage = storageOn(client.server.url);
    const given = {
      location: 'us-central1',
      storageClass: 'STANDARD',
      iamConfiguration: {
        uniformBucketLevelAccess: { enabled: true },
        publicAccessPrevention: 'enforced',
      },
      lifecycle: { rule: [{ action: { type: 'Delete' as const }, condition: { age: 2 } }] },
      softDeletePolicy: { retentionDurationSeconds: 0 },
    };
    await storage.createBucket('a-new-bucket', given);
    const [metadata] = await storage.bucket('a-new-bucket').getMetadata();
    assert.deepEqual(
      { ...given, location: 'US-CENTRAL1' },
      Object.fromEntries(
        Object.keys(given).map((key) => [key, metadata[key as keyof typeof metadata]]),
      ),
    );
    await assert.rejects(storage.createBucket('a-new-bucket'), { code: 409 });
    await storage.bucket('a-new-bucket').delete();
    await assert.rejects(storage.bucket('a-new-bucket').getMetadata(), { code: 404 });
  });

  for (const name of ['ab', 'Upper', '-a-dash', 'a..b', '192.168.5.4', 'goog-mine', 'my-google'])
    it(`are not called ${name}`, async () => {
      await assert.rejects(storageOn(client.server.url).createBucket(name), { code: 400 });
    });

  it('that do not exist have no objects, and take none', async () => {
    const missing = storageOn(client.server.url).bucket('not-here');
    await assert.rejects(missing.file('a').save('a', simple), { code: 404 });
    await assert.rejects(missing.file('a').save('a', { resumable: true }), { code: 404 });
    await assert.rejects(missing.file('a').getMetadata(), { code: 404 });
    await assert.rejects(missing.getFiles(), { code: 404 });
  });

  it('that have objects are not deleted', async () => {
    await client.store('x');
    await assert.rejects(client.bucket().delete(), { code: 409 });
  });

  it('are made by who has the right to, in a place that there is, with labels that may be', async () => {
    const storage = storageOn(client.server.url);
    const { backstage } = client.server;
    backstage.letMakeBuckets(false);
    await assert.rejects(storage.createBucket('not-by-me'), { code: 403 });
    backstage.letMakeBuckets(true);
    await assert.rejects(storage.createBucket('nowhere', { location: 'MOON' }), { code: 400 });
    await assert.rejects(storage.createBucket('labelled', { labels: { Big: 'x' } }), { code: 400 });
    await storage.createBucket('by-me', { location: 'eu', labels: { 'managed-by': 'me' } });
    assert.deepEqual(Object.keys(backstage.buckets()).includes('by-me'), true);
  });

  it('that are somebody else’s let nobody in, or tell whose they are', async () => {
    const storage = storageOn(client.server.url);
    client.server.backstage.takeBucket('not-ours', 'closed');
    client.server.backstage.takeBucket('everybodys', 'open');
    const closed = storage.bucket('not-ours');
    await assert.rejects(storage.createBucket('not-ours'), { code: 409 });
    await assert.rejects(closed.getMetadata(), { code: 403 });
    await assert.rejects(closed.file('a').save('a', simple), { code: 403 });
    await assert.rejects(closed.file('a').getMetadata(), { code: 403 });
    const copying = client.bucket().file('a').copy(closed.file('a'));
    await assert.rejects(copying, { code: 403 });
    await storage.bucket('everybodys').file('a').save('a', simple);
    const whose = `${client.server.url}/storage/v1/b/everybodys?fields=projectNumber`;
    assert.deepEqual(await (await fetch(whose)).json(), { projectNumber: '2' });
  });

  it('tell what may be done in them', async () => {
    const [granted] = await client.bucket().iam.testPermissions(['storage.objects.get']);
    assert.deepEqual(granted, { 'storage.objects.get': true });
  });
});

describe('the token', () => {
  it('is asked for, where there is one', async () => {
    const guarded = await startCloudStorage({
      requireToken: 'secret',
      buckets: { 'the-blobs': {} },
    });
    try {
      const status = async (authorization?: string) => {
        const headers = authorization === undefined ? {} : { authorization };
        return (await fetch(`${guarded.url}/storage/v1/b/the-blobs`, { headers })).status;
      };
      assert.equal(await status(), 401);
      assert.equal(await status('Bearer wrong'), 401);
      assert.equal(await status('Bearer secret'), 200);
    } finally {
      await guarded.close();
    }
  });
});
