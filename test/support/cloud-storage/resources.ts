// Objects and buckets as the JSON API shows them: the reference's "Object" and "Bucket" resources.

import { crc32cText } from './crc32c.ts';
import type { Answer } from './exchange.ts';
import { json } from './exchange.ts';
import type { Versions } from './preconditions.ts';
import type { Bucket, StoredObject } from './store.ts';

export function objectResource(object: StoredObject): Record<string, unknown> {
  const { content, componentCount } = object;
  return {
    kind: 'storage#object',
    id: `${object.bucket}/${object.name}/${object.generation}`,
    name: object.name,
    bucket: object.bucket,
    generation: String(object.generation),
    metageneration: String(object.metageneration),
    storageClass: object.storageClass,
    size: String(content.size),
    ...(content.md5Hash === undefined ? {} : { md5Hash: content.md5Hash }),
    crc32c: crc32cText(content.crc32c),
    etag: etagOf(object),
    ...(componentCount === undefined ? {} : { componentCount }),
    timeCreated: timeText(object.createdAt),
    updated: timeText(object.updatedAt),
    timeStorageClassUpdated: timeText(object.createdAt),
    timeFinalized: timeText(object.createdAt),
    ...object.metadata,
  };
}

export function objectAnswer(object: StoredObject): Answer {
  const answer = json(objectResource(object));
  return { ...answer, headers: { ...answer.headers, etag: etagOf(object) } };
}

export function bucketResource(bucket: Bucket): Record<string, unknown> {
  return {
    ...bucket.settings,
    kind: 'storage#bucket',
    id: bucket.name,
    name: bucket.name,
    projectNumber: bucket.owner === 'us' ? '1' : '2',
    metageneration: String(bucket.metageneration),
    timeCreated: timeText(bucket.createdAt),
    updated: timeText(bucket.updatedAt),
    etag: etagOf({ generation: 0n, metageneration: bucket.metageneration }),
  };
}

/** Base64 of a protocol buffer with the generation and the metageneration, as those of the service are. */
export function etagOf({ generation, metageneration }: Versions): string {
  return Buffer.from([0x08, ...varint(generation), 0x10, ...varint(metageneration)]).toString(
    'base64',
  );
}

function varint(value: bigint): number[] {
  const bytes: number[] = [];
  let left = value;
  while (left >= 0x80n) {
    bytes.push(Number(left & 0x7fn) | 0x80);
    left >>= 7n;
  }
  return [...bytes, Number(left)];
}

function timeText(ms: number): string {
  return new Date(ms).toISOString();
}
