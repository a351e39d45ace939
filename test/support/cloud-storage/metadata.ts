// What clients say of an object when they upload, compose or change it: the writable fields of the "Object" resource.

import { invalid } from './errors.ts';
import { isRecord } from './exchange.ts';
import type { ObjectMetadata } from './store.ts';

const texts = [
  'contentType',
  'contentEncoding',
  'contentDisposition',
  'contentLanguage',
  'cacheControl',
  'customTime',
] as const;

/** The fields that a client may set; the others are the service's, and ignored. */
export function metadataOf(resource: Record<string, unknown>): ObjectMetadata {
  const given = texts.flatMap((field) => {
    const value = resource[field];
    if (value === undefined || value === null) return [];
    if (typeof value !== 'string') throw invalid(`Invalid value for ${field}.`);
    return [[field, value] as const];
  });
  const { metadata } = resource;
  if (metadata === undefined || metadata === null) return Object.fromEntries(given);
  if (!isRecord(metadata) || Object.values(metadata).some((value) => typeof value !== 'string'))
    throw invalid('Invalid value for metadata.');
  return { ...Object.fromEntries(given), metadata: metadata as Record<string, string> };
}

/** What a client says the bytes' checksums are, base64. */
export interface Checksums {
  readonly crc32c?: string | undefined;
  readonly md5?: string | undefined;
}

/** Those in an object's metadata, which are fields of the service, but checked when a client sends them. */
export function checksumsOf(resource: Record<string, unknown>): Checksums {
  const { crc32c, md5Hash } = resource;
  return {
    crc32c: typeof crc32c === 'string' ? crc32c : undefined,
    md5: typeof md5Hash === 'string' ? md5Hash : undefined,
  };
}

/** Those in the header `X-Goog-Hash: crc32c=…,md5=…`. */
export function headerChecksums(header: string | string[] | undefined): Checksums {
  const pairs = String(header ?? '')
    .split(',')
    .map((pair) => pair.trim())
    .map((pair): [string, string] => {
      const at = pair.indexOf('=');
      return [pair.slice(0, at), pair.slice(at + 1)];
    });
  const given = new Map(pairs);
  return { crc32c: given.get('crc32c'), md5: given.get('md5') };
}
