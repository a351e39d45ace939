// Chance that a seed decides: the same seed makes the same choices and the same bytes.

import { createCipheriv, createHash } from 'node:crypto';

export class Chance {
  readonly #seed: string;
  #drawn = 0;

  constructor(seed: string) {
    this.#seed = seed;
  }

  /** A whole number from `min` to `max`, both inclusive. */
  whole(min: number, max: number): number {
    return min + Math.floor(this.#draw() * (max - min + 1));
  }

  /** True so often, of one. */
  happens(often: number): boolean {
    return this.#draw() < often;
  }

  /** @throws Error when there is nothing to choose from */
  of<T>(choices: readonly T[]): T {
    const chosen = choices[this.whole(0, choices.length - 1)];
    if (chosen === undefined) throw new Error('nothing to choose from');
    return chosen;
  }

  /** A size that is mostly small, and at times a large one: each power of two is as likely as the next. */
  size(min: number, max: number): number {
    return Math.floor(min * (max / min) ** this.#draw());
  }

  /** A name that comes but once. */
  name(): string {
    this.#drawn += 1;
    return createHash('sha256').update(`${this.#seed} ${this.#drawn}`).digest('hex').slice(0, 12);
  }

  #draw(): number {
    this.#drawn += 1;
    const hash = createHash('sha256').update(`${this.#seed} ${this.#drawn}`).digest();
    return hash.readUInt32BE(0) / 2 ** 32;
  }
}

/** Bytes that do not compress. */
export function noise(seed: string, size: number): Buffer {
  const key = createHash('sha256').update(seed).digest().subarray(0, 16);
  return createCipheriv('aes-128-ctr', key, Buffer.alloc(16)).update(Buffer.alloc(size));
}
