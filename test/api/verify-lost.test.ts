// What the rules of verification find when a document or an object is not what was pushed, and that a push of the
// same brings back what was set aside.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import type { Digest } from '#shared/oci/digest.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import type { RepositoryName, Tag } from '#shared/oci/reference.ts';
import type { Key } from '#shared/ports/documents.ts';
import {
  blobKey,
  blobObject,
  linkKey,
  manifestKey,
  repositoryAt,
  summaryKey,
  tagKey,
} from '#shared/registry/layout.ts';
import { read, write } from '#shared/registry/records.ts';
import { type Damage, verifyAll } from '#shared/registry/verify.ts';
import { missManifest, pullManifest, pushAll, sendAll, useRegistry } from '#test/support/calls.ts';
import {
  artifact,
  type Content,
  digestOf,
  imageIndex,
  imageManifest,
  type Manifest,
} from '#test/support/manifests.ts';

const registry = useRegistry();
const name = 'lost/image';
const repository = repositoryAt('local', name as RepositoryName);
const digestIn = ({ digest }: Content) => digest as Digest;

async function verify(): Promise<Damage[]> {
  const verified = { blobs: 0, bytes: 0, manifests: 0, tags: 0 };
  return Array.fromAsync(verifyAll(registry().services, 'local', verified));
}

function lose(...keys: Key[]): Promise<void> {
  return registry().services.documents.transact(async (transaction) => {
    for (const key of keys) transaction.delete(key);
  });
}

/** Pushes an image, and has something of it lost. */
interface Row {
  readonly loss: string;
  readonly pushed: Manifest;
  lose(pushed: Manifest): Promise<void>;
  /** What is told of it, one after another. */
  told(pushed: Manifest): readonly string[];
}

const [child, other] = [imageManifest(), imageManifest()];
const firstBlob = ({ blobs }: Manifest) => digestIn(blobs[0] ?? assert.fail());
const large = imageManifest({ fields: { annotations: { note: 'x'.repeat(600_000) } } });

const rows: readonly Row[] = [
  {
    loss: 'the record of a blob that is linked',
    pushed: imageManifest(),
    lose: (image) => lose(blobKey(repository, firstBlob(image))),
    told: (image) => [
      `the repository ${name} links the blob ${firstBlob(image)}, which its project does not hold`,
    ],
  },
  {
    loss: 'the link to a blob that a manifest names',
    pushed: imageManifest(),
    lose: (image) => lose(linkKey(repository, firstBlob(image))),
    told: (image) => [
      `the manifest ${image.digest} of ${name} names the blob ${firstBlob(image)}, which is not there: push it again`,
    ],
  },
  {
    loss: 'a manifest',
    pushed: imageManifest(),
    lose: (image) => lose(manifestKey(repository, digestIn(image))),
    told: (image) => [
      `the manifest ${image.digest} of ${name} is lost: push it again`,
      `the tag v1 of ${name} points at ${image.digest}, which is not there: push it again`,
    ],
  },
  {
    loss: 'a manifest with all that lists show of it',
    pushed: imageManifest(),
    lose: (image) =>
      lose(manifestKey(repository, digestIn(image)), summaryKey(repository, digestIn(image))),
    told: (image) => [
      `the manifest ${image.digest} of ${name} is lost: push it again`,
      `the tag v1 of ${name} points at ${image.digest}, which is not there: push it again`,
    ],
  },
  {
    loss: 'what lists show of a manifest',
    pushed: imageManifest(),
    lose: (image) => lose(summaryKey(repository, digestIn(image))),
    told: (image) => [`the manifest ${image.digest} of ${name} is damaged`],
  },
  {
    loss: 'the image of an index, which has no tag',
    pushed: imageIndex([child, other]),
    lose: () =>
      lose(manifestKey(repository, digestIn(child)), summaryKey(repository, digestIn(child))),
    told: () => [`the manifest ${child.digest} of ${name} is lost: push it again`],
  },
  {
    loss: 'an index, whose images are there',
    pushed: imageIndex([imageManifest(), imageManifest()]),
    lose: (index) =>
      lose(manifestKey(repository, digestIn(index)), summaryKey(repository, digestIn(index))),
    told: (index) => [
      `the manifest ${index.digest} of ${name} is lost: push it again`,
      `the tag v1 of ${name} points at ${index.digest}, which is not there: push it again`,
    ],
  },
  {
    loss: 'the right bytes of a manifest that is so large that it is a blob',
    pushed: large,
    lose: damageObject,
    told: () => [
      `the blob ${large.digest} of lost is damaged: its bytes have the digest ${digestOf(changed(large))}`,
    ],
  },
];

