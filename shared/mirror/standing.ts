// How one instance stands with an upstream: how much it asks at once, and when it asks nothing at all.

import type { Clock } from '../ports/clock.ts';
import {
  mirrorDownloadsMax,
  mirrorFailingSeconds,
  mirrorQuestionsMax,
  mirrorWaitingMax,
} from './limits.ts';
import { failureOf, UpstreamFailure } from './upstream-failure.ts';

/** Lets so many go on at once; the others wait in line. */
export class Turns {
  readonly #most: number;
  #taken = 0;
  readonly #waiting: (() => void)[] = [];

  constructor(most: number) {
    this.#most = most;
  }

  /** @returns what gives the turn back @throws UpstreamFailure when too many wait already */
  async take(): Promise<() => void> {
    if (this.#taken < this.#most) this.#taken += 1;
    else {
      if (this.#waiting.length >= mirrorWaitingMax) {
        throw new UpstreamFailure('too much is asked of it at once', { retryAfterSeconds: 1 });
      }
      await new Promise<void>((resolve) => this.#waiting.push(resolve));
    }
    let given = false;
    return () => {
      if (given) return;
      given = true;
      const next = this.#waiting.shift();
      if (next === undefined) this.#taken -= 1;
      else next();
    };
  }
}

export class Standing {
  readonly questions = new Turns(mirrorQuestionsMax);
  readonly downloads = new Turns(mirrorDownloadsMax);
  readonly #clock: Clock;
  /** Milliseconds since 1970. */
  #busyUntil = 0;
  #failingUntil = 0;

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  /** It failed a moment ago, or wants peace: what is at hand is served without asking. */
  get isResting(): boolean {
    return Math.max(this.#failingUntil, this.#busyUntil) > this.#clock.now();
  }

  /** @throws UpstreamFailure where it has to be left in peace */
  check(): void {
    const restMs = this.#busyUntil - this.#clock.now();
    if (restMs <= 0) return;
    const retryAfterSeconds = Math.ceil(restMs / 1000);
    throw new UpstreamFailure('it answered 429 lately, and is left in peace', {
      retryAfterSeconds,
    });
  }

  /** It did not answer as it should. @returns what failed */
  failed(error: unknown): UpstreamFailure {
    const failure = failureOf(error);
    const now = this.#clock.now();
    if (failure.retryAfterSeconds !== undefined) {
      this.#busyUntil = Math.max(this.#busyUntil, now + failure.retryAfterSeconds * 1000);
    } else {
      this.#failingUntil = now + mirrorFailingSeconds * 1000;
    }
    return failure;
  }

  answered(): void {
    this.#failingUntil = 0;
  }
}
