// POST / of the function `collector`, by a schedule: one run over what is due in each location.

import { jsonReply } from '#shared/http/reply.ts';
import { type Collected, collectOnce } from '#shared/registry/collect.ts';
import type { Action } from '../action.ts';

/**
 * Answers what was done in each location; 500 where a review failed, so that the schedule tells of it. The failed stay for
 * the next run.
 */
export const collect: Action = async (_request, services) => {
  const done: Record<string, Omit<Collected, 'failures'> & { readonly failed: number }> = {};
  for (const location of services.locations) {
    const { failures, ...collected } = await collectOnce(services, location);
    for (const error of failures) {
      services.log('ERROR', 'a review failed', { location, error: String(error) });
    }
    done[location] = { ...collected, failed: failures.length };
  }
  const isWell = Object.values(done).every(({ failed }) => failed === 0);
  return { ...jsonReply(done), status: isWell ? 200 : 500 };
};
