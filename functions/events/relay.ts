// POST / of the function `events`: relays a repository's changes when Firestore tells that an entry of its outbox was
// created. A CloudEvent, over HTTP in binary mode. What it brings is protobuf and not looked at. Events come late, twice
// and in any order, so it only wakes: which repository, its document's path tells.

import { keyOf } from '#shared/google/firestore-keys.ts';
import type { Log } from '#shared/log.ts';
import { type Repository, repositoryOfEntry } from '#shared/registry/layout.ts';
import { type RelayServices, relayRepository } from '#shared/registry/relay.ts';
import type { Action } from '../action.ts';
import type { Services } from '../services.ts';

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

export const relay: Action = async ({ headers }, services) => {
  const { 'ce-document': document, 'ce-subject': subject } = headers;
  await relayEntry({ document, subject }, eventsServices(services));
  return { status: 204 };
};

/** @throws Error in a function that is not given what publishes */
export function eventsServices({ documents, clock, log, events }: Services): EventsServices {
  if (events === undefined) throw new Error('this function does not publish');
  return { documents, clock, log, events: events.publisher, topic: events.topic };
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
