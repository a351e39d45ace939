// What stands for a list as long as nothing in it changes: who made something of it can tell whether it is still so.

import type { Key } from '../ports/documents.ts';

/** Lists that are remembered at once; above, all are forgotten, and what was made of them is made anew. */
const stampsMax = 10_000;

/** Stamps of lists, by their prefixes. Who writes says so: {@link ListStamps.forget}. */
export class ListStamps {
  readonly #stamps = new Map<string, object>();

  /** @returns the same object until a document of the list is written or deleted */
  get(prefix: Key): object {
    const name = nameOf(prefix);
    const known = this.#stamps.get(name);
    if (known !== undefined) return known;
    if (this.#stamps.size >= stampsMax) this.#stamps.clear();
    const stamp = {};
    this.#stamps.set(name, stamp);
    return stamp;
  }

  /** The document of that key is another, or is gone, from now on. */
  forget(key: Key): void {
    if (this.#stamps.size > 0) this.#stamps.delete(nameOf(key.slice(0, -1)));
  }
}

/** No element of a key holds a NUL. */
function nameOf(prefix: Key): string {
  return prefix.join('\0');
}
