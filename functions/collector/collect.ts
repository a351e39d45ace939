// POST / of the function `collector`, by a schedule: one run over what is due, in each location and in the mirrors.

import { jsonReply } from '#shared/http/reply.ts';
import { collectMirrors } from '#shared/mirror/collect.ts';
import { type Collected, collectOnce } from '#shared/registry/collect.ts';
import type { Action } from '../action.ts';

/**
 * Answers what was done in each location, and in `mirrors`; 500 where a review failed, so that the schedule tells of it.
 * The failed stay for the next run. The log is told the same, a line each: a figure is made of it, and an alert of the
 * figure (the module observability).
 */
export const collect: Action = async (_request, services) => {
  const done: Record<string, Omit<Collected, 'failures'> & { readonly failed: number }> = {};
  const note = (where: string, { failures, ...collected }: Collected) => {
    for (const error of failures) {
      services.log('ERROR', 'a review failed', { location: where, error: String(error) });
    }
    const told = { ...collected, failed: failures.length };
    services.log('INFO', 'the collector ran', { location: where, ...told });
    done[where] = told;
  };
  for (const location of services.locations) {
    note(location, await collectOnce(services, location));
  }
  note('mirrors', await collectMirrors(services, services.mirrorKeepDays));
  const isWell = Object.values(done).every(({ failed }) => failed === 0);
  return { ...jsonReply(done), status: isWell ? 200 : 500 };
};
