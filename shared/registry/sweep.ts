// The sweep: relays every repository that has entries in the outbox, for those whose relay was never woken, or died.

import { relaysAtOnce, sweepRepositoriesMax } from '../oci/limits.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Key } from '../ports/documents.ts';
import { secondsBehind } from './behind.ts';
import {
  endOfOutbox,
  outboxOf,
  outboxShardOf,
  outboxShards,
  repositoryAt,
  sweepKey,
} from './layout.ts';
import { read, write } from './records.ts';
import { type RelayServices, relayRepository, waitingSince } from './relay.ts';

export interface Swept {
  readonly repositories: number;
  readonly published: number;
  /** What relays failed with: the entries stay, and the next sweep takes them up again. */
  readonly failures: readonly unknown[];
  /** There are more than one run takes up. */
  readonly more: boolean;
  /**
   * How long the oldest change waits that is still to be published; 0 where none was left. It is told of what was read
   * anyway: repositories that this sweep did not come to are taken to wait for as long as the longest of those it took up.
   */
  readonly oldestPendingSeconds: number;
}

/** A repository with entries, and since when the first of them waits, milliseconds since 1970. */
interface Pending {
  readonly name: RepositoryName;
  readonly since: number;
}

/**
 * Relays the repositories of a location that have entries, at most `repositoriesMax`; one failing stops none.
 * A sweep that had enough writes down where it stopped, and the next one goes on there, round and round:
 * so none waits for longer than it takes to come around, however many others always have entries.
 */
export async function sweepOutbox(
  services: RelayServices,
  location: string,
  repositoriesMax: number = sweepRepositoriesMax,
): Promise<Swept> {
  const pending = await pendingRepositories(services, location, repositoriesMax);
  const failures: unknown[] = [];
  let published = 0;
  const hadEnough = pending.length === repositoriesMax;
  let more = hadEnough;
  const left = hadEnough ? pending.map(({ since }) => since) : [];
  const waiting = pending.values();
  const work = async () => {
    for (const { name, since } of waiting) {
      try {
        const relayed = await relayRepository(services, repositoryAt(location, name));
        published += relayed.published;
        more ||= relayed.more;
        if (relayed.oldestAt !== undefined) left.push(relayed.oldestAt);
      } catch (error) {
        failures.push(error);
        left.push(since);
      }
    }
  };
  await Promise.all(Array.from({ length: relaysAtOnce }, work));
  const oldestPendingSeconds = secondsBehind(services.clock.now(), left);
  return { repositories: pending.length, published, failures, more, oldestPendingSeconds };
}

/** Finds whose turn it is, and writes down where the next sweep goes on, before anything can fail. */
async function pendingRepositories(
  services: RelayServices,
  location: string,
  max: number,
): Promise<readonly Pending[]> {
  const { documents } = services;
  const before = await read(documents, sweepKey(location));
  const found: Pending[] = [];
  for await (const pending of roundTrip(services, location, before?.name)) {
    found.push(pending);
    if (found.length === max) break;
  }
  const last = found.length === max ? found.at(-1) : undefined;
  if (last === undefined && before === undefined) return found;
  await documents.transact(async (transaction) => {
    if (last === undefined) transaction.delete(sweepKey(location));
    else write(transaction, sweepKey(location), { name: last.name });
  });
  return found;
}

/** All repositories with entries, shard by shard: those after one, then those before it, and it. */
async function* roundTrip(
  services: RelayServices,
  location: string,
  after: RepositoryName | undefined,
): AsyncGenerator<Pending> {
  if (after === undefined) {
    for (const shard of outboxShards) yield* pendingOf(services, location, shard);
    return;
  }
  const start = outboxOf(repositoryAt(location, after))[3] ?? '';
  const at = outboxShards.indexOf(start);
  yield* pendingOf(services, location, start, after);
  for (const shard of [...outboxShards.slice(at + 1), ...outboxShards.slice(0, at)]) {
    yield* pendingOf(services, location, shard);
  }
  for await (const pending of pendingOf(services, location, start)) {
    if (pending.name > after) return;
    yield pending;
  }
}

/** The repositories of a shard with entries, in the order of their names: one small read each. */
async function* pendingOf(
  { documents }: RelayServices,
  location: string,
  shard: string,
  after?: RepositoryName,
): AsyncGenerator<Pending> {
  const beyond = (name: RepositoryName) => endOfOutbox(repositoryAt(location, name));
  let last: Key | undefined = after === undefined ? undefined : beyond(after);
  for (;;) {
    const prefix = outboxShardOf(location, shard);
    const [entry] = await documents.list({ prefix, after: last, limit: 1 });
    if (entry === undefined) return;
    const name = entry.key[4] as RepositoryName;
    yield { name, since: waitingSince(entry) };
    last = beyond(name);
  }
}
