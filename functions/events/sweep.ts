// Relays what was left in the outbox of each location. The scheduler POSTs to it, every minute or so.

import { jsonReply, type Reply } from '#shared/http/reply.ts';
import { type Swept, sweepOutbox } from '#shared/registry/sweep.ts';
import type { EventsServices } from './relay.ts';

/** @returns what was done in each location; 500 when a relay failed, so that the scheduler counts it */
export async function sweep(
  method: string,
  services: EventsServices,
  locations: readonly string[],
): Promise<Reply> {
  if (method !== 'POST') return { status: 405, headers: { Allow: 'POST' } };
  const done: Record<string, Omit<Swept, 'failures'> & { readonly failed: number }> = {};
  for (const location of locations) {
    const { failures, ...swept } = await sweepOutbox(services, location);
    for (const failure of failures) {
      services.log('ERROR', 'events were not published', { location, error: String(failure) });
    }
    done[location] = { ...swept, failed: failures.length };
  }
  const isWell = Object.values(done).every(({ failed }) => failed === 0);
  return { ...jsonReply(done), status: isWell ? 200 : 500 };
}
