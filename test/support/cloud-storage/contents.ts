// Bytes on the disk. An object's content is a row of files that never change: so composing and copying move no
// bytes, as they do not for whoever watches Cloud Storage. A file goes with the last content that uses it.

import assert from 'node:assert/strict';
import { createHash, type Hash } from 'node:crypto';
import { createReadStream, unlink } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { IHasher } from 'hash-wasm';
import { joinCrc32c, startCrc32c } from './crc32c.ts';

/** What an upload keeps when it is broken off is a multiple of this, as the reference has it. */
export const unitBytes = 256 * 1024;

const readBytes = 256 * 1024;

interface File {
  readonly path: string;
  readonly size: number;
  /** How many contents and readers there are of it. */
  users: number;
}

export interface Content {
  readonly files: readonly File[];
  readonly size: number;
  readonly crc32c: number;
  /** A composed object has none. */
  readonly md5Hash: string | undefined;
}

/** Bytes that come for an object, until they are its content. Holds 256 KiB of them. */
export class Recording {
  readonly #path: string;
  readonly #file: FileHandle;
  readonly #crc32c: IHasher;
  readonly #md5: Hash = createHash('md5');
  readonly #closed: () => void;
  readonly #unit = Buffer.allocUnsafe(unitBytes);
  #persisted = 0;
  #waiting = 0;

  /** @param closed called when it has ended or was abandoned */
  static async start(path: string, closed: () => void): Promise<Recording> {
    const crc32c = await startCrc32c();
    return new Recording(path, { file: await open(path, 'wx'), crc32c, closed });
  }

  private constructor(
    path: string,
    { file, crc32c, closed }: { file: FileHandle; crc32c: IHasher; closed: () => void },
  ) {
    this.#path = path;
    this.#file = file;
    this.#crc32c = crc32c;
    this.#closed = closed;
  }

  /** Bytes that would survive now if the request broke off: whole units. */
  get persisted(): number {
    return this.#persisted;
  }

  /** All bytes that came, whole units and what is less than one. */
  get size(): number {
    return this.#persisted + this.#waiting;
  }

  async write(bytes: Uint8Array): Promise<void> {
    let rest = bytes;
    while (rest.length > 0) {
      const room = unitBytes - this.#waiting;
      this.#unit.set(rest.subarray(0, room), this.#waiting);
      this.#waiting += Math.min(room, rest.length);
      if (this.#waiting === unitBytes) await this.#persist();
      rest = rest.subarray(room);
    }
  }

  /** Forgets what is less than a unit: the request broke off. */
  dropRest(): void {
    this.#waiting = 0;
  }

  /** There is no more. */
  async end(): Promise<Content> {
    await this.#persist();
    await this.#file.close();
    this.#closed();
    const size = this.#persisted;
    return {
      files: [{ path: this.#path, size, users: 1 }],
      size,
      crc32c: Number.parseInt(this.#crc32c.digest('hex'), 16),
      md5Hash: this.#md5.digest('base64'),
    };
  }

  /** Removes what came. */
  async abandon(): Promise<void> {
    await this.#file.close();
    this.#closed();
    unlink(this.#path, () => {});
  }

  async #persist(): Promise<void> {
    const bytes = this.#unit.subarray(0, this.#waiting);
    this.#crc32c.update(bytes);
    this.#md5.update(bytes);
    await this.#file.writeFile(bytes);
    this.#persisted += bytes.length;
    this.#waiting = 0;
  }
}

/** One after the other, as a content of their own. */
export function joinContents(contents: readonly Content[]): Content {
  let size = 0;
  let crc32c = 0;
  for (const content of contents) {
    crc32c = joinCrc32c(crc32c, content.crc32c, content.size);
    size += content.size;
  }
  const files = contents.flatMap((content) => content.files);
  return hold({ files, size, crc32c, md5Hash: undefined });
}

/** The same content once more: it lives until both are released. */
export function hold(content: Content): Content {
  for (const file of content.files) file.users += 1;
  return content;
}

/** Nobody uses this content any more. */
export function release(content: Content): void {
  for (const file of content.files) {
    file.users -= 1;
    assert(file.users >= 0, 'a content is released once');
    if (file.users === 0) unlink(file.path, () => {});
  }
}

/** The bytes from `start` to before `end`. The caller holds the content meanwhile. */
export async function* readContent(
  content: Content,
  { start, end }: { readonly start: number; readonly end: number },
): AsyncGenerator<Uint8Array> {
  let offset = 0;
  for (const { path, size } of content.files) {
    const from = Math.max(start - offset, 0);
    const to = Math.min(end - offset, size);
    offset += size;
    if (from >= to) continue;
    yield* createReadStream(path, { start: from, end: to - 1, highWaterMark: readBytes });
  }
}
