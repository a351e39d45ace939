// Reading an object: one request, and another from where it broke off, of the same generation.

import type { Readable } from 'node:stream';
import type { ByteRange, ObjectBytes } from '../ports/blobs.ts';
import type { Place } from './object-places.ts';
import { hasStatus, StorageFailure } from './storage-failure.ts';
import { retried } from './storage-retries.ts';
import type { StorageService } from './storage-service.ts';
import { findObject, pathOf } from './stored-objects.ts';

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
    return { size: media.size, bytes: new MediaBytes(service, place, media, { start, end }) };
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    if (!hasStatus(error, 416)) throw error;
    // The range begins behind the last byte.
    const object = await findObject(service, place);
    return object && { size: object.size, bytes: nothing() };
  }
}

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** An answer whose body is being read. */
interface Media {
  readonly size: number;
  readonly generation: string;
  readonly pieces: AsyncIterator<Buffer>;
  /** To be told whenever a piece is asked for or came: silence ends the answer. */
  readonly keep: () => void;
  readonly end: () => void;
}

async function openMedia(
  service: StorageService,
  place: Place,
  { start = 0, end, generation }: { start?: number; end?: number; generation?: string },
): Promise<Media> {
  const ending = new AbortController();
  const isWhole = start === 0 && end === undefined;
  const { headers, data } = await service.open({
    operation: 'objectRead',
    method: 'GET',
    url: pathOf(place),
    query: { alt: 'media', generation },
    headers: {
      // What is stored is what is wanted, however it was encoded.
      'Accept-Encoding': 'identity',
      ...(!isWhole && { Range: `bytes=${start}-${end ?? ''}` }),
    },
    expected: [200, 206],
    signal: ending.signal,
  });
  const total = headers.get('content-range')?.split('/').at(-1) ?? headers.get('content-length');
  const actual = headers.get('x-goog-generation');
  // Who aborts a body that nobody is waiting for would else end the process.
  data.on('error', () => undefined);
  const end_ = () => ending.abort();
  if (total === null || total === undefined || actual === null) {
    end_();
    throw new StorageFailure('Cloud Storage answered bytes without their size or generation', {});
  }
  const timer = setTimeout(end_, service.patience.answerMsMax);
  return {
    size: Number(total),
    generation: actual,
    pieces: (data as Readable)[Symbol.asyncIterator](),
    keep: () => timer.refresh(),
    end: () => {
      clearTimeout(timer);
      end_();
    },
  };
}

/**
 * The pieces, as they are asked for. A connection that is silent for long is closed, whether the service stalls or the
 * reader, who may never come: the next piece is then asked for anew.
 */
class MediaBytes implements AsyncIterableIterator<Uint8Array> {
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
    if (this.#position > this.#end) return this.return();
    const piece = await retried(this.#service.patience, () => this.#piece());
    this.#position += piece.length;
    return { done: false, value: piece };
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
      this.#media.keep();
      const { value, done } = await this.#media.pieces.next();
      this.#media.keep();
      if (done !== true) return value;
      throw new Error('the answer ended early');
    } catch {
      this.#media.end();
      this.#media = undefined;
      throw new StorageFailure('the connection to Cloud Storage broke', { isPassing: true });
    }
  }
}
