// What is gone back to, by what was deployed. A letter is a release; `A>B` an apply that found A and brought B; `A>B!` one that
// did not come to its end; `A<B` going back from B to A.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bringsAnother, type Deployment, releaseBefore } from '#infra/release/deployments.ts';
import type { Release } from '#infra/release/release.ts';

function release(letter: string): Release {
  return { functions: letter, image: letter };
}

function deploymentsOf(history: string): readonly Deployment[] {
  return history
    .split(' ')
    .filter((one) => one !== '')
    .map((one, at) => {
      const [, left = '', arrow, right = '', end] = /^(\w)([<>])(\w)(!?)$/.exec(one) ?? [];
      const isRollback = arrow === '<';
      return {
        at: new Date(at).toISOString(),
        release: release(isRollback ? left : right),
        before: release(isRollback ? right : left),
        isRollback,
        state: end === '!' ? 'begun' : 'deployed',
      };
    });
}

describe('going back', () => {
  for (const [history, now, expected] of [
    ['', 'A', undefined],
    ['A>B', 'B', 'A'],
    ['A>B B>C', 'C', 'B'],
    ['A>B B>C B<C', 'B', 'A'],
    ['A>B B>C B<C A<B', 'A', undefined],
    ['A>B B>C B<C B>D', 'D', 'B'],
    // The same source again, with another configuration.
    ['A>B B>B', 'B', 'A'],
    // Half an apply: the state may say either.
    ['A>B B>C!', 'C', 'B'],
    ['A>B B>C!', 'B', 'B'],
    ['A>B!', 'B', 'A'],
    // What came after half an apply does not go back to that half.
    ['A>B B>C! C>D', 'D', 'B'],
    ['A>B B>C! C>C', 'C', 'B'],
    ['A>B B>C! B<C', 'B', 'A'],
    // Going back that did not come to its end is done again.
    ['A>B A<B!', 'A', 'A'],
    // Somebody applied by hand in between.
    ['A>B', 'C', 'B'],
    ['A>B C>D', 'D', 'C'],
  ] as const) {
    it(`${history || 'nothing'}, and ${now} is there: ${expected ?? 'to nothing'}`, () => {
      const before = releaseBefore(deploymentsOf(history), release(now));
      assert.deepEqual(before, expected === undefined ? undefined : release(expected));
    });
  }
});

describe('the last deployment', () => {
  for (const [history, expected] of [
    ['', false],
    ['A>B', true],
    ['A>B B>B', false],
    // The same again, after half an apply of it; or of another one.
    ['A>B B>C! C>C', true],
    ['A>B B>C! B>C! C>C', true],
    ['A>B B>C! C>B', false],
    ['A>B! B>B', true],
  ] as const) {
    it(`${history || 'of none'} ${expected ? 'brought another release' : 'brought no other release'}`, () => {
      assert.equal(bringsAnother(deploymentsOf(history)), expected);
    });
  }
});
