// Blobs as files. Drawn, below the directory it is opened with, which one process has to itself:
//
//   tmp/
//     17                               an object being written; emptied at open
//   objects/
//     local/                           an element of a name is a directory
//       project/
//         blobs/
//           ab@/                       no part of the name: digests are spread by their first two digits
//             sha256%3aab12...=        the last element is a file, marked by '='
//         parts/
//           session/
//             1=
//       %41.example.com/               an element with an upper-case A
//       aaa...aaa+/aaa...aaa+/aaa/     one element of over 200 characters
//
// A file's modification time is its object's generation (file-times.ts).
//
// An object that was composed of one source is a hard link to it: no bytes are copied, it outlives
// the source, and it shares its generation. A file is shared once at most, and then loses its
// permission to be written as a sign: if the object were deleted and composed again of the same
// source, it would get the same generation again, and a late delete of the old one would remove
// the new one. So the second time, and when the file system has no links, bytes are copied.

import assert from 'node:assert/strict';
import type { BigIntStats } from 'node:fs';
import { chmod, type FileHandle, link, open, rename, rm, stat, unlink } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import {
  type Blobs,
  type ByteRange,
  type ComposeOptions,
  type ListedObject,
  type ObjectBytes,
  ObjectMissing,
  type ObjectName,
  type StoredObject,
  type WriteOptions,
} from '../ports/blobs.ts';
import { StoreFull } from '../ports/store-full.ts';
import { DurableDirectories, makeDirectory } from './durable-directories.ts';
import { hasCode, ifThere } from './errno.ts';
import { appendFile, readBytes } from './file-bytes.ts';
import {
  checkFileTimes,
  createdAtOf,
  FileTimes,
  generationOf,
  storedObjectOf,
} from './file-times.ts';
import { KeyedLock } from './keyed-lock.ts';
import { objectPath, walkObjects } from './object-paths.ts';
import { Spool } from './spool.ts';

/** What users of the machine other than the registry's own may do with an object: nothing. */
const unsharedMode = 0o600;
const sharedMode = 0o400;

/** How often a directory that is removed, being empty, just as an object moves in is made again. */
const moveAttemptsMax = 10;

export interface FileBlobsOptions {
  /** Made when it does not exist. All of it must be one file system. */
  readonly directory: string;
  /** `false` leaves out every sync, for tests: acknowledged objects then survive a crash, but no power loss. */
  readonly durable?: boolean;
}

export interface FileBlobs extends Blobs {
  /**
   * Deletes the parts, of all locations and projects, that were created before that time, in
   * milliseconds since 1970, and answers how many: what the staging bucket's lifecycle rule does in
   * the cloud. A deletion may be undone by a power loss; the next run repeats it.
   */
  expireParts(beforeMs: number): Promise<number>;
}

/**
 * Opens the store, making it if need be. What an earlier process left unfinished is removed, so no
 * other process may use the directory at the same time.
 * @throws Error when the directory cannot be made or read, or its file system rounds file times.
 */
export async function openFileBlobs(options: FileBlobsOptions): Promise<FileBlobs> {
  const { durable = true } = options;
  const directory = resolve(options.directory);
  const tmp = join(directory, 'tmp');
  const objects = join(directory, 'objects');
  await rm(tmp, { recursive: true, force: true });
  await makeDirectory(tmp, { durable });
  await makeDirectory(objects, { durable });
  await checkFileTimes(join(tmp, 'times'));
  return new Files({ tmp, objects, durable });
}

class Files implements FileBlobs {
  readonly replaces = true;
  readonly #tmp: string;
  readonly #objects: string;
  readonly #durable: boolean;
  readonly #directories: DurableDirectories;
  /** Held, by an object's path, from the check of its generation until the change is durable. */
  readonly #lock = new KeyedLock();
  readonly #times = new FileTimes();
  #temporaries = 0;

  constructor(options: { tmp: string; objects: string; durable: boolean }) {
    this.#tmp = options.tmp;
    this.#objects = options.objects;
    this.#durable = options.durable;
    this.#directories = new DurableDirectories(options.objects, { durable: options.durable });
  }

