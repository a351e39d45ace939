// Documents for one process on one machine: node:sqlite in WAL mode.
//
//   document                        rows in the port's key order (WITHOUT ROWID)
//     key           BLOB, primary   each element's UTF-8 bytes, then 0x00:  ['local', 'p', 'a/b'] -> local 00 p 00 a/b 00
//     value         TEXT            the value as JSON, without `bytes`
//     bytes         BLOB or NULL    the value's `bytes`, as they are
//     expires_at    INTEGER or NULL milliseconds since 1970; indexed where it is not NULL
//     committed_at  INTEGER         microseconds since 1970; the same in all rows one transaction wrote
//
//   last_commit                     one row: the greatest committed_at ever given, also to rows that are gone
//     committed_at  INTEGER

import { strict as assert } from 'node:assert';
import { AsyncLocalStorage } from 'node:async_hooks';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Clock } from '../ports/clock.ts';
import {
  type Document,
  DocumentExists,
  type Documents,
  documentBytesMax,
  type Json,
  type Key,
  type ListOptions,
  type Transaction,
  type Value,
  type WriteOptions,
} from '../ports/documents.ts';

/** So many transactions at most share one COMMIT: it bounds how long the first of them waits for the last. */
const groupTransactionsMax = 256;
/** So many expired rows at most are removed at a time, that often, or soon again when there were more. */
const expiredRowsMax = 1000;
const expiredPauseMs = 60_000;
const expiredPauseShortMs = 1000;
/** How long to wait for another program (a backup, a shell) that holds the file's lock. */
const busyTimeoutMs = 1000;
/** A write-ahead log that grew over this under load is cut back to it. */
const walBytesMax = 64 * 1024 * 1024;

const schema = `
  CREATE TABLE IF NOT EXISTS document (
    key BLOB NOT NULL PRIMARY KEY,
    value TEXT NOT NULL,
    bytes BLOB,
    expires_at INTEGER,
    committed_at INTEGER NOT NULL
  ) WITHOUT ROWID, STRICT;
  CREATE INDEX IF NOT EXISTS document_expires ON document (expires_at) WHERE expires_at IS NOT NULL;
  CREATE TABLE IF NOT EXISTS last_commit (committed_at INTEGER NOT NULL) STRICT;
  INSERT INTO last_commit SELECT 0 WHERE NOT EXISTS (SELECT 1 FROM last_commit);
`;

const upsert = `
  INSERT INTO document (key, value, bytes, expires_at, committed_at) VALUES (?, ?, ?, ?, ?)
  ON CONFLICT (key) DO UPDATE SET value = excluded.value, bytes = excluded.bytes,
    expires_at = excluded.expires_at, committed_at = excluded.committed_at`;

export interface SqliteDocumentsOptions {
  /** The database's path; made when there is none, its directory is not. SQLite puts `-wal` and `-shm` beside it. */
  readonly file: string;
  readonly clock: Clock;
  /** True, the default: an acknowledged write survives power loss. False, for tests: it survives a crash of the process only. */
  readonly durable?: boolean;
}

export interface SqliteDocuments extends Documents {
  /** Gives the file free. What has not been committed by then is rejected and not written. */
  close(): void;
}

/**
 * Opens the store, and makes it when there is none; after a crash it recovers by itself.
 * Only one process may have it open: see `lockDirectory`.
 *
 * Transactions run one after another; those that wait together share one COMMIT and its fsync.
 * `transact` inside of a transaction's body would wait for itself, so it rejects.
 * Throws when the file cannot be opened, written, or is no database.
 */
export function openSqliteDocuments(options: SqliteDocumentsOptions): SqliteDocuments {
  const { file, clock, durable = true } = options;
  const writer = new Writer(file, durable);
  writer.removeExpired(clock.now());
  // Of its own, so that plain reads never see what the writer has not committed.
  const reader = new DatabaseSync(file, { readOnly: true, timeout: busyTimeoutMs });
  const committed = new Rows(reader);
  const queue = new TransactionQueue(writer, clock);
  return {
    get: async (key) => committed.get(key, clock.now()),
    list: async (options) => committed.list(options, clock.now()),
    transact: (body) => queue.transact(body),
    close() {
      queue.close();
      // The reader first: the last connection that closes writes the log back into the database.
      if (reader.isOpen) reader.close();
      writer.close();
    },
  };
}

/** A body and its caller, waiting for their turn. */
interface Waiting {
  /** Runs the body; what it returns tells the caller so, and is called once the group is committed. */
  run(transaction: Transaction): Promise<() => void>;
  reject(reason: unknown): void;
}

