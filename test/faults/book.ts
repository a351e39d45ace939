// The book of what repositories show: tags and manifests. Requests change it in one step or not at all, at a
// commit of theirs; nothing else changes it.

import type { Digest } from '#shared/oci/digest.ts';
import type { Document } from '#shared/ports/documents.ts';
import type { Repository } from '#shared/registry/layout.ts';
import type { TagRecord } from '#shared/registry/records.ts';
import { Violation } from '#test/model/schedule.ts';
import { nicknameOf, type TagName, tagNames } from '#test/model/universe.ts';
import { type Audited, audited } from './audit-book.ts';
import { type Told, told } from './outbox-book.ts';

/** `tag name tag` and `manifest name digest`, each with the digest it leads to. */
type Shown = ReadonlyMap<string, string>;

/** What a request is to change. */
export interface Change {
  readonly what: string;
  apply(shown: Map<string, string>): void;
  /** What is to be told of it, in that order. @param shown before it is made */
  tells(shown: Shown): Told[];
  /** What the audit says of it. @param shown before it is made */
  audits(shown: Shown): Audited;
}

export function putting(name: Repository['name'], tag: TagName, digest: Digest): Change {
  return {
    what: `${name}:${tag} becomes ${nicknameOf(digest)}`,
    apply: (shown) => {
      shown.set(`manifest ${name} ${digest}`, digest);
      shown.set(`tag ${name} ${tag}`, digest);
    },
    tells: () => [told('INSERT', name, { digest, tag })],
    audits: () => audited('manifest.push', name, { digest, tags: [tag] }),
  };
}

export function untagging(name: Repository['name'], tag: TagName): Change {
  return {
    what: `${name}:${tag} goes`,
    apply: (shown) => {
      shown.delete(`tag ${name} ${tag}`);
    },
    tells: () => [told('DELETE', name, { tag })],
    audits: () => audited('tag.delete', name, { tags: [tag] }),
  };
}

/** Of a blob, which shows nowhere; it stands in the audit all the same. */
export function unlinking(name: Repository['name'], digest: Digest): Change {
  return {
    what: `${name} lets go of ${nicknameOf(digest)}`,
    apply: () => {},
    tells: () => [],
    audits: () => audited('blob.delete', name, { digest }),
  };
}

/** Its tags go with it. */
export function removing(name: Repository['name'], digest: Digest): Change {
  // The names of the tags stand in the order in which they are told.
  const tagsIn = (shown: Shown) =>
    tagNames.filter((tag) => shown.get(`tag ${name} ${tag}`) === digest);
  return {
    what: `${nicknameOf(digest)} of ${name} goes`,
    apply: (shown) => {
      for (const tag of tagsIn(shown)) shown.delete(`tag ${name} ${tag}`);
      shown.delete(`manifest ${name} ${digest}`);
    },
    tells: (shown) => [
      ...tagsIn(shown).map((tag) => told('DELETE', name, { tag })),
      told('DELETE', name, { digest }),
    ],
    audits: (shown) => audited('manifest.delete', name, { digest, tags: tagsIn(shown) }),
  };
}

export class Book {
  #shown: Shown = new Map();
  /** The change of the request that committed a moment ago. */
  #due: Change | undefined;
  readonly #done = new Set<Change>();

  /** Takes what is there for what is shown. */
  begin(documents: readonly Document[]): void {
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
   * @param told what it wrote into the outbox
   * @param written what it wrote into the audit
   * @throws Violation when a change was made by half, by nobody, without its events, or without being written down
   */
  check(documents: readonly Document[], told: readonly Told[], written: readonly Audited[]): void {
    const before = this.#shown;
    const due = this.#due;
    this.#shown = shownIn(documents);
    this.#due = undefined;
    const isMade =
      due !== undefined &&
      same(this.#shown, after(before, due)) &&
      told.join() === due.tells(before).join() &&
      written.join() === due.audits(before);
    if (isMade) this.#done.add(due);
    else if (told.length > 0 || written.length > 0 || !same(this.#shown, before)) {
      const became = `from [${tell(before)}] it became [${tell(this.#shown)}]`;
      const was = due?.what ?? 'nothing was to change';
      throw new Violation(
        `${was}, and ${became}, and it was told: [${told.join(', ')}], and written down: [${written.join(', ')}]`,
      );
    }
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
