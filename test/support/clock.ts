// A clock that stands still until a test moves it.

import type { Clock } from '#shared/ports/clock.ts';

export interface FakeClock extends Clock {
  /** Moves on by so many milliseconds. */
  advance(ms: number): void;
}

/** @param startMs milliseconds since 1970 */
export function fakeClock(startMs: number): FakeClock {
  let now = startMs;
  return {
    now: () => now,
    advance: (ms) => {
      now += ms;
    },
  };
}
