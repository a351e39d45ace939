// An object's bytes: `alt=media` of the JSON API, and what signed URLs give. They are given as they lie: the service
// would inflate an object whose `contentEncoding` is gzip for who does not accept that.

import { hold, readContent, release } from './contents.ts';
import { crc32cText } from './crc32c.ts';
import { StorageError } from './errors.ts';
import type { Answer, Call } from './exchange.ts';
import { wantedObject } from './objects.ts';
import { etagOf } from './resources.ts';
import type { Store, StoredObject } from './store.ts';

/** `objects.get` with `alt=media` */
export async function getMedia(store: Store, call: Call): Promise<Answer> {
  return mediaAnswer(wantedObject(store, call), call);
}

/** All of an object, or the range that was asked for. @throws StorageError 416 */
export function mediaAnswer(
  object: StoredObject,
  call: Call,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  const { content } = object;
  const range = parseRange(call.headers.range, content.size);
  const { start, end } = range ?? { start: 0, end: content.size };
  hold(content);
  return {
    status: range === undefined ? 200 : 206,
    headers: {
      ...mediaHeaders(object),
      ...headers,
      'content-length': String(end - start),
      ...(range && { 'content-range': `bytes ${start}-${end - 1}/${content.size}` }),
    },
    body: readContent(content, { start, end }),
    done: () => release(content),
  };
}

function mediaHeaders(object: StoredObject): Record<string, string> {
  const { content, metadata } = object;
  const md5 = content.md5Hash === undefined ? '' : `,md5=${content.md5Hash}`;
  const given = Object.entries({
    'content-type': metadata.contentType,
    'content-encoding': metadata.contentEncoding,
    'content-disposition': metadata.contentDisposition,
    'content-language': metadata.contentLanguage,
    'cache-control': metadata.cacheControl,
    'x-goog-component-count': object.componentCount?.toString(),
  }).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return {
    'accept-ranges': 'bytes',
    etag: etagOf(object),
    'last-modified': new Date(object.updatedAt).toUTCString(),
    'x-goog-generation': String(object.generation),
    'x-goog-metageneration': String(object.metageneration),
    'x-goog-hash': `crc32c=${crc32cText(content.crc32c)}${md5}`,
    'x-goog-storage-class': object.storageClass,
    'x-goog-stored-content-encoding': metadata.contentEncoding ?? 'identity',
    'x-goog-stored-content-length': String(content.size),
    ...Object.fromEntries(given),
  };
}

/** `undefined` for all: no range, several, or none of bytes, which HTTP has us ignore. */
function parseRange(
  header: string | undefined,
  size: number,
): { start: number; end: number } | undefined {
  const [, first = '', last = ''] = /^bytes=(\d*)-(\d*)$/.exec(header ?? '') ?? [];
  if (first === '' && last === '') return undefined;
  if (first !== '' && last !== '' && Number(last) < Number(first)) return undefined;
  const start = first === '' ? Math.max(size - Number(last), 0) : Number(first);
  const end = first === '' || last === '' ? size : Math.min(Number(last) + 1, size);
  if (start < end) return { start, end };
  throw new StorageError(416, 'requestedRangeNotSatisfiable', 'Request range not satisfiable', {
    status: 416,
    headers: { 'content-range': `bytes */${size}`, 'content-type': 'text/html; charset=UTF-8' },
    body: 'Request range not satisfiable',
  });
}
