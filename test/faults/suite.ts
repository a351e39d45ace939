// The suite of faults, for the stores of one backend.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { brokenRegistries } from './broken.ts';
import type { Broken } from './caller.ts';
import { playEveryPlace } from './every-place.ts';
import { namedPlans } from './named-plans.ts';
import { type Plan, plan } from './plan.ts';
import { Rig, type Stores } from './rig.ts';

export interface FaultsOptions {
  readonly open: () => Promise<Stores>;
  /** How many seeds are played. */
  readonly seeds: number;
  /** The first of them. */
  readonly firstSeed: number;
  /** Whether every place is tried too, and registries that are wrong: for stores that are quick. */
  readonly isThorough: boolean;
  /** Why it cannot be run here, if it cannot. */
  readonly skip?: string | false;
}

/** A registry that is wrong is found out within so many seeds. */
const seedsToFind = 300;

export function testFaults(title: string, options: FaultsOptions): void {
  const { firstSeed, seeds, isThorough, skip = false } = options;
  describe(title, { skip }, () => {
    let rig: Rig;
    before(async () => {
      rig = await Rig.open(options.open);
    });
    after(() => rig.close());

    const play = async (played: Plan, broken?: Broken) => {
      const { violation, trace, begun } = await rig.play(played, broken);
      if (violation === undefined) return begun;
      throw new Error([violation.message, ...trace, JSON.stringify(played)].join('\n'));
    };

    for (const [what, named] of Object.entries(namedPlans)) {
      it(what, async () => {
        await play(named);
      });
    }

    it(`lose nothing and leave nothing stuck, with ${seeds} seeds from ${firstSeed}`, async () => {
      for (let seed = firstSeed; seed < firstSeed + seeds; seed += 1) {
        const wrong = await playSeed(seed, play);
        if (wrong !== undefined) throw new Error(wrong);
      }
    });

    if (!isThorough) return;
    it('lose nothing and leave nothing stuck, wherever one strikes', () => playEveryPlace(play));

    for (const [what, broken] of Object.entries(brokenRegistries)) {
      it(`would do harm that is seen, if the registry were one that ${what}`, async () => {
        for (let seed = 1; seed <= seedsToFind; seed += 1) {
          const wrong = await playSeed(seed, (one) => play(one, broken), { endOnFailure: true });
          // Anything else would be a mistake of ours.
          if (wrong !== undefined) return assert.match(wrong, /VIOLATION/);
        }
        assert.fail('nothing was seen');
      });
    }
  });
}

/**
 * One seed is one plan. A plan that fails is made as small as it can be.
 * @returns what went wrong, and all that happened before
 */
async function playSeed(
  seed: number,
  play: (played: Plan) => Promise<unknown>,
  options: { readonly endOnFailure?: boolean } = {},
): Promise<string | undefined> {
  const played = fc.asyncProperty(plan, async (one) => {
    await play(one);
  });
  const found = await fc.check(played, { ...options, seed, numRuns: 1, unbiased: true });
  if (!found.failed) return undefined;
  const { errorInstance: error } = found;
  const repeat = `seed ${seed}: repeat with BERTH_FAULT_SEED=${seed} npm test -- test/faults`;
  return [repeat, error instanceof Error ? error.message : String(error)].join('\n');
}