/** Runs transactions one after another, in groups that share a COMMIT. */
class TransactionQueue {
  readonly #writer: Writer;
  readonly #clock: Clock;
  readonly #running = new AsyncLocalStorage<BufferedTransaction>();
  #waiting: Waiting[] = [];
  #scheduled = false;

  constructor(writer: Writer, clock: Clock) {
    this.#writer = writer;
    this.#clock = clock;
  }

  transact<R>(body: (transaction: Transaction) => Promise<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      if (this.#running.getStore()?.open) throw new Error('transact inside of a transaction');
      const run = async (transaction: Transaction) => {
        const result = await body(transaction);
        return () => resolve(result);
      };
      this.#waiting.push({ run, reject });
      this.#schedule();
    });
  }

  close(): void {
    for (const { reject } of this.#waiting) reject(new Error('the store was closed'));
    this.#waiting = [];
  }

  #schedule(): void {
    if (this.#scheduled || this.#waiting.length === 0) return;
    this.#scheduled = true;
    // Not a microtask: all requests that this turn of the event loop read from the network shall be in the group.
    setImmediate(async () => {
      await this.#runGroup(this.#waiting.splice(0, groupTransactionsMax));
      this.#scheduled = false;
      this.#schedule();
    });
  }

  /** Settles every transaction of the group, and never rejects itself. */
  async #runGroup(group: readonly Waiting[]): Promise<void> {
    const outcomes: (() => void)[] = [];
    try {
      this.#writer.begin();
      for (const waiting of group) outcomes.push(await this.#attempt(waiting));
      this.#writer.commit(this.#clock.now());
    } catch (cause) {
      const reason = new Error('the transaction could not be committed', { cause });
      for (const { reject } of group) reject(reason);
      this.#writer.rollback();
      return;
    }
    for (const tell of outcomes) tell();
  }

  /**
   * One transaction. Its failure, too, is told only after the COMMIT: it may have come from what an
   * earlier one of the group wrote. Throws when the whole group is lost.
   */
  async #attempt(waiting: Waiting): Promise<() => void> {
    const transaction = new BufferedTransaction(this.#writer.rows, this.#clock.now());
    try {
      const tell = await this.#running.run(transaction, waiting.run, transaction);
      this.#writer.apply(transaction.writes, transaction.now);
      return tell;
    } catch (error) {
      // On some errors (a full disk) SQLite rolls everything back, and the earlier ones of the group with it.
      if (!this.#writer.began) throw error;
      return () => waiting.reject(error);
    } finally {
      transaction.open = false;
    }
  }
}

type Write =
  | { readonly kind: 'create' | 'set'; readonly key: Key; readonly row: EncodedRow }
  | { readonly kind: 'delete'; readonly key: Key };

/** Reads from the writer's connection and keeps the writes until the body has ended. */
class BufferedTransaction implements Transaction {
  readonly now: number;
  readonly writes: Write[] = [];
  open = true;
  readonly #rows: Rows;

  constructor(rows: Rows, now: number) {
    this.#rows = rows;
    this.now = now;
  }

  async get(key: Key): Promise<Document | undefined> {
    return this.#read().get(key, this.now);
  }

  async getAll(keys: readonly Key[]): Promise<(Document | undefined)[]> {
    const rows = this.#read();
    return keys.map((key) => rows.get(key, this.now));
  }

  async list(options: ListOptions): Promise<Document[]> {
    return this.#read().list(options, this.now);
  }

  create(key: Key, value: Value, options?: WriteOptions): void {
    this.#write({ kind: 'create', key, row: encodeRow(key, value, options) });
  }

  set(key: Key, value: Value, options?: WriteOptions): void {
    this.#write({ kind: 'set', key, row: encodeRow(key, value, options) });
  }

  delete(key: Key): void {
    this.#write({ kind: 'delete', key });
  }

  #read(): Rows {
    if (!this.open) throw new Error('the transaction has ended');
    if (this.writes.length > 0) throw new Error('a transaction reads before it writes');
    return this.#rows;
  }

  #write(write: Write): void {
    if (!this.open) throw new Error('the transaction has ended');
    this.writes.push(write);
  }
}

/** The connection that writes. Its methods are called in the order begin, apply…, commit or rollback. */
class Writer {
  readonly rows: Rows;
  readonly #database: DatabaseSync;
  readonly #begin: StatementSync;
  readonly #savepoint: StatementSync;
  readonly #undo: StatementSync;
  readonly #release: StatementSync;
  readonly #commit: StatementSync;
  readonly #create: StatementSync;
  readonly #set: StatementSync;
  readonly #delete: StatementSync;
  readonly #removeExpired: StatementSync;
  readonly #setLastCommit: StatementSync;
  #lastCommit: number;
  #lastCommitStored: number;
  #removeExpiredFrom = 0;

