// Long lists of names, kept as long as nothing in them changes: a repository with ten thousand tags is
// listed far more often than it gets another one.

import type { Key, ListOptions } from '../ports/documents.ts';
import type { Names } from './sqlite-rows.ts';

/** A list is kept when it has so many names, a shorter one is read as fast, and at most so many. */
const keptFrom = 500;
const keptTo = 20_000;
/** Names in all lists together; above, all are forgotten. About 100 bytes each. */
const namesMax = 200_000;

/** Whole lists, by the prefix they are of. Who writes says so: {@link NameLists.forget}. */
export class NameLists {
  readonly #read: (options: ListOptions) => Names;
  readonly #lists = new Map<string, readonly string[]>();
  #count = 0;

  constructor(read: (options: ListOptions) => Names) {
    this.#read = read;
  }

  get({ prefix, after, limit }: ListOptions): readonly string[] {
    const kept = after === undefined ? this.#lists.get(nameOf(prefix)) : undefined;
    if (kept !== undefined) return kept.length > limit ? kept.slice(0, limit) : kept;
    // Who asks for that many at once is likely to ask for all, again.
    const isLong = after === undefined && limit >= keptFrom;
    const reach = isLong ? Math.max(limit, keptTo + 1) : limit;
    const { names, expires } = this.#read({ prefix, after, limit: reach });
    const isWhole = names.length < reach;
    if (isLong && isWhole && !expires && names.length >= keptFrom)
      this.#keep(nameOf(prefix), names);
    return names.length > limit ? names.slice(0, limit) : names;
  }

  #keep(prefix: string, names: readonly string[]): void {
    if (this.#count + names.length > namesMax) {
      this.#lists.clear();
      this.#count = 0;
    }
    this.#lists.set(prefix, names);
    this.#count += names.length;
  }

  /** The document of that key is there, or is gone, from now on. */
  forget(key: Key): void {
    if (this.#lists.size === 0) return;
    const prefix = nameOf(key.slice(0, -1));
    const list = this.#lists.get(prefix);
    if (list === undefined) return;
    this.#count -= list.length;
    this.#lists.delete(prefix);
  }
}

/** No element of a key holds a NUL. */
function nameOf(prefix: Key): string {
  return prefix.join('\0');
}
