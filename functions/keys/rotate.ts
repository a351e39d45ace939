// POST / of the function `keys`, by a schedule, every day or so: has the next keys sign when it is time, and completes what
// an earlier run began. So a run that failed is made up for by the next one, and one too many does nothing.

import { rotateKeys } from '#shared/auth/rotation/rotate.ts';
import { jsonReply } from '#shared/http/reply.ts';
import type { Action } from '../action.ts';

/** Answers what became of each kind of keys; 500 where one failed, so that the schedule tells of it. */
export const rotate: Action = async (_request, { keyStores, log }) => {
  if (keyStores === undefined) throw new Error('this function is not given BERTH_URL_ACCOUNT');
  const { done, failures } = await rotateKeys(keyStores, 'due');
  for (const [keys, error] of failures) {
    log('ERROR', 'keys were not looked after', { keys, error: String(error) });
  }
  for (const [keys, outcome] of Object.entries(done)) {
    if (outcome === 'unchanged' || outcome === 'failed') continue;
    log('NOTICE', 'keys were changed', { keys, outcome });
  }
  return { ...jsonReply(done), status: failures.size === 0 ? 200 : 500 };
};
