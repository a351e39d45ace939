// How bytes come to lie under the blob's own name, whatever was there before: the blob's record decides.

import { type Algorithm, algorithmOf, type Digest, type Hasher, startHash } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { graceSeconds } from '../oci/limits.ts';
import {
  absent,
  type ByteRange,
  ObjectMissing,
  type ObjectName,
  type StoredObject,
} from '../ports/blobs.ts';
import { blobKey, blobObject, partObject, type Repository } from './layout.ts';
import { blobBusy, revive, type SeenObject } from './links.ts';
import { read, type UploadRecord } from './records.ts';
import type { UploadSession } from './sessions.ts';
import type { Store } from './store.ts';

export type Body = AsyncIterable<Uint8Array>;

/** Writes a body to the blob's own name, or, where the blob is already kept, only hashes it. */
export async function storeWhole(
  store: Store,
  repository: Repository,
  digest: Digest,
  body: Body,
): Promise<SeenObject | undefined> {
  const found = await findObject(store, repository, digest);
  const since = store.clock.now();
  const hasher = startHash(algorithmOf(digest));
  const verify = () => {
    if (hasher.digest() !== digest) throw wrongDigest(digest, hasher.digest());
  };
  if (found.kept) {
    for await (const bytes of body) hasher.update(bytes);
    verify();
    return undefined;
  }
  const stored = await store.blobs.write(blobObject(repository, digest), hashed(body, hasher), {
    ifGeneration: found.generation,
    verify,
  });
  return seen(store, repository, digest, { stored, since });
}

/** Joins a session's parts under the blob's own name, once their digest is sure. */
export async function storeParts(
  store: Store,
  { repository, id: session }: UploadSession,
  upload: UploadRecord,
  digest: Digest,
): Promise<SeenObject | undefined> {
  const known = upload.digest !== undefined && algorithmOf(upload.digest) === algorithmOf(digest);
  const objects = upload.parts.map(({ id }) => partObject(repository, session, id));
  const actual = known ? upload.digest : await digestOfObjects(store, objects, algorithmOf(digest));
  if (actual !== digest) throw wrongDigest(digest, actual);
  return storeObjects(store, repository, digest, { objects, size: upload.offset });
}

/**
 * Joins objects whose digest is sure under the blob's own name: a session's parts, or the same blob's
 * object in another project.
 * @throws ObjectMissing when one is gone
 */
export async function storeObjects(
  store: Store,
  repository: Repository,
  digest: Digest,
  { objects, size }: { readonly objects: readonly ObjectName[]; readonly size: number },
): Promise<SeenObject | undefined> {
  const found = await findObject(store, repository, digest);
  if (found.kept) return undefined;
  const since = store.clock.now();
  const stored = await store.blobs.compose(objects, blobObject(repository, digest), {
    ifGeneration: found.generation,
    size,
  });
  return seen(store, repository, digest, { stored, since });
}

/**
 * How the blob stands before its bytes are stored: `kept` when they need not be, and else the
 * generation to write over. A condemned blob is made live first, so that it stays while bytes arrive.
 * @throws RegistryError 503 where the object is going, and the store does not let it be written over: it is waited for
 */
async function findObject(
  store: Store,
  repository: Repository,
  digest: Digest,
): Promise<{ kept: true } | { kept: false; generation: string }> {
  const blob = await read(store.documents, blobKey(repository, digest));
  if (blob === undefined) return { kept: false, generation: absent };
  if (blob.state === 'condemned') await revive(store, repository, digest);
  const object = await store.blobs.stat(blobObject(repository, digest));
  if (blob.state !== 'deleting' && object?.size === blob.size) return { kept: true };
  if (object === undefined) return { kept: false, generation: absent };
  if (store.blobs.replaces) return { kept: false, generation: object.generation };
  if (blob.state === 'deleting') throw blobBusy();
  throw new Error(
    `the blob ${digest} of ${repository.project} is damaged: it has ${object.size} bytes, not ${blob.size}; once its object is deleted, it can be pushed again`,
  );
}

/**
 * What is known of the object once it was written: the object and since when, or `undefined` where the
 * blob's record is to decide when it is linked. A write that met another object proves nothing: another
 * client pushed the same blob meanwhile, or a crash left an object without a record. And a write long ago
 * (a long upload, an instance that froze) proves no more: what it wrote may have been recorded, condemned
 * and deleted since. The record is read first: an object without one is not about to be deleted.
 */
async function seen(
  store: Store,
  repository: Repository,
  digest: Digest,
  { stored, since }: { stored: StoredObject | undefined; since: number },
): Promise<SeenObject | undefined> {
  const isFresh = store.clock.now() - since < (graceSeconds * 1000) / 4;
  if (stored !== undefined && isFresh) return { ...stored, seenAt: since };
  // What is known is as old as the look at the record.
  const seenAt = store.clock.now();
  const blob = await read(store.documents, blobKey(repository, digest));
  if (blob !== undefined && blob.state !== 'deleting') return undefined;
  const object = await store.blobs.stat(blobObject(repository, digest));
  const isOther = stored !== undefined && stored.generation !== object?.generation;
  const isGoing = object?.generation === blob?.generation;
  if (object === undefined || isOther || isGoing) throw blobBusy();
  return { ...object, seenAt };
}

/**
 * The bytes of a blob that the repository links, or a range of them.
 * @param size the blob's, as its link tells
 * @throws Error when its object is gone or has another size: what is damaged is not sent as if it were whole
 */
export async function readBlob(
  { blobs }: Store,
  repository: Repository,
  { digest, size }: { readonly digest: Digest; readonly size: number },
  range?: ByteRange,
): Promise<AsyncIterable<Uint8Array>> {
  const object = await blobs.read(blobObject(repository, digest), range);
  if (object?.size === size) return object.bytes;
  throw new Error(
    `the blob ${digest} of ${repository.name} is damaged: it has ${object?.size ?? 'lost its'} bytes, not ${size}`,
  );
}

async function digestOfObjects(
  { blobs }: Store,
  objects: readonly ObjectName[],
  algorithm: Algorithm,
): Promise<Digest> {
  const hasher = startHash(algorithm);
  for (const object of objects) {
    const found = await blobs.read(object);
    if (found === undefined) throw new ObjectMissing(object);
    for await (const piece of found.bytes) hasher.update(piece);
  }
  return hasher.digest();
}

/** The body, seen by the hasher on its way. */
export async function* hashed(body: Body, hasher: Hasher | undefined): Body {
  for await (const bytes of body) {
    hasher?.update(bytes);
    yield bytes;
  }
}

function wrongDigest(expected: Digest, actual: Digest | undefined): RegistryError {
  return new RegistryError('DIGEST_INVALID', {
    message: `the bytes received have the digest ${actual}, not ${expected}`,
    detail: { expected, actual },
  });
}