function changed({ bytes }: Content): Buffer {
  return Buffer.from(bytes).fill(' ', bytes.length - 1);
}

async function damageObject(content: Content): Promise<void> {
  const { blobs } = registry().services;
  const object = blobObject(repository, digestIn(content));
  const stored = (await blobs.stat(object)) ?? assert.fail('it is no object');
  async function* body() {
    yield changed(content);
  }
  assert.ok(await blobs.write(object, body(), { ifGeneration: stored.generation }));
}

describe('verification of what was lost:', () => {
  for (const { loss, pushed, lose: loseOf, told } of rows) {
    it(`${loss} is told, and comes back with a push`, async () => {
      await sendAll(registry().url, pushAll(name, pushed, 'v1'));
      assert.deepEqual(await verify(), []);
      await loseOf(pushed);
      const damages = await verify();
      assert.deepEqual(
        damages.map(({ problem }) => problem),
        told(pushed),
      );
      for (const { repositories, setAside } of damages) {
        assert.deepEqual(repositories, [name]);
        await setAside?.();
      }
      // Until then it is told again: what is set aside is missed.
      assert.notDeepEqual(await verify(), []);
      await sendAll(registry().url, [
        ...pushAll(name, pushed, 'v1'),
        pullManifest(name, pushed, 'v1'),
        ...pushed.children.map((one) => pullManifest(name, one)),
      ]);
      assert.deepEqual(await verify(), []);
    });
  }

  it('a tag that points at what was never there is told', async () => {
    const { documents, clock } = registry().services;
    const key = tagKey(repository, 'astray' as Tag);
    const digest = digestOf(Buffer.from('nothing')) as Digest;
    await documents.transact(async (transaction) => {
      write(transaction, key, { digest, updated: clock.now(), by: 'user:admin' });
    });
    assert.deepEqual(
      (await verify()).map(({ problem }) => problem),
      [`the tag astray of ${name} points at ${digest}, which is not there: push it again`],
    );
    await lose(key);
  });

  it('the image of an index that was deleted is not told: that is allowed', async () => {
    const index = imageIndex([imageManifest(), imageManifest()]);
    const [gone] = index.children;
    assert.ok(gone !== undefined);
    const signature = artifact('application/vnd.example.signature', { subject: gone });
    const path = `/v2/${name}/manifests/${gone.digest}`;
    await sendAll(registry().url, [
      ...pushAll(name, index, 'pruned'),
      ...pushAll(name, signature),
      { method: 'DELETE', path, expect: { status: 202 } },
      missManifest(name, gone.digest),
      pullManifest(name, index, 'pruned'),
    ]);
    assert.deepEqual(await verify(), []);
  });

  it('a blob that is also a small manifest is set aside without it', async () => {
    const image = imageManifest();
    const bytes = { ...image, mediaType: mediaTypes.octetStream };
    const holder = imageManifest({ layers: [bytes] });
    await sendAll(registry().url, [...pushAll(name, image, 'small'), ...pushAll(name, holder)]);
    await damageObject(bytes);
    for (const { setAside } of await verify()) await setAside?.();
    await sendAll(registry().url, [pullManifest(name, image, 'small'), ...pushAll(name, holder)]);
    assert.deepEqual(await verify(), []);
    assert.ok(await read(registry().services.documents, linkKey(repository, digestIn(image))));
  });
});
