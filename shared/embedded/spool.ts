// From a body to a file: few large writes, the next bytes read while the last ones are written.

import assert from 'node:assert/strict';
import type { FileHandle } from 'node:fs/promises';

/**
 * Chunks are gathered until they make a write of this size. While it is under way the next one is
 * gathered, so a spool holds at most twice this, and one chunk.
 */
const writeBytes = 1024 * 1024;

/** The most pieces one vectored write takes (IOV_MAX); it also bounds what tiny chunks cost in memory. */
const writeChunksMax = 1024;

/** What was gathered for so long is written as it is: a slow body is not kept in memory. */
const gatherMs = 200;

/**
 * After so many bytes the file is synced while more come: the disk works during the upload, not after
 * it, and the sync at the end is short.
 */
const syncBytes = 32 * 1024 * 1024;

/** Writes one body to one file. The chunks are kept until written, so nobody may change them. */
export class Spool {
  /** Bytes taken so far. */
  size = 0;
  readonly #open: () => Promise<FileHandle | undefined>;
  readonly #durable: boolean;
  #file: { readonly handle: FileHandle | undefined } | undefined;
  #gathered: Uint8Array[] = [];
  #gatheredBytes = 0;
  #overdue: NodeJS.Timeout | undefined;
  /** The last write; those before it are done. */
  #writing = Promise.resolve();
  #isWriting = false;
  #unsynced = 0;
  #syncing = Promise.resolve();
  #isSyncing = false;

  /**
   * @param open called once, when there are bytes to write or the body has ended, whichever is first.
   *   It makes the file, or answers `undefined` when the bytes are not wanted and just to be counted.
   * @param options.durable whether the file is synced as it grows; the last sync is the caller's
   */
  constructor(open: () => Promise<FileHandle | undefined>, options: { readonly durable: boolean }) {
    this.#open = open;
    this.#durable = options.durable;
  }

  /** Reads the body to its end. Rejects with what it throws, or with what the disk says. */
  async take(body: AsyncIterable<Uint8Array>): Promise<void> {
    for await (const chunk of body) {
      this.size += chunk.length;
      this.#gathered.push(chunk);
      this.#gatheredBytes += chunk.length;
      if (this.#gatheredBytes >= writeBytes || this.#gathered.length >= writeChunksMax) {
        await this.#flush();
      } else this.#overdue ??= setTimeout(() => this.#flushOverdue(), gatherMs);
    }
  }

  /** The file with all bytes in it, `undefined` when they were not wanted. The caller closes the spool. */
  async end(): Promise<FileHandle | undefined> {
    await this.#flush();
    await this.#writing;
    await this.#syncing;
    return this.#file?.handle;
  }

  /** Closes the file, if it was opened, once nothing is under way. Does not reject for what failed. */
  async close(): Promise<void> {
    clearTimeout(this.#overdue);
    await Promise.allSettled([this.#writing, this.#syncing]);
    await this.#file?.handle?.close();
  }

  /** Starts to write what was gathered, when the write before is done. */
  async #flush(): Promise<void> {
    await this.#writing;
    this.#startWrite();
  }

  #flushOverdue(): void {
    this.#overdue = undefined;
    // While a write is under way, more is gathered; what it holds is bounded.
    if (this.#isWriting) this.#overdue = setTimeout(() => this.#flushOverdue(), gatherMs);
    else this.#startWrite();
  }

  #startWrite(): void {
    clearTimeout(this.#overdue);
    this.#overdue = undefined;
    const chunks = this.#gathered;
    const bytes = this.#gatheredBytes;
    this.#gathered = [];
    this.#gatheredBytes = 0;
    this.#isWriting = true;
    this.#writing = this.#write(chunks, bytes).finally(() => {
      this.#isWriting = false;
    });
    // It is awaited by the next call, which may come late: not an unhandled rejection until then.
    this.#writing.catch(() => undefined);
  }

  async #write(chunks: readonly Uint8Array[], bytes: number): Promise<void> {
    this.#file ??= { handle: await this.#open() };
    const { handle } = this.#file;
    if (handle === undefined || bytes === 0) return;
    let { bytesWritten: written } = await handle.writev(chunks);
    if (written < bytes) {
      // A short write is rare (the disk is nearly full): the rest is copied together for simplicity.
      const all = Buffer.concat(chunks);
      while (written < bytes) {
        const { bytesWritten } = await handle.write(all, written);
        assert(bytesWritten > 0, 'a write that writes nothing fails');
        written += bytesWritten;
      }
    }
    this.#unsynced += bytes;
    if (this.#durable && this.#unsynced >= syncBytes && !this.#isSyncing) this.#startSync(handle);
  }

  #startSync(handle: FileHandle): void {
    this.#unsynced = 0;
    this.#isSyncing = true;
    this.#syncing = handle.datasync().finally(() => {
      this.#isSyncing = false;
    });
    this.#syncing.catch(() => undefined);
  }
}
