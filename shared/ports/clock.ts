// Time, as everything above the ports sees it. Tests freeze it.

/** Answers the current time. Promise: it never goes backwards by more than the machine's clock does. */
export interface Clock {
  /** Milliseconds since 1970-01-01T00:00:00Z. */
  now(): number;
}

/** The machine's own clock. */
export const systemClock: Clock = { now: () => Date.now() };
