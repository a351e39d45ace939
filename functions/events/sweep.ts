// POST /sweep of the function `events`, by the scheduler, every minute or so: relays what was left in the outbox.

import { jsonReply, type Reply } from '#shared/http/reply.ts';
import { type Swept, sweepOutbox } from '#shared/registry/sweep.ts';
import type { Action } from '../action.ts';
import { type EventsServices, eventsServices } from './relay.ts';

export const sweep: Action = async (_request, services) =>
  sweepLocations(eventsServices(services), services.locations);

/**
 * Tells the log what was done in each location: a figure is made of that line, and an alert of the figure (the module
 * observability).
 * @returns the same; 500 when a relay failed, so that the scheduler counts it
 */
export async function sweepLocations(
  services: EventsServices,
  locations: readonly string[],
): Promise<Reply> {
  const done: Record<string, Omit<Swept, 'failures'> & { readonly failed: number }> = {};
  for (const location of locations) {
    const { failures, ...swept } = await sweepOutbox(services, location);
    for (const failure of failures) {
      services.log('ERROR', 'events were not published', { location, error: String(failure) });
    }
    const told = { ...swept, failed: failures.length };
    services.log('INFO', 'the outbox was swept', { location, ...told });
    done[location] = told;
  }
  const isWell = Object.values(done).every(({ failed }) => failed === 0);
  return { ...jsonReply(done), status: isWell ? 200 : 500 };
}
