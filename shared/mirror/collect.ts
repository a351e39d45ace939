// What nobody pulled for a while goes, and what a crash left behind: by reviews, as the registry's own collector (the protocol
// stands in layout.ts).

import { reviewsPerRunMax } from '../oci/limits.ts';
import type { Key } from '../ports/documents.ts';
import { secondsBehind } from '../registry/behind.ts';
import { dueAt } from '../registry/layout.ts';
import { read, write } from '../registry/records.ts';
import { type MirrorStore, writeLease } from './blobs.ts';
import {
  blobObject,
  type MirroredBlob,
  type MirrorReview,
  mirrorBlobKey,
  mirrorLeaseKey,
  mirrorManifestKey,
  mirrorReviewKey,
  mirrorReviews,
  newId,
} from './layout.ts';
import { mirrorLeaseSeconds, mirrorUseSeconds } from './limits.ts';

export interface CollectedOfMirrors {
  readonly reviewed: number;
  /** Objects deleted, and their bytes. */
  readonly blobs: number;
  readonly bytes: number;
  /** What reviews failed with: they stay for the next run. */
  readonly failures: readonly unknown[];
  /** How long ago the oldest review was due that is not done; 0 where all were. */
  readonly lagSeconds: number;
}

const dayMs = 24 * 60 * 60 * 1000;

/** Takes up the reviews that are due, at most `reviewsPerRunMax`. @param keepDays how long something unused is kept */
export async function collectMirrors(
  store: MirrorStore,
  keepDays: number,
): Promise<CollectedOfMirrors> {
  let [reviewed, blobs, bytes] = [0, 0, 0];
  const failures: unknown[] = [];
  const left: Key[] = [];
  let after: Key | undefined;
  for (let limit = 1; ; limit = reviewed < reviewsPerRunMax ? 100 : 1) {
    const oldest = await store.documents.list({ prefix: mirrorReviews, after, limit });
    const now = store.clock.now();
    const due = oldest.filter(({ key }) => dueAt(key) <= now);
    if (reviewed >= reviewsPerRunMax) {
      // For another run: it is only told how long they wait.
      left.push(...due.map(({ key }) => key));
      break;
    }
    for (const { key, value } of due) {
      try {
        const size = await review(store, key, value as MirrorReview, keepDays);
        if (size !== undefined) [blobs, bytes] = [blobs + 1, bytes + size];
      } catch (error) {
        failures.push(error);
        left.push(key);
      }
    }
    reviewed += due.length;
    after = due.at(-1)?.key;
    if (due.length < limit) break;
  }
  const lagSeconds = secondsBehind(store.clock.now(), left.map(dueAt));
  return { reviewed, blobs, bytes, failures, lagSeconds };
}

/** @returns the size of the object that was deleted, where one was */
function review(
  store: MirrorStore,
  entry: Key,
  subject: MirrorReview,
  keepDays: number,
): Promise<number | undefined> {
  // When something was used is known to the day.
  const keepMs = keepDays * dayMs + mirrorUseSeconds * 1000;
  return subject.kind === 'manifest'
    ? reviewOfManifest(store, entry, subject, keepMs)
    : reviewOfBlob(store, entry, subject, keepMs);
}

async function reviewOfManifest(
  { documents, clock }: MirrorStore,
  entry: Key,
  subject: MirrorReview,
  keepMs: number,
): Promise<undefined> {
  const key = mirrorManifestKey(subject.upstream, subject.digest);
  await documents.transact(async (transaction) => {
    const [due, manifest] = await Promise.all([transaction.get(entry), read(transaction, key)]);
    if (due === undefined) return;
    transaction.delete(entry);
    if (manifest === undefined) return;
    const until = manifest.used + keepMs;
    if (until > clock.now()) write(transaction, mirrorReviewKey(until), subject);
    else transaction.delete(key);
  });
}

async function reviewOfBlob(
  store: MirrorStore,
  entry: Key,
  subject: MirrorReview,
  keepMs: number,
): Promise<number | undefined> {
  const { upstream, digest } = subject;
  const { documents, blobs, clock } = store;
  const owner = newId();
  const doomed = await documents.transact(async (transaction) => {
    const [due, blob, lease] = await Promise.all([
      transaction.get(entry),
      read(transaction, mirrorBlobKey(upstream, digest)),
      read(transaction, mirrorLeaseKey(upstream, digest)),
    ]);
    if (due === undefined) return undefined;
    const now = clock.now();
    const isHeld = lease !== undefined && lease.until > now && lease.owner !== owner;
    const until = isHeld ? lease.until : (blob?.used ?? 0) + keepMs;
    if (until > now) {
      transaction.delete(entry);
      write(transaction, mirrorReviewKey(until), subject);
      return undefined;
    }
    // The entry stays until the object is gone, and so does the lease: who dies here is done after.
    writeLease(transaction, upstream, digest, { owner, until: now + mirrorLeaseSeconds * 1000 });
    if (blob !== undefined) transaction.delete(mirrorBlobKey(upstream, digest));
    return { blob };
  });
  if (doomed === undefined) return undefined;
  const deleted = await deleteObject(blobs, subject, doomed.blob);
  await documents.transact(async (transaction) => {
    const lease = await read(transaction, mirrorLeaseKey(upstream, digest));
    transaction.delete(entry);
    if (lease?.owner === owner) transaction.delete(mirrorLeaseKey(upstream, digest));
  });
  return deleted;
}

/** Its very generation: what is written over it later stays. */
async function deleteObject(
  blobs: MirrorStore['blobs'],
  { upstream, digest }: MirrorReview,
  blob: MirroredBlob | undefined,
): Promise<number | undefined> {
  const name = blobObject(upstream, digest);
  const object = blob ?? (await blobs.stat(name));
  if (object === undefined) return undefined;
  const isDeleted = await blobs.delete(name, { ifGeneration: object.generation });
  return isDeleted ? object.size : undefined;
}
