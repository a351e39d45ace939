// The sweep: relays every repository that has entries in the outbox, for those whose relay was never woken, or died.

import { relaysAtOnce, sweepRepositoriesMax } from '../oci/limits.ts';
import type { RepositoryName } from '../oci/reference.ts';
import type { Key } from '../ports/documents.ts';
import {
  endOfOutbox,
  outboxOf,
  outboxShardOf,
  outboxShards,
  repositoryAt,
  sweepKey,
} from './layout.ts';
import { read, write } from './records.ts';
import { type RelayServices, relayRepository } from './relay.ts';

export interface Swept {
  readonly repositories: number;
  readonly published: number;
  /** What relays failed with: the entries stay, and the next sweep takes them up again. */
  readonly failures: readonly unknown[];
  /** There are more than one run takes up. */
  readonly more: boolean;
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
  const names = await pendingRepositories(services, location, repositoriesMax);
  const failures: unknown[] = [];
  let published = 0;
  let more = names.length === repositoriesMax;
  const waiting = names.values();
  const work = async () => {
    for (const name of waiting) {
      try {
        const relayed = await relayRepository(services, repositoryAt(location, name));
        published += relayed.published;
        more ||= relayed.more;
      } catch (error) {
        failures.push(error);
      }
    }
  };
  await Promise.all(Array.from({ length: relaysAtOnce }, work));
  return { repositories: names.length, published, failures, more };
}

/** Finds whose turn it is, and writes down where the next sweep goes on, before anything can fail. */
async function pendingRepositories(
  services: RelayServices,
  location: string,
  max: number,
): Promise<readonly RepositoryName[]> {
  const { documents } = services;
  const before = await read(documents, sweepKey(location));
  const names: RepositoryName[] = [];
  for await (const name of roundTrip(services, location, before?.name)) {
    names.push(name);
    if (names.length === max) break;
  }
  const last = names.length === max ? names.at(-1) : undefined;
  if (last === undefined && before === undefined) return names;
  await documents.transact(async (transaction) => {
    if (last === undefined) transaction.delete(sweepKey(location));
    else write(transaction, sweepKey(location), { name: last });
  });
  return names;
}

/** All repositories with entries, shard by shard: those after one, then those before it, and it. */
async function* roundTrip(
  services: RelayServices,
  location: string,
  after: RepositoryName | undefined,
): AsyncGenerator<RepositoryName> {
  if (after === undefined) {
    for (const shard of outboxShards) yield* namesOf(services, location, shard);
    return;
  }
  const start = outboxOf(repositoryAt(location, after))[3] ?? '';
  const at = outboxShards.indexOf(start);
  yield* namesOf(services, location, start, after);
  for (const shard of [...outboxShards.slice(at + 1), ...outboxShards.slice(0, at)]) {
    yield* namesOf(services, location, shard);
  }
  for await (const name of namesOf(services, location, start)) {
    if (name > after) return;
    yield name;
  }
}

/** The repositories of a shard with entries, in the order of their names: one small read each. */
async function* namesOf(
  { documents }: RelayServices,
  location: string,
  shard: string,
  after?: RepositoryName,
): AsyncGenerator<RepositoryName> {
  const beyond = (name: RepositoryName) => endOfOutbox(repositoryAt(location, name));
  let last: Key | undefined = after === undefined ? undefined : beyond(after);
  for (;;) {
    const prefix = outboxShardOf(location, shard);
    const [entry] = await documents.list({ prefix, after: last, limit: 1 });
    if (entry === undefined) return;
    const name = entry.key[4] as RepositoryName;
    yield name;
    last = beyond(name);
  }
}
