// The last bytes of a body that comes, for those that read it at the same time. Memory is bounded: the oldest go, whoever
// may want them still.

import { mirrorWindowBytes } from './limits.ts';

export class Window {
  #pieces: Buffer[] = [];
  /** Where the oldest byte that is kept stands in the body, and the byte after the last one. */
  #start = 0;
  #end = 0;

  get start(): number {
    return this.#start;
  }

  get end(): number {
    return this.#end;
  }

  get isFull(): boolean {
    return this.#end - this.#start > mirrorWindowBytes;
  }

  add(piece: Buffer): void {
    this.#pieces.push(piece);
    this.#end += piece.length;
  }

  /** Lets the oldest go until there is room. */
  shrink(): void {
    while (this.isFull && this.#pieces.length > 1) this.#start += this.#pieces.shift()?.length ?? 0;
  }

  /** The bytes from there on, as far as they lie in one piece; `undefined` where there are none. */
  from(offset: number): Buffer | undefined {
    let start = this.#start;
    if (offset < start) return undefined;
    for (const piece of this.#pieces) {
      if (offset < start + piece.length) return piece.subarray(offset - start);
      start += piece.length;
    }
    return undefined;
  }

  clear(): void {
    this.#pieces = [];
    this.#start = this.#end;
  }
}
