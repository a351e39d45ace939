// Manifests: stored byte for byte, checked before, found by tag or digest. One transaction a change.

import { type AuditedChange, audit } from '../audit/entries.ts';
import { algorithmOf, type Digest, digestOf } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { Reference, Tag } from '../oci/reference.ts';
import { gather } from '../ports/blobs.ts';
import type { Transaction } from '../ports/documents.ts';
import { readBlob } from './contents.ts';
import { requireUnnamed } from './gcr-deletes.ts';
import {
  blobManifestKey,
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
import type { FoundManifest, ReadManifest, RecentManifest } from './recent-manifests.ts';
import { type ManifestRecord, read } from './records.ts';
import type { Store } from './store.ts';
import { removeTag } from './tags.ts';

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
 * Deletes a manifest with its tags, or one tag and nothing else. What the manifest named is reviewed.
 * @param options.asGcr whether a manifest that is tagged, or named by another, stays
 * @returns the tags that went
 * @throws RegistryError MANIFEST_UNKNOWN; by gcr.io's rules, one of its codes that says what names the manifest
 */
export async function deleteManifest(
  store: Store,
  repository: Repository,
  reference: Reference,
  { asGcr = false, ...cause }: Cause & { readonly asGcr?: boolean },
): Promise<readonly string[]> {
  return store.documents.transact(async (transaction) => {
    const changing = { by: cause.by, now: store.clock.now() };
    const removal =
      reference.kind === 'tag'
        ? await planUntag(transaction, repository, { tag: reference.tag, ...changing })
        : await planRemoval(transaction, repository, {
            digest: reference.digest,
            asGcr,
            ...changing,
          });
    if (removal === undefined) throw manifestUnknown(repository, reference);
    removal.write();
    tell(transaction, repository, removal.changes, { ...cause, ...changing });
    const tags = removal.changes.flatMap(({ tag }) => (tag === undefined ? [] : [tag]));
    const deleted = auditedDeletion(repository, reference, tags);
    audit(transaction, deleted, { ...cause, ...changing });
    return tags;
  });
}

/** The writes that remove something, and what is to be told of it. */
interface Removal {
  readonly write: () => void;
  readonly changes: readonly Change[];
}

/** What went: a tag, or a manifest with its tags. */
function auditedDeletion(
  { project, name }: Repository,
  reference: Reference,
  tags: readonly string[],
): AuditedChange {
  return reference.kind === 'tag'
    ? { action: 'tag.delete', project, repository: name, tags }
    : { action: 'manifest.delete', project, repository: name, digest: reference.digest, tags };
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
  { digest, asGcr, by, now }: { digest: Digest; asGcr: boolean; by: string; now: number },
): Promise<Removal | undefined> {
  const manifest = await read(transaction, manifestKey(repository, digest));
  if (manifest === undefined) return undefined;
  if (asGcr) await requireUnnamed(transaction, repository, digest);
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
