// Reading an object: one request, and where that breaks off another from there on, of the same generation.

import type { ByteRange, ObjectBytes } from '../ports/blobs.ts';
import { type Media, openMedia } from './object-media.ts';
import type { Place } from './object-places.ts';
import { hasStatus, StorageFailure } from './storage-failure.ts';
import { retried } from './storage-retries.ts';
import type { StorageService } from './storage-service.ts';
import { findObject } from './stored-objects.ts';

/** As {@link Blobs.read} has it. What was read is not checked here: blobs have a digest, and readers compare it. */
export async function readObject(
  service: StorageService,
  place: Place,
  range: ByteRange | undefined,
): Promise<ObjectBytes | undefined> {
  try {
    const media = await retried(service.patience, () => openMedia(service, place, range ?? {}));
    const start = range?.start ?? 0;
    const end = Math.min(range?.end ?? media.size, media.size - 1);
    return { size: media.size, bytes: new ResumedBytes(service, place, media, { start, end }) };
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    if (!hasStatus(error, 416)) throw error;
    // The range begins behind the last byte.
    const object = await findObject(service, place);
    return object && { size: object.size, bytes: nothing() };
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** The pieces, as they are asked for: no generator, since one that is ended before it began would end nothing. */
class ResumedBytes implements AsyncIterableIterator<Uint8Array, undefined> {
  readonly #service: StorageService;
  readonly #place: Place;
  readonly #generation: string;
  readonly #end: number;
  #position: number;
  #media: Media | undefined;

  constructor(service: StorageService, place: Place, media: Media, { start, end }: ByteRange) {
    this.#service = service;
    this.#place = place;
    this.#media = media;
    this.#generation = media.generation;
    this.#position = start;
    this.#end = end;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<Uint8Array, undefined>> {
    if (this.#position > this.#end) {
      // An answer that was read to its end leaves its connection to the next request.
      await this.#media?.next().catch(() => undefined);
      return this.return();
    }
    const value = await retried(this.#service.patience, () => this.#piece());
    this.#position += value.length;
    return { done: false, value };
  }

  async return(): Promise<IteratorReturnResult<undefined>> {
    this.#media?.end();
    this.#media = undefined;
    this.#position = this.#end + 1;
    return { done: true, value: undefined };
  }

  async #piece(): Promise<Buffer> {
    this.#media ??= await openMedia(this.#service, this.#place, {
      start: this.#position,
      end: this.#end,
      generation: this.#generation,
    });
    try {
      const piece = await this.#media.next();
      if (piece !== undefined) return piece;
      throw new StorageFailure('Cloud Storage sent fewer bytes than it has', { isPassing: true });
    } catch (error) {
      this.#media.end();
      this.#media = undefined;
      throw error;
    }
  }
}
