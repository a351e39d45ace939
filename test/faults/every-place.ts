// A single fault, of each kind, at each operation of each kind of client: what seeds meet by chance, one after another.

import { type Fate, fates, type Operation, type PlannedFault } from './faults.ts';
import { pushing } from './named-plans.ts';
import type { Plan } from './plan.ts';

const operations = Object.keys(fates) as readonly Operation[];

const hour = 3600;

const casts: readonly Plan[] = [
  pushing({ as: 'post' }),
  pushing({ as: 'containerd', onFault: 'cancel', isRobot: true }),
  pushing({ as: 'docker', onFault: 'ask' }),
  pushing({ as: 'pieces', onFault: 'ask' }),
  pushing({ as: 'chunks', onFault: 'repeat' }),
  pushing({ as: 'tail', onFault: 'repeat' }),
  { ...pushing({ mountFrom: 'two/c' }), beginnings: { one: 'nothing', two: 'tagged' } },
  {
    ...pushing({}),
    beginnings: { one: 'tagged', two: 'nothing' },
    actors: [
      { kind: 'reader', from: 'one/a', tag: 'latest' },
      { kind: 'relayer', of: undefined, times: 1 },
      { kind: 'deleter', from: 'one/a', image: 'red', tag: 'latest', what: ['manifest', 'blobs'] },
      { kind: 'collector', times: 4, seconds: 3 * hour },
    ],
  },
];

/** Places of one kind. What reads more than that is the collector: from sixteen shards, all alike. */
const placesMax = 24;

/**
 * Plays each cast without faults, to see what it does, and then with a fault at each place.
 * @param play answers how many operations of each kind there were
 */
export async function playEveryPlace(
  play: (plan: Plan) => Promise<ReadonlyMap<Operation, number>>,
): Promise<void> {
  for (const cast of casts) {
    const begun = await play(cast);
    for (const fault of faultsAt(begun)) await play({ ...cast, faults: [fault] });
  }
}

function* faultsAt(begun: ReadonlyMap<Operation, number>): Generator<PlannedFault> {
  for (const only of operations) {
    const choices: readonly Fate<Operation>[] = fates[only];
    const places = Math.min(begun.get(only) ?? 0, placesMax);
    for (let after = 0; after < places; after += 1) {
      for (const fate of choices.keys()) yield { only, after, fate, failure: 0, seconds: 0 };
    }
  }
}
