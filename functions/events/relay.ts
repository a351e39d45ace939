// Relays a repository's changes when Firestore tells that an entry of its outbox was created: a CloudEvent, over HTTP
// in binary mode. What it brings is protobuf and not looked at. Events come late, twice and in any order, so it only
// wakes: which repository, its document's path tells.

import { keyOf } from '#shared/google/firestore-keys.ts';
import type { Log } from '#shared/log.ts';
import { type Repository, repositoryOfEntry } from '#shared/registry/layout.ts';
import { type RelayServices, relayRepository } from '#shared/registry/relay.ts';

export interface EventsServices extends RelayServices {
  readonly log: Log;
}

/** What is looked at of a CloudEvent from Firestore: two attributes that say the same. */
export interface EntryCreated {
  /** `ce-document`: `{location}/-/outbox/{id}`. */
  readonly document?: unknown;
  /** `ce-subject`: `documents/{location}/-/outbox/{id}`. */
  readonly subject?: unknown;
}

/** Publishes what the repository of that entry has to tell. @throws what the ports throw: then it is to be sent again */
export async function relayEntry(event: EntryCreated, services: EventsServices): Promise<void> {
  const repository = repositoryOf(event);
  if (repository === undefined) {
    // To be sent it again would help nobody.
    const { document, subject } = event;
    services.log('ERROR', 'this event is of no entry in the outbox', { document, subject });
    return;
  }
  const { published, more } = await relayRepository(services, repository);
  services.log('INFO', 'events published', { name: repository.name, published, more });
}

function repositoryOf({ document, subject }: EntryCreated): Repository | undefined {
  const path = document ?? (typeof subject === 'string' ? subject.replace(/^documents\//, '') : '');
  try {
    return repositoryOfEntry(keyOf(String(path)));
  } catch {
    return undefined;
  }
}
