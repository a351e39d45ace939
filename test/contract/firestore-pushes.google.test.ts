// No document that pushes fight over: the registry's rules on Firestore, with files for the bytes.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openFileBlobs } from '#shared/embedded/file-blobs.ts';
import {
  type FirestoreDocuments,
  openFirestoreDocuments,
} from '#shared/google/firestore-documents.ts';
import type { Digest } from '#shared/oci/digest.ts';
import type { RepositoryName, Tag } from '#shared/oci/reference.ts';
import { type Repository, repositoryAt } from '#shared/registry/layout.ts';
import { readManifest } from '#shared/registry/manifests.ts';
import { pushManifest } from '#shared/registry/push-manifest.ts';
import type { Store } from '#shared/registry/store.ts';
import { pushBlob } from '#shared/registry/uploads.ts';
import { fakeClock } from '#test/support/clock.ts';
import { startEmulator } from '#test/support/emulators.ts';
import { type Content, imageManifest, type Manifest, randomBlob } from '#test/support/manifests.ts';

const { skip } = await startEmulator('firestore');

const latest = { kind: 'tag', tag: 'latest' as Tag } as const;

describe('pushes that share their base layers, on Firestore', { skip }, () => {
  const baseLayers = Array.from({ length: 6 }, () => randomBlob());
  let directory: string;
  let documents: FirestoreDocuments;
  let store: Store;
  let transactions = 0;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-pushes-'));
    const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
    documents = openFirestoreDocuments({
      projectId: 'pushes',
      databaseId: randomUUID(),
      clock,
      patienceMs: 120_000,
      meter: (operation) => {
        if (operation === 'transaction') transactions += 1;
      },
    });
    const blobs = await openFileBlobs({ directory: join(directory, 'blobs'), durable: false });
    store = { documents, blobs, clock };
  });
  after(async () => {
    await documents.close();
    await rm(directory, { recursive: true });
  });

  const repository = (image: string) => repositoryAt('local', `shared/${image}` as RepositoryName);
  /** An image of the base layers and one of its own. */
  const image = () => imageManifest({ layers: [...baseLayers, randomBlob()] });

  it('wait for none of the others: none of 16 at once needs one attempt more than one alone', async () => {
    await push(store, repository('base'), imageManifest({ layers: baseLayers }));
    transactions = 0;
    await push(store, repository('alone'), image());
    const needed = transactions;
    transactions = 0;
    const images = Array.from({ length: 16 }, (_, n) => ({
      at: repository(`image-${n}`),
      ...image(),
    }));
    await Promise.all(images.map((each) => push(store, each.at, each)));
    assert.equal(transactions, 16 * needed);
    for (const { at, digest } of images) {
      assert.equal((await readManifest(store, at, latest)).digest, digest);
    }
  });
});

/** As a client does: each blob, and then the manifest. */
async function push(store: Store, at: Repository, manifest: Manifest): Promise<void> {
  for (const blob of manifest.blobs) {
    await pushBlob(store, at, blob.digest as Digest, once(blob));
  }
  await pushManifest(store, at, {
    reference: latest,
    tags: [],
    bytes: manifest.bytes,
    contentType: manifest.mediaType,
    by: 'tests',
    host: 'localhost',
  });
}

async function* once({ bytes }: Content): AsyncIterable<Uint8Array> {
  yield bytes;
}
