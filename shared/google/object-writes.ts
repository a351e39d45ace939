// Writing an object: in one request where the body ends within its first chunk, and else by an upload session. Either
// way the service makes the object only when it has all bytes, and it gets the last of them after they were verified.

import { randomBytes, randomUUID } from 'node:crypto';
import type { StoredObject, WriteOptions } from '../ports/blobs.ts';
import { startCrc32c } from './crc32c.ts';
import { type ChunkBudget, type ChunkShare, chunksOf } from './object-chunks.ts';
import type { Place } from './object-places.ts';
import { StorageFailure } from './storage-failure.ts';
import { retried } from './storage-retries.ts';
import type { StorageService } from './storage-service.ts';
import {
  type DescribedObject,
  deleteObject,
  describedObject,
  findOwn,
  markedBy,
  sendWriting,
} from './stored-objects.ts';
import { UploadSession } from './upload-session.ts';

interface WritingOptions extends WriteOptions {
  /** Does what begins to write the object, again if its bucket was not there. */
  readonly beginning: <T>(begin: () => Promise<T>) => Promise<T>;
}

/** As {@link Blobs.write} has it. @throws StorageFailure, or what the body or `verify` throws */
export async function writeObject(
  service: StorageService,
  place: Place,
  body: AsyncIterable<Uint8Array>,
  { budget, ...options }: WritingOptions & { readonly budget: ChunkBudget },
): Promise<StoredObject | undefined> {
  const share = budget.share();
  try {
    const { object, sent } = await upload(service, place, body, { share, ...options });
    if (object === undefined) return undefined;
    const { size, generation } = object;
    if (size === sent.size && object.crc32c === sent.crc32c) return { size, generation };
    // It is told the checksum with the last byte, and refuses others: this is not seen but where it fails in that. Who may
    // not delete leaves the object, which a push would take for the blob; so the log has to say that a person is to.
    const isGone = await deleteObject(service, place, generation).catch(() => false);
    throw new StorageFailure(
      `Cloud Storage stored other bytes of ${place.object} than it was sent${isGone ? '' : `, and they are still there: delete gs://${place.bucket}/${place.object}#${generation}`}`,
      {},
    );
  } finally {
    share.release();
  }
}

interface Uploaded {
  /** `undefined` when the precondition did not hold. */
  readonly object: DescribedObject | undefined;
  readonly sent: { readonly size: number; readonly crc32c: string };
}

async function upload(
  service: StorageService,
  place: Place,
  body: AsyncIterable<Uint8Array>,
  { ifGeneration, verify, beginning, share }: WritingOptions & { readonly share: ChunkShare },
): Promise<Uploaded> {
  const checksum = await startCrc32c();
  const ending = new AbortController();
  const mark = randomUUID();
  const { signal } = ending;
  const session = new UploadSession(service, place, { ifGeneration, mark, signal, beginning });
  let size = 0;
  let sending: Promise<void> | undefined;
  try {
    for await (const { bytes, isLast } of chunksOf(body, share)) {
      checksum.update(bytes);
      const isWhole = isLast && size === 0;
      size += bytes.length;
      if (isLast) {
        verify?.();
        await sending;
        const sent = { size, crc32c: checksum.digest() };
        const object = isWhole
          ? await beginning(() =>
              insert(service, place, bytes, { ifGeneration, mark, crc32c: sent.crc32c }),
            )
          : await session.finish(bytes, sent.crc32c);
        return { object, sent };
      }
      // A chunk is sent while the next one comes.
      await sending;
      sending = session.send(bytes);
      sending.catch(() => undefined);
    }
    throw new Error('a body has a last chunk');
  } catch (error) {
    ending.abort();
    await sending?.catch(() => undefined);
    await session.cancel();
    throw error;
  }
}

/** Makes an object in one request, which carries its metadata and its bytes. */
function insert(
  service: StorageService,
  place: Place,
  bytes: Uint8Array,
  options: { readonly ifGeneration: string; readonly mark: string; readonly crc32c: string },
): Promise<DescribedObject | undefined> {
  const { ifGeneration, mark, crc32c } = options;
  // The service compares the checksum, and refuses the object when it received other bytes.
  const metadata = { name: place.object, crc32c, ...markedBy(mark) };
  const { contentType, body } = related(metadata, bytes);
  return retried(service.patience, async (attempt) => {
    const answer = await sendWriting(service, place, {
      operation: 'objectWrite',
      method: 'POST',
      url: `/upload/storage/v1/b/${place.bucket}/o`,
      query: { uploadType: 'multipart', ifGenerationMatch: ifGeneration },
      headers: { 'Content-Type': contentType },
      body,
      expected: [200, 201],
      answerMsMax: service.patience.chunkMsMax,
    });
    if (answer !== undefined) return describedObject(answer.data);
    // An earlier attempt that was not answered may have made it.
    return attempt > 1 ? findOwn(service, place, mark) : undefined;
  });
}

/** JSON and bytes as multipart/related (RFC 2387). */
function related(metadata: object, bytes: Uint8Array): { contentType: string; body: Uint8Array } {
  const boundary = randomBytes(24).toString('hex');
  const head =
    `--${boundary}\r\nContent-Type: application/json; charset=UTF-8\r\n\r\n` +
    `${JSON.stringify(metadata)}\r\n--${boundary}\r\n` +
    'Content-Type: application/octet-stream\r\n\r\n';
  return {
    contentType: `multipart/related; boundary=${boundary}`,
    body: Buffer.concat([Buffer.from(head), bytes, Buffer.from(`\r\n--${boundary}--`)]),
  };
}
