import { jsonReply } from '#shared/http/reply.ts';
import type { RelayServices } from '#shared/registry/relay.ts';
import type { Action } from '../action.ts';
import type { Services } from '../services.ts';

export const relay: Action = async () => jsonReply({});

export function relayOf({ documents, clock, events }: Services): RelayServices {
  if (events === undefined) throw new Error('this function does not publish');
  return { documents, clock, events: events.publisher, topic: events.topic };
}
