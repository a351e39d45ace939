// POST / of the function `collector`, by a schedule: one run over what is due.

import { jsonReply } from '#shared/http/reply.ts';
import { collectOnce } from '#shared/registry/collect.ts';
import type { Action } from '../action.ts';

/** Answers what was done; 500 where a review failed, so that the schedule tells of it. The failed stay for the next run. */
export const collect: Action = async ({ host }, services) => {
  const { failures, ...collected } = await collectOnce(services, services.locationOf(host));
  for (const error of failures) services.log('ERROR', 'a review failed', { error: String(error) });
  const reply = jsonReply({ ...collected, failed: failures.length });
  return failures.length === 0 ? reply : { ...reply, status: 500 };
};
