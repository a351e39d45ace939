// Documents in SQLite, on one machine. One table:
//
//   documents
//     key          BLOB  primary key: each element's UTF-8 bytes and a 0x00, so that byte order is key order
//     value        TEXT  JSON
//     bytes        BLOB  the reserved field `bytes`, as it is
//     committed_at INTEGER  microseconds since 1970, one for each transaction, always rising
//     expires_at   INTEGER  milliseconds since 1970, or NULL
//
// Two connections: one writes, the other only reads, and so sees nothing uncommitted. Transactions run one
// after another, each in a savepoint. Those that wait while others commit share the next COMMIT and its fsync.

import assert from 'node:assert/strict';
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import type { Clock } from '../ports/clock.ts';
import {
  type Document,
  DocumentExists,
  type Documents,
  documentBytesMax,
  type Key,
  type ListOptions,
  type Transaction,
  type Value,
  type WriteOptions,
} from '../ports/documents.ts';

/** Transactions that share one COMMIT: the first of them waits for the last. */
const groupMax = 100;

/** Expired documents are removed no more often than this, and so many at a time. */
const cleanupIntervalMs = 60_000;
const cleanupMax = 1000;

export interface SqliteDocuments extends Documents {
  close(): void;
}

/**
 * Opens the store, making its file where there is none; after a crash SQLite recovers it here.
 * @param options.durable `false` leaves out the fsyncs, for tests: a power loss may then lose commits
 */
export function openSqliteDocuments(options: {
  readonly file: string;
  readonly clock: Clock;
  readonly durable?: boolean;
}): SqliteDocuments {
  const { file, clock, durable = true } = options;
  const writer = new DatabaseSync(file);
  writer.exec(`
    PRAGMA journal_mode = WAL;
    PRAGMA synchronous = ${durable ? 'FULL' : 'OFF'};
    PRAGMA cache_size = -65536;
    CREATE TABLE IF NOT EXISTS documents (
      key BLOB PRIMARY KEY, value TEXT NOT NULL, bytes BLOB, committed_at INTEGER NOT NULL, expires_at INTEGER
    ) WITHOUT ROWID;
    CREATE INDEX IF NOT EXISTS expiring ON documents (expires_at) WHERE expires_at IS NOT NULL;
    CREATE TABLE IF NOT EXISTS last_commit (one INTEGER PRIMARY KEY CHECK (one = 1), at INTEGER NOT NULL);
    INSERT OR IGNORE INTO last_commit VALUES (1, 0);
  `);
  return new Sqlite(writer, new DatabaseSync(file, { readOnly: true }), clock);
}

interface Waiting {
  run(): Promise<() => void>;
  fail(error: unknown): void;
}

class Sqlite implements SqliteDocuments {
  readonly #writer: DatabaseSync;
  readonly #reader: DatabaseSync;
  readonly #clock: Clock;
  readonly #committed: Reader;
  readonly #statements: WriteStatements;
  #waiting: Waiting[] = [];
  #working = false;
  #lastCommit: number;
  #cleanedAt = 0;

  constructor(writer: DatabaseSync, reader: DatabaseSync, clock: Clock) {
    this.#writer = writer;
    this.#reader = reader;
    this.#clock = clock;
    this.#committed = new Reader(reader, clock);
    this.#statements = new WriteStatements(writer, clock);
    this.#lastCommit = this.#statements.lastCommit();
  }

  async get(key: Key): Promise<Document | undefined> {
    return this.#committed.get(key);
  }

  async list(options: ListOptions): Promise<Document[]> {
    return this.#committed.list(options);
  }

