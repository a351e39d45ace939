// Manifests: stored byte for byte, checked before, found by tag or digest. One transaction a change.

import { algorithmOf, type Digest, digestOf } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { manifestInlineBytesMax, referrerAnnotationsBytesMax } from '../oci/limits.ts';
import {
  blobsOf,
  childrenOf,
  type Manifest,
  parseManifest,
  requiredBlobs,
} from '../oci/manifest.ts';
import type { Reference, Tag } from '../oci/reference.ts';
import { gather } from '../ports/blobs.ts';
import type { Transaction } from '../ports/documents.ts';
import { readConfig } from './config.ts';
import { readBlob } from './contents.ts';
import {
  blobManifestKey,
  linkKey,
  manifestKey,
  manifestTagsOf,
  parentKey,
  type Repository,
  referrerKey,
  repositoryKey,
  summariesOf,
  summaryKey,
  tagKey,
} from './layout.ts';
import { reviewLink } from './links.ts';
import { type Cause, type Change, tell } from './outbox.ts';
import type { ReadManifest, RecentManifest } from './recent-manifests.ts';
import {
  type BlobLink,
  edge,
  type ManifestRecord,
  type ManifestSummary,
  read,
  readAll,
  write,
} from './records.ts';
import type { Store } from './store.ts';
import { moveTag, removeTag } from './tags.ts';
import { pushBlob } from './uploads.ts';

export interface FoundManifest {
  readonly digest: Digest;
  readonly mediaType: string;
  readonly size: number;
}

export interface PushedManifest {
  readonly digest: Digest;
  readonly subject: Digest | undefined;
}

/** Finds a manifest without its bytes, for HEAD. @throws RegistryError MANIFEST_UNKNOWN */
export async function findManifest(
  { documents, recent }: Store,
  repository: Repository,
  reference: Reference,
): Promise<FoundManifest> {
  const digest = await resolve(documents, repository, reference);
  const known = knownByTag(recent, repository, reference, digest);
  if (known !== undefined) return known;
  const summary =
    digest === undefined ? undefined : await read(documents, summaryKey(repository, digest));
  if (digest === undefined || summary === undefined) throw manifestUnknown(repository, reference);
  const found = { digest, mediaType: summary.mediaType, size: summary.size };
  recent?.keep(repository, found);
  return found;
}

/**
 * A manifest with its bytes, as they were pushed.
 * @throws RegistryError MANIFEST_UNKNOWN
 * @throws Error when the bytes are not those any more: what is damaged is not served
 */
export async function readManifest(
  store: Store,
  repository: Repository,
  reference: Reference,
): Promise<ReadManifest> {
  const found = await lookForManifest(store, repository, reference);
  if (found === undefined) throw manifestUnknown(repository, reference);
  return found;
}

/** As {@link readManifest}, for who is prepared that there is none. */
export async function lookForManifest(
  store: Store,
  repository: Repository,
  reference: Reference,
): Promise<ReadManifest | undefined> {
  const digest = await resolve(store.documents, repository, reference);
  const known = knownByTag(store.recent, repository, reference, digest);
  if (known?.bytes !== undefined) return known;
  if (digest === undefined) return undefined;
  const manifest = await read(store.documents, manifestKey(repository, digest));
  if (manifest === undefined) return undefined;
  const { mediaType, size } = manifest;
  const bytes = manifest.bytes ?? (await readLarge(store, repository, { digest, size }));
  if (digestOf(bytes, algorithmOf(digest)) !== digest) {
    throw new Error(
      `the manifest ${digest} of ${repository.name} is damaged: its digest is another`,
    );
  }
  const found = { digest, mediaType, size, bytes };
  store.recent?.keep(repository, found);
  return found;
}

/** What need not be read again: the tag that was just read points at it, so it is there. */
function knownByTag(
  recent: Store['recent'],
  repository: Repository,
  reference: Reference,
  digest: Digest | undefined,
): RecentManifest | undefined {
  if (reference.kind !== 'tag' || digest === undefined) return undefined;
  return recent?.find(repository, digest);
}

/**
 * Takes a manifest, and points tags at it.
 * @param options.reference what the client PUT it as; a tag is pointed at it
 * @param options.tags more tags (`?tag=`, end-7b)
 * @throws RegistryError MANIFEST_INVALID, DIGEST_INVALID, or MANIFEST_BLOB_UNKNOWN, which names
 *   everything that is missing; nothing was changed then
 */
