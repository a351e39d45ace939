// Documents as rows, and back; what one connection sees of them. The table is drawn in sqlite-writer.ts.

import { strict as assert } from 'node:assert';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import {
  type Document,
  documentBytesMax,
  type Json,
  type Key,
  type ListOptions,
  type Value,
  type WriteOptions,
} from '../ports/documents.ts';

/** What one connection sees of the documents. */
export class Rows {
  readonly #get: StatementSync;
  readonly #list: StatementSync;

  constructor(database: DatabaseSync) {
    this.#get = database.prepare(
      'SELECT value, bytes, expires_at, committed_at FROM document WHERE key = ?',
    );
    this.#list = database.prepare(`
      SELECT key, value, bytes, committed_at FROM document
      WHERE key > ? AND key < ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY key LIMIT ?`);
  }

  get(key: Key, now: number): Document | undefined {
    const row = this.#get.get(encodeDocumentKey(key)) as Row | undefined;
    if (row === undefined || (row.expires_at !== null && row.expires_at <= now)) return undefined;
    return decodeRow(key, row);
  }

  list({ prefix, after, limit }: ListOptions, now: number): Document[] {
    // SQLite takes a negative LIMIT for none.
    assert(Number.isSafeInteger(limit) && limit >= 0, 'limit is a count');
    const first = encodeKey(prefix);
    const from = after === undefined ? first : encodeKey(after);
    // 0xff is no byte of UTF-8, so this is above every key that begins with the prefix.
    const end = Buffer.concat([first, Buffer.of(0xff)]);
    const start = Buffer.compare(from, first) > 0 ? from : first;
    const rows = this.#list.all(start, end, now, limit) as unknown as (Row & { key: Uint8Array })[];
    return rows.map((row) => decodeRow(decodeKey(row.key), row));
  }
}

interface Row {
  readonly value: string;
  readonly bytes: Uint8Array | null;
  readonly expires_at: number | null;
  readonly committed_at: number;
}

export interface EncodedRow {
  readonly key: Uint8Array;
  readonly value: string;
  readonly bytes: Uint8Array | null;
  readonly expiresAt: number | null;
}

/** @throws Error when the value is larger than documents may be, or the key is not one */
export function encodeRow(key: Key, value: Value, options: WriteOptions | undefined): EncodedRow {
  const { bytes = null, ...json } = value;
  const misplaced = Object.values(json).some((field) => field instanceof Uint8Array);
  assert(!misplaced, 'bytes have their own field, `bytes`');
  const text = JSON.stringify(json);
  const size = Buffer.byteLength(text) + (bytes?.byteLength ?? 0);
  if (size > documentBytesMax) {
    throw new RangeError(`a document of ${size} bytes; the most is ${documentBytesMax}`);
  }
  const { expiresAt } = options ?? {};
  assert(expiresAt === undefined || Number.isFinite(expiresAt), 'expiresAt is a time');
  return {
    key: encodeDocumentKey(key),
    value: text,
    bytes,
    expiresAt: expiresAt === undefined ? null : Math.ceil(expiresAt),
  };
}

function decodeRow(key: Key, row: Row): Document {
  const value: { [name: string]: Json } & { bytes?: Uint8Array } = JSON.parse(row.value);
  if (row.bytes !== null) value.bytes = row.bytes;
  return { key, value, committedAt: row.committed_at };
}

export function encodeDocumentKey(key: Key): Uint8Array {
  assert(key.length > 0, 'a key has elements');
  return encodeKey(key);
}

/** The end mark is below every byte of an element, so a tuple sorts before the longer ones it begins. */
function encodeKey(key: Key): Uint8Array {
  if (key.length === 0) return new Uint8Array();
  for (const element of key) {
    assert(
      element !== '' && !element.includes('\0'),
      'a key’s elements are not empty and have no NUL',
    );
    // Two strings with lone surrogates would become the same bytes.
    assert(element.isWellFormed(), 'a key’s elements are Unicode');
  }
  return Buffer.from(`${key.join('\0')}\0`);
}

function decodeKey(bytes: Uint8Array): Key {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength - 1)
    .toString()
    .split('\0');
}
