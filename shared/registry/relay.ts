// The relay: publishes what the outbox holds, and removes it when it was taken.
//
// Whatever wakes it (a trigger, a timer, a request that changed something) says only which repository to look
// at. What is published is what a strong read finds there, in the order of the commits.
//
// Why the first deliveries of a repository's messages are in the order of its commits. Let one change be
// committed before another. Whoever publishes the later one has found it by a read that sees everything
// committed before it. That read found the earlier one too, and then it is published before the later one, in
// the same call or one before; or it did not, and then the earlier one had been removed, which happens only
// after it was published and taken. So every publication of the later one, the first among them, has one of
// the earlier one before it. Nothing was said of who publishes: it holds for an instance that dies at any
// point, for one that freezes and goes on with what it had read long ago, for one whose publication was kept
// though its answer was lost, and for any number of them side by side. What they cost is duplicates, which
// carry the id of their event.
//
// So the lease per repository decides nothing: it spares duplicates while several are woken by one burst. It
// is over by itself when its holder dies. A holder that froze for longer publishes what it had in hand
// once more at worst, and then finds that the lease is another's.

import { randomUUID } from 'node:crypto';
import { relayBatchesMax, relayBatchMax, relayLeaseSeconds } from '../oci/limits.ts';
import type { Document } from '../ports/documents.ts';
import type { Events } from '../ports/events.ts';
import { outboxOf, type Repository, relayKey } from './layout.ts';
import { messageOf } from './outbox.ts';
import { type OutboxRecord, read, write } from './records.ts';
import type { Store } from './store.ts';

export interface RelayServices extends Pick<Store, 'documents' | 'clock'> {
  readonly events: Events;
  /** {@link eventsTopic} when left out. */
  readonly topic?: string | undefined;
  /** No other relay can be at these documents: then there are no leases. False when left out. */
  readonly alone?: boolean | undefined;
}

/** What subscribers of gcr.io listen to. */
export const eventsTopic = 'gcr';

export interface RelayLimits {
  /** Messages in one call. */
  readonly batchMax: number;
  /** Calls in one run. */
  readonly batchesMax: number;
}

const usualLimits: RelayLimits = { batchMax: relayBatchMax, batchesMax: relayBatchesMax };

export interface Relayed {
  readonly published: number;
  /** There are more than one run takes up. */
  readonly more: boolean;
  /** Since when the oldest that is left waits, milliseconds since 1970. Absent where none was left. */
  readonly oldestAt?: number;
}

/**
 * Publishes the changes of a repository until none is left, with the repository as their ordering key.
 * Where another one is at it, that is left to it.
 * @throws what the ports throw; entries that were not published stay
 */
export async function relayRepository(
  services: RelayServices,
  repository: Repository,
  limits: RelayLimits = usualLimits,
): Promise<Relayed> {
  const { documents } = services;
  const owner = randomUUID();
  let published = 0;
  let last: Document | undefined;
  for (let batches = 0; batches < limits.batchesMax; batches += 1) {
    // Once more after the lease was given up: who was woken meanwhile found it held, and has gone.
    const [oldest] = await documents.list({ prefix: outboxOf(repository), limit: 1 });
    if (oldest === undefined) return { published, more: false };
    const until = await takeLease(services, repository, owner);
    if (until === undefined) return { published, more: false, oldestAt: waitingSince(oldest) };
    const batch = await relayBatch(services, repository, { owner, until }, limits.batchMax);
    published += batch.length;
    last = batch.at(-1) ?? oldest;
  }
  // What is left was not read; it came after the last one that was taken.
  return { published, more: true, ...(last && { oldestAt: waitingSince(last) }) };
}

/** When the change was made that an entry tells of, milliseconds since 1970. */
export function waitingSince({ value }: Document): number {
  return (value as OutboxRecord).at;
}

/**
 * Publishes the oldest changes, in one call, and removes them; the lease is given up with that.
 * @returns those
 */
async function relayBatch(
  services: RelayServices,
  repository: Repository,
  lease: { readonly owner: string; readonly until: number },
  batchMax: number,
): Promise<readonly Document[]> {
  const { clock, events, topic = eventsTopic } = services;
  let published: readonly Document[] = [];
  try {
    const batch = await oldestEntries(services, repository, batchMax);
    // Who was frozen until now begins anew: others may have published these meanwhile.
    if (batch.length > 0 && clock.now() < lease.until) {
      const orderingKey = `${repository.location}/${repository.name}`;
      const messages = batch.map((entry) => messageOf(repository, entry));
      await events.publish(topic, orderingKey, messages);
      published = batch;
    }
  } finally {
    await settle(services, repository, lease.owner, published);
  }
  return published;
}

/**
 * The oldest entries of a repository in the order of their commits, the changes of one transaction in theirs.
 *
 * A list is in the order of the keys, which begin with the time by the clock of the instance that wrote them:
 * nearly the order of the commits, but not quite. So where there are several pages, all are looked through for
 * the oldest. That they are read one after another does no harm: what is committed after the first page was read is
 * younger than all that are on it, and they are as many as are wanted.
 */
async function oldestEntries(
  { documents }: RelayServices,
  repository: Repository,
  limit: number,
): Promise<readonly Document[]> {
  const prefix = outboxOf(repository);
  let page = await documents.list({ prefix, limit });
  let oldest = inCommitOrder(page);
  while (page.length === limit) {
    page = await documents.list({ prefix, limit, after: page.at(-1)?.key });
    oldest = inCommitOrder([...oldest, ...page]).slice(0, limit);
  }
  return oldest;
}

function inCommitOrder(entries: readonly Document[]): Document[] {
  const byKey = (a: Document, b: Document) =>
    (a.key.at(-1) ?? '') < (b.key.at(-1) ?? '') ? -1 : 1;
  return [...entries].sort((a, b) => a.committedAt - b.committedAt || byKey(a, b));
}

/** @returns until when the lease is the owner's, milliseconds since 1970; `undefined` while it is another's */
async function takeLease(
  { documents, clock, alone }: RelayServices,
  repository: Repository,
  owner: string,
): Promise<number | undefined> {
  if (alone) return Number.POSITIVE_INFINITY;
  return documents.transact(async (transaction) => {
    const lease = await read(transaction, relayKey(repository));
    const now = clock.now();
    if (lease !== undefined && lease.until > now) return undefined;
    const until = now + relayLeaseSeconds * 1000;
    write(transaction, relayKey(repository), { owner, until });
    return until;
  });
}

/** Removes what was published, and gives the lease up if it is still the owner's. */
async function settle(
  { documents, alone }: RelayServices,
  repository: Repository,
  owner: string,
  published: readonly Document[],
): Promise<void> {
  await documents.transact(async (transaction) => {
    const lease = alone ? undefined : await read(transaction, relayKey(repository));
    for (const { key } of published) transaction.delete(key);
    if (lease?.owner === owner) transaction.delete(relayKey(repository));
  });
}
