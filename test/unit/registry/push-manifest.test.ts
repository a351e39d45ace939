// What an image's config tells is told of it, also where others push or delete the same at that moment.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { openFileBlobs } from '#shared/embedded/file-blobs.ts';
import { openSqliteDocuments, type SqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { type Digest, digestOf } from '#shared/oci/digest.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import { systemClock } from '#shared/ports/clock.ts';
import type { Document, Key } from '#shared/ports/documents.ts';
import { linkKey, repositoryAt, summaryKey } from '#shared/registry/layout.ts';
import { deleteManifest } from '#shared/registry/manifests.ts';
import { pushManifest } from '#shared/registry/push-manifest.ts';
import { read } from '#shared/registry/records.ts';
import type { Store } from '#shared/registry/store.ts';
import { pushBlob } from '#shared/registry/uploads.ts';

const cause = { by: 'test', host: 'registry.example' };

describe('the platform of an image', () => {
  let directory: string;
  let documents: SqliteDocuments;
  let store: Store;
  let images = 0;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-platform-'));
    const file = join(directory, 'documents.sqlite');
    documents = openSqliteDocuments({ file, clock: systemClock, durable: false });
    const blobs = await openFileBlobs({ directory: join(directory, 'blobs'), durable: false });
    store = { documents, blobs, clock: systemClock };
  });

  after(async () => {
    documents.close();
    await rm(directory, { recursive: true });
  });

  /** A repository that holds a config, and a manifest that names it. */
  async function prepare() {
    images += 1;
    const name = parseRepositoryName(`platform/image-${images}`) ?? assert.fail();
    const repository = repositoryAt('local', name);
    const config = Buffer.from(JSON.stringify({ os: 'linux', architecture: 'arm64', n: images }));
    const digest = digestOf(config);
    const body = (async function* () {
      yield config;
    })();
    await pushBlob(store, repository, digest, body);
    const { ociManifest: contentType, ociConfig: mediaType } = mediaTypes;
    const manifest = {
      schemaVersion: 2,
      mediaType: contentType,
      config: { mediaType, digest, size: config.length },
      layers: [],
    };
    const bytes = Buffer.from(JSON.stringify(manifest));
    const reference = { kind: 'digest', digest: digestOf(bytes) } as const;
    const push = (to: Store) =>
      pushManifest(to, repository, { ...cause, reference, tags: [], bytes, contentType });
    return { repository, reference, push, config: digest };
  }

  const platformOf = async (repository: ReturnType<typeof repositoryAt>, digest: Digest) =>
    (await read(documents, summaryKey(repository, digest)))?.platform;

  /** The store, where the first plain read of that document is followed by something, and answered by what it says. */
  function meanwhile(
    key: Key,
    happens: (found: Document | undefined) => Promise<Document | undefined>,
  ): Store {
    let isFirst = true;
    const get = async (asked: Key) => {
      const found = await documents.get(asked);
      if (!isFirst || asked.join() !== key.join()) return found;
      isFirst = false;
      return happens(found);
    };
    const { list, names, transact } = documents;
    const watched = { list, names, transact };
    for (const [name, method] of Object.entries(watched))
      Object.assign(watched, { [name]: method.bind(documents) });
    return { ...store, documents: { ...watched, get } };
  }

  it('is told where the config came to the repository after it was looked for', async () => {
    const { repository, reference, push, config } = await prepare();
    await push(meanwhile(linkKey(repository, config), async () => undefined));
    assert.equal(await platformOf(repository, reference.digest), 'linux/arm64');
  });

  it('is told where the same image was deleted while it was pushed again', async () => {
    const { repository, reference, push } = await prepare();
    await push(store);
    const again = meanwhile(summaryKey(repository, reference.digest), async (found) => {
      await deleteManifest(store, repository, reference, cause);
      return found;
    });
    await push(again);
    assert.equal(await platformOf(repository, reference.digest), 'linux/arm64');
  });
});
