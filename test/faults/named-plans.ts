// Faults that were found to do harm, each with what must come of it.

import { failures, faultAt, type PlannedFault } from './faults.ts';
import type { Plan, Pusher } from './plan.ts';

/** One client that pushes, and meets those faults. */
export function pushing(part: Partial<Pusher>, ...faults: readonly PlannedFault[]): Plan {
  const pusher: Pusher = {
    kind: 'pusher',
    as: 'docker',
    onFault: 'ask',
    isRobot: false,
    into: 'one/a',
    image: 'red',
    tag: 'latest',
    ...part,
  };
  return {
    beginnings: { one: 'nothing', two: 'nothing' },
    actors: [pusher],
    schedule: [],
    faults,
  };
}

export const namedPlans: Readonly<Record<string, Plan>> = {
  'are not taken for a client that went away, though their codes are the same': pushing(
    { as: 'post' },
    { ...faultAt('write', 'refused'), failure: failures.indexOf('ECONNRESET') },
    { ...faultAt('write', 'refused'), failure: failures.indexOf('ERR_STREAM_PREMATURE_CLOSE') },
  ),

  'leave a chunk where it is when they hide that it was recorded': pushing(
    { as: 'pieces' },
    faultAt('transact', 'answer lost'),
  ),

  'are not told to the client when a chunk is recorded a second time': pushing(
    { as: 'pieces' },
    faultAt('transact', 'committed, then run again'),
  ),

  'are not told to the client when the write of a chunk meets itself': pushing(
    { as: 'pieces' },
    faultAt('write', 'meets its own'),
  ),
};
