// The book of events: what each commit wrote into the outbox, and that it came to subscribers, in that order.

import type { Document } from '#shared/ports/documents.ts';
import type { OutboxRecord } from '#shared/registry/records.ts';
import { Violation } from '#test/model/schedule.ts';
import { nicknameOf } from '#test/model/universe.ts';
import type { Delivery } from '#test/support/inbox.ts';

/** What an entry tells, in a line: `INSERT name digest tag`. */
export type Told = string;

export function told(
  action: OutboxRecord['action'],
  name: string,
  {
    digest = '',
    tag = '',
  }: { readonly digest?: string | undefined; readonly tag?: string | undefined },
): Told {
  return [action, name, digest, tag].join(' ');
}

interface Entry {
  readonly name: string;
  readonly told: Told;
}

export class OutboxBook {
  /** By the events' ids, in the order of the commits. */
  readonly #entries = new Map<string, Entry>();

  /** Writes down what one commit, or none, has added since the last time. @returns that, in its order */
  see(documents: readonly Document[]): Told[] {
    const added: Told[] = [];
    for (const document of entriesIn(documents)) {
      const id = idOf(document);
      if (this.#entries.has(id)) continue;
      const { action, digest, tag } = document.value as OutboxRecord;
      const name = document.key[4] ?? '';
      const line = told(action, name, { digest, tag });
      this.#entries.set(id, { name, told: line });
      added.push(line);
    }
    return added;
  }

  /**
   * When all is over: each event has come, at least once, and came first in the order of its commit among those
   * of its repository.
   * @throws Violation
   */
  check(location: string, deliveries: readonly Delivery[]): void {
    for (const name of new Set([...this.#entries.values()].map((entry) => entry.name))) {
      const own = deliveries.filter(({ orderingKey }) => orderingKey === `${location}/${name}`);
      const came = [...new Set(own.map(({ attributes }) => attributes['eventId'] ?? ''))];
      const due = [...this.#entries].filter(([, entry]) => entry.name === name).map(([id]) => id);
      if (came.join() === due.join()) continue;
      const tell = (ids: readonly string[]) => ids.map((id) => this.#tell(id)).join(', ');
      throw new Violation(`the events of ${name} came as [${tell(came)}], and are [${tell(due)}]`);
    }
  }

  #tell(id: string): string {
    const line = this.#entries.get(id)?.told ?? 'what nobody wrote';
    return line.split(' ').map(nicknameOf).join(' ').trim();
  }
}

/** Entries of the outbox, in the order of their commits. */
export function entriesIn(documents: readonly Document[]): Document[] {
  return documents
    .filter(({ key }) => key[2] === 'outbox')
    .sort((a, b) => a.committedAt - b.committedAt || (idOf(a) < idOf(b) ? -1 : 1));
}

function idOf({ key }: Document): string {
  return key.at(-1) ?? '';
}
