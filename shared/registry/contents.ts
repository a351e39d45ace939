// How bytes come to lie under the blob's own name, whatever was there before: the blob's record decides.

import { type Algorithm, algorithmOf, type Digest, type Hasher, startHash } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { graceSeconds } from '../oci/limits.ts';
import { absent, ObjectMissing, type ObjectName, type StoredObject } from '../ports/blobs.ts';
import { blobKey, blobObject, type Repository } from './layout.ts';
import { blobBusy, revive, type SeenObject } from './links.ts';
import { read, type UploadRecord } from './records.ts';
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
  repository: Repository,
  upload: UploadRecord,
  digest: Digest,
): Promise<SeenObject | undefined> {
  const known = upload.digest !== undefined && algorithmOf(upload.digest) === algorithmOf(digest);
  const objects = upload.parts.map(({ object }) => object);
  const actual = known ? upload.digest : await digestOfObjects(store, objects, algorithmOf(digest));
  if (actual !== digest) throw wrongDigest(digest, actual);
  const found = await findObject(store, repository, digest);
  if (found.kept) return undefined;
  const since = store.clock.now();
  const stored = await store.blobs.compose(objects, blobObject(repository, digest), {
    ifGeneration: found.generation,
  });
  return seen(store, repository, digest, { stored, since });
}

/**
 * How the blob stands before its bytes are stored: `kept` when they need not be, and else the
 * generation to write over. A condemned blob is made live first, so that it stays while bytes arrive.
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
  return { kept: false, generation: object?.generation ?? absent };
}

/**
 * The object that was written, and since when it is known. Where none was, the name was taken: another
 * client pushed the same blob meanwhile, or a crash left an object without a record. That it is taken
 * proves nothing: the blob's record decides, and where there is none, the object itself. (The record is
 * read first: an object without a record is not about to be deleted.)
 */
async function seen(
  store: Store,
  repository: Repository,
  digest: Digest,
  { stored, since }: { stored: StoredObject | undefined; since: number },
): Promise<SeenObject | undefined> {
  const isFresh = store.clock.now() - since < (graceSeconds * 1000) / 4;
  if (stored !== undefined && isFresh) return { ...stored, seenAt: since };
  const blob = await read(store.documents, blobKey(repository, digest));
  if (blob?.state === 'deleting') throw blobBusy();
  if (blob !== undefined && stored === undefined) return undefined;
  // A long upload, or an instance that froze when its bytes were written: look whether they are there still.
  const seenAt = store.clock.now();
  const object = await store.blobs.stat(blobObject(repository, digest));
  const isOther = stored !== undefined && stored.generation !== object?.generation;
  if (object === undefined || isOther) throw blobBusy();
  return { ...object, seenAt };
}

async function digestOfObjects(
  { blobs }: Store,
  objects: readonly ObjectName[],
  algorithm: Algorithm,
): Promise<Digest> {
  const hasher = startHash(algorithm);
  for (const object of objects) {
    const bytes = await blobs.read(object);
    if (bytes === undefined) throw new ObjectMissing(object);
    for await (const piece of bytes) hasher.update(piece);
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
