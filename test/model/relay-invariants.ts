// What must hold of events after every step, and when all is over.

import type { Document, Documents } from '#shared/ports/documents.ts';
import type { OutboxRecord } from '#shared/registry/records.ts';
import { Violation } from './schedule.ts';

/** A change, as it was seen in the outbox before anyone could have published it. */
interface Committed {
  readonly eventId: string;
  readonly orderingKey: string;
  readonly committedAt: number;
  readonly change: OutboxRecord;
}

interface Published {
  readonly eventId: string;
  readonly orderingKey: string;
  readonly text: string;
}

export class RelayInvariants {
  readonly #documents: Documents;
  readonly #location: string;
  readonly #committed = new Map<string, Committed>();

  constructor(documents: Documents, location: string) {
    this.#documents = documents;
    this.#location = location;
  }

  /** No event is lost, first deliveries are in the order of the commits, and duplicates say the same. @throws Violation */
  async check(): Promise<void> {
    const pending = await this.#list('outbox');
    for (const entry of pending) this.#see(entry);
    const published = (await this.#list('topic')).map(publishedOf);
    const ids = new Set(published.map(({ eventId }) => eventId));
    const waiting = new Set(pending.map(({ key }) => key.at(-1)));
    const commits = [...this.#committed.values()].sort(
      (a, b) => a.committedAt - b.committedAt || (a.eventId < b.eventId ? -1 : 1),
    );
    for (const { eventId } of commits) {
      if (!ids.has(eventId) && !waiting.has(eventId)) throw new Violation(`${eventId} is lost`);
    }
    for (const key of new Set(published.map(({ orderingKey }) => orderingKey))) {
      const ofKey = (event: { orderingKey: string }) => event.orderingKey === key;
      const firsts = [...new Set(published.filter(ofKey).map(({ eventId }) => eventId))];
      const wanted = commits.filter(ofKey).slice(0, firsts.length);
      for (const [at, { eventId }] of wanted.entries()) {
        if (firsts[at] !== eventId) throw new Violation(`${firsts[at]} came before ${eventId}`);
      }
    }
    checkRepeated(published);
  }

  /** Everything was published, and who followed it knows what is there. @throws Violation */
  async checkEnd(): Promise<void> {
    await this.check();
    for (const kind of ['outbox', 'relays']) {
      const left = (await this.#list(kind)).map(({ key }) => key.join(' '));
      if (left.length > 0) throw new Violation(`when all is over, these are left: ${left}`);
    }
    const followed = follow((await this.#list('topic')).map(publishedOf));
    const there = await this.#images();
    if (JSON.stringify(followed) === JSON.stringify(there)) return;
    throw new Violation(`who followed the events knows ${followed}, and there is ${there}`);
  }

  #see({ key, value, committedAt }: Document): void {
    const eventId = key.at(-1) ?? '';
    const orderingKey = `${this.#location}/${key.at(-2)}`;
    const change = value as OutboxRecord;
    this.#committed.set(eventId, { eventId, orderingKey, committedAt, change });
  }

  /** What is there, in the words of messages: manifests, and tags with what they point at. */
  async #images(): Promise<string[]> {
    const all = await this.#documents.list({ prefix: [this.#location], limit: 1000 });
    const images = all.flatMap(({ key: [, , kind, name, last], value }) => {
      const image = `registry.example/${name}`;
      if (kind === 'manifests') return [`${image}@${last}`];
      return kind === 'tags' ? [`${image}:${last} -> ${image}@${value['digest']}`] : [];
    });
    return inOrder(images);
  }

  #list(kind: string): Promise<Document[]> {
    return this.#documents.list({ prefix: [this.#location, '-', kind], limit: 1000 });
  }
}

/** All keys of a topic share one count: its order is the numbers'. */
function publishedOf({ key, value }: Document): Published {
  const { eventId = '' } = value['attributes'] as Record<string, string>;
  return { eventId, orderingKey: key.at(-2) ?? '', text: String(value['text']) };
}

function checkRepeated(published: readonly Published[]): void {
  const texts = new Map<string, string>();
  for (const { eventId, text } of published) {
    if ((texts.get(eventId) ?? text) !== text) throw new Violation(`${eventId} says ${text}`);
    texts.set(eventId, text);
  }
}

/** What a subscriber knows that leaves out what it had already. */
function follow(published: readonly Published[]): string[] {
  const manifests = new Set<string>();
  const tags = new Map<string, string>();
  const seen = new Set<string>();
  for (const { eventId, text } of published) {
    if (seen.has(eventId)) continue;
    seen.add(eventId);
    const { action, digest, tag } = JSON.parse(text);
    if (action === 'INSERT') manifests.add(digest);
    else if (digest !== undefined) manifests.delete(digest);
    if (tag === undefined) continue;
    if (action === 'INSERT') tags.set(tag, digest);
    else tags.delete(tag);
  }
  return inOrder([...manifests, ...[...tags].map(([tag, digest]) => `${tag} -> ${digest}`)]);
}

function inOrder(texts: readonly string[]): string[] {
  return [...texts].sort((a, b) => (a < b ? -1 : 1));
}
