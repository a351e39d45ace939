// Who kills the registry: at a time, or when requests of a kind are under way.

import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import type { RunningBerth } from '#test/support/berth.ts';

/** The moments of a request that can be waited for. */
export const phases = [
  'PATCH body',
  'PATCH sent',
  'PATCH answered',
  'closing PUT',
  'PUT body',
  'PUT with the whole',
  'POST with the whole',
  'mount',
  'manifest PUT',
  'large manifest PUT',
  'index PUT',
  'tag move',
  'DELETE of a tag',
  'DELETE of a manifest',
  'DELETE of a blob',
  'DELETE of a session',
] as const;
export type Phase = (typeof phases)[number];

export interface KillPlan {
  /** The phase that is waited for; without it, time alone decides. */
  readonly phase: Phase | undefined;
  /** How often it must come. */
  readonly times: number;
  readonly delayMs: number;
}

/** A phase that never comes must not keep a round going. */
const patienceMs = 5000;

/** What requests tell of themselves. */
export type Watch = Pick<Killer, 'dead' | 'reach'>;

/** For lives that end in peace. */
export const nobody: Watch = { dead: false, reach: () => undefined };

export class Killer {
  /** From the signal on: connections break, and that is no failure. */
  dead = false;
  /** Whether the phase came that was waited for. */
  met = false;
  readonly #berth: RunningBerth;
  readonly #plan: KillPlan;
  #times = 0;
  readonly #ended: Promise<unknown>;
  readonly #patience: NodeJS.Timeout;

  constructor(berth: RunningBerth, plan: KillPlan) {
    this.#berth = berth;
    this.#plan = plan;
    this.#ended = once(berth.process, 'exit');
    this.#patience = setTimeout(() => this.kill(), plan.phase ? patienceMs : plan.delayMs);
  }

  /** A request has come so far. Where this is the moment that is waited for, its kill is near. */
  reach(phase: Phase | undefined): void {
    if (phase === undefined || phase !== this.#plan.phase || this.met) return;
    this.#times += 1;
    if (this.#times < this.#plan.times) return;
    this.met = true;
    if (this.#plan.delayMs === 0) this.kill();
    else delay(this.#plan.delayMs).then(() => this.kill());
  }

  async end(): Promise<void> {
    await this.#ended;
    clearTimeout(this.#patience);
  }

  kill(): void {
    if (this.dead) return;
    this.dead = true;
    this.#berth.process.kill('SIGKILL');
  }
}
