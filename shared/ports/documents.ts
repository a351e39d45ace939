// Where the registry's metadata lives: small documents under ordered keys, changed in transactions.
// Firestore in the cloud, SQLite on one machine.

/**
 * A document's name: a tuple of non-empty strings without NUL. Keys are ordered element by element,
 * each element by its UTF-8 bytes, a tuple before the longer ones it begins.
 * A key is a location, a project, a kind, and at least one more (shared/registry/layout.ts): Firestore needs them
 * to have its collections, and takes 1,500 bytes after the kind.
 */
export type Key = readonly string[];

/** What a value is made of: JSON. */
export type Json =
  | string
  | number
  | boolean
  | null
  | readonly Json[]
  | { readonly [name: string]: Json | undefined };

/**
 * A document's content: an object of JSON, and beside it, under the one reserved name `bytes`,
 * raw bytes that are stored as they are. Both together at most `documentBytesMax`.
 */
export type Value = { readonly [name: string]: Json | Uint8Array | undefined } & {
  readonly bytes?: Uint8Array | undefined;
};

/** Firestore's limit for a document is 1 MiB; the rest is room for names and encoding. */
export const documentBytesMax = 1024 * 1024 - 64 * 1024;

export interface Document {
  readonly key: Key;
  readonly value: Value;
  /**
   * When the write of this value was committed: microseconds since 1970, on the store's own clock.
   * A transaction that began after another was acknowledged has the greater one; but where a value is written over
   * with the same, that may count as no write.
   */
  readonly committedAt: number;
}

export interface ListOptions {
  /** Only keys that begin with this tuple and are longer than it. It has a location, a project and a kind at least. */
  readonly prefix: Key;
  /** Only keys after this one, which itself need not exist, and may be any tuple. */
  readonly after?: Key | undefined;
  /** At most so many documents. */
  readonly limit: number;
}

export interface WriteOptions {
  /** Milliseconds since 1970 from which the document reads as absent; the store removes it some time later. */
  readonly expiresAt?: number | undefined;
}

export interface Reads {
  /** The document, or `undefined` when there is none or it has expired. */
  get(key: Key): Promise<Document | undefined>;
  /**
   * Documents in key order. Strongly consistent: it sees every write acknowledged before the call. A limit of up to
   * 1,000 is read as at one moment: beside a document it sees all that was committed before that one.
   */
  list(options: ListOptions): Promise<Document[]>;
}

export interface Transaction extends Reads {
  /**
   * As many `get`s in one round trip; the answers stand in the order of the keys. Several calls at once, of this or of
   * `get`, are one round trip too.
   */
  getAll(keys: readonly Key[]): Promise<(Document | undefined)[]>;
  /**
   * Writes a document that must not exist yet; the whole transaction fails with {@link DocumentExists} otherwise, also
   * where what exists was written by this very call, whose first answer was lost.
   */
  create(key: Key, value: Value, options?: WriteOptions): void;
  /** Writes a document, whether it exists or not. */
  set(key: Key, value: Value, options?: WriteOptions): void;
  /** Removes a document; it is no error when there is none. */
  delete(key: Key): void;
}

/**
 * The promise:
 * - `transact` is serializable: its reads and writes happen as at one moment. A list conflicts with
 *   inserts into its range.
 * - All reads come before the first write (Firestore's rule; the embedded store enforces it too).
 * - The body may run more than once, so it changes nothing but through its transaction, and it calls
 *   no other store: a transaction is short. It may even run again after it was committed, where the
 *   answer to that was lost, and then it finds its own writes.
 * - When `transact` resolves, the writes are durable, power loss included. When it rejects, nothing
 *   was written, unless the store is far away and did not answer: then all may be, or nothing.
 *   Where there is no room it rejects with StoreFull, and reading goes on.
 * - Reads outside of a transaction see committed writes only.
 */
export interface Documents extends Reads {
  /**
   * The last elements of the keys that are one element longer than the prefix, in key order: what `list`
   * would find, without the documents. For lists of many names; strongly consistent, as `list` is.
   */
  names(options: ListOptions): Promise<readonly string[]>;
  /**
   * Stands for what `list` finds of the keys one element longer than the prefix: the same object as long as none of them was
   * written or deleted. Asked for before a list, it tells later whether that is still so. Only a store that nobody else
   * writes to has it, and it says nothing of documents that expire.
   */
  stamp?(prefix: Key): object;
  transact<R>(body: (transaction: Transaction) => Promise<R>): Promise<R>;
}

/** A `create` met a document that exists. */
export class DocumentExists extends Error {
  override readonly name = 'DocumentExists';
  readonly key: Key;

  constructor(key: Key) {
    super(`document exists: ${key.join(' / ')}`);
    this.key = key;
  }
}
