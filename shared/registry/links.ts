// Links and leases: how a repository holds a blob, and how a blob that is wanted again is kept.
// The protocol with the collector (collect.ts):
// - A link is the right to read, and the only thing that keeps a blob. While one exists, its blob is live.
// - Every way a client learns "you need not upload this" leases the link in the same transaction.
// - A link without a manifest always has a review ahead of it.

import { type Author, audit } from '../audit/entries.ts';
import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { graceSeconds, leaseRenewSeconds, leaseSeconds } from '../oci/limits.ts';
import type { StoredObject } from '../ports/blobs.ts';
import type { Transaction } from '../ports/documents.ts';
import {
  blobKey,
  blobLinkKey,
  blobManifestsOf,
  linkKey,
  type Repository,
  reviewKey,
} from './layout.ts';
import { type BlobLink, type BlobRecord, edge, read, write } from './records.ts';
import type { Store } from './store.ts';

/** An object as a request wrote or found it, and when: what is known of an object grows old. */
export interface SeenObject extends StoredObject {
  /** Milliseconds since 1970. */
  readonly seenAt: number;
}

/** The link, or `undefined` when the repository does not hold the blob. One plain read. */
export function findLink(
  { documents }: Store,
  repository: Repository,
  digest: Digest,
): Promise<BlobLink | undefined> {
  return read(documents, linkKey(repository, digest));
}

/**
 * The link, leased: for HEAD, whose 200 tells a client that it need not upload. One plain read while
 * enough of the lease is left.
 */
export async function leaseLink(
  store: Store,
  repository: Repository,
  digest: Digest,
): Promise<BlobLink | undefined> {
  const link = await findLink(store, repository, digest);
  if (link === undefined || !needsLease(link, store.clock.now())) return link;
  return store.documents.transact(async (transaction) => {
    const current = await read(transaction, linkKey(repository, digest));
    if (current === undefined) return undefined;
    const leased = { ...current, leasedUntil: store.clock.now() + leaseSeconds * 1000 };
    write(transaction, linkKey(repository, digest), leased);
    return leased;
  });
}

/**
 * Reads what is needed to link a blob into a repository, and answers the writes that do it: reads
 * come before writes, and the caller has more of both.
 * @param stored the object as the caller wrote or found it; without it the blob must have a record
 * @returns the writes, which throw RegistryError 503 when the blob is being deleted at this moment, or when
 *   `stored` was seen so long ago (an instance that froze) that it may have been deleted since
 */
export async function planLink(
  transaction: Transaction,
  { clock }: Store,
  repository: Repository,
  digest: Digest,
  stored?: SeenObject,
): Promise<() => void> {
  const [blob, link] = await Promise.all([
    read(transaction, blobKey(repository, digest)),
    read(transaction, linkKey(repository, digest)),
  ]);
  const now = clock.now();
  const leasedUntil = now + leaseSeconds * 1000;
  return () => {
    const live = livened(blob, stored, now);
    if (live !== blob) write(transaction, blobKey(repository, digest), live);
    if (link !== undefined && !needsLease(link, now)) return;
    write(transaction, linkKey(repository, digest), { size: live.size, leasedUntil });
    if (link !== undefined) return;
    write(transaction, blobLinkKey(repository, digest), edge);
    reviewLink(transaction, repository, digest, leasedUntil);
  };
}

/** The blob's record once it is linked: the same object when it need not be written. */
function livened(
  blob: BlobRecord | undefined,
  stored: SeenObject | undefined,
  now: number,
): BlobRecord {
  if (stored !== undefined && stored.generation !== blob?.generation) {
    if (now - stored.seenAt > (graceSeconds * 1000) / 2) throw blobBusy();
    return { state: 'live', since: now, size: stored.size, generation: stored.generation };
  }
  if (blob?.state === 'live') return blob;
  if (blob?.state === 'condemned') return { ...blob, state: 'live', since: now };
  // Its object is going this very moment, or has gone: only a new object can bring it back.
  throw blobBusy();
}

/**
 * Makes a condemned blob live before its bytes arrive again, so that it cannot go while they do.
 * It has no link yet: a review is set for the case that none comes.
 */
export async function revive(store: Store, repository: Repository, digest: Digest): Promise<void> {
  await store.documents.transact(async (transaction) => {
    const blob = await read(transaction, blobKey(repository, digest));
    if (blob?.state !== 'condemned') return;
    const now = store.clock.now();
    write(transaction, blobKey(repository, digest), { ...blob, state: 'live', since: now });
    reviewBlob(transaction, repository, digest, now + leaseSeconds * 1000);
  });
}

/**
 * Removes a repository's link, for DELETE of a blob, and writes it down in the audit. That a blob was uploaded or
 * mounted is not: it changes no image.
 * @throws RegistryError BLOB_UNKNOWN; UNSUPPORTED while a manifest of the repository names the blob
 */
export async function unlink(
  store: Store,
  repository: Repository,
  digest: Digest,
  author: Author,
): Promise<void> {
  await store.documents.transact(async (transaction) => {
    const link = await read(transaction, linkKey(repository, digest));
    if (link === undefined) throw blobUnknown(repository, digest);
    const [naming] = await transaction.list({
      prefix: blobManifestsOf(repository, digest),
      limit: 1,
    });
    if (naming !== undefined) throw blobInUse(digest, naming.key.at(-1) ?? '');
    const now = store.clock.now();
    dropLink(transaction, repository, digest, now);
    const { project, name } = repository;
    audit(
      transaction,
      { action: 'blob.delete', project, repository: name, digest },
      { ...author, now },
    );
  });
}

/** Writes that remove a link which nothing keeps. What becomes of the blob is reviewed. */
export function dropLink(
  transaction: Transaction,
  repository: Repository,
  digest: Digest,
  now: number,
): void {
  transaction.delete(linkKey(repository, digest));
  transaction.delete(blobLinkKey(repository, digest));
  reviewBlob(transaction, repository, digest, now);
}

export function reviewLink(
  transaction: Transaction,
  { location, name }: Repository,
  digest: Digest,
  dueMs: number,
): void {
  write(transaction, reviewKey(location, name + digest, dueMs), { kind: 'link', name, digest });
}

export function reviewBlob(
  transaction: Transaction,
  { location, name }: Repository,
  digest: Digest,
  dueMs: number,
): void {
  write(transaction, reviewKey(location, digest, dueMs), { kind: 'blob', name, digest });
}

function needsLease(link: BlobLink, now: number): boolean {
  return link.leasedUntil - now <= leaseRenewSeconds * 1000;
}

export function blobUnknown({ name }: Repository, digest: Digest): RegistryError {
  return new RegistryError('BLOB_UNKNOWN', {
    message: `the repository ${name} holds no blob ${digest}`,
    detail: { name, digest },
  });
}

function blobInUse(digest: Digest, manifest: string): RegistryError {
  return new RegistryError('UNSUPPORTED', {
    message: `the blob is part of the manifest ${manifest}: delete that first, or leave the blob to be collected with it`,
    detail: { digest, manifest },
    headers: { Allow: 'GET, HEAD' },
  });
}

/** The rare case that a blob is being deleted at this moment: the client tries again. */
export function blobBusy(): RegistryError {
  return new RegistryError('BLOB_UPLOAD_INVALID', {
    message: 'this blob is being removed at this moment: upload it again',
    status: 503,
    headers: { 'Retry-After': '1' },
  });
}
