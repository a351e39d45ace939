// Uploads in one request: "simple" ones are the bytes alone, "multipart" ones have the metadata before them. Nothing is
// visible before the last byte has come and the checksums that the client named are right.

import { type Content, type Recording, release } from './contents.ts';
import { crc32cText } from './crc32c.ts';
import { invalid } from './errors.ts';
import { type Answer, type Call, readJson } from './exchange.ts';
import { type Checksums, checksumsOf, headerChecksums, metadataOf } from './metadata.ts';
import { type Part, readParts } from './multipart.ts';
import { checkPreconditions, type Preconditions, preconditionsOf } from './preconditions.ts';
import { objectAnswer } from './resources.ts';
import { checkOverwriting } from './rights.ts';
import { checkObjectName, type ObjectMetadata, type Store } from './store.ts';

/** What is to become of bytes that come. */
export interface Upload {
  readonly bucket: string;
  readonly name: string;
  readonly metadata: ObjectMetadata;
  readonly preconditions: Preconditions;
  readonly checksums: readonly Checksums[];
}

/** `objects.insert` with `uploadType=media` */
export async function uploadMedia(store: Store, call: Call): Promise<Answer> {
  const { 'content-type': contentType = 'application/octet-stream' } = call.headers;
  const upload = startUpload(store, call, { contentType });
  const recording = await store.startRecording();
  return finishUpload(store, upload, await record(recording, call.body));
}

/** `objects.insert` with `uploadType=multipart` */
export async function uploadMultipart(store: Store, call: Call): Promise<Answer> {
  const parts = readParts(call.body, call.headers['content-type']);
  const first = await parts.next();
  if (first.value === undefined) throw invalid('Multipart body must have two parts.');
  const resource = await readJson(first.value.body);
  const second = await parts.next();
  if (second.value === undefined) throw invalid('Multipart body must have two parts.');
  const { contentType, body } = second.value;
  const upload = startUpload(store, call, { contentType, ...resource });
  const content = await record(await store.startRecording(), lastOf(parts, body));
  return finishUpload(store, upload, content);
}

/** The bytes of a part, behind which there is to be no other. */
async function* lastOf(
  parts: AsyncIterator<Part>,
  body: AsyncIterable<Buffer>,
): AsyncGenerator<Buffer> {
  yield* body;
  if ((await parts.next()).done !== true) throw invalid('Multipart body must have two parts.');
}

/**
 * @param resource what the client said of the object: its metadata, maybe its name and checksums
 * @throws StorageError when it is known by now that it cannot succeed
 */
export function startUpload(store: Store, call: Call, resource: Record<string, unknown>): Upload {
  const { bucket } = call;
  const name = call.query.get('name') ?? resource['name'];
  if (typeof name !== 'string') throw invalid('Required parameter: name');
  checkObjectName(name);
  checkOverwriting(store, call, bucket, name);
  const preconditions = preconditionsOf(call.query);
  checkPreconditions(preconditions, store.find(bucket, name));
  return {
    bucket,
    name,
    metadata: metadataOf(resource),
    preconditions,
    checksums: [checksumsOf(resource), headerChecksums(call.headers['x-goog-hash'])],
  };
}

/** Makes the object visible, if the bytes are right and the preconditions hold now. The content is then released or stored. */
export function finishUpload(store: Store, upload: Upload, content: Content): Answer {
  const { checksums, metadata, preconditions } = upload;
  const wrong = wrongChecksum(content, checksums);
  if (wrong !== undefined) {
    release(content);
    throw wrong;
  }
  return objectAnswer(store.put(upload, content, { metadata, preconditions }));
}

async function record(recording: Recording, body: AsyncIterable<Uint8Array>): Promise<Content> {
  try {
    for await (const piece of body) await recording.write(piece);
    return await recording.end();
  } catch (error) {
    await recording.abandon();
    throw error;
  }
}

function wrongChecksum(content: Content, checksums: readonly Checksums[]): Error | undefined {
  const crc32c = crc32cText(content.crc32c);
  const wrong = (what: string, told: string, found: string | undefined) =>
    invalid(`Provided ${what} "${told}" doesn't match calculated ${what} "${found}".`);
  for (const told of checksums) {
    if (told.crc32c !== undefined && told.crc32c !== crc32c)
      return wrong('CRC32C', told.crc32c, crc32c);
    if (told.md5 !== undefined && told.md5 !== content.md5Hash)
      return wrong('MD5 hash', told.md5, content.md5Hash);
  }
  return undefined;
}