  async write(
    name: ObjectName,
    body: AsyncIterable<Uint8Array>,
    { ifGeneration, verify }: WriteOptions,
  ): Promise<StoredObject | undefined> {
    const target = this.#path(name);
    return this.#replace(target, ifGeneration, (temporary) =>
      this.#receive(temporary, body, {
        // Pushing what is there already should not cost the disk a second copy.
        wanted: () => this.#isAt(target, ifGeneration),
        verify,
      }),
    );
  }

  async compose(
    sources: readonly ObjectName[],
    name: ObjectName,
    { ifGeneration, size }: ComposeOptions,
  ): Promise<StoredObject | undefined> {
    const [first] = sources;
    assert(first !== undefined, 'an object is composed of at least one');
    const target = this.#path(name);
    if (!(await this.#isAt(target, ifGeneration))) return undefined;
    const linkable = sources.length === 1 && this.#path(first) !== target;
    return this.#replace(target, ifGeneration, async (temporary) => {
      const shared = linkable ? await this.#share(first, temporary) : undefined;
      const joined = shared ?? (await this.#join(sources, temporary));
      if (joined.size === size) return joined;
      throw new Error(`the parts of ${name.join(' / ')} have ${joined.size} bytes, not ${size}`);
    });
  }

  async stat(name: ObjectName): Promise<StoredObject | undefined> {
    const path = this.#path(name);
    const stats = await this.#lock.run(path, () => this.#settled(path));
    return stats && storedObjectOf(stats);
  }

  async read(name: ObjectName, range?: ByteRange): Promise<ObjectBytes | undefined> {
    return readBytes(this.#path(name), range);
  }

  async readUrl(): Promise<undefined> {
    return undefined;
  }

  async delete(
    name: ObjectName,
    { ifGeneration }: { readonly ifGeneration: string },
  ): Promise<boolean> {
    return this.#remove(this.#path(name), ifGeneration, (directory) =>
      this.#directories.sync(directory),
    );
  }

  async *list(prefix: ObjectName): AsyncGenerator<ListedObject> {
    for await (const { name, path } of walkObjects(this.#objects, { prefix })) {
      const stats = await ifThere(stat(path, { bigint: true }));
      if (stats !== undefined)
        yield { name, ...storedObjectOf(stats), createdAt: createdAtOf(stats) };
    }
  }

  async expireParts(beforeMs: number): Promise<number> {
    let expired = 0;
    const parts = walkObjects(this.#objects, {
      prefix: [],
      enter: (elements) => elements.length < 3 || elements[2] === 'parts',
      leave: (directory) => this.#directories.removeEmpty(directory),
    });
    for await (const { name, path } of parts) {
      const stats = name[2] === 'parts' ? await ifThere(stat(path, { bigint: true })) : undefined;
      if (stats === undefined || createdAtOf(stats) >= beforeMs) continue;
      if (await this.#remove(path, generationOf(stats))) expired += 1;
    }
    return expired;
  }

  #path(name: ObjectName): string {
    return join(this.#objects, objectPath(name));
  }

  /**
   * Puts the file that `make` made at the given path in the target's place, if the target is at that
   * generation. When `make` answers `undefined`, or anything fails, no trace is left of it.
   */
  async #replace(
    target: string,
    ifGeneration: string,
    make: (temporary: string) => Promise<StoredObject | undefined>,
  ): Promise<StoredObject | undefined> {
    this.#temporaries += 1;
    const temporary = join(this.#tmp, String(this.#temporaries));
    let moved = false;
    try {
      const stored = await make(temporary);
      if (stored === undefined) return undefined;
      moved = await this.#lock.run(target, async () => {
        if (generationOf(await this.#settled(target)) !== ifGeneration) return false;
        await this.#move(temporary, target);
        return true;
      });
      return moved ? stored : undefined;
    } catch (error) {
      throw hasCode(error, 'ENOSPC', 'EDQUOT') ? new StoreFull(error) : error;
    } finally {
      if (!moved) await ifThere(unlink(temporary));
    }
  }

  /** Writes the body to a new, durable file; `undefined` when it turned out not to be wanted. */
  async #receive(
    temporary: string,
    body: AsyncIterable<Uint8Array>,
    options: { wanted: () => Promise<boolean>; verify?: (() => void) | undefined },
  ): Promise<StoredObject | undefined> {
    const spool = new Spool(
      async () => ((await options.wanted()) ? open(temporary, 'wx', unsharedMode) : undefined),
      { durable: this.#durable },
    );
    try {
      await spool.take(body);
      options.verify?.();
      const file = await spool.end();
      if (file === undefined) return undefined;
      const generation = await this.#times.stamp(file);
      if (this.#durable) await file.sync();
      return { size: spool.size, generation };
    } finally {
      await spool.close();
    }
  }

  /** Links the source to that path, unless it was shared before or cannot be. See the top. */
  #share(source: ObjectName, temporary: string): Promise<StoredObject | undefined> {
    const path = this.#path(source);
    return this.#lock.run(path, async () => {
      const stats = await ifThere(stat(path, { bigint: true }));
      if (stats === undefined) throw new ObjectMissing(source);
      if ((Number(stats.mode) & 0o777) === sharedMode) return undefined;
      await chmod(path, sharedMode);
      try {
        await link(path, temporary);
      } catch (error) {
        if (hasCode(error, 'EXDEV', 'EPERM', 'EMLINK', 'ENOTSUP')) return undefined;
        throw error;
      }
      return storedObjectOf(stats);
    });
  }

  /** Joins the sources in a new, durable file. */
  async #join(sources: readonly ObjectName[], temporary: string): Promise<StoredObject> {
    const file = await open(temporary, 'wx', unsharedMode);
    try {
      let size = 0;
      for (const source of sources) size += await this.#append(source, file);
      const generation = await this.#times.stamp(file);
      if (this.#durable) await file.sync();
      return { size, generation };
    } finally {
      await file.close();
    }
  }

  async #append(source: ObjectName, file: FileHandle): Promise<number> {
    // Deleted before it was opened, or between that and the first piece.
    const bytes = await ifThere(appendFile(this.#path(source), file));
    if (bytes === undefined) throw new ObjectMissing(source);
    return bytes;
  }

  async #move(temporary: string, target: string): Promise<void> {
    const directory = dirname(target);
    for (let attempt = 1; ; attempt += 1) {
      try {
        await this.#directories.ready(directory);
        await rename(temporary, target);
        break;
      } catch (error) {
        if (!hasCode(error, 'ENOENT') || attempt === moveAttemptsMax) throw error;
        // `expireParts` found it empty and removed it.
        this.#directories.forget(directory);
      }
    }
    await this.#directories.sync(directory);
  }

  /** Deletes that generation, then makes it durable, and answers whether it did. */
  #remove(
    path: string,
    ifGeneration: string,
    settle?: (directory: string) => Promise<void>,
  ): Promise<boolean> {
    return this.#lock.run(path, async () => {
      const stats = await ifThere(stat(path, { bigint: true }));
      if (stats === undefined || generationOf(stats) !== ifGeneration) return false;
      await unlink(path);
      await settle?.(dirname(path));
      return true;
    });
  }

  #isAt(path: string, generation: string): Promise<boolean> {
    return this.#lock.run(path, async () => generationOf(await this.#settled(path)) === generation);
  }

  /**
   * The file as it is, under the lock. What is seen to exist is durable: callers record it as such,
   * and an earlier process may have died between moving it in and syncing the directory.
   */
  async #settled(path: string): Promise<BigIntStats | undefined> {
    const stats = await ifThere(stat(path, { bigint: true }));
    // A directory that is gone by now has taken the file with it.
    if (stats !== undefined) await ifThere(this.#directories.ready(dirname(path)));
    return stats;
  }
}
