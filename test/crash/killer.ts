// Who kills the registry: at a time, or when requests of a kind are under way.

import { once } from 'node:events';
import { connect } from 'node:net';
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
  'POST body',
  'POST with the whole',
  'mount',
  'manifest PUT body',
  'manifest PUT',
  'large manifest PUT',
  'index PUT',
  'tag move',
  'DELETE of a tag',
  'DELETE of a manifest',
  'DELETE of a blob',
  'DELETE of a session',
  'skopeo copy',
  'ctr push',
  'graceful stop',
] as const;
export type Phase = (typeof phases)[number];

/** A stop waits for what is in flight: for this, which the killer keeps from going on. */
const keptInFlight: Phase = 'PATCH body';

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

  /**
   * A request has come so far. Where this is the moment that is waited for, its kill is near.
   * @returns what the request must wait for before it goes on
   */
  reach(phase: Phase | undefined): Promise<void> | undefined {
    const { phase: planned, times, delayMs } = this.#plan;
    const awaited = planned === 'graceful stop' ? keptInFlight : planned;
    if (phase === undefined || phase !== awaited || this.met) return;
    this.#times += 1;
    if (this.#times < times) return;
    this.met = true;
    if (planned === 'graceful stop') return this.#killInStop();
    if (delayMs === 0) this.kill();
    else delay(delayMs).then(() => this.kill());
    return;
  }

  /** Asks the registry to stop, and kills it while it waits for the request that this keeps waiting. */
  async #killInStop(): Promise<void> {
    // From now on a client begins nothing more, and what is answered is answered.
    this.dead = true;
    this.#berth.process.kill('SIGTERM');
    while (await accepts(this.#berth));
    await delay(this.#plan.delayMs);
    this.kill();
    await this.#ended;
  }

  async end(): Promise<void> {
    await this.#ended;
    clearTimeout(this.#patience);
  }

  kill(): void {
    this.dead = true;
    this.#berth.process.kill('SIGKILL');
  }
}

/** Whether connections are taken: no more once a stop has begun. */
async function accepts({ url }: RunningBerth): Promise<boolean> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  try {
    await once(socket, 'connect');
    return true;
  } catch {
    return false;
  } finally {
    socket.destroy();
  }
}
