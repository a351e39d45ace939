// Pushing a blob's bytes. The order is always: bytes, then metadata, then the answer.
// - A body whose digest is known goes straight to its content-addressed name (contents.ts).
// - What comes before the digest is known (PATCH) becomes parts, immutable objects; closing the session
//   joins them on the store's side. A part that was never recorded is garbage, not corruption.

import {
  type Algorithm,
  algorithmOf,
  type Digest,
  type Hasher,
  resumableHash,
  startHash,
} from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { sessionPartsMax } from '../oci/limits.ts';
import type { Range } from '../oci/range.ts';
import { absent, ObjectMissing } from '../ports/blobs.ts';
import { type Body, hashed, storeParts, storeWhole } from './contents.ts';
import { newPartId, partObject, type Repository } from './layout.ts';
import { leaseLink, planLink, type SeenObject } from './links.ts';
import type { UploadPart, UploadRecord } from './records.ts';
import {
  outOfOrder,
  readUpload,
  type UploadSession,
  uploadUnknown,
  writeUpload,
} from './sessions.ts';
import type { Store } from './store.ts';

/** A chunk, or the whole, as a request carries it. */
export interface Chunk {
  readonly body: Body;
  /** Where the client says it belongs (`Content-Range`). */
  readonly range?: Range | undefined;
  /** `Content-Length`; `undefined` when the body's length is not announced. */
  readonly length?: number | undefined;
}

/**
 * Takes a whole blob of known digest: POST or PUT with the body.
 * @throws RegistryError DIGEST_INVALID when the body is another's; nothing is kept then
 */
export async function pushBlob(
  store: Store,
  repository: Repository,
  digest: Digest,
  body: Body,
): Promise<void> {
  const stored = await storeWhole(store, repository, digest, body);
  await store.documents.transact(async (transaction) => {
    const link = await planLink(transaction, store, repository, digest, stored);
    link();
  });
}

/**
 * Appends a chunk to a session (PATCH).
 * @returns the bytes received so far
 * @throws RegistryError 416 when the chunk does not begin where the session stands, SIZE_INVALID when
 *   it is not as long as its range, BLOB_UPLOAD_UNKNOWN when the session is over
 */
export async function appendChunk(
  store: Store,
  session: UploadSession,
  location: string,
  chunk: Chunk,
): Promise<number> {
  const before = await openUpload(store, session);
  checkChunk(before, chunk, location);
  const after = await receive(store, session, before, chunk);
  const received = after.parts.slice(before.parts.length);
  try {
    await store.documents.transact(async (transaction) => {
      const current = await openUpload(store, session, transaction);
      // It runs again, though it was committed: the answer to that was lost.
      if (received.some((part) => holds(current, part))) return;
      if (current.offset !== before.offset) throw outOfOrder(location, current.offset);
      writeUpload(transaction, session, after);
    });
  } catch (error) {
    // Any other failure may hide that the part was recorded. If it was not, it expires.
    if (error instanceof RegistryError) await discard(store, session, received);
    throw error;
  }
  return after.offset;
}

/**
 * Closes a session with a digest and perhaps a last chunk (PUT). Repeating it after it succeeded succeeds.
 * @throws RegistryError DIGEST_INVALID when the bytes are another's: the session stays as it was;
 *   416 and SIZE_INVALID as {@link appendChunk}; BLOB_UPLOAD_UNKNOWN when the session is over
 */
export async function finishUpload(
  store: Store,
  session: UploadSession,
  location: string,
  digest: Digest,
  chunk: Chunk,
): Promise<void> {
  const before = await readUpload(store.documents, session);
  if (before.closed !== undefined) return finishAgain(store, session, digest);
  checkChunk(before, chunk, location);
  const whole = before.parts.length === 0;
  const after = whole ? before : await receive(store, session, before, chunk, algorithmOf(digest));
  try {
    const stored = whole
      ? await storeWhole(store, session.repository, digest, checkedBody(chunk))
      : await storeParts(store, session, after, digest);
    await close(store, session, location, { before, digest, stored });
  } catch (error) {
    await discard(store, session, after.parts.slice(before.parts.length));
    // Another PUT of this session was first, and has removed the parts.
    if (error instanceof ObjectMissing) return finishAgain(store, session, digest);
    throw error;
  }
  await discard(store, session, after.parts);
}

/**
 * A session that is over: 201 again when it became this very blob, and so a promise again, which leases
 * the link as the first did. @throws RegistryError BLOB_UPLOAD_UNKNOWN otherwise
 */
async function finishAgain(store: Store, session: UploadSession, digest: Digest): Promise<void> {
  const { closed } = await readUpload(store.documents, session);
  const link = closed === digest ? await leaseLink(store, session.repository, digest) : undefined;
  if (link === undefined) throw uploadUnknown();
}

