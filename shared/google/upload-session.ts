// A resumable upload: a session at the service, which bytes are sent to chunk by chunk, and which makes the object once
// it was told how many there are. What did not arrive is sent again from where the service says that it stands.

import assert from 'node:assert/strict';
import { absent } from '../ports/blobs.ts';
import type { Place } from './object-places.ts';
import { hasStatus, StorageFailure } from './storage-failure.ts';
import { retried } from './storage-retries.ts';
import type { StorageAnswer, StorageService } from './storage-service.ts';
import {
  type DescribedObject,
  describedObject,
  findObject,
  markedBy,
  sendWriting,
} from './stored-objects.ts';

/** How long a session that is given up is waited for: it costs nothing, and ends by itself after a week. */
const cancelMsMax = 5_000;

export interface UploadOptions {
  readonly ifGeneration: string;
  readonly mark: string;
  /** Ends every attempt and every waiting. */
  readonly signal: AbortSignal;
  /** Does what begins the session, again if its bucket was not there. */
  readonly beginning: <T>(begin: () => Promise<T>) => Promise<T>;
}

/** What the service said of the chunk: that the object is made, that it may not be, or that it waits for more. */
type Outcome = DescribedObject | 'in vain' | 'incomplete';

export class UploadSession {
  readonly #service: StorageService;
  readonly #place: Place;
  readonly #options: UploadOptions;
  /** As good as a password: whoever has it may write. `undefined` before the first chunk, and where all is in vain. */
  #url: string | undefined;
  #isInVain = false;
  /** The offset of the next chunk. */
  #sent = 0;
  /** What the service has, as far as it said. */
  #persisted = 0;

  constructor(service: StorageService, place: Place, options: UploadOptions) {
    this.#service = service;
    this.#place = place;
    this.#options = options;
  }

