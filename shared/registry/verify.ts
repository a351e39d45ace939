// Looks whether all that is stored is still what was pushed: every document, and every byte of every blob.

import { type Algorithm, algorithmOf, type Digest, digestOf, startHash } from '../oci/digest.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Document, Key, Transaction } from '../ports/documents.ts';
import {
  blobKey,
  blobLinkKey,
  blobLinksOf,
  blobObject,
  linkKey,
  manifestKey,
  type Repository,
  repositoryAt,
  summaryKey,
} from './layout.ts';
import {
  type BlobLink,
  type BlobRecord,
  type ManifestRecord,
  read,
  readAll,
  type TagRecord,
} from './records.ts';
import type { Store } from './store.ts';

export interface Damage {
  /** What a pull of it would fail with, for a person. */
  readonly problem: string;
  /** The repositories whose pulls it breaks. */
  readonly repositories: readonly RepositoryName[];
  /** Takes what is damaged away, so that pushing it again brings it back: until then it reads as absent. */
  setAside?: () => Promise<void>;
}

export interface Verified {
  blobs: number;
  bytes: number;
  manifests: number;
  tags: number;
}

const documentsPerPage = 500;

/** Kinds of documents that go with a manifest, in one transaction: their key ends in its digest. */
const goWithManifest: ReadonlySet<string> = new Set([
  'blobManifests',
  'parents',
  'referrers',
  'summaries',
]);

/**
 * Verifies a location, document by document, in the order of their keys. Reads every blob once.
 * Nothing may write meanwhile: what changes while it is looked at would be told as damage.
 * @param verified counts what was looked at, as it goes
 */
export async function* verifyAll(
  store: Store,
  location: string,
  verified: Verified,
): AsyncGenerator<Damage> {
  const lost = new Set<string>();
  for await (const { key, value } of documentsOf(store, [location])) {
    const [, project = '', kind = '', name = '', last = ''] = key;
    const repository = repositoryAt(location, name as RepositoryName);
    if (kind === 'blobs') {
      // The name of any repository of the project leads to the project's blobs.
      const inProject = { location, project, name: project as RepositoryName };
      yield* verifyBlob(store, inProject, name as Digest, value as BlobRecord, verified);
    } else if (kind === 'links') {
      yield* verifyLink(store, repository, last as Digest, value as BlobLink);
    } else if (kind === 'manifests') {
      verified.manifests += 1;
      yield* verifyManifest(store, repository, last as Digest, value as ManifestRecord);
    } else if (kind === 'tags') {
      verified.tags += 1;
      yield* verifyTag(store, repository, last, value as TagRecord);
    } else if (goWithManifest.has(kind)) {
      yield* verifyThere(store, repository, key.at(-1) as Digest, lost);
    }
  }
}

async function* documentsOf({ documents }: Store, prefix: Key): AsyncGenerator<Document> {
  let after: Key | undefined;
  for (;;) {
    const page = await documents.list({ prefix, after, limit: documentsPerPage });
    yield* page;
    after = page.at(-1)?.key;
    if (after === undefined || page.length < documentsPerPage) return;
  }
}

async function* verifyBlob(
  store: Store,
  inProject: Repository,
  digest: Digest,
  { state, size }: BlobRecord,
  verified: Verified,
): AsyncGenerator<Damage> {
  if (state === 'deleting') return;
  const actual = await readThrough(store, inProject, digest);
  verified.blobs += 1;
  verified.bytes += actual?.size ?? 0;
  if (actual?.size === size && actual.digest === digest) return;
  const links = await store.documents.list({
    prefix: blobLinksOf(inProject, digest),
    limit: Number.MAX_SAFE_INTEGER,
  });
  const problem =
    actual === undefined
      ? 'its bytes are gone'
      : actual.size === size
        ? `its bytes have the digest ${actual.digest}`
        : `it has ${actual.size} bytes, not ${size}`;
  yield {
    problem: `the blob ${digest} of ${inProject.project} is damaged: ${problem}`,
    repositories: links.map(({ key }) => key.at(-1) as RepositoryName),
    setAside: () => setBlobAside(store, inProject, digest),
  };
}

async function readThrough(
  { blobs }: Store,
  repository: Repository,
  digest: Digest,
): Promise<{ size: number; digest: Digest } | undefined> {
  const object = await blobs.read(blobObject(repository, digest));
  if (object === undefined) return undefined;
  const algorithm: Algorithm = algorithmOf(digest);
  const hash = startHash(algorithm);
  for await (const bytes of object.bytes) hash.update(bytes);
  return { size: object.size, digest: hash.digest() };
}