  transact<R>(body: (transaction: Transaction) => Promise<R>): Promise<R> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({
        run: async () => {
          const result = await this.#inSavepoint(body);
          return () => resolve(result);
        },
        fail: reject,
      });
      if (!this.#working) void this.#work();
    });
  }

  close(): void {
    this.#reader.close();
    this.#writer.close();
  }

  /** Takes up what waits, a group at a time, until nothing does. */
  async #work(): Promise<void> {
    this.#working = true;
    while (this.#waiting.length > 0) {
      // Those that were asked for in this very turn of the event loop wait as well.
      await Promise.resolve();
      await this.#commitGroup(this.#waiting.splice(0, groupMax));
    }
    this.#working = false;
  }

  async #commitGroup(group: readonly Waiting[]): Promise<void> {
    const done: { waiting: Waiting; settle: () => void }[] = [];
    try {
      this.#writer.exec('BEGIN IMMEDIATE');
      for (const waiting of group) {
        try {
          done.push({ waiting, settle: await waiting.run() });
        } catch (error) {
          waiting.fail(error);
        }
      }
      this.#statements.saveLastCommit(this.#lastCommit);
      this.#cleanUp();
      this.#writer.exec('COMMIT');
    } catch (error) {
      // Disk full, or a file system that turned read-only: nothing of the group was written.
      if (this.#writer.isTransaction) this.#writer.exec('ROLLBACK');
      for (const waiting of group) waiting.fail(error);
      return;
    }
    for (const { settle } of done) settle();
  }

  async #inSavepoint<R>(body: (transaction: Transaction) => Promise<R>): Promise<R> {
    this.#lastCommit = Math.max(this.#lastCommit + 1, Math.floor(this.#clock.now() * 1000));
    const transaction = new SqliteTransaction(this.#statements, this.#lastCommit);
    this.#writer.exec('SAVEPOINT one');
    try {
      const result = await body(transaction);
      this.#writer.exec('RELEASE one');
      return result;
    } catch (error) {
      this.#writer.exec('ROLLBACK TO one; RELEASE one');
      throw error;
    } finally {
      transaction.end();
    }
  }

  #cleanUp(): void {
    const now = this.#clock.now();
    if (now - this.#cleanedAt < cleanupIntervalMs) return;
    this.#cleanedAt = now;
    this.#statements.removeExpired(now);
  }
}

/** The reads, on either connection. */
class Reader {
  readonly #clock: Clock;
  readonly #get: StatementSync;
  readonly #list: StatementSync;

  constructor(database: DatabaseSync, clock: Clock) {
    this.#clock = clock;
    const columns = 'key, value, bytes, committed_at';
    const live = '(expires_at IS NULL OR expires_at > ?)';
    this.#get = database.prepare(`SELECT ${columns} FROM documents WHERE key = ? AND ${live}`);
    this.#list = database.prepare(
      `SELECT ${columns} FROM documents WHERE key > ? AND key < ? AND ${live} ORDER BY key LIMIT ?`,
    );
  }

  get(key: Key): Document | undefined {
    const row = this.#get.get(encodeKey(key), this.#clock.now());
    return row === undefined ? undefined : toDocument(row, key);
  }

  list({ prefix, after, limit }: ListOptions): Document[] {
    const begin = encodeKey(prefix);
    // Keys under the prefix go on with bytes other than 0x00, which ends an element; 0xFF is in no UTF-8.
    const end = Buffer.concat([begin, Buffer.of(0xff)]);
    const from = after === undefined ? begin : encodeKey(after);
    const first = Buffer.compare(from, begin) < 0 ? begin : from;
    const most = Math.min(limit, Number.MAX_SAFE_INTEGER);
    return this.#list.all(first, end, this.#clock.now(), most).map((row) => toDocument(row));
  }
}

class WriteStatements {
  readonly reader: Reader;
  readonly #clock: Clock;
  readonly #set: StatementSync;
  readonly #delete: StatementSync;
  readonly #removeExpired: StatementSync;
  readonly #saveLastCommit: StatementSync;
  readonly #lastCommit: StatementSync;

