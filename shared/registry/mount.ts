// Mounting: a repository gets a blob that another one holds, with no upload (specification, "Mounting a blob
// from another repository").

import type { Digest } from '../oci/digest.ts';
import { mountSourcesMax } from '../oci/limits.ts';
import { parseRepositoryName, type RepositoryName } from '../oci/reference.ts';
import { ObjectMissing } from '../ports/blobs.ts';
import { storeObjects } from './contents.ts';
import { blobLinksOf, blobObject, linkKey, type Repository, repositoryAt } from './layout.ts';
import { findLink, planLink } from './links.ts';
import { read } from './records.ts';
import type { Store } from './store.ts';

/**
 * Links a blob of `from` into a repository. Inside a project the bytes are shared; into another project
 * of the location they are copied on the store's side.
 * @returns whether it did: `false` when `from` does not hold the blob
 */
export async function mountBlob(
  store: Store,
  { digest, from, into }: { digest: Digest; from: Repository; into: Repository },
): Promise<boolean> {
  if (from.project !== into.project) return copyBlob(store, { digest, from, into });
  return store.documents.transact(async (transaction) => {
    const [source, link] = await Promise.all([
      read(transaction, linkKey(from, digest)),
      planLink(transaction, store, into, digest),
    ]);
    if (source === undefined) return false;
    link();
    return true;
  });
}

/**
 * A repository of the same project that holds the blob and that the caller may pull from, for a mount
 * that names no source; `undefined` when there is none among the first `mountSourcesMax`.
 */
export async function findMountSource(
  { documents }: Store,
  into: Repository,
  digest: Digest,
  readable: (name: RepositoryName) => Promise<boolean>,
): Promise<Repository | undefined> {
  const edges = await documents.list({ prefix: blobLinksOf(into, digest), limit: mountSourcesMax });
  for (const { key } of edges) {
    const name = parseRepositoryName(key.at(-1) ?? '');
    if (name !== undefined && (await readable(name))) return repositoryAt(into.location, name);
  }
  return undefined;
}

async function copyBlob(
  store: Store,
  { digest, from, into }: { digest: Digest; from: Repository; into: Repository },
): Promise<boolean> {
  const link = await findLink(store, from, digest);
  if (link === undefined) return false;
  const source = { objects: [blobObject(from, digest)], size: link.size };
  try {
    const stored = await storeObjects(store, into, digest, source);
    await store.documents.transact(async (transaction) => {
      const link = await planLink(transaction, store, into, digest, stored);
      link();
    });
    return true;
  } catch (error) {
    // The source went meanwhile.
    if (error instanceof ObjectMissing) return false;
    throw error;
  }
}
