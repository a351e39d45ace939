// Documents as rows, and back; what one connection sees of them. The table is drawn in sqlite-writer.ts.

import { strict as assert } from 'node:assert';
import type { DatabaseSync, StatementSync } from 'node:sqlite';
import { checkElements, decodeValue, encodeValue } from '../ports/document-encoding.ts';
import type { Document, Key, ListOptions, Value, WriteOptions } from '../ports/documents.ts';

/** What one connection sees of the documents. */
export class Rows {
  readonly #get: StatementSync;
  readonly #list: StatementSync;
  readonly #names: StatementSync;

  constructor(database: DatabaseSync) {
    this.#get = database.prepare(
      'SELECT value, bytes, expires_at, committed_at FROM document WHERE key = ?',
    );
    this.#list = database.prepare(`
      SELECT key, value, bytes, committed_at FROM document
      WHERE key > ? AND key < ? AND (expires_at IS NULL OR expires_at > ?) ORDER BY key LIMIT ?`);
    // One text for all names, each with the NUL that ends it: a row each would cost ten times as much.
    this.#names = database.prepare(`
      SELECT group_concat(name, '') AS names, count(expires_at) AS passing FROM (
        SELECT substr(key, ?1) AS name, expires_at FROM document
        WHERE key > ?2 AND key < ?3 AND (expires_at IS NULL OR expires_at > ?4)
          AND instr(substr(key, ?1), x'00') = length(key) - ?1 + 1
        ORDER BY key LIMIT ?5)`);
  }

  get(key: Key, now: number): Document | undefined {
    const row = this.#get.get(encodeDocumentKey(key)) as Row | undefined;
    if (row === undefined || (row.expires_at !== null && row.expires_at <= now)) return undefined;
    return decodeRow(key, row);
  }

  list(options: ListOptions, now: number): Document[] {
    const { start, end, limit } = rangeOf(options);
    const rows = this.#list.all(start, end, now, limit) as unknown as (Row & { key: Uint8Array })[];
    return rows.map((row) => decodeRow(decodeKey(row.key), row));
  }

  names(options: ListOptions, now: number): Names {
    const { first, start, end, limit } = rangeOf(options);
    const found = this.#names.get(first.length + 1, start, end, now, limit) as unknown as {
      readonly names: string | null;
      readonly passing: number;
    };
    const names = found.names === null ? [] : found.names.slice(0, -1).split('\0');
    return { names, expires: found.passing > 0 };
  }
}

/** The keys of a list: above `start`, below `end`. */
function rangeOf({ prefix, after, limit }: ListOptions) {
  // SQLite takes a negative LIMIT for none.
  assert(Number.isSafeInteger(limit) && limit >= 0, 'limit is a count');
  const first = encodeKey(prefix);
  const from = after === undefined ? first : encodeKey(after);
  // 0xff is no byte of UTF-8, so this is above every key that begins with the prefix.
  const end = Buffer.concat([first, Buffer.of(0xff)]);
  return { first, start: Buffer.compare(from, first) > 0 ? from : first, end, limit };
}

/** What a list of names is, and whether it can change by the mere passing of time. */
export interface Names {
  readonly names: readonly string[];
  readonly expires: boolean;
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
  const { json, bytes = null, expiresAt = null } = encodeValue(value, options);
  return { key: encodeDocumentKey(key), value: json, bytes, expiresAt };
}

function decodeRow(key: Key, row: Row): Document {
  const value = decodeValue(row.value, row.bytes ?? undefined);
  return { key, value, committedAt: row.committed_at };
}

export function encodeDocumentKey(key: Key): Uint8Array {
  assert(key.length > 0, 'a key has elements');
  return encodeKey(key);
}

/** The end mark is below every byte of an element, so a tuple sorts before the longer ones it begins. */
function encodeKey(key: Key): Uint8Array {
  if (key.length === 0) return new Uint8Array();
  checkElements(key);
  return Buffer.from(`${key.join('\0')}\0`);
}

function decodeKey(bytes: Uint8Array): Key {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength - 1)
    .toString()
    .split('\0');
}
