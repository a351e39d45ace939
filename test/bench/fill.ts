// A store with much in it: written by the registry's own rules, into the files a server is started on afterwards.

import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { location } from '#infra/local/registry.ts';
import { openFileBlobs } from '#shared/embedded/file-blobs.ts';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { type Digest, digestOf } from '#shared/oci/digest.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { parseReference, parseRepositoryName, type Tag } from '#shared/oci/reference.ts';
import { systemClock } from '#shared/ports/clock.ts';
import type { Documents } from '#shared/ports/documents.ts';
import { type Repository, repositoryAt } from '#shared/registry/layout.ts';
import { mountBlob } from '#shared/registry/mount.ts';
import { pushManifest } from '#shared/registry/push-manifest.ts';
import type { Store } from '#shared/registry/store.ts';
import { pushBlob } from '#shared/registry/uploads.ts';

export interface Filling {
  readonly repositories: number;
  /** In each repository. */
  readonly tags: number;
  /** Of one image, in `bench/referred`. */
  readonly referrers: number;
}

/** The type of every tenth referrer. */
export const rareType = 'application/vnd.example.sbom';

/** Changes that are made side by side: they share a COMMIT. */
const atOnce = 200;

/** Fills the data directory of a server that does not run. @returns the image that the referrers are of */
export async function fill(dataDirectory: string, filling: Filling): Promise<Digest> {
  await mkdir(dataDirectory, { recursive: true });
  const documents = openSqliteDocuments({
    file: join(dataDirectory, 'documents.sqlite'),
    clock: systemClock,
    durable: false,
  });
  const blobs = await openFileBlobs({ directory: join(dataDirectory, 'blobs'), durable: false });
  const store: Store = { documents: withoutOutbox(documents), blobs, clock: systemClock };
  try {
    const image = await pushImage(store, repositoryOf('referred'));
    await sideBySide(filling.repositories, (at) => fillRepository(store, at, filling.tags));
    await sideBySide(filling.referrers, (at) => pushReferrer(store, image, at));
    return image.digest;
  } finally {
    documents.close();
  }
}

/** What has been there for long was told long ago: a server would have all of it to tell at its start. */
function withoutOutbox(documents: Documents): Documents {
  return {
    get: (key) => documents.get(key),
    list: (options) => documents.list(options),
    names: (options) => documents.names(options),
    transact: (body) =>
      documents.transact((transaction) =>
        body({
          get: (key) => transaction.get(key),
          getAll: (keys) => transaction.getAll(keys),
          list: (options) => transaction.list(options),
          create: (key, value, options) => transaction.create(key, value, options),
          set: (key, value, options) => {
            if (key[2] !== 'outbox') transaction.set(key, value, options);
          },
          delete: (key) => transaction.delete(key),
        }),
      ),
  };
}

interface Image {
  readonly digest: Digest;
  readonly bytes: Buffer;
  readonly size: number;
}

const config = Buffer.from('{"os":"linux","architecture":"amd64"}');
const layer = Buffer.from('a layer that all of them share');
const shared = [config, layer];

function repositoryOf(name: string): Repository {
  const parsed = parseRepositoryName(`bench/${name}`);
  if (parsed === undefined) throw new Error(`not a name: ${name}`);
  return repositoryAt(location, parsed);
}

async function pushImage(store: Store, repository: Repository): Promise<Image> {
  for (const bytes of shared) await pushBlob(store, repository, digestOf(bytes), once(bytes));
  const bytes = manifest({});
  const digest = await push(store, repository, bytes, ['v1']);
  return { digest, bytes, size: bytes.length };
}

async function fillRepository(store: Store, at: number, tags: number): Promise<void> {
  const into = repositoryOf(`grown-${String(at).padStart(6, '0')}`);
  const from = repositoryOf('referred');
  for (const bytes of shared) await mountBlob(store, { digest: digestOf(bytes), from, into });
  const names = Array.from({ length: tags }, (_, tag) => `v${tag}`);
  await push(store, into, manifest({ annotations: { repository: String(at) } }), names);
}

async function pushReferrer(store: Store, subject: Image, at: number): Promise<void> {
  const { digest, size } = subject;
  const fields = {
    artifactType: at % 10 === 0 ? rareType : 'application/vnd.example.signature',
    subject: { mediaType: mediaTypes.ociManifest, digest, size },
    annotations: { serial: String(at) },
  };
  await push(store, repositoryOf('referred'), manifest(fields), []);
}

function manifest(fields: object): Buffer {
  const describe = (mediaType: string, bytes: Buffer) => ({
    mediaType,
    digest: digestOf(bytes),
    size: bytes.length,
  });
  return Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.ociManifest,
      config: describe(mediaTypes.ociConfig, config),
      layers: [describe('application/vnd.oci.image.layer.v1.tar', layer)],
      ...fields,
    }),
  );
}

async function push(
  store: Store,
  repository: Repository,
  bytes: Buffer,
  tags: readonly string[],
): Promise<Digest> {
  const reference = parseReference(digestOf(bytes));
  if (reference === undefined) throw new Error('a digest is a reference');
  const cause = { by: 'user:admin', host: 'localhost:5000' };
  const options = { ...cause, reference, bytes, contentType: undefined };
  const pushed = await pushManifest(store, repository, {
    ...options,
    tags: tags as readonly Tag[],
  });
  return pushed.digest;
}

async function sideBySide(count: number, change: (at: number) => Promise<void>): Promise<void> {
  let next = 0;
  const work = async () => {
    while (next < count) {
      const at = next;
      next += 1;
      await change(at);
    }
  };
  await Promise.all(Array.from({ length: Math.min(atOnce, count) }, work));
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