export async function pushManifest(
  store: Store,
  repository: Repository,
  options: Cause & {
    readonly reference: Reference;
    readonly tags: readonly Tag[];
    readonly bytes: Uint8Array;
    readonly contentType: string | undefined;
  },
): Promise<PushedManifest> {
  const { reference, bytes, by } = options;
  const digest = checkedDigest(bytes, reference);
  const manifest = parseManifest(bytes, options.contentType);
  checkAnnotations(manifest);
  const tags = reference.kind === 'tag' ? [reference.tag] : options.tags;
  const known = await read(store.documents, summaryKey(repository, digest));
  const config = known === undefined ? await readConfig(store, repository, manifest) : {};
  const large = bytes.length > manifestInlineBytesMax;
  if (large && known === undefined) await pushBlob(store, repository, digest, once(bytes));
  await store.documents.transact(async (transaction) => {
    const now = store.clock.now();
    const described = { digest, manifest, bytes, large, config, now };
    const plan = () => planManifest(transaction, repository, described);
    // What is most likely new is checked while it is looked whether it is.
    const [pushed, existing, planned, moves] = await Promise.all([
      read(transaction, summaryKey(repository, digest)),
      read(transaction, repositoryKey(repository)),
      known === undefined ? plan() : undefined,
      Promise.all(tags.map((tag) => moveTag(transaction, repository, { tag, digest, by, now }))),
    ]);
    const describe = pushed === undefined ? (planned ?? (await plan())) : undefined;
    describe?.();
    if (existing === undefined) write(transaction, repositoryKey(repository), { created: now });
    for (const move of moves) move();
    const change = { digest, mediaType: manifest.mediaType, size: bytes.length };
    tell(transaction, repository, insertions(change, tags), { ...options, now });
  });
  return { digest, subject: manifest.subject?.digest };
}

/**
 * Deletes a manifest with its tags, or one tag and nothing else. What the manifest named is reviewed.
 * @throws RegistryError MANIFEST_UNKNOWN
 */
export async function deleteManifest(
  store: Store,
  repository: Repository,
  reference: Reference,
  cause: Cause,
): Promise<void> {
  await store.documents.transact(async (transaction) => {
    const changing = { by: cause.by, now: store.clock.now() };
    const removal =
      reference.kind === 'tag'
        ? await planUntag(transaction, repository, { tag: reference.tag, ...changing })
        : await planRemoval(transaction, repository, { digest: reference.digest, ...changing });
    if (removal === undefined) throw manifestUnknown(repository, reference);
    removal.write();
    tell(transaction, repository, removal.changes, { ...cause, ...changing });
  });
}

function insertions(pushed: Omit<Change, 'action'>, tags: readonly Tag[]): Change[] {
  const insertion = { action: 'INSERT', ...pushed } as const;
  return tags.length === 0 ? [insertion] : tags.map((tag) => ({ ...insertion, tag }));
}

/** The writes that remove something, and what is to be told of it. */
interface Removal {
  readonly write: () => void;
  readonly changes: readonly Change[];
}

/** Checks that everything named is there, and answers the writes that record the manifest. */
async function planManifest(
  transaction: Transaction,
  repository: Repository,
  pushed: {
    readonly digest: Digest;
    readonly manifest: Manifest;
    readonly bytes: Uint8Array;
    readonly large: boolean;
    readonly config: Pick<ManifestSummary, 'created' | 'platform'>;
    readonly now: number;
  },
): Promise<() => void> {
  const { digest, manifest, bytes, large, config, now } = pushed;
  await checkNamed(transaction, repository, manifest, large ? digest : undefined);
  const named = blobsOf(manifest);
  const blobs = [...named.map((blob) => blob.digest), ...(large ? [digest] : [])];
  const children = childrenOf(manifest).map((child) => child.digest);
  const { mediaType, artifactType, annotations } = manifest;
  const subject = manifest.subject?.digest;
  const size = bytes.length;
  const imageSize = named.reduce((sum, blob) => sum + blob.size, 0);
  return () => {
    const record = { mediaType, size, blobs, children, subject, bytes: large ? undefined : bytes };
    write(transaction, manifestKey(repository, digest), record);
    const summary = { mediaType, size, imageSize, uploaded: now, artifactType, subject, ...config };
    write(transaction, summaryKey(repository, digest), summary);
    for (const blob of blobs) write(transaction, blobManifestKey(repository, blob, digest), edge);
    for (const child of children) write(transaction, parentKey(repository, child, digest), edge);
    if (subject === undefined) return;
    const referrer = { mediaType, size, artifactType, annotations };
    write(transaction, referrerKey(repository, subject, digest), referrer);
  };
}

/**
 * "A registry MAY reject a manifest … with descriptors … that reference a manifest or blob that does
 * not exist": Berth does, so that what was pushed can be pulled. A missing subject is accepted.
 */
