// The collector: removes what nothing wants any more, while pushes run. It costs what changed, not what
// is stored: it looks only at what was put up for review. The protocol with pushes is in links.ts.
//   a link   goes when no manifest of its repository names it and its lease is over
//   a blob   live → condemned, when no link is left
//            condemned → deleting, when the grace is over
//            deleting: its object of that generation is deleted, then the record
// Two states would lose data: a push could revive a blob whose object is being deleted by generation.

import type { Digest } from '../oci/digest.ts';
import { graceSeconds, reviewsAtOnce, reviewsPerRunMax } from '../oci/limits.ts';
import type { Document, Key, Transaction } from '../ports/documents.ts';
import { secondsBehind } from './behind.ts';
import {
  blobKey,
  blobLinksOf,
  blobManifestsOf,
  blobObject,
  dueAt,
  linkKey,
  type Repository,
  repositoryAt,
  reviewShards,
  reviewsOf,
} from './layout.ts';
import { dropLink, reviewBlob, reviewLink } from './links.ts';
import { type BlobRecord, type ReviewRecord, read, write } from './records.ts';
import type { Store } from './store.ts';

export interface Collected {
  readonly reviewed: number;
  /** Objects deleted, and their bytes. */
  readonly blobs: number;
  readonly bytes: number;
  /** What reviews failed with: they stay, and the next run takes them up again. */
  readonly failures: readonly unknown[];
  /** How long ago the oldest review was due that is not done; 0 where all were done that were due when it began. */
  readonly lagSeconds: number;
}

/** Takes up the reviews of a location that are due, at most `reviewsPerRunMax`; one failing stops none. */
export async function collectOnce(store: Store, location: string): Promise<Collected> {
  const { due, beyond } = await dueReviews(store, location);
  const left = [...beyond];
  const deleted: number[] = [];
  const failures: unknown[] = [];
  for (const { key, value } of due) {
    try {
      const size = await review(store, location, key, value as ReviewRecord);
      if (size !== undefined) deleted.push(size);
    } catch (error) {
      failures.push(error);
      left.push(key);
    }
  }
  const bytes = deleted.reduce((sum, size) => sum + size, 0);
  const lagSeconds = secondsBehind(store.clock.now(), left.map(dueAt));
  return { reviewed: due.length, blobs: deleted.length, bytes, failures, lagSeconds };
}

/** @returns what this run takes up, and the first of what it does not, of each shard that has more */
async function dueReviews(
  store: Store,
  location: string,
): Promise<{ readonly due: readonly Document[]; readonly beyond: readonly Key[] }> {
  const limit = Math.ceil(reviewsPerRunMax / reviewShards.length);
  const shards = await Promise.all(
    reviewShards.map((shard) => dueIn(store, reviewsOf(location, shard), limit + 1)),
  );
  return {
    due: shards.flatMap((shard) => shard.slice(0, limit)),
    beyond: shards.flatMap((shard) => shard.slice(limit).map(({ key }) => key)),
  };
}

/** A shard's oldest. Most of a shard is due another day: so one is looked at first, and never many that are not due. */
async function dueIn({ documents, clock }: Store, prefix: Key, limit: number): Promise<Document[]> {
  const now = clock.now();
  const isDue = ({ key }: Document) => dueAt(key) <= now;
  const due: Document[] = [];
  for (let atOnce = 1; due.length < limit; atOnce = reviewsAtOnce) {
    const count = Math.min(atOnce, limit - due.length);
    const oldest = await documents.list({ prefix, after: due.at(-1)?.key, limit: count });
    due.push(...oldest.filter(isDue));
    if (oldest.length < count || !oldest.every(isDue)) break;
  }
  return due;
}

/** @returns the size of the object that was deleted, when one was */
async function review(
  store: Store,
  location: string,
  entry: Key,
  { kind, name, digest }: ReviewRecord,
): Promise<number | undefined> {
  const repository = repositoryAt(location, name);
  if (kind === 'link') {
    await reviewOfLink(store, repository, entry, digest);
    return undefined;
  }
  const doomed = await reviewOfBlob(store, repository, entry, digest);
  return doomed === undefined ? undefined : deleteBlob(store, repository, entry, digest, doomed);
}

async function reviewOfLink(
  store: Store,
  repository: Repository,
  entry: Key,
  digest: Digest,
): Promise<void> {
  await store.documents.transact(async (transaction) => {
    const [due, link, named] = await Promise.all([
      transaction.get(entry),
      read(transaction, linkKey(repository, digest)),
      exists(transaction, blobManifestsOf(repository, digest)),
    ]);
    if (due === undefined) return;
    const now = store.clock.now();
    transaction.delete(entry);
    if (link === undefined || named) return;
    if (link.leasedUntil > now) reviewLink(transaction, repository, digest, link.leasedUntil);
    else dropLink(transaction, repository, digest, now);
  });
}

/** One step of a blob towards its end. @returns its record once its object may be deleted */
async function reviewOfBlob(
  store: Store,
  repository: Repository,
  entry: Key,
  digest: Digest,
): Promise<BlobRecord | undefined> {
  return store.documents.transact(async (transaction) => {
    const [due, blob, linked] = await Promise.all([
      transaction.get(entry),
      read(transaction, blobKey(repository, digest)),
      exists(transaction, blobLinksOf(repository, digest)),
    ]);
    if (due === undefined) return undefined;
    const now = store.clock.now();
    if (blob?.state === 'deleting') return blob;
    const graceOver = (blob?.since ?? now) + graceSeconds * 1000;
    if (blob?.state === 'condemned' && graceOver <= now) {
      const doomed = { ...blob, state: 'deleting', since: now } as const;
      write(transaction, blobKey(repository, digest), doomed);
      return doomed;
    }
    transaction.delete(entry);
    if (blob === undefined || linked) return undefined;
    if (blob.state === 'condemned') reviewBlob(transaction, repository, digest, graceOver);
    else condemn(transaction, repository, digest, blob, now);
    return undefined;
  });
}

function condemn(
  transaction: Transaction,
  repository: Repository,
  digest: Digest,
  blob: BlobRecord,
  now: number,
): void {
  write(transaction, blobKey(repository, digest), { ...blob, state: 'condemned', since: now });
  reviewBlob(transaction, repository, digest, now + graceSeconds * 1000);
}

/**
 * Deletes the object, then the record: a crash between leaves a record to do it again, never an object
 * that nobody knows. An upload that wrote over the object has another generation, and is left alone: where
 * it did not come to link it, the new object is condemned in its turn.
 */
async function deleteBlob(
  { documents, blobs, clock }: Store,
  repository: Repository,
  entry: Key,
  digest: Digest,
  doomed: BlobRecord,
): Promise<number | undefined> {
  const object = blobObject(repository, digest);
  const deleted = await blobs.delete(object, { ifGeneration: doomed.generation });
  const other = await blobs.stat(object);
  await documents.transact(async (transaction) => {
    const blob = await read(transaction, blobKey(repository, digest));
    const unchanged = blob?.state === 'deleting' && blob.generation === doomed.generation;
    transaction.delete(entry);
    if (!unchanged) return;
    if (other === undefined) transaction.delete(blobKey(repository, digest));
    else condemn(transaction, repository, digest, { ...blob, ...other }, clock.now());
  });
  return deleted ? doomed.size : undefined;
}

async function exists(transaction: Transaction, prefix: Key): Promise<boolean> {
  return (await transaction.list({ prefix, limit: 1 })).length > 0;
}