  /** Sends a chunk that is not the last, a multiple of 256 KiB; sends nothing once the precondition did not hold. */
  async send(chunk: Uint8Array): Promise<void> {
    if (this.#sent === 0) await this.#options.beginning(() => this.#start());
    if (!this.#isInVain) {
      const outcome = await this.#put(chunk, undefined);
      this.#isInVain = outcome === 'in vain';
    }
    this.#sent += chunk.length;
  }

  /**
   * Sends the last chunk, which may be empty, and so makes the object.
   * @param crc32c of all bytes: the service refuses the object when it received others
   * @returns the object, or `undefined` when the precondition did not hold
   */
  async finish(chunk: Uint8Array, crc32c: string): Promise<DescribedObject | undefined> {
    if (this.#isInVain) return undefined;
    try {
      const outcome = await this.#put(chunk, { size: this.#sent + chunk.length, crc32c });
      return typeof outcome === 'object' ? outcome : undefined;
    } catch (error) {
      if (!hasStatus(error, 404, 410)) throw error;
      return this.#outcomeOfLost(error);
    }
  }

  /** Gives the session up, so that what it received is not kept. Best effort. */
  async cancel(): Promise<void> {
    if (this.#url === undefined) return;
    const request = { method: 'DELETE', url: this.#url, answerMsMax: cancelMsMax } as const;
    // 499 is how a session says that it was cancelled.
    await this.#service.send({ ...request, expected: [204, 499] }).catch(() => undefined);
  }

  async #start(): Promise<void> {
    const { ifGeneration, mark, signal } = this.#options;
    const { bucket, object } = this.#place;
    const answer = await retried(
      this.#service.patience,
      () =>
        sendWriting(this.#service, this.#place, {
          // A resumable upload is billed as one operation, whatever number of requests it takes.
          operation: 'objectWrite',
          method: 'POST',
          url: `/upload/storage/v1/b/${bucket}/o`,
          query: { uploadType: 'resumable', name: object, ifGenerationMatch: ifGeneration },
          headers: { 'Content-Type': 'application/json; charset=UTF-8' },
          body: JSON.stringify(markedBy(mark)),
          expected: [200, 201],
          signal,
        }),
      signal,
    );
    this.#isInVain = answer === undefined;
    this.#url = answer?.headers.get('location') ?? undefined;
    if (this.#isInVain || this.#url !== undefined) return;
    throw new StorageFailure('Cloud Storage opened an upload session without an address', {});
  }

  /** Sends a chunk until the service has all of it. With `whole` it is the last one. */
  async #put(chunk: Uint8Array, whole: Whole | undefined): Promise<Outcome> {
    for (;;) {
      const before = this.#persisted;
      const outcome = await retried(
        this.#service.patience,
        async (attempt) => {
          if (attempt > 1) {
            const stands = await this.#query(whole);
            // Where it got on, patience begins anew.
            if (stands !== 'incomplete' || this.#persisted > before) return stands;
          }
          const put = await this.#putOnce(chunk, whole);
          if (put !== 'incomplete' || this.#persisted > before) return put;
          throw new StorageFailure('Cloud Storage kept nothing of a chunk', { isPassing: true });
        },
        this.#options.signal,
      );
      if (outcome !== 'incomplete' || this.#isThere(chunk, whole)) return outcome;
    }
  }

  /** A last chunk that is there has not yet made the object. */
  #isThere(chunk: Uint8Array, whole: Whole | undefined): boolean {
    return whole === undefined && this.#persisted === this.#sent + chunk.length;
  }

  /** Sends what the service does not have of a chunk. */
  #putOnce(chunk: Uint8Array, whole: Whole | undefined): Promise<Outcome> {
    const end = this.#sent + chunk.length;
    const total = whole?.size ?? '*';
    const isEmpty = this.#persisted === end;
    return this.#exchange(
      {
        'Content-Range': isEmpty
          ? `bytes */${total}`
          : `bytes ${this.#persisted}-${end - 1}/${total}`,
        'Content-Type': 'application/octet-stream',
        ...(whole !== undefined && { 'X-Goog-Hash': `crc32c=${whole.crc32c}` }),
      },
      chunk.subarray(this.#persisted - this.#sent),
    );
  }

  /** A session is over when an attempt that was not answered ended it: it made the object, or met another. */
  async #outcomeOfLost(error: unknown): Promise<DescribedObject | undefined> {
    const { mark, ifGeneration } = this.#options;
    const found = await findObject(this.#service, this.#place);
    if (found?.mark === mark) return found;
    if ((found?.generation ?? absent) !== ifGeneration) return undefined;
    throw error;
  }

  /** Asks how much the service has; tells the object when it is made already. */
  #query(whole: Whole | undefined): Promise<Outcome> {
    return this.#exchange({ 'Content-Range': `bytes */${whole?.size ?? '*'}` }, new Uint8Array());
  }

  async #exchange(headers: Record<string, string>, body: Uint8Array): Promise<Outcome> {
    assert(this.#url !== undefined, 'bytes are sent to a session that was started');
    const answer = await this.#service.send({
      method: 'PUT',
      url: this.#url,
      headers,
      body,
      expected: [200, 201, 308, 412],
      answerMsMax: this.#service.patience.chunkMsMax,
      signal: this.#options.signal,
    });
    if (answer.status === 412) return 'in vain';
    if (answer.status !== 308) return describedObject(answer.data);
    this.#persisted = persistedBytes(answer);
    if (this.#persisted >= this.#sent) return 'incomplete';
    throw new StorageFailure('Cloud Storage lost bytes of an upload that it had confirmed', {});
  }
}

interface Whole {
  readonly size: number;
  readonly crc32c: string;
}

/** 308 has a Range with the last byte that the service keeps, and none when it keeps nothing. */
function persistedBytes({ headers }: StorageAnswer<unknown>): number {
  const last = /^bytes=0-(\d+)$/.exec(headers.get('range') ?? '')?.[1];
  return last === undefined ? 0 : Number(last) + 1;
}