  constructor(database: DatabaseSync, clock: Clock) {
    this.reader = new Reader(database, clock);
    this.#clock = clock;
    this.#set = database.prepare('INSERT OR REPLACE INTO documents VALUES (?, ?, ?, ?, ?)');
    this.#delete = database.prepare('DELETE FROM documents WHERE key = ?');
    this.#removeExpired = database.prepare(
      'DELETE FROM documents WHERE key IN (SELECT key FROM documents WHERE expires_at <= ? LIMIT ?)',
    );
    this.#saveLastCommit = database.prepare('UPDATE last_commit SET at = ?');
    this.#lastCommit = database.prepare('SELECT at FROM last_commit');
  }

  set(key: Key, value: Value, committedAt: number, { expiresAt }: WriteOptions = {}): void {
    const { bytes, ...json } = value;
    const text = JSON.stringify(json);
    const size = Buffer.byteLength(text) + (bytes?.length ?? 0);
    if (size > documentBytesMax) {
      throw new Error(`a document of ${size} bytes, over ${documentBytesMax}: ${key.join(' / ')}`);
    }
    this.#set.run(encodeKey(key), text, bytes ?? null, committedAt, expiresAt ?? null);
  }

  create(key: Key, value: Value, committedAt: number, options?: WriteOptions): void {
    if (this.reader.get(key) !== undefined) throw new DocumentExists(key);
    this.set(key, value, committedAt, options);
  }

  delete(key: Key): void {
    this.#delete.run(encodeKey(key));
  }

  removeExpired(now = this.#clock.now()): void {
    this.#removeExpired.run(now, cleanupMax);
  }

  lastCommit(): number {
    return Number(this.#lastCommit.get()?.['at'] ?? 0);
  }

  saveLastCommit(at: number): void {
    this.#saveLastCommit.run(at);
  }
}

class SqliteTransaction implements Transaction {
  readonly #statements: WriteStatements;
  readonly #committedAt: number;
  #state: 'reading' | 'writing' | 'over' = 'reading';

  constructor(statements: WriteStatements, committedAt: number) {
    this.#statements = statements;
    this.#committedAt = committedAt;
  }

  async get(key: Key): Promise<Document | undefined> {
    this.#reading();
    return this.#statements.reader.get(key);
  }

  async getAll(keys: readonly Key[]): Promise<(Document | undefined)[]> {
    this.#reading();
    return keys.map((key) => this.#statements.reader.get(key));
  }

  async list(options: ListOptions): Promise<Document[]> {
    this.#reading();
    return this.#statements.reader.list(options);
  }

  create(key: Key, value: Value, options?: WriteOptions): void {
    this.#writing();
    this.#statements.create(key, value, this.#committedAt, options);
  }

  set(key: Key, value: Value, options?: WriteOptions): void {
    this.#writing();
    this.#statements.set(key, value, this.#committedAt, options);
  }

  delete(key: Key): void {
    this.#writing();
    this.#statements.delete(key);
  }

  end(): void {
    this.#state = 'over';
  }

  #reading(): void {
    assert(
      this.#state === 'reading',
      'in a transaction, reads come before writes, and none after its end',
    );
  }

  #writing(): void {
    assert(this.#state !== 'over', 'a transaction that is over was written to');
    this.#state = 'writing';
  }
}

function encodeKey(key: Key): Buffer {
  let text = '';
  for (const element of key) {
    assert(element !== '' && !element.includes('\0'), `not a key: ${JSON.stringify(key)}`);
    text += `${element}\0`;
  }
  return Buffer.from(text);
}

function toDocument(row: Record<string, unknown>, key?: Key): Document {
  const {
    key: encoded,
    value,
    bytes,
    committed_at: committedAt,
  } = row as {
    key: Uint8Array;
    value: string;
    bytes: Uint8Array | null;
    committed_at: number;
  };
  const json = JSON.parse(value);
  return {
    key: key ?? Buffer.from(encoded).toString('utf8').slice(0, -1).split('\0'),
    value: bytes === null ? json : { ...json, bytes },
    committedAt,
  };
}