  constructor(file: string, durable: boolean) {
    const database = new DatabaseSync(file, { timeout: busyTimeoutMs });
    configure(database, durable);
    const prepare = (sql: string) => database.prepare(sql);
    this.#database = database;
    this.rows = new Rows(database);
    this.#begin = prepare('BEGIN IMMEDIATE');
    this.#savepoint = prepare('SAVEPOINT one');
    this.#undo = prepare('ROLLBACK TO one');
    this.#release = prepare('RELEASE one');
    this.#commit = prepare('COMMIT');
    this.#create = prepare(`${upsert} WHERE document.expires_at <= ?`);
    this.#set = prepare(upsert);
    this.#delete = prepare('DELETE FROM document WHERE key = ?');
    this.#removeExpired = prepare(`DELETE FROM document WHERE key IN
      (SELECT key FROM document WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)`);
    this.#setLastCommit = prepare('UPDATE last_commit SET committed_at = ?');
    this.#lastCommit = Number(
      prepare('SELECT committed_at FROM last_commit').get()?.['committed_at'],
    );
    this.#lastCommitStored = this.#lastCommit;
  }

  /** False as well after SQLite ended the transaction by itself, on an error. */
  get began(): boolean {
    return this.#database.isOpen && this.#database.isTransaction;
  }

  begin(): void {
    this.#begin.run();
  }

  /** All of one transaction's writes or, when it throws, none. */
  apply(writes: readonly Write[], now: number): void {
    // A savepoint without a transaction around it would begin and commit one of its own.
    assert(this.began, 'writes need a transaction');
    if (writes.length === 0) return;
    this.#savepoint.run();
    try {
      this.#lastCommit = Math.max(this.#lastCommit + 1, Math.floor(now * 1000));
      for (const write of writes) this.#write(write, now);
    } catch (error) {
      if (this.began) this.#undo.run();
      throw error;
    } finally {
      if (this.began) this.#release.run();
    }
  }

  #write(write: Write, now: number): void {
    if (write.kind === 'delete') {
      this.#delete.run(encodeDocumentKey(write.key));
      return;
    }
    const { key, value, bytes, expiresAt } = write.row;
    if (write.kind === 'set') {
      this.#set.run(key, value, bytes, expiresAt, this.#lastCommit);
      return;
    }
    const { changes } = this.#create.run(key, value, bytes, expiresAt, this.#lastCommit, now);
    if (changes === 0) throw new DocumentExists(write.key);
  }

  commit(now: number): void {
    if (this.#lastCommit > this.#lastCommitStored) {
      this.removeExpired(now);
      this.#setLastCommit.run(this.#lastCommit);
    }
    this.#commit.run();
    this.#lastCommitStored = this.#lastCommit;
  }

  rollback(): void {
    if (this.began) this.#database.exec('ROLLBACK');
  }

  /** A bounded number of rows, and only when the last time is long enough ago. */
  removeExpired(now: number): void {
    if (now < this.#removeExpiredFrom) return;
    const { changes } = this.#removeExpired.run(now, expiredRowsMax);
    const all = Number(changes) < expiredRowsMax;
    this.#removeExpiredFrom = now + (all ? expiredPauseMs : expiredPauseShortMs);
  }

  close(): void {
    if (this.#database.isOpen) this.#database.close();
  }
}

function configure(database: DatabaseSync, durable: boolean): void {
  const mode = database.prepare('PRAGMA journal_mode = WAL').get()?.['journal_mode'];
  assert.equal(mode, 'wal', 'the file system must support shared memory, which WAL needs');
  database.exec(`
    PRAGMA synchronous = ${durable ? 'FULL' : 'OFF'};
    PRAGMA fullfsync = ${durable ? 'ON' : 'OFF'}; -- macOS: its fsync alone leaves data in the drive's cache
    PRAGMA journal_size_limit = ${walBytesMax};
    BEGIN IMMEDIATE; ${schema} COMMIT;
  `);
}

/** What one connection sees of the documents. */
class Rows {
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

interface EncodedRow {
  readonly key: Uint8Array;
  readonly value: string;
  readonly bytes: Uint8Array | null;
  readonly expiresAt: number | null;
}

function encodeRow(key: Key, value: Value, options: WriteOptions | undefined): EncodedRow {
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

function encodeDocumentKey(key: Key): Uint8Array {
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
