// Pushing a manifest: checked, then recorded with all that follows from it, in one transaction.

import { audit } from '../audit/entries.ts';
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
import type { Transaction } from '../ports/documents.ts';
import { type Described, platformsOf, readConfig } from './config.ts';
import {
  blobManifestKey,
  linkKey,
  manifestKey,
  parentKey,
  type Repository,
  referrerKey,
  repositoryKey,
  summaryKey,
} from './layout.ts';
import { type Cause, type Change, tell } from './outbox.ts';
import { type BlobLink, edge, type ManifestSummary, read, readAll, write } from './records.ts';
import type { Store } from './store.ts';
import { moveTag } from './tags.ts';
import { pushBlob } from './uploads.ts';

export interface PushedManifest {
  readonly digest: Digest;
  readonly subject: Digest | undefined;
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
  const { reference, bytes } = options;
  const digest = checkedDigest(bytes, reference);
  const manifest = parseManifest(bytes, options.contentType);
  checkAnnotations(manifest);
  const tags = reference.kind === 'tag' ? [reference.tag] : options.tags;
  for (let looksLeft = looksMax; ; looksLeft -= 1) {
    try {
      const pushed = { ...options, digest, manifest, tags, isLastLook: looksLeft === 1 };
      await pushOnce(store, repository, pushed);
      return { digest, subject: manifest.subject?.digest };
    } catch (error) {
      if (!(error instanceof ConfigUnread)) throw error;
    }
  }
}

/** A config is looked at so often at most; after that the image is taken without what it tells. */
const looksMax = 3;

/**
 * What a config tells is read before the transaction, which calls no other store. It was not read, because the config or
 * the need for it was not there yet, and the transaction finds both: others pushed or deleted the same meanwhile.
 */
class ConfigUnread extends Error {
  override readonly name = 'ConfigUnread';
}

/** @throws ConfigUnread unless it is the last look; RegistryError as {@link pushManifest} */
async function pushOnce(
  store: Store,
  repository: Repository,
  pushed: Cause & {
    readonly digest: Digest;
    readonly manifest: Manifest;
    readonly bytes: Uint8Array;
    readonly tags: readonly Tag[];
    readonly isLastLook: boolean;
  },
): Promise<void> {
  const { digest, manifest, bytes, tags, by } = pushed;
  const known = await read(store.documents, summaryKey(repository, digest));
  const told = known === undefined ? await readConfig(store, repository, manifest) : undefined;
  const config = told ?? (pushed.isLastLook ? {} : undefined);
  const large = bytes.length > manifestInlineBytesMax;
  if (large && known === undefined) await pushBlob(store, repository, digest, once(bytes));
  await store.documents.transact(async (transaction) => {
    const now = store.clock.now();
    const described = { digest, manifest, bytes, large, config, now };
    const plan = () => planManifest(transaction, repository, described);
    // What is most likely new is checked while it is looked whether it is.
    const [before, existing, planned, moves] = await Promise.all([
      read(transaction, summaryKey(repository, digest)),
      read(transaction, repositoryKey(repository)),
      known === undefined ? plan() : undefined,
      Promise.all(tags.map((tag) => moveTag(transaction, repository, { tag, digest, by, now }))),
    ]);
    const describe = before === undefined ? (planned ?? (await plan())) : undefined;
    describe?.();
    if (existing === undefined) write(transaction, repositoryKey(repository), { created: now });
    for (const move of moves) move();
    const change = { digest, mediaType: manifest.mediaType, size: bytes.length };
    const cause = { ...pushed, now };
    tell(transaction, repository, insertions(change, tags), cause);
    const { project, name } = repository;
    audit(transaction, { action: 'manifest.push', project, repository: name, digest, tags }, cause);
  });
}

function insertions(pushed: Omit<Change, 'action'>, tags: readonly Tag[]): Change[] {
  const insertion = { action: 'INSERT', ...pushed } as const;
  return tags.length === 0 ? [insertion] : tags.map((tag) => ({ ...insertion, tag }));
}

/**
 * Checks that everything named is there, and answers the writes that record the manifest.
 * @throws ConfigUnread from those writes when it is not known what the config tells
 */
async function planManifest(
  transaction: Transaction,
  repository: Repository,
  pushed: {
    readonly digest: Digest;
    readonly manifest: Manifest;
    readonly bytes: Uint8Array;
    readonly large: boolean;
    readonly config: Described | undefined;
    readonly now: number;
  },
): Promise<() => void> {
  const { digest, manifest, bytes, large, config, now } = pushed;
  const images = await checkNamed(transaction, repository, manifest, large ? digest : undefined);
  const named = blobsOf(manifest);
  const blobs = [...named.map((blob) => blob.digest), ...(large ? [digest] : [])];
  const children = childrenOf(manifest).map((child) => child.digest);
  const { mediaType, artifactType, annotations } = manifest;
  const subject = manifest.subject?.digest;
  const size = bytes.length;
  const imageSize = named.reduce((sum, blob) => sum + blob.size, 0);
  return () => {
    if (config === undefined) throw new ConfigUnread();
    const record = { mediaType, size, blobs, children, subject, bytes: large ? undefined : bytes };
    write(transaction, manifestKey(repository, digest), record);
    const summary = {
      ...{ mediaType, size, imageSize, uploaded: now, artifactType, subject },
      ...{ platforms: platformsOf(manifest), images: together(images), ...config },
    };
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
 * @returns what is known of the manifests it names
 */
async function checkNamed(
  transaction: Transaction,
  repository: Repository,
  manifest: Manifest,
  itself: Digest | undefined,
): Promise<readonly ManifestSummary[]> {
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
  if (wrong === undefined) {
    return found.slice(blobs.length, named.length) as readonly ManifestSummary[];
  }
  throw new RegistryError('MANIFEST_INVALID', {
    message: `manifest invalid: it gives ${wrong.digest} the size ${wrong.size}, which is not what the repository holds`,
    detail: { digest: wrong.digest, size: wrong.size },
  });
}

/** What an index's images are together, which lists show of it. */
function together(images: readonly ManifestSummary[]): ManifestSummary['images'] {
  if (images.length === 0) return undefined;
  const size = images.reduce((sum, one) => sum + one.imageSize + (one.images?.size ?? 0), 0);
  const times = images.flatMap((one) => one.created ?? one.images?.created ?? []);
  return { size, created: times.length === 0 ? undefined : Math.max(...times) };
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

async function* once(bytes: Uint8Array): AsyncIterable<Uint8Array> {
  yield bytes;
}
