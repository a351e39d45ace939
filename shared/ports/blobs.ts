// Where bytes live: immutable objects under names. Cloud Storage in the cloud, files on one machine.

import type { Key } from './documents.ts';

/**
 * An object's name: `[location, project, 'blobs' | 'parts', ...]`. `blobs` are content-addressed and
 * kept until deleted; `parts` are what upload sessions received, and are garbage when their session is over.
 * Both lie in the same location, so that composing moves no bytes between locations.
 */
export type ObjectName = Key;

export interface StoredObject {
  readonly size: number;
  /** Names this very write: an object that is deleted and written again has another generation. */
  readonly generation: string;
}

export interface ListedObject extends StoredObject {
  readonly name: ObjectName;
  /** Milliseconds since 1970. */
  readonly createdAt: number;
}

/** An object's bytes, or a range of them. */
export interface ObjectBytes {
  /** Of the whole object. */
  readonly size: number;
  /** Pieces as they come. One may be overwritten once the next is asked for. The reader may stop early. */
  readonly bytes: AsyncIterable<Uint8Array>;
}

/** All bytes of a read that are few enough to be held. */
export async function gather(bytes: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of bytes) pieces.push(Buffer.from(piece));
  return Buffer.concat(pieces);
}

/** The generation of an object that does not exist: `ifGeneration: absent` means create only. */
export const absent = '0';

export interface WriteOptions {
  /** The write succeeds only over this generation; {@link absent} to create only. */
  readonly ifGeneration: string;
  /**
   * Called when the body has ended and before the object becomes visible. When it throws, nothing
   * becomes visible and `write` rejects with what it threw.
   */
  readonly verify?: (() => void) | undefined;
}

export interface ComposeOptions {
  readonly ifGeneration: string;
  /** What the sources have together. When they do not, they are damaged: nothing becomes visible, and it rejects. */
  readonly size: number;
}

/** Bytes to send, from `start` to `end` inclusive, both counted from 0. */
export interface ByteRange {
  readonly start: number;
  readonly end: number;
}

/**
 * The promise:
 * - An object is visible whole or not at all, and durable once the call resolved, power loss included.
 * - A body that throws (the client went away) leaves nothing visible, and the call rejects with what it threw.
 * - Memory is bounded whatever the size. Pieces of a body are kept until they are written: whoever yields
 *   one does not change it afterwards.
 * - Where there is no room, `write` and `compose` reject with StoreFull, and reading goes on. Where a project's bytes have
 *   no place, they reject with StoreRefused; reading finds nothing there.
 * - A precondition that does not hold answers `undefined`, with nothing changed; the body has been
 *   read to its end and `verify` has passed all the same.
 * - What rejects may have been done, where the answer to it was lost; and a write that was repeated for
 *   that reason may answer as if it had met another's object, though it is its own.
 */
export interface Blobs {
  /**
   * Whether an object of a blob may be written over. Where only the collector may delete, it may not: then its name is given
   * to `write` and `compose` with `ifGeneration: absent`, and what is there is waited for until it is deleted. Of parts, and
   * of what mirrors keep, this says nothing: who writes those may write over them.
   */
  readonly replaces: boolean;

  write(
    name: ObjectName,
    body: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<StoredObject | undefined>;

  /**
   * Joins one or more objects, in order, into one, on the store's side. The sources stay. It is as atomic
   * as `write`, and so can be repeated after a crash. Rejects with {@link ObjectMissing} when a source is
   * gone; when the precondition does not hold either, it may do that or answer `undefined`.
   */
  compose(
    sources: readonly ObjectName[],
    name: ObjectName,
    options: ComposeOptions,
  ): Promise<StoredObject | undefined>;

  stat(name: ObjectName): Promise<StoredObject | undefined>;

  /** The object's bytes, or `undefined` when there is no such object. */
  read(name: ObjectName, range?: ByteRange): Promise<ObjectBytes | undefined>;

  /**
   * An address where a client may GET the bytes without credentials for some minutes, or `undefined`
   * when this store has none and the caller must `read` and send the bytes itself.
   */
  readUrl(name: ObjectName, options: { readonly mediaType: string }): Promise<string | undefined>;

  /** Deletes that very generation. Answers whether it did; `false` when it is gone or overwritten. */
  delete(name: ObjectName, options: { readonly ifGeneration: string }): Promise<boolean>;

  /**
   * Sees to it that blobs below `[location, project]` can be written, before a client sends many bytes in vain. Left out
   * where that is never in doubt. Rejects with StoreRefused.
   */
  prepare?(prefix: ObjectName): Promise<void>;

  /** Objects whose names begin with the prefix and go on, in no particular order. For inventories, not for requests. */
  list(prefix: ObjectName): AsyncIterable<ListedObject>;
}

/** A source of `compose` does not exist. */
export class ObjectMissing extends Error {
  override readonly name = 'ObjectMissing';

  constructor(name: ObjectName) {
    super(`object missing: ${name.join(' / ')}`);
  }
}
