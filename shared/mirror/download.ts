// A blob that comes from its upstream: on its way to the store it is read by those that asked for it. Neither waits for the
// other for long:
//
//   a reader that is slower than the store  falls out of the window, waits until the blob is stored, and reads on from there
//   a store that fails or stands still      is given up; the blob goes on to the readers, at their pace
//   a reader that leaves                    does not end it where most has come; where nobody is left before that, it ends
//
// The last piece is held back until all bytes were hashed: so what turns out wrong never reaches anybody whole.

import { algorithmOf, type Digest, type Hasher, startHash } from '../oci/digest.ts';
import type { ByteRange } from '../ports/blobs.ts';
import { Changes } from './changes.ts';
import type { ComingBlob } from './client.ts';
import { Handoff } from './handoff.ts';
import { mirrorReaderMs, mirrorStoreMs } from './limits.ts';
import { failureOf, UpstreamFailure } from './upstream-failure.ts';
import { Window } from './window.ts';

export interface DownloadOptions {
  readonly digest: Digest;
  readonly coming: ComingBlob;
  /**
   * Stores the bytes, and resolves to whether they are there to be read. Left out where another stores them.
   * @param verify to be called when the body has ended
   */
  readonly store?:
    | ((body: AsyncIterable<Uint8Array>, verify: () => void) => Promise<boolean>)
    | undefined;
  /** Reads the blob once it is stored. */
  readonly readStored: (range: ByteRange) => Promise<AsyncIterable<Uint8Array>>;
}

interface Reader {
  readonly start: number;
  offset: number;
  readonly end: number;
}

export class Download {
  readonly #options: DownloadOptions;
  readonly #window = new Window();
  readonly #hasher: Hasher;
  readonly #readers = new Set<Reader>();
  readonly #handoff = new Handoff();
  /** Not yet shown to readers. */
  #held: Buffer | undefined;
  #received = 0;
  #isWhole = false;
  #isStoring: boolean;
  #failure: UpstreamFailure | undefined;
  readonly #changes = new Changes();
  /** Resolves when all is over: to whether the blob is stored now. */
  readonly over: Promise<boolean>;

  /** Begins. */
  constructor(options: DownloadOptions) {
    this.#options = options;
    this.#hasher = startHash(algorithmOf(options.digest));
    this.#isStoring = options.store !== undefined;
    this.over = this.#run();
  }

  /** What the upstream announced. */
  get size(): number | undefined {
    return this.#options.coming.size;
  }

  get received(): number {
    return this.#received;
  }

  /** Why it did not come whole; `undefined` where it did, or is under way. */
  get failure(): UpstreamFailure | undefined {
    return this.#failure;
  }

  /** Whether who comes now can still read all from an offset on. */
  canRead(offset: number): boolean {
    return this.#failure === undefined && (this.#isStoring || offset >= this.#window.start);
  }

