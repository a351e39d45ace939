// Each project’s blobs in a bucket of its own, over HTTP: what is pushed first makes it, and what a client is told where
// that cannot be.

import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { cloudStorage, standOnGoogle } from '#test/support/backend.ts';
import {
  type Call,
  type CallHeaders,
  missBlob,
  openUpload,
  pullBlob,
  pullManifest,
  pushAll,
  pushBlob,
  sendAll,
  useRegistry,
} from '#test/support/calls.ts';
import type { CloudStorage } from '#test/support/cloud-storage/server.ts';
import { imageManifest, randomBlob } from '#test/support/manifests.ts';

const us = 'us.registry.test';
const eu = 'eu.registry.test';
const functionSettings = {
  BERTH_BUCKETS: 'per-project',
  BERTH_STAGING_BUCKET: 'staging-{location}',
  BERTH_PROJECT_BUCKET: '{location}.images.{project}',
  BERTH_BUCKET_PLACES: 'us=US,eu=europe-west1',
};
const skip = await standOnGoogle({ together: true });
// Who makes buckets has to have more rights than Terraform gives.
if (skip === false) cloudStorage().backstage.letDoAll();

function at(host: string, ...calls: readonly Call[]): Call[] {
  return calls.map((call) => ({ ...call, headers: { ...call.headers, host } as CallHeaders }));
}

