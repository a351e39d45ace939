// Which blobs are stored, and who may store one: the lease on its digest (layout.ts).

import type { Digest } from '../oci/digest.ts';
import { absent, type StoredObject } from '../ports/blobs.ts';
import type { Transaction } from '../ports/documents.ts';
import { type KeyOf, read, write } from '../registry/records.ts';
import type { Store } from '../registry/store.ts';
import {
  type BlobLease,
  blobObject,
  type MirroredBlob,
  type MirroredManifest,
  mirrorBlobKey,
  mirrorLeaseKey,
  mirrorReviewKey,
  newId,
} from './layout.ts';
import {
  mirrorAbandonedSeconds,
  mirrorLeaseRenewMs,
  mirrorLeaseSeconds,
  mirrorUseSeconds,
} from './limits.ts';

export type MirrorStore = Pick<Store, 'documents' | 'blobs' | 'clock'>;

/** The right to write, or remove, a blob's object. */
export interface HeldLease {
  readonly owner: string;
  /** Stops saying that it is held. */
  stop(): void;
}

/** A blob that is stored, or `undefined`; one read. */
export function findBlob(
  { documents }: MirrorStore,
  upstream: string,
  digest: Digest,
): Promise<MirroredBlob | undefined> {
  return read(documents, mirrorBlobKey(upstream, digest));
}

/**
 * Takes the right to store a blob, unless it is stored, or somebody has that right.
 * @param options.renew says again that it is held until that is stopped
 */
export async function takeLease(
  store: MirrorStore,
  upstream: string,
  digest: Digest,
): Promise<HeldLease | 'stored' | 'taken'> {
  const { documents, clock } = store;
  const owner = newId();
  const taken = await documents.transact(async (transaction) => {
    const [blob, lease] = await Promise.all([
      read(transaction, mirrorBlobKey(upstream, digest)),
      read(transaction, mirrorLeaseKey(upstream, digest)),
    ]);
    if (blob !== undefined) return 'stored';
    const now = clock.now();
    // Its own, where the answer to the first commit was lost.
    if (lease !== undefined && lease.until > now && lease.owner !== owner) return 'taken';
    writeLease(transaction, upstream, digest, { owner, until: now + mirrorLeaseSeconds * 1000 });
    // Whatever becomes of this process: that entry finds what it left.
    const due = now + mirrorAbandonedSeconds * 1000;
    write(transaction, mirrorReviewKey(due), { upstream, kind: 'blob', digest });
    return undefined;
  });
  if (taken !== undefined) return taken;
  const timer = setInterval(() => {
    // Where it cannot be renewed it ends, and what was written is not recorded.
    renew(store, upstream, digest, owner).catch(() => undefined);
  }, mirrorLeaseRenewMs).unref();
  return { owner, stop: () => clearInterval(timer) };
}

export function writeLease(
  transaction: Transaction,
  upstream: string,
  digest: Digest,
  lease: BlobLease,
): void {
  write(transaction, mirrorLeaseKey(upstream, digest), lease, { expiresAt: lease.until });
}

async function renew(
  { documents, clock }: MirrorStore,
  upstream: string,
  digest: Digest,
  owner: string,
): Promise<void> {
  await documents.transact(async (transaction) => {
    const lease = await read(transaction, mirrorLeaseKey(upstream, digest));
    if (lease?.owner !== owner) return;
    const until = clock.now() + mirrorLeaseSeconds * 1000;
    writeLease(transaction, upstream, digest, { owner, until });
  });
}

/** Gives the lease back, whoever may have it by now. */
export async function giveBack(
  { documents }: MirrorStore,
  upstream: string,
  digest: Digest,
  { owner, stop }: HeldLease,
): Promise<void> {
  stop();
  await documents.transact(async (transaction) => {
    const lease = await read(transaction, mirrorLeaseKey(upstream, digest));
    if (lease?.owner === owner) transaction.delete(mirrorLeaseKey(upstream, digest));
  });
}

/**
 * Stores a blob's bytes, whose lease is held, and records them.
 * @param verify throws where they are not the blob's: then nothing becomes visible
 * @returns whether they are stored; not, where the lease was lost meanwhile
 */
export async function storeBlob(
  store: MirrorStore,
  { upstream, digest, size }: { upstream: string; digest: Digest; size: () => number },
  {
    body,
    lease,
    verify,
  }: { body: AsyncIterable<Uint8Array>; lease: HeldLease; verify: () => void },
): Promise<boolean> {
  const object = blobObject(upstream, digest);
  // What lies there without a record was left by a crash: it is written over.
  const left = await store.blobs.stat(object);
  const ifGeneration = left?.generation ?? absent;
  const stored = await store.blobs.write(object, body, { ifGeneration, verify });
  return stored !== undefined && stored.size === size()
    ? record(store, upstream, digest, { stored, owner: lease.owner })
    : false;
}

async function record(
  { documents, clock }: MirrorStore,
  upstream: string,
  digest: Digest,
  { stored, owner }: { readonly stored: StoredObject; readonly owner: string },
): Promise<boolean> {
  return documents.transact(async (transaction) => {
    const [blob, lease] = await Promise.all([
      read(transaction, mirrorBlobKey(upstream, digest)),
      read(transaction, mirrorLeaseKey(upstream, digest)),
    ]);
    // Committed, and the answer to that was lost.
    if (blob?.generation === stored.generation) return true;
    if (lease?.owner !== owner) return false;
    const { size, generation } = stored;
    write(transaction, mirrorBlobKey(upstream, digest), { size, generation, used: clock.now() });
    transaction.delete(mirrorLeaseKey(upstream, digest));
    return true;
  });
}

/** Notes that something was used, no more often than once a day. */
export async function noteUse<R extends MirroredBlob | MirroredManifest>(
  { documents, clock }: MirrorStore,
  key: KeyOf<R>,
  used: number,
): Promise<void> {
  const now = clock.now();
  if (now - used < mirrorUseSeconds * 1000) return;
  await documents.transact(async (transaction) => {
    const record = await read(transaction, key);
    if (record !== undefined) write(transaction, key, { ...record, used: now });
  });
}