async function checkNamed(
  transaction: Transaction,
  repository: Repository,
  manifest: Manifest,
  itself: Digest | undefined,
): Promise<void> {
  const blobs = requiredBlobs(manifest);
  const children = childrenOf(manifest);
  const keys = [
    ...blobs.map((blob) => linkKey(repository, blob.digest)),
    ...children.map((child) => summaryKey(repository, child.digest)),
    ...(itself === undefined ? [] : [linkKey(repository, itself)]),
  ];
  const found = await readAll<BlobLink | ManifestSummary>(transaction, keys);
  const named = [...blobs, ...children];
  const missing = named.filter((_, at) => found[at] === undefined);
  if (missing.length > 0)
    throw namedUnknown(
      repository,
      missing.map(({ digest }) => digest),
    );
  // Its own bytes were stored a moment ago; a DELETE of that blob came between. The client pushes again.
  if (itself !== undefined && found.at(-1) === undefined) throw namedUnknown(repository, [itself]);
  const wrong = named.find((descriptor, at) => found[at]?.size !== descriptor.size);
  if (wrong === undefined) return;
  throw new RegistryError('MANIFEST_INVALID', {
    message: `manifest invalid: it gives ${wrong.digest} the size ${wrong.size}, which is not what the repository holds`,
    detail: { digest: wrong.digest, size: wrong.size },
  });
}

async function planUntag(
  transaction: Transaction,
  repository: Repository,
  { tag, by, now }: { tag: Tag; by: string; now: number },
): Promise<Removal | undefined> {
  const remove = await removeTag(transaction, repository, { tag, by, now });
  return remove && { write: remove, changes: [{ action: 'DELETE', tag }] };
}

async function planRemoval(
  transaction: Transaction,
  repository: Repository,
  { digest, by, now }: { digest: Digest; by: string; now: number },
): Promise<Removal | undefined> {
  const manifest = await read(transaction, manifestKey(repository, digest));
  if (manifest === undefined) return undefined;
  const [edges, left] = await Promise.all([
    transaction.list({
      prefix: manifestTagsOf(repository, digest),
      limit: Number.MAX_SAFE_INTEGER,
    }),
    transaction.list({ prefix: summariesOf(repository), limit: 2 }),
  ]);
  const untags = await Promise.all(
    edges.map(({ key }) => planUntag(transaction, repository, { tag: key.at(-1) as Tag, by, now })),
  );
  const { mediaType, size } = manifest;
  const untagged = untags.flatMap((untag) => untag?.changes ?? []);
  return {
    changes: [...untagged, { action: 'DELETE', digest, mediaType, size }],
    write: () => {
      for (const untag of untags) untag?.write();
      removeRecords(transaction, repository, digest, manifest);
      for (const blob of manifest.blobs) reviewLink(transaction, repository, blob, now);
      if (left.length === 1) transaction.delete(repositoryKey(repository));
    },
  };
}

function removeRecords(
  transaction: Transaction,
  repository: Repository,
  digest: Digest,
  { blobs, children, subject }: ManifestRecord,
): void {
  transaction.delete(manifestKey(repository, digest));
  transaction.delete(summaryKey(repository, digest));
  for (const blob of blobs) transaction.delete(blobManifestKey(repository, blob, digest));
  for (const child of children) transaction.delete(parentKey(repository, child, digest));
  if (subject !== undefined) transaction.delete(referrerKey(repository, subject, digest));
}

async function resolve(
  documents: Store['documents'],
  repository: Repository,
  reference: Reference,
): Promise<Digest | undefined> {
  if (reference.kind === 'digest') return reference.digest;
  return (await read(documents, tagKey(repository, reference.tag)))?.digest;
}

async function readLarge(
  store: Store,
  repository: Repository,
  blob: { readonly digest: Digest; readonly size: number },
): Promise<Uint8Array> {
  return gather(await readBlob(store, repository, blob));
}

function checkedDigest(bytes: Uint8Array, reference: Reference): Digest {
  if (reference.kind === 'tag') return digestOf(bytes);
  const actual = digestOf(bytes, algorithmOf(reference.digest));
  if (actual === reference.digest) return actual;
  throw new RegistryError('DIGEST_INVALID', {
    message: `the manifest received has the digest ${actual}, not ${reference.digest}`,
    detail: { expected: reference.digest, actual },
  });
}

function checkAnnotations({ subject, annotations }: Manifest): void {
  if (subject === undefined || annotations === undefined) return;
  if (Buffer.byteLength(JSON.stringify(annotations)) <= referrerAnnotationsBytesMax) return;
  throw new RegistryError('MANIFEST_INVALID', {
    message: `manifest invalid: the annotations of a manifest with a subject may have at most ${referrerAnnotationsBytesMax} bytes`,
  });
}

function namedUnknown({ name }: Repository, missing: readonly Digest[]): RegistryError {
  return new RegistryError('MANIFEST_BLOB_UNKNOWN', {
    each: missing.map((digest) => ({
      message: `the manifest names ${digest}, which the repository ${name} does not hold: push it first`,
      detail: { digest },
    })),
  });
}

function manifestUnknown({ name }: Repository, reference: Reference): RegistryError {
  const wanted = reference.kind === 'tag' ? `tag ${reference.tag}` : reference.digest;
  return new RegistryError('MANIFEST_UNKNOWN', {
    message: `the repository ${name} has no manifest ${wanted}`,
    detail: {
      name,
      ...(reference.kind === 'tag' ? { tag: reference.tag } : { digest: reference.digest }),
    },
  });
}

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
