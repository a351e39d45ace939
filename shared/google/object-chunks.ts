// A body in chunks: what is sent at once is also what must be held, to be sent again when it did not arrive.

const mebibyte = 1024 * 1024;

/** The service takes only multiples of this, but for the last chunk. */
const unitBytes = 256 * 1024;

/**
 * Each request to the service costs a round trip and a durable write on its side, tens of milliseconds in all: few large
 * chunks are faster than many small ones. Beyond this size there is little to gain.
 */
const chunkBytesMax = 8 * mebibyte;

/**
 * What all uploads together may hold: one chunk each that is being sent, and one that is being filled. Up to 4 uploads
 * have 2 × 8 MiB each, 16 have 2 × 2 MiB. Where there are more than 32 they have 2 MiB each, and together more.
 */
const heldBytesMax = 64 * mebibyte;
const chunkBytesMin = mebibyte;

/** How large a next chunk may be, where uploads come and go. One for all of a process. */
export class ChunkBudget {
  #uploads = 0;

  /** Gives an upload its share until it is released. */
  share(): ChunkShare {
    this.#uploads += 1;
    return {
      next: () => {
        const fair = Math.min(heldBytesMax / 2 / this.#uploads, chunkBytesMax);
        return Math.max(Math.floor(fair / unitBytes) * unitBytes, chunkBytesMin);
      },
      release: () => {
        this.#uploads -= 1;
      },
    };
  }
}

export interface ChunkShare {
  /** The bytes of the next chunk. */
  next(): number;
  release(): void;
}

export interface Chunk {
  /** Overwritten by the next chunk but one. */
  readonly bytes: Uint8Array;
  /** The last one has what is left, perhaps nothing; the others are as large as they were asked to be. */
  readonly isLast: boolean;
}

/** A first chunk grows with the body: most bodies are small. */
const bufferBytesMin = 64 * 1024;

/** Cuts a body. Its pieces are copied: of a tiny one a whole slab may be held. */
export async function* chunksOf(
  body: AsyncIterable<Uint8Array>,
  share: ChunkShare,
): AsyncGenerator<Chunk> {
  let buffer = Buffer.allocUnsafeSlow(bufferBytesMin);
  let other = Buffer.alloc(0);
  let size = share.next();
  let filled = 0;
  for await (const piece of body) {
    for (let done = 0; done < piece.length; ) {
      const part = piece.subarray(done, done + size - filled);
      if (filled + part.length > buffer.length) buffer = grown(buffer, filled, part.length, size);
      buffer.set(part, filled);
      filled += part.length;
      done += part.length;
      if (filled < size) continue;
      yield { bytes: buffer.subarray(0, filled), isLast: false };
      [buffer, other] = [other, buffer];
      size = share.next();
      filled = 0;
      // Of another size than the next chunk it is worth less than its memory.
      if (buffer.length !== size) buffer = Buffer.allocUnsafeSlow(size);
    }
  }
  yield { bytes: buffer.subarray(0, filled), isLast: true };
}

function grown(buffer: Uint8Array, filled: number, more: number, size: number) {
  const larger = Buffer.allocUnsafeSlow(Math.min(Math.max(buffer.length * 2, filled + more), size));
  larger.set(buffer.subarray(0, filled));
  return larger;
}
