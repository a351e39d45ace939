// POST /sweep of the function `events`, by a schedule: what no trigger woke the relay for, or it failed with.

import { jsonReply } from '#shared/http/reply.ts';
import { sweepOutbox } from '#shared/registry/sweep.ts';
import type { Action } from '../action.ts';
import { relayOf } from './relay.ts';

/** Answers what was done; 500 where a repository's failed, so that the schedule tells of it. */
export const sweep: Action = async ({ host }, services) => {
  const swept = await sweepOutbox(relayOf(services), services.locationOf(host));
  const { failures, ...done } = swept;
  for (const error of failures)
    services.log('ERROR', 'events were not published', { error: String(error) });
  const reply = jsonReply({ ...done, failed: failures.length });
  return failures.length === 0 ? reply : { ...reply, status: 500 };
};
