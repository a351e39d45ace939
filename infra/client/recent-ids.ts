// What was seen lately, so that what comes twice is known.

const idsMax = 10_000;

export class RecentIds {
  /** The oldest first. */
  readonly #ids = new Set<string>();

  /** Whether it is seen for the first time. The oldest are forgotten. */
  isNew(id: string): boolean {
    if (this.#ids.has(id)) return false;
    this.#ids.add(id);
    const [oldest] = this.#ids;
    if (this.#ids.size > idsMax && oldest !== undefined) this.#ids.delete(oldest);
    return true;
  }
}
