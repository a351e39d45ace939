// Documents for one process on one machine, in SQLite. Transactions run one after another; those that wait
// together share one COMMIT and its fsync. Plain reads have a connection of their own.

import { AsyncLocalStorage } from 'node:async_hooks';
import { DatabaseSync } from 'node:sqlite';
import type { Clock } from '../ports/clock.ts';
import type {
  Document,
  Documents,
  Key,
  ListOptions,
  Transaction,
  Value,
  WriteOptions,
} from '../ports/documents.ts';
import { StoreFull } from '../ports/store-full.ts';
import { ListStamps } from './list-stamps.ts';
import { NameLists } from './name-lists.ts';
import { encodeRow, Rows } from './sqlite-rows.ts';
import { busyTimeoutMs, pageCacheKiB, type Write, Writer } from './sqlite-writer.ts';

/** So many transactions at most share one COMMIT: it bounds how long the first of them waits for the last. */
const groupTransactionsMax = 256;

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
  /** SQLite's own check of its file, which reads all of it. @returns what is wrong; nothing when all is well */
  check(): readonly string[];
}

/**
 * Opens the store, and makes it when there is none; after a crash it recovers by itself.
 * Only one process may have it open: see `lockDirectory`.
 *
 * It asks less of keys and prefixes than the port: who reads all there is lists a whole location at once.
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
  reader.exec(`PRAGMA cache_size = -${pageCacheKiB}`);
  const committed = new Rows(reader);
  const lists = new NameLists((options) => committed.names(options, clock.now()));
  const stamps = new ListStamps();
  const queue = new TransactionQueue(writer, clock, (key) => {
    lists.forget(key);
    stamps.forget(key);
  });
  return {
    get: async (key) => committed.get(key, clock.now()),
    list: async (options) => committed.list(options, clock.now()),
    names: async (options) => lists.get(options),
    stamp: (prefix) => stamps.get(prefix),
    transact: (body) => queue.transact(body),
    check() {
      const found = reader.prepare('PRAGMA integrity_check').all();
      return found.map((row) => String(row['integrity_check'])).filter((line) => line !== 'ok');
    },
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
  readonly #changed: (key: Key) => void;
  readonly #running = new AsyncLocalStorage<BufferedTransaction>();
  #waiting: Waiting[] = [];
  #scheduled = false;

  /** @param changed called with each key that was written, before anyone is told */
  constructor(writer: Writer, clock: Clock, changed: (key: Key) => void) {
    this.#writer = writer;
    this.#clock = clock;
    this.#changed = changed;
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
      for (const key of this.#writer.commit(this.#clock.now())) this.#changed(key);
    } catch (cause) {
      const reason = isFull(cause)
        ? new StoreFull(cause)
        : new Error('the transaction could not be committed', { cause });
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
      return () => waiting.reject(isFull(error) ? new StoreFull(error) : error);
    } finally {
      transaction.open = false;
    }
  }
}

const sqliteFull = 13;

function isFull(error: unknown): boolean {
  return error instanceof Error && 'errcode' in error && error.errcode === sqliteFull;
}

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