/** Cancels a session (DELETE, end-14). @throws RegistryError BLOB_UPLOAD_UNKNOWN when it is over */
export async function cancelUpload(store: Store, session: UploadSession): Promise<void> {
  const parts = await store.documents.transact(async (transaction) => {
    const upload = await openUpload(store, session, transaction);
    writeUpload(transaction, session, { offset: 0, parts: [], closed: null });
    return upload.parts;
  });
  await discard(store, session, parts);
}

/** What an open session has received (GET, end-13). @throws RegistryError BLOB_UPLOAD_UNKNOWN */
export async function openUpload(
  store: Store,
  session: UploadSession,
  reads: Parameters<typeof readUpload>[0] = store.documents,
): Promise<UploadRecord> {
  const upload = await readUpload(reads, session);
  if (upload.closed !== undefined) throw uploadUnknown();
  return upload;
}

function holds({ parts }: UploadRecord, { id }: UploadPart): boolean {
  return parts.some((part) => part.id === id);
}

function checkChunk(upload: UploadRecord, { range, length }: Chunk, location: string): void {
  if (range === undefined) return;
  if (range.start !== upload.offset) throw outOfOrder(location, upload.offset);
  if (length !== undefined && length !== lengthOf(range))
    throw wrongLength(lengthOf(range), length);
}

/** Streams a chunk into a new part. The session is as it was until the part is recorded. */
async function receive(
  { blobs }: Store,
  session: UploadSession,
  before: UploadRecord,
  chunk: Chunk,
  algorithm = session.algorithm,
): Promise<UploadRecord> {
  if (chunk.length === 0) return before;
  if (before.parts.length >= sessionPartsMax) {
    throw new RegistryError('BLOB_UPLOAD_INVALID', {
      message: `an upload may have at most ${sessionPartsMax} chunks: send larger ones`,
    });
  }
  const hasher = await hasherFor(before, chunk, algorithm);
  const id = newPartId();
  const object = partObject(session.repository, session.id, id);
  const written = await blobs.write(object, hashed(checkedBody(chunk), hasher), {
    ifGeneration: absent,
  });
  // The name is this part's alone: where it is taken, a write that was repeated met itself.
  const stored = written ?? (await blobs.stat(object));
  if (stored === undefined) throw new Error(`a new part is gone: ${object.join('/')}`);
  return {
    offset: before.offset + stored.size,
    parts: [...before.parts, { id, size: stored.size, generation: stored.generation }],
    digest: hasher?.digest(),
    hashState: hasher?.save(),
  };
}

/**
 * The hasher that goes on where the session stands. Most clients send all in one chunk and announce no
 * range: the fast hasher sees it whole. Announced chunks get the one whose state can be kept. Where
 * neither is possible there is none, and the parts are read once when the session closes.
 */
async function hasherFor(
  before: UploadRecord,
  { range }: Chunk,
  algorithm: Algorithm,
): Promise<Hasher | undefined> {
  if (before.offset === 0) {
    return range === undefined ? startHash(algorithm) : resumableHash(algorithm);
  }
  if (before.hashState === undefined || before.digest === undefined) return undefined;
  if (algorithmOf(before.digest) !== algorithm) return undefined;
  // Undefined where another version of the hasher wrote the state: the parts are read instead.
  return resumableHash(algorithm, before.hashState).catch(() => undefined);
}

/** Links the blob and leaves the session's tombstone, in one transaction. */
async function close(
  store: Store,
  session: UploadSession,
  location: string,
  {
    before,
    digest,
    stored,
  }: { before: UploadRecord; digest: Digest; stored: SeenObject | undefined },
): Promise<void> {
  await store.documents.transact(async (transaction) => {
    const [current, link] = await Promise.all([
      readUpload(transaction, session),
      planLink(transaction, store, session.repository, digest, stored),
    ]);
    if (current.closed !== undefined && current.closed !== digest) throw uploadUnknown();
    if (current.closed === undefined && current.offset !== before.offset) {
      throw outOfOrder(location, current.offset);
    }
    link();
    writeUpload(transaction, session, { offset: 0, parts: [], closed: digest });
  });
}

/** Removes parts that nobody will ask for again. What fails here is garbage, which expires. */
async function discard(
  { blobs }: Store,
  { repository, id: session }: UploadSession,
  parts: readonly UploadPart[],
): Promise<void> {
  for (const { id, generation } of parts) {
    const object = partObject(repository, session, id);
    await blobs.delete(object, { ifGeneration: generation }).catch(() => false);
  }
}

/** The body, which throws at its end when it was not as long as its range said. */
async function* checkedBody({ body, range }: Chunk): Body {
  let received = 0;
  for await (const bytes of body) {
    received += bytes.length;
    yield bytes;
  }
  if (range !== undefined && received !== lengthOf(range))
    throw wrongLength(lengthOf(range), received);
}

function lengthOf({ start, end }: Range): number {
  return end - start + 1;
}

function wrongLength(expected: number, actual: number): RegistryError {
  return new RegistryError('SIZE_INVALID', {
    message: `Content-Range announces ${expected} bytes, the body has ${actual}`,
    detail: { expected, actual },
  });
}
