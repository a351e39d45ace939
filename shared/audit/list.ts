// Reading the audit list of a project: the shards, each newest first, merged.

import { RegistryError } from '../oci/errors.ts';
import { auditEntriesMax, auditLookedAtMax } from '../oci/limits.ts';
import type { Document, Documents, Key } from '../ports/documents.ts';
import { type AuditAction, type AuditEntry, auditShards, isAuditId, shardKey } from './entries.ts';

export interface AuditQuery {
  /** At most so many entries, and at most `auditEntriesMax`. */
  readonly limit: number;
  /** {@link AuditPage.next} of the page before, as a client sent it back. */
  readonly after?: string | undefined;
  /** Only changes in this repository. */
  readonly repository?: string | undefined;
  /** Only changes of this kind. */
  readonly action?: AuditAction | undefined;
}

export interface AuditPage {
  /** Newest first; those of one millisecond in an order that stays the same. */
  readonly entries: readonly AuditEntry[];
  /**
   * What to ask for the next page with; absent at the end. A page may have fewer entries than were asked for, or none, and
   * still not be the last: so much is looked at for one page, and no more.
   */
  readonly next?: string;
}

/** Of so many shards each gets a share of what is wanted, and some more, so that one turn is mostly enough. */
const shareOf = (wanted: number): number => Math.ceil((2 * wanted) / auditShards.length);

/** Where few entries may be those that are wanted. */
const filteredShare = 250;

/**
 * One page of what was changed in a project. It reads the share of each shard, and more of those that have no more left;
 * for what a filter looks for it looks at `auditLookedAtMax` entries, or a share of a shard more. An entry that is
 * written meanwhile is newer than the page, or in its place on a later one.
 * @param project that it is one is the caller's business
 * @throws RegistryError UNSUPPORTED (400) when `after` is not from an earlier page
 */
export async function listAudit(
  documents: Pick<Documents, 'list'>,
  project: string,
  { limit, after, repository, action }: AuditQuery,
): Promise<AuditPage> {
  if (after !== undefined && !isAuditId(after)) throw notACursor();
  const wanted = Math.min(limit, auditEntriesMax);
  if (wanted === 0) return { entries: [] };
  const isFiltered = repository !== undefined || action !== undefined;
  const isWanted = (entry: AuditEntry) =>
    (repository === undefined || entry.repository === repository) &&
    (action === undefined || entry.action === action);
  // One more than is wanted tells whether there is a next page.
  const share = isFiltered ? filteredShare : shareOf(wanted + 1);
  const shards = auditShards.map((shard) => new Shard(shardKey(project, shard), after));
  const entries: AuditEntry[] = [];
  let last = after ?? '';
  for (let lookedAt = 0; ; lookedAt += 1) {
    if (shards.some((shard) => shard.isUnknown)) {
      if (lookedAt >= auditLookedAtMax) return { entries, next: last };
      await Promise.all(shards.map((shard) => shard.fill(documents, share)));
    }
    const newest = newestOf(shards);
    const entry = newest?.first;
    if (newest === undefined || entry === undefined) return { entries };
    const isOneOfThem = isWanted(entry);
    if (isOneOfThem && entries.length === wanted) return { entries, next: last };
    if (isOneOfThem) entries.push(entry);
    newest.drop();
    last = entry.id;
  }
}

/** One shard, from where the page begins. */
class Shard {
  readonly #prefix: Key;
  #after: Key | undefined;
  #read: readonly AuditEntry[] = [];
  #place = 0;
  #isAtEnd = false;

  constructor(prefix: Key, after: string | undefined) {
    this.#prefix = prefix;
    this.#after = after === undefined ? undefined : [...prefix, after];
  }

  /** Whether it has to be read before it is known which entry comes next. */
  get isUnknown(): boolean {
    return this.first === undefined && !this.#isAtEnd;
  }

  get first(): AuditEntry | undefined {
    return this.#read[this.#place];
  }

  drop(): void {
    this.#place += 1;
  }

  /** Reads on, where there is nothing left of what was read. */
  async fill(documents: Pick<Documents, 'list'>, count: number): Promise<void> {
    if (!this.isUnknown) return;
    const found = await documents.list({ prefix: this.#prefix, after: this.#after, limit: count });
    this.#after = found.at(-1)?.key;
    this.#read = found.map(entryOf);
    this.#place = 0;
    this.#isAtEnd = found.length < count;
  }
}

/** The one whose next entry is the newest; `undefined` when there is none. */
function newestOf(shards: readonly Shard[]): Shard | undefined {
  let newest: Shard | undefined;
  for (const shard of shards) {
    if (shard.first === undefined) continue;
    if (newest?.first === undefined || shard.first.id < newest.first.id) newest = shard;
  }
  return newest;
}

function entryOf({ key, value }: Document): AuditEntry {
  return { id: key.at(-1) ?? '', ...(value as unknown as Omit<AuditEntry, 'id'>) };
}

function notACursor(): RegistryError {
  return new RegistryError('UNSUPPORTED', {
    message: 'after must be what the page before names as the next one',
    status: 400,
  });
}