  /**
   * Reads a range as it comes.
   * @throws UpstreamFailure when the blob does not come whole, or not as it should be: before its last byte
   */
  async *read({ start, end }: ByteRange): AsyncGenerator<Uint8Array> {
    const reader: Reader = { start, offset: start, end };
    this.#readers.add(reader);
    try {
      while (reader.offset <= end) {
        if (this.#failure !== undefined) throw this.#failure;
        const piece = this.#window.from(reader.offset)?.subarray(0, end + 1 - reader.offset);
        if (piece !== undefined) {
          reader.offset += piece.length;
          this.#changes.tell();
          yield piece;
        } else if (reader.offset < this.#window.start) {
          if (!(await this.over)) {
            throw (
              this.#failure ?? new UpstreamFailure('the reader fell behind, and it was not stored')
            );
          }
          yield* await this.#options.readStored({ start: reader.offset, end });
          reader.offset = end + 1;
        } else await this.#changes.next();
      }
    } finally {
      this.#readers.delete(reader);
      if (reader.offset <= end) this.#left(reader);
      this.#changes.tell();
    }
  }

  /** A reader went before it had what it asked for. */
  #left({ start }: Reader): void {
    if (this.#readers.size > 0 || this.#isWhole || this.#failure !== undefined) return;
    // Who went on from where it had broken off comes again, and must not find nothing each time.
    const isWanted = start > 0 || this.#received * 2 >= (this.size ?? 0);
    if (!this.#isStoring || !isWanted)
      this.#fail(new UpstreamFailure('nobody waits for it any more'));
  }

  async #run(): Promise<boolean> {
    const { coming, store } = this.#options;
    const stored = store?.(this.#handoff.pieces(), () => {
      if (!this.#isWhole) throw this.#failure ?? new UpstreamFailure('it is not whole');
    }).catch((error: unknown) => {
      this.#giveUpStore(error);
      return false;
    });
    try {
      for await (const piece of coming.body) {
        if (this.#failure !== undefined) break;
        await this.#take(piece);
      }
      if (this.#failure === undefined) this.#finish();
    } catch (error) {
      this.#fail(failureOf(error));
    }
    if (this.#isStoring) await this.#withinPatience(this.#handoff.end());
    const isStored = (await stored) ?? false;
    if (!isStored) await this.#readersDone();
    // Who has not read all yet reads on from the store, where it is.
    this.#window.clear();
    coming.close();
    this.#changes.tell();
    return isStored;
  }

  /** Where it is not stored, those that read from the window have a while for what is left. */
  async #readersDone(): Promise<void> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#changes.tell();
    }, mirrorReaderMs);
    const isRead = () => [...this.#readers].some(({ offset }) => offset >= this.#window.start);
    while (!isLate && this.#failure === undefined && isRead()) await this.#changes.next();
    clearTimeout(timer);
  }

  async #take(piece: Buffer): Promise<void> {
    this.#received += piece.length;
    if (this.size !== undefined && this.#received > this.size) {
      throw new UpstreamFailure('it sends more than it announced');
    }
    this.#hasher.update(piece);
    if (this.#held !== undefined) this.#show(this.#held);
    this.#held = piece;
    if (this.#isStoring) await this.#withinPatience(this.#handoff.put(piece));
    if (!this.#isStoring) await this.#roomForReaders();
    this.#window.shrink();
  }

  #finish(): void {
    if (this.size !== undefined && this.#received !== this.size) {
      throw new UpstreamFailure(`it sent ${this.#received} bytes, not the ${this.size} announced`);
    }
    if (this.#hasher.digest() !== this.#options.digest) {
      throw new UpstreamFailure(
        `its bytes have the digest ${this.#hasher.digest()}, not ${this.#options.digest}`,
      );
    }
    this.#isWhole = true;
    if (this.#held !== undefined) this.#show(this.#held);
    this.#held = undefined;
  }

  #show(piece: Buffer): void {
    this.#window.add(piece);
    this.#changes.tell();
  }

  #fail(failure: UpstreamFailure): void {
    this.#failure ??= failure;
    this.#window.clear();
    this.#handoff.fail(failure);
    this.#options.coming.close();
    this.#changes.tell();
  }

  #giveUpStore(error: unknown): void {
    this.#isStoring = false;
    this.#handoff.fail(error);
    this.#changes.tell();
  }

  /** Waits for the store, and gives it up when it stands still. */
  async #withinPatience(taken: Promise<void>): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<void>((resolve) => {
      timer = setTimeout(() => {
        this.#giveUpStore(new Error('the store stands still'));
        resolve();
      }, mirrorStoreMs);
    });
    await Promise.race([taken, late]).finally(() => clearTimeout(timer));
  }

  /** Where nothing is stored, the window moves on with the slowest who reads from it; for so long. */
  async #roomForReaders(): Promise<void> {
    let isLate = false;
    const timer = setTimeout(() => {
      isLate = true;
      this.#changes.tell();
    }, mirrorReaderMs);
    try {
      while (this.#window.isFull && !isLate && this.#failure === undefined) {
        const oldest = this.#window.from(this.#window.start)?.length ?? 0;
        const isWanted = [...this.#readers].some(
          ({ offset }) => offset >= this.#window.start && offset < this.#window.start + oldest,
        );
        if (this.#readers.size > 0 && !isWanted) return;
        await this.#changes.next();
      }
      if (isLate && this.#readers.size === 0) {
        throw new UpstreamFailure('nobody waits for it any more');
      }
    } finally {
      clearTimeout(timer);
    }
  }
}