describe('with a bucket for each project', { skip }, () => {
  const registry = useRegistry({ hosts: { [us]: 'us', [eu]: 'eu' }, functionSettings });
  const send = (...calls: readonly Call[]) => sendAll(registry().url, calls);
  const image = imageManifest();
  let cloud: CloudStorage;
  beforeEach(() => {
    cloud = cloudStorage();
    cloud.resetRequests();
  });
  const placeOf = (bucket: string) => cloud.backstage.buckets()[bucket]?.['location'];

  it('an image is pushed and pulled, and each location has a bucket in its place', async () => {
    for (const host of [us, eu]) {
      await send(
        ...at(host, ...pushAll('first-project/app', image, 'v1')),
        ...at(host, pullManifest('first-project/app', image, 'v1')),
        ...at(host, ...image.blobs.map((blob) => pullBlob('first-project/app', blob))),
      );
    }
    assert.equal(placeOf('us.images.first-project'), 'US');
    assert.equal(placeOf('eu.images.first-project'), 'EUROPE-WEST1');
    assert.equal(cloud.counts()['buckets.insert'], 2);
    const names = new Set(image.blobs.map(({ digest }) => `first-project/blobs/${digest}`));
    assert.deepEqual(new Set(cloud.backstage.objects('us.images.first-project')), names);
  });

  it('a project of a domain has a bucket, too', async () => {
    await send(...at(us, ...pushAll('example.com/second-project/app', image, 'v1')));
    assert.equal(placeOf('us.images.example_com__second-project'), 'US');
  });

  it('a blob that comes in chunks is joined in staging, and copied by the service', async () => {
    const blob = randomBlob(3000);
    const chunks = [0, 1000, 2000].map((start) => blob.bytes.subarray(start, start + 1000));
    await send(
      ...at(
        us,
        openUpload('third-project/app'),
        ...chunks.map(
          (body): Call => ({ method: 'PATCH', path: '{upload}', body, expect: { status: 202 } }),
        ),
        { method: 'PUT', path: `{upload}&digest=${blob.digest}`, expect: { status: 201 } },
      ),
    );
    assert.deepEqual(cloud.backstage.objects('us.images.third-project'), [
      `third-project/blobs/${blob.digest}`,
    ]);
    const { 'objects.rewrite': rewrites, 'objects.compose': composes } = cloud.counts();
    assert.deepEqual([composes, rewrites], [1, 1]);
    await send(...at(us, pullBlob('third-project/app', blob)));
  });

  it('a mount from another project copies from bucket to bucket, and makes the one it needs', async () => {
    const blob = randomBlob(500);
    const mount = (into: string, host: string, status: 201 | 202): Call[] =>
      at(host, {
        method: 'POST',
        path: `/v2/${into}/blobs/uploads/?mount=${blob.digest}&from=fourth-project/app`,
        expect: { status },
      });
    await send(...at(us, pushBlob('fourth-project/app', blob)));
    cloud.resetRequests();
    await send(...mount('fifth-project/app', us, 201));
    assert.deepEqual(cloud.counts()['objects.rewrite'], 1);
    assert.deepEqual(cloud.counts()['objects.getMedia'], undefined);
    await send(...at(us, pullBlob('fifth-project/app', blob)));
    // From another location it is an upload.
    await send(
      ...mount('fifth-project/app', eu, 202),
      ...at(eu, missBlob('fifth-project/app', blob)),
    );
  });

  it('sixteen first pushes at once make one bucket', async () => {
    const blobs = Array.from({ length: 16 }, () => randomBlob(100));
    await Promise.all(blobs.map((blob) => send(...at(us, pushBlob('sixth-project/app', blob)))));
    assert.equal(cloud.backstage.objects('us.images.sixth-project').length, 16);
  });

  const blob = randomBlob(100);
  /** Every way to begin a push. */
  const pushes = (name: string): Readonly<Record<string, Call>> => ({
    'an upload': openUpload(name),
    'a whole blob': pushBlob(name, blob),
    'a mount of nothing': {
      ...openUpload(name),
      path: `/v2/${name}/blobs/uploads/?mount=${blob.digest}`,
    },
  });
  const refusals = [
    {
      what: 'whose bucket somebody else has',
      project: 'taken-project',
      prepare: () => cloud.backstage.takeBucket('us.images.taken-project', 'closed'),
      expect: {
        status: 403,
        code: 'DENIED',
        message: /^the bucket us\.images\.taken-project of the project 'taken-project' is somebody/,
      },
    },
    {
      what: 'whose bucket somebody else has, and lets everybody write to',
      project: 'squatted-project',
      prepare: () => cloud.backstage.takeBucket('us.images.squatted-project', 'open'),
      expect: { status: 403, code: 'DENIED', message: /us\.images\.squatted-project/ },
    },
    {
      what: 'whose bucket may not be made',
      project: 'seventh-project',
      prepare: () => cloud.backstage.letMakeBuckets(false),
      expect: { status: 403, code: 'DENIED', message: /permission 'storage\.buckets\.create'/ },
    },
    {
      what: 'that Google could not have',
      project: 'tiny',
      prepare: () => undefined,
      expect: { status: 400, code: 'NAME_INVALID', message: /^the project 'tiny' can have no/ },
    },
  ] as const;
  for (const { what, project, prepare, expect } of refusals) {
    it(`a push to a project ${what} is refused before its bytes, and nothing of it is there`, async () => {
      prepare();
      try {
        for (const call of Object.values(pushes(`${project}/app`))) {
          await send(...at(us, { ...call, keep: {}, expect }));
        }
        await send(...at(us, missBlob(`${project}/app`, blob)));
        assert.deepEqual(cloud.backstage.objects(`us.images.${project}`), []);
      } finally {
        cloud.backstage.letMakeBuckets(true);
      }
    });
  }

  it('a push that was refused for want of a right succeeds once it was given', async () => {
    await send(...at(us, ...pushAll('seventh-project/app', image, 'v1')));
    assert.equal(placeOf('us.images.seventh-project'), 'US');
  });
});

describe('with a bucket for each project, in one location', { skip }, async () => {
  Object.assign(process.env, {
    BERTH_BUCKETS: 'per-project',
    BERTH_PROJECT_BUCKET: 'images-{project}',
    BERTH_BUCKET_PLACES: 'local=US',
  });
  if (skip !== false) return;
  for (const suite of ['push-mounts', 'upload-sequences']) await import(`../api/${suite}.test.ts`);
});
