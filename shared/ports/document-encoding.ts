// What every documents adapter asks of keys and values, and how it keeps a value: its JSON as one text, so that any
// field name and any nesting will do, and its bytes as they are.

import { strict as assert } from 'node:assert';
import {
  documentBytesMax,
  type Json,
  type Key,
  type Value,
  type WriteOptions,
} from './documents.ts';

/** What only we can break: a tuple whose elements are empty, hold a NUL, or are no Unicode. */
export function checkElements(key: Key): void {
  for (const element of key) {
    assert(
      element !== '' && !element.includes('\0'),
      'a key’s elements are not empty and have no NUL',
    );
    // Two strings with lone surrogates would become the same bytes.
    assert(element.isWellFormed(), 'a key’s elements are Unicode');
  }
}

export interface EncodedValue {
  /** The value without its bytes, as JSON. */
  readonly json: string;
  readonly bytes: Uint8Array | undefined;
  /** Whole milliseconds since 1970. */
  readonly expiresAt: number | undefined;
}

/** @throws RangeError when the value is larger than documents may be */
export function encodeValue(value: Value, options: WriteOptions = {}): EncodedValue {
  const { bytes, ...fields } = value;
  const misplaced = Object.values(fields).some((field) => field instanceof Uint8Array);
  assert(!misplaced, 'bytes have their own field, `bytes`');
  const json = JSON.stringify(fields);
  const size = Buffer.byteLength(json) + (bytes?.byteLength ?? 0);
  if (size > documentBytesMax) {
    throw new RangeError(`a document of ${size} bytes; the most is ${documentBytesMax}`);
  }
  const { expiresAt } = options;
  assert(expiresAt === undefined || Number.isFinite(expiresAt), 'expiresAt is a time');
  return { json, bytes, expiresAt: expiresAt === undefined ? undefined : Math.ceil(expiresAt) };
}

export function decodeValue(json: string, bytes: Uint8Array | undefined): Value {
  const value: { [name: string]: Json } & { bytes?: Uint8Array } = JSON.parse(json);
  if (bytes !== undefined) value.bytes = bytes;
  return value;
}
