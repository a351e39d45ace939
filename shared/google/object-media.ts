// An object's bytes as one answer of the service carries them, until it breaks off.

import type { Readable } from 'node:stream';
import type { Place } from './object-places.ts';
import { StorageFailure } from './storage-failure.ts';
import type { StorageService } from './storage-service.ts';
import { pathOf } from './stored-objects.ts';

/** Which bytes, counted from 0, of which generation; all of the present one's, where nothing is said. */
export interface Wanted {
  readonly start?: number;
  /** Inclusive. */
  readonly end?: number;
  readonly generation?: string;
}

/** Asks for bytes, once. @throws StorageFailure; its status is 416 when the object has no byte at `start` */
export async function openMedia(
  service: StorageService,
  place: Place,
  { start = 0, end, generation }: Wanted,
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
  return new Media(data, {
    size: headers.get('content-range')?.split('/').at(-1) ?? headers.get('content-length'),
    generation: headers.get('x-goog-generation'),
    silenceMsMax: service.patience.answerMsMax,
    end: () => ending.abort(),
  });
}

export class Media {
  /** Of the whole object. */
  readonly size: number;
  readonly generation: string;
  readonly #pieces: AsyncIterator<Buffer>;
  readonly #end: () => void;
  /** Ends the answer when it is silent for long, whether the service stalls or the reader, who may never come. */
  readonly #silence: NodeJS.Timeout;

  constructor(
    stream: Readable,
    {
      size,
      generation,
      silenceMsMax,
      end,
    }: { size: string | null; generation: string | null; silenceMsMax: number; end: () => void },
  ) {
    // An answer that is ended while nobody waits for its next piece fails, and there is nobody to tell.
    stream.on('error', () => undefined);
    this.#silence = setTimeout(end, silenceMsMax).unref();
    this.#end = end;
    this.#pieces = stream[Symbol.asyncIterator]();
    this.size = Number(size ?? Number.NaN);
    this.generation = generation ?? '';
    if (Number.isInteger(this.size) && this.generation !== '') return;
    this.end();
    throw new StorageFailure('Cloud Storage answered bytes without their size or generation', {});
  }

  /** The next piece; `undefined` at the end. @throws StorageFailure when the connection broke */
  async next(): Promise<Buffer | undefined> {
    this.#silence.refresh();
    try {
      const { value, done } = await this.#pieces.next();
      this.#silence.refresh();
      return done === true ? undefined : value;
    } catch {
      throw new StorageFailure('the connection to Cloud Storage broke', { isPassing: true });
    }
  }

  /** Closes the connection, unless the answer is at its end. */
  end(): void {
    clearTimeout(this.#silence);
    this.#end();
  }
}
