// Directories whose entries outlast a power loss: on POSIX a file is only found again when the
// directory that names it was synced, and that directory's parent, and so on.

import { mkdir, open, rmdir } from 'node:fs/promises';
import { dirname } from 'node:path';
import { hasCode } from './errno.ts';

/** So many directories are remembered as durable; forgetting them costs a sync each, nothing else. */
const rememberedMax = 10_000;

/** The directories of one tree, below and including its root, which exists and is durable. */
export class DurableDirectories {
  readonly #root: string;
  readonly #durable: boolean;
  readonly #ready = new Map<string, Promise<void>>();

  /** Without `durable` nothing is synced, and the promises below hold for crashes of the process only. */
  constructor(root: string, options: { durable: boolean }) {
    this.#root = root;
    this.#durable = options.durable;
  }

  /**
   * Resolves when the directory exists and is durable, and with it the entries that an earlier
   * process, which may have died before its sync, left in it. Free for directories seen before.
   * Rejects with ENOENT when a parent was removed; {@link forget} and try again.
   */
  ready(directory: string): Promise<void> {
    const known = this.#ready.get(directory);
    if (known !== undefined) return known;
    if (this.#ready.size >= rememberedMax) this.#ready.clear();
    const ready = this.#make(directory).catch((error: unknown) => {
      this.#ready.delete(directory);
      throw error;
    });
    this.#ready.set(directory, ready);
    return ready;
  }

  async #make(directory: string): Promise<void> {
    if (directory === this.#root) return this.sync(directory);
    const parent = dirname(directory);
    await this.ready(parent);
    try {
      await mkdir(directory);
    } catch (error) {
      if (!hasCode(error, 'EEXIST')) throw error;
      await this.sync(directory);
    }
    await this.sync(parent);
  }

  /** Makes the entries of the directory durable: those made and those removed before the call. */
  async sync(directory: string): Promise<void> {
    if (!this.#durable) return;
    try {
      await syncDirectory(directory);
    } catch (error) {
      this.#ready.delete(directory);
      // Removed because it was empty: it is its own removal that has to last.
      if (!hasCode(error, 'ENOENT') || directory === this.#root) throw error;
      await this.sync(dirname(directory));
    }
  }

  /** No longer takes the directory and its parents for existing. */
  forget(directory: string): void {
    for (let at = directory; at.startsWith(this.#root) && at !== this.#root; at = dirname(at)) {
      this.#ready.delete(at);
    }
  }

  /**
   * Removes the directory if nothing is in it. It may still be taken for existing: who then meets
   * ENOENT has to {@link forget} it. Not synced: an empty directory may come back.
   */
  async removeEmpty(directory: string): Promise<void> {
    try {
      await rmdir(directory);
    } catch (error) {
      if (!hasCode(error, 'ENOTEMPTY', 'EEXIST', 'ENOENT')) throw error;
    }
  }
}

/** Makes a directory and the parents it lacks, durably if so wanted. It is no error when it exists. */
export async function makeDirectory(path: string, options: { durable: boolean }): Promise<void> {
  const first = await mkdir(path, { recursive: true });
  if (first === undefined || !options.durable) return;
  for (let made = path; made.length >= first.length; made = dirname(made)) {
    await syncDirectory(dirname(made));
  }
}

async function syncDirectory(directory: string): Promise<void> {
  const handle = await open(directory, 'r');
  try {
    await handle.sync();
  } finally {
    await handle.close();
  }
}
