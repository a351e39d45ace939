// The connection that writes, and the tables it writes to, in WAL mode.
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
import { DatabaseSync, type StatementSync } from 'node:sqlite';
import { DocumentExists, type Key } from '../ports/documents.ts';
import { type EncodedRow, encodeDocumentKey, Rows } from './sqlite-rows.ts';

/** So many expired rows at most are removed at a time, that often, or soon again when there were more. */
const expiredRowsMax = 1000;
const expiredPauseMs = 60_000;
const expiredPauseShortMs = 1000;
/** A write-ahead log that grew over this under load is cut back to it. */
const walBytesMax = 64 * 1024 * 1024;
/** Pages each connection keeps, in KiB: SQLite's own 2 MiB is read anew for each long list. */
export const pageCacheKiB = 16 * 1024;
/** How long to wait for another program (a backup, a shell) that holds the file's lock. */
export const busyTimeoutMs = 1000;

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

export type Write =
  | { readonly kind: 'create' | 'set'; readonly key: Key; readonly row: EncodedRow }
  | { readonly kind: 'delete'; readonly key: Key };

/** The connection that writes. Its methods are called in the order begin, apply…, commit or rollback. */
export class Writer {
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
  #written: Key[] = [];

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
    this.#written = [];
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
    this.#written.push(write.key);
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

  /** @returns the keys that were written since `begin`, those of a transaction that failed among them */
  commit(now: number): readonly Key[] {
    if (this.#lastCommit > this.#lastCommitStored) {
      this.removeExpired(now);
      this.#setLastCommit.run(this.#lastCommit);
    }
    this.#commit.run();
    this.#lastCommitStored = this.#lastCommit;
    return this.#written;
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
    PRAGMA cache_size = -${pageCacheKiB};
    BEGIN IMMEDIATE; ${schema} COMMIT;
  `);
}
