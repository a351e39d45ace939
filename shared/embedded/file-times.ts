// A file's modification time as the generation of the object in it: microseconds since 1970, set by
// us. It stays with the file through a rename, a link, a restart and a backup.

import type { BigIntStats } from 'node:fs';
import { type FileHandle, open, unlink } from 'node:fs/promises';
import { absent, type StoredObject } from '../ports/blobs.ts';

/** The generation of the object in the file; of no file, {@link absent}. */
export function generationOf(stats: BigIntStats | undefined): string {
  return stats === undefined ? absent : String(microseconds(stats));
}

/** When the object in the file was written, in milliseconds since 1970. */
export function createdAtOf(stats: BigIntStats): number {
  return Math.floor(Number(microseconds(stats)) / 1000);
}

export function storedObjectOf(stats: BigIntStats): StoredObject {
  return { size: Number(stats.size), generation: generationOf(stats) };
}

function microseconds(stats: BigIntStats): bigint {
  return (stats.mtimeNs + 500n) / 1000n;
}

/** Gives out times no two of which are equal, as long as the machine's clock is not set back in between. */
export class FileTimes {
  #last = 0;

  /** Sets the open file's time and answers it, as a generation. Whatever is written later changes it. */
  async stamp(file: FileHandle): Promise<string> {
    this.#last = Math.max(this.#last + 1, Date.now() * 1000);
    const time = this.#last;
    // Seconds as a double hold today's microseconds to a quarter of one; reading back rounds.
    await file.utimes(time / 1e6, time / 1e6);
    return String(time);
  }
}

/**
 * Makes a file at that path, for a moment, to see that its file system keeps times to the microsecond.
 * @throws Error when it does not.
 */
export async function checkFileTimes(path: string): Promise<void> {
  const file = await open(path, 'wx');
  try {
    const time = Date.now() * 1000 + 1;
    await file.utimes(time / 1e6, time / 1e6);
    if (generationOf(await file.stat({ bigint: true })) !== String(time)) {
      throw new Error(`the file system of ${path} does not keep times to the microsecond`);
    }
  } finally {
    await file.close();
    await unlink(path);
  }
}
