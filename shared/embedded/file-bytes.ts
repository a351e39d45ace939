// A file's bytes, as a stream of pieces.

import { fstatSync, readSync } from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import type { ByteRange, ObjectBytes } from '../ports/blobs.ts';
import { ifThere } from './errno.ts';

/**
 * A piece is what a reader who waits costs. Those of a fast one double up to the most: few large reads are
 * three times as fast as many small ones.
 */
const pieceBytesMin = 64 * 1024;
const pieceBytesMax = 512 * 1024;

/** Who asks for the next piece within this time is fast, once so much was read: the system buffers less. */
const fastReaderMs = 20;
const buffersBytesMax = 8 * 1024 * 1024;

/**
 * What lies in the system's page cache is read at once: handing such a read to a thread and waiting for it costs more than
 * the read. A read that took longer than this had to wait for the disk: the next ones of the file go to a
 * thread, so that others are served meanwhile, until it is tried again.
 */
const cachedReadMs = 2;
const readsByThread = 16;

/** Up to here the bytes are read at once, instead of when they are asked for. */
const eagerBytesMax = 64 * 1024;

/**
 * The bytes of the file in that range, cut off at the file's end, or `undefined` when there is no file.
 *
 * A reader may never come to ask for the first piece, because the client has gone. So no file stays
 * open until then: few bytes are read here, for many the file is opened again with the first piece.
 * That rejects with ENOENT when the file was deleted in between; once it is open, deletion does no harm.
 * The file is closed at the end, when the reader stops early, and on errors.
 */
export async function readBytes(
  path: string,
  range?: ByteRange | undefined,
): Promise<ObjectBytes | undefined> {
  const file = await ifThere(open(path, 'r'));
  if (file === undefined) return undefined;
  try {
    const { size, start, length } = spanOf(file, range);
    if (length > eagerBytesMax) return { size, bytes: pieces(path, range) };
    const bytes = Buffer.allocUnsafe(length);
    await new FileReader(file).fill(bytes, start);
    return { size, bytes: only(bytes) };
  } finally {
    await file.close();
  }
}

async function* only(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  if (bytes.length > 0) yield bytes;
}

/** A piece is overwritten by the next: the reader is done with it when it asks for that. */
async function* pieces(path: string, range: ByteRange | undefined): AsyncGenerator<Uint8Array> {
  const file = await open(path, 'r');
  try {
    const { start, length } = spanOf(file, range);
    const reader = new FileReader(file);
    let buffer = Buffer.allocUnsafeSlow(Math.min(pieceBytesMin, length));
    for (let done = 0; done < length; ) {
      const piece = buffer.subarray(0, Math.min(buffer.length, length - done));
      await reader.fill(piece, start + done);
      const yielded = performance.now();
      yield piece;
      done += piece.length;
      const isFast = performance.now() - yielded < fastReaderMs && done > buffersBytesMax;
      const size = isFast ? Math.min(buffer.length * 2, pieceBytesMax) : pieceBytesMin;
      if (size !== buffer.length) buffer = Buffer.allocUnsafeSlow(size);
    }
  } finally {
    await file.close();
  }
}

/** Reads an open file, in this thread or in another. */
class FileReader {
  readonly #file: FileHandle;
  #byThread = 0;

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** Fills the buffer with the bytes from that position on. @throws Error when the file ends before */
  async fill(buffer: Buffer, position: number): Promise<void> {
    for (let done = 0; done < buffer.length; ) {
      const read = await this.#read(buffer.subarray(done), position + done);
      if (read === 0) throw new Error(`the file ended ${buffer.length - done} bytes early`);
      done += read;
    }
  }

  async #read(buffer: Buffer, position: number): Promise<number> {
    if (this.#byThread > 0) {
      this.#byThread -= 1;
      return (await this.#file.read(buffer, 0, buffer.length, position)).bytesRead;
    }
    const started = performance.now();
    const read = readSync(this.#file.fd, buffer, 0, buffer.length, position);
    if (performance.now() - started > cachedReadMs) this.#byThread = readsByThread;
    return read;
  }
}

/** Appends a file to another, which is open to be written. @returns how many bytes, or `undefined` when it is not there */
export async function appendFile(path: string, to: FileHandle): Promise<number | undefined> {
  const source = await readBytes(path);
  if (source === undefined) return undefined;
  for await (const piece of source.bytes) {
    for (let done = 0; done < piece.length; ) {
      done += (await to.write(piece, done, piece.length - done)).bytesWritten;
    }
  }
  return source.size;
}

function spanOf(
  file: FileHandle,
  range: ByteRange | undefined,
): { size: number; start: number; length: number } {
  // Synchronous: an open file's size is in memory, 1 µs against 40 by way of the thread pool.
  const { size } = fstatSync(file.fd);
  if (range === undefined) return { size, start: 0, length: size };
  const end = Math.min(range.end + 1, size);
  return { size, start: range.start, length: Math.max(end - range.start, 0) };
}
