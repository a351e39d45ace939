// The suite of faults, for the stores of one backend.

import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { namedPlans } from './named-plans.ts';
import { type Plan, plan } from './plan.ts';
import { Rig, type Stores } from './rig.ts';

export interface FaultsOptions {
  readonly open: () => Promise<Stores>;
  /** How many seeds are played. */
  readonly seeds: number;
  /** The first of them. */
  readonly firstSeed: number;
}

export function testFaults(title: string, options: FaultsOptions): void {
  describe(title, () => {
    let rig: Rig;
    before(async () => {
      rig = await Rig.open(options.open);
    });
    after(() => rig.close());

    const play = async (played: Plan): Promise<void> => {
      const { violation, trace } = await rig.play(played);
      if (violation !== undefined) throw new Error([violation.message, ...trace].join('\n'));
    };

    for (const [what, named] of Object.entries(namedPlans)) it(what, () => play(named));

    const { firstSeed, seeds } = options;
    it(`lose nothing and leave nothing stuck, with ${seeds} seeds from ${firstSeed}`, async () => {
      for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) await playSeed(seed, play);
    });
  });
}

/** One seed is one plan. A plan that fails is made as small as it can be, and told with all that happened. */
async function playSeed(seed: number, play: (played: Plan) => Promise<void>): Promise<void> {
  const found = await fc.check(fc.asyncProperty(plan, play), { seed, numRuns: 1, unbiased: true });
  if (!found.failed) return;
  const [smallest] = found.counterexample ?? [];
  const error = found.errorInstance;
  // Without the cause: its trace is told here.
  throw new Error(
    [
      `seed ${seed}: repeat with BERTH_FAULT_SEED=${seed} npm test -- test/faults`,
      error instanceof Error ? error.message : String(error),
      `the smallest plan of ${found.numShrinks + 1}: ${JSON.stringify(smallest)}`,
    ].join('\n'),
  );
}
