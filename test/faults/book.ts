// The book of what repositories show: tags and manifests. Requests change it in one step or not at all, at a
// commit of theirs; nothing else changes it.

import type { Digest } from '#shared/oci/digest.ts';
import type { Document } from '#shared/ports/documents.ts';
import type { Repository } from '#shared/registry/layout.ts';
import type { TagRecord } from '#shared/registry/records.ts';
import { Violation } from '#test/model/schedule.ts';
import { nicknameOf, type TagName } from '#test/model/universe.ts';

/** `tag name tag` and `manifest name digest`, each with the digest it leads to. */
type Shown = ReadonlyMap<string, string>;

/** What a request is to change. */
export interface Change {
  readonly what: string;
  apply(shown: Map<string, string>): void;
}

export function putting(name: Repository['name'], tag: TagName, digest: Digest): Change {
  return {
    what: `${name}:${tag} becomes ${nicknameOf(digest)}`,
    apply: (shown) => {
      shown.set(`manifest ${name} ${digest}`, digest);
      shown.set(`tag ${name} ${tag}`, digest);
    },
  };
}

export function untagging(name: Repository['name'], tag: TagName): Change {
  return {
    what: `${name}:${tag} goes`,
    apply: (shown) => {
      shown.delete(`tag ${name} ${tag}`);
    },
  };
}

/** Its tags go with it. */
export function removing(name: Repository['name'], digest: Digest): Change {
  return {
    what: `${nicknameOf(digest)} of ${name} goes`,
    apply: (shown) => {
      for (const [key, shownDigest] of [...shown]) {
        if (shownDigest === digest && key.split(' ')[1] === name) shown.delete(key);
      }
    },
  };
}

export class Book {
  #shown: Shown;
  /** The change of the request that committed a moment ago. */
  #due: Change | undefined;
  readonly #done = new Set<Change>();

  constructor(documents: readonly Document[]) {
    this.#shown = shownIn(documents);
  }

  /** What is shown now. */
  get shown(): Shown {
    return this.#shown;
  }

  /** A request that is to make this change has committed a transaction, of which there may be several. */
  committed(change: Change): void {
    this.#due = change;
  }

  /** Whether it has been made. */
  isDone(change: Change): boolean {
    return this.#done.has(change);
  }

  /**
   * Looks at what has become since the last time, in which at most one transaction was committed.
   * @throws Violation when a change was made by half, or by nobody
   */
  check(documents: readonly Document[]): void {
    const actual = shownIn(documents);
    const due = this.#due;
    this.#due = undefined;
    if (due !== undefined && same(actual, after(this.#shown, due))) this.#done.add(due);
    else if (!same(actual, this.#shown)) {
      const before = tell(this.#shown);
      throw new Violation(
        `${due?.what ?? 'nothing was to change'}, and from [${before}] it became [${tell(actual)}]`,
      );
    }
    this.#shown = actual;
  }
}

function shownIn(documents: readonly Document[]): Shown {
  const shown = new Map<string, string>();
  for (const { key, value } of documents) {
    const [, , kind, name, last = ''] = key;
    if (kind === 'tags') shown.set(`tag ${name} ${last}`, (value as TagRecord).digest);
    if (kind === 'manifests') shown.set(`manifest ${name} ${last}`, last);
  }
  return shown;
}

function after(shown: Shown, change: Change): Shown {
  const changed = new Map(shown);
  change.apply(changed);
  return changed;
}

function same(one: Shown, other: Shown): boolean {
  return one.size === other.size && [...one].every(([key, value]) => other.get(key) === value);
}

function tell(shown: Shown): string {
  return [...shown]
    .map(([key, value]) => `${key.split(' ').map(nicknameOf).join(' ')} = ${nicknameOf(value)}`)
    .join(', ');
}
