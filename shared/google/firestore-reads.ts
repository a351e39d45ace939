// How documents are read, by themselves or in a transaction. A document has three fields, of which none is indexed:
//
//   json        string      the value, without its bytes
//   bytes       bytes       its bytes, when it has any
//   expiresAt   timestamp   when it has a time to live: Firestore removes it within a day or so; until then it is
//                           passed over here

import { strict as assert } from 'node:assert';
import {
  type DocumentReference,
  type DocumentSnapshot,
  FieldPath,
  type Firestore,
  type Query,
  type QuerySnapshot,
  Timestamp,
} from '@google-cloud/firestore';
import { decodeValue, type EncodedValue } from '../ports/document-encoding.ts';
import type { Document, Key, ListOptions } from '../ports/documents.ts';
import type { Meter } from '../ports/meter.ts';
import { expiryField } from './firestore-fields.ts';
import { keyOf, pathOf, rangeOf } from './firestore-keys.ts';

/** So many documents, or names, at most in one answer: longer lists are read in parts. */
const documentsPerQuery = 1000;
const namesPerQuery = 5000;

/** Who carries the reads out: the store, or a transaction. */
export interface Source {
  getAll(...references: DocumentReference[]): Promise<DocumentSnapshot[]>;
  find(query: Query): Promise<QuerySnapshot>;
}

export class FirestoreReads {
  readonly #firestore: Firestore;
  readonly #source: Source;
  readonly #meter: Meter;

  constructor(firestore: Firestore, source: Source, meter: Meter) {
    this.#firestore = firestore;
    this.#source = source;
    this.#meter = meter;
  }

  /** The documents, in the order of the keys. @param now those that have expired by then read as absent */
  async getAll(keys: readonly Key[], now: number): Promise<(Document | undefined)[]> {
    if (keys.length === 0) return [];
    this.#meter('documentCall');
    this.#meter('documentRead', keys.length);
    const snapshots = await this.#source.getAll(...keys.map((key) => this.reference(key)));
    return snapshots.map((snapshot, at) => documentOf(keys[at] ?? [], snapshot, now));
  }

  list(options: ListOptions, now: number): Promise<Document[]> {
    const read = (query: Query) => query;
    return this.#scan(options, { read, atOnce: documentsPerQuery }, (snapshot) =>
      documentOf(keyOf(snapshot.ref.path), snapshot, now),
    );
  }

  names(options: ListOptions, now: number): Promise<string[]> {
    const { length } = options.prefix;
    const read = (query: Query) => query.select(expiryField);
    return this.#scan(options, { read, atOnce: namesPerQuery }, (snapshot) => {
      const key = keyOf(snapshot.ref.path);
      return key.length === length + 1 && !hasExpired(snapshot, now) ? key.at(-1) : undefined;
    });
  }

  reference(key: Key): DocumentReference {
    const { collection, id } = pathOf(key);
    return this.#firestore.collection(collection).doc(id);
  }

  /** What `take` makes of each document of a list, as many as are wanted of those it takes. */
  async #scan<T>(
    { prefix, after, limit }: ListOptions,
    { read, atOnce }: { read: (query: Query) => Query; atOnce: number },
    take: (snapshot: DocumentSnapshot) => T | undefined,
  ): Promise<T[]> {
    assert(Number.isSafeInteger(limit) && limit >= 0, 'limit is a count');
    const range = rangeOf(prefix, after);
    const taken: T[] = [];
    if (range === undefined) return taken;
    const ordered = this.#firestore.collection(range.collection).orderBy(FieldPath.documentId());
    const bounded = range.before === undefined ? ordered : ordered.endBefore(range.before);
    let from = range.after;
    let passedOver = 0;
    while (taken.length < limit) {
      // Where many have expired, few that are left must not cost a query each.
      const count = Math.min(atOnce, limit - taken.length + passedOver);
      const rest = from === undefined ? bounded : bounded.startAfter(from);
      const { docs } = await this.#source.find(read(rest.limit(count)));
      this.#meter('documentCall');
      this.#meter('documentRead', Math.max(1, docs.length));
      const wanted = docs.map(take).filter((one) => one !== undefined);
      taken.push(...wanted.slice(0, limit - taken.length));
      from = docs.at(-1)?.id;
      if (docs.length < count) break;
      passedOver += docs.length - wanted.length;
    }
    return taken;
  }
}

export interface Fields {
  readonly json: string;
  readonly bytes?: Uint8Array;
  readonly [expiryField]?: Timestamp;
}

/** A value as a document's fields. */
export function fieldsOf({ json, bytes, expiresAt }: EncodedValue): Fields {
  return {
    json,
    ...(bytes === undefined ? {} : { bytes: bufferOver(bytes) }),
    ...(expiresAt === undefined ? {} : { [expiryField]: Timestamp.fromMillis(expiresAt) }),
  };
}

/** The SDK sends a view over REST from the start of what it views, a Buffer as it is (proto3-json-serializer 4.1.0). */
function bufferOver({ buffer, byteOffset, byteLength }: Uint8Array): Buffer {
  return Buffer.from(buffer, byteOffset, byteLength);
}

function documentOf(key: Key, snapshot: DocumentSnapshot, now: number): Document | undefined {
  const { updateTime } = snapshot;
  if (updateTime === undefined || hasExpired(snapshot, now)) return undefined;
  const { seconds, nanoseconds } = updateTime;
  return {
    key,
    value: decodeValue(snapshot.get('json'), snapshot.get('bytes')),
    committedAt: seconds * 1_000_000 + Math.floor(nanoseconds / 1000),
  };
}

function hasExpired(snapshot: DocumentSnapshot, now: number): boolean {
  const expiresAt: Timestamp | undefined = snapshot.get(expiryField);
  return expiresAt !== undefined && expiresAt.toMillis() <= now;
}