/**
 * The object first: while its record is there, a crash between leaves what the next run finds. An object
 * without a record would be taken for what a crash left of a push, and be trusted.
 */
async function setBlobAside(store: Store, inProject: Repository, digest: Digest): Promise<void> {
  const object = blobObject(inProject, digest);
  const stored = await store.blobs.stat(object);
  if (stored !== undefined) await store.blobs.delete(object, { ifGeneration: stored.generation });
  await store.documents.transact(async (transaction) => {
    const links = await transaction.list({
      prefix: blobLinksOf(inProject, digest),
      limit: Number.MAX_SAFE_INTEGER,
    });
    const holders = links.map(({ key }) => ({
      ...inProject,
      name: key.at(-1) as RepositoryName,
    }));
    const keys = holders.map((holder) => manifestKey(holder, digest));
    const manifests = await readAll(transaction, keys);
    for (const [at, holder] of holders.entries()) {
      transaction.delete(linkKey(holder, digest));
      transaction.delete(blobLinkKey(holder, digest));
      const manifest = manifests[at];
      // A large manifest whose bytes these were: a push would not bring back what is recorded.
      if (manifest !== undefined && manifest.bytes === undefined) {
        deleteManifestRecords(transaction, holder, digest);
      }
    }
    transaction.delete(blobKey(inProject, digest));
  });
}

async function* verifyLink(
  { documents }: Store,
  repository: Repository,
  digest: Digest,
  { size }: BlobLink,
): AsyncGenerator<Damage> {
  const blob = await read(documents, blobKey(repository, digest));
  if (blob !== undefined && blob.state !== 'deleting' && blob.size === size) return;
  yield {
    problem: `the repository ${repository.name} links the blob ${digest}, which its project does not hold`,
    repositories: [repository.name],
    setAside: () =>
      documents.transact(async (transaction) => {
        transaction.delete(linkKey(repository, digest));
        transaction.delete(blobLinkKey(repository, digest));
      }),
  };
}

async function* verifyManifest(
  { documents }: Store,
  repository: Repository,
  digest: Digest,
  { bytes, blobs, size }: ManifestRecord,
): AsyncGenerator<Damage> {
  const repositories = [repository.name];
  const isWhole =
    bytes === undefined ||
    (bytes.length === size && digestOf(bytes, algorithmOf(digest)) === digest);
  const summary = await read(documents, summaryKey(repository, digest));
  if (!isWhole || summary === undefined) {
    yield {
      problem: `the manifest ${digest} of ${repository.name} is damaged`,
      repositories,
      setAside: () => setManifestAside(documents, repository, digest),
    };
  }
  for (const blob of blobs) {
    if ((await read(documents, linkKey(repository, blob))) !== undefined) continue;
    const problem = `the manifest ${digest} of ${repository.name} names the blob ${blob}, which is not there: push it again`;
    yield { problem, repositories };
  }
}

/**
 * That the manifest is there which a document goes with. A child that was deleted is none of these: what went with it
 * has gone with it. @param lost those that were told already
 */
async function* verifyThere(
  { documents }: Store,
  repository: Repository,
  digest: Digest,
  lost: Set<string>,
): AsyncGenerator<Damage> {
  const known = `${repository.name} ${digest}`;
  if (lost.has(known)) return;
  if ((await read(documents, manifestKey(repository, digest))) !== undefined) return;
  lost.add(known);
  yield {
    problem: `the manifest ${digest} of ${repository.name} is lost: push it again`,
    repositories: [repository.name],
    setAside: () => setManifestAside(documents, repository, digest),
  };
}

/** What goes with it stays: it tells that the manifest is lost until it is pushed again. */
function setManifestAside(
  documents: Store['documents'],
  repository: Repository,
  digest: Digest,
): Promise<void> {
  return documents.transact(async (transaction) =>
    deleteManifestRecords(transaction, repository, digest),
  );
}

function deleteManifestRecords(
  transaction: Transaction,
  repository: Repository,
  digest: Digest,
): void {
  transaction.delete(manifestKey(repository, digest));
  transaction.delete(summaryKey(repository, digest));
}

async function* verifyTag(
  { documents }: Store,
  repository: Repository,
  tag: string,
  { digest }: TagRecord,
): AsyncGenerator<Damage> {
  if ((await read(documents, manifestKey(repository, digest))) !== undefined) return;
  const problem = `the tag ${tag} of ${repository.name} points at ${digest}, which is not there: push it again`;
  yield { problem, repositories: [repository.name] };
}
