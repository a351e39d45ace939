// Pieces handed from who has them to who takes them, one after another: the one never runs ahead of the other by more than a
// piece.

import { Changes } from './changes.ts';

export class Handoff {
  #piece: Buffer | undefined;
  #isOver = false;
  #error: unknown;
  readonly #changes = new Changes();

  /** Resolves when the piece before this one was taken. */
  async put(piece: Buffer): Promise<void> {
    while (this.#piece !== undefined && !this.#isOver) await this.#changes.next();
    if (this.#isOver) return;
    this.#piece = piece;
    this.#changes.tell();
  }

  /** Resolves when all was taken. */
  async end(): Promise<void> {
    while (this.#piece !== undefined && !this.#isOver) await this.#changes.next();
    this.#isOver = true;
    this.#changes.tell();
  }

  /** Breaks off: who takes is thrown that, and who puts is not held up any more. */
  fail(error: unknown): void {
    this.#error ??= error;
    this.#isOver = true;
    this.#changes.tell();
  }

  async *pieces(): AsyncGenerator<Buffer> {
    for (;;) {
      if (this.#error !== undefined) throw this.#error;
      const piece = this.#piece;
      if (piece !== undefined) {
        this.#piece = undefined;
        this.#changes.tell();
        yield piece;
      } else if (this.#isOver) return;
      else await this.#changes.next();
    }
  }
}
