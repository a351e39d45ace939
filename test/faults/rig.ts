// The rig: stores, the registry's door before them, and the runs that plans lead to.

import { createRobot } from '#shared/auth/robots.ts';
import type { Blobs } from '#shared/ports/blobs.ts';
import type { Documents } from '#shared/ports/documents.ts';
import type { Events } from '#shared/ports/events.ts';
import { Violation } from '#test/model/schedule.ts';
import type { FakeClock } from '#test/support/clock.ts';
import type { Inbox } from '#test/support/inbox.ts';
import type { Broken } from './caller.ts';
import { Door } from './door.ts';
import type { Operation } from './faults.ts';
import type { Plan } from './plan.ts';
import { projects, Scene } from './scene.ts';

/** Real stores. Runs share them, each in a location of its own. */
export interface Stores {
  readonly documents: Documents;
  readonly blobs: Blobs;
  readonly clock: FakeClock;
  readonly events: Events;
  /** The topic whose messages come into the inbox. */
  readonly topic: string;
  readonly inbox: Inbox;
  /** Makes what a new location needs. */
  prepare(location: string): Promise<void>;
  close(): Promise<void>;
}

export interface Outcome {
  readonly violation: Violation | undefined;
  readonly trace: readonly string[];
  /** How many operations of each kind the actors began. */
  readonly begun: ReadonlyMap<Operation, number>;
}

export class Rig {
  readonly #stores: Stores;
  readonly #door: Door;
  readonly #robots: ReadonlyMap<string, string>;
  #runs = 0;

  private constructor(stores: Stores, door: Door, robots: ReadonlyMap<string, string>) {
    this.#stores = stores;
    this.#door = door;
    this.#robots = robots;
  }

  static async open(open: () => Promise<Stores>): Promise<Rig> {
    const stores = await open();
    const robots = new Map<string, string>();
    for (const project of projects) {
      const options = { project, name: 'faults', role: 'owner' } as const;
      const { username, secret } = await createRobot(stores, options);
      robots.set(
        project,
        `Basic ${Buffer.from(`${username}:${secret.secret}`).toString('base64')}`,
      );
    }
    return new Rig(stores, await Door.open(stores.clock), robots);
  }

  async close(): Promise<void> {
    await this.#door.close();
    await this.#stores.close();
  }

  /**
   * Plays a plan.
   * @param broken makes the ports that the registry sees break their promises, to see that it is found
   */
  async play(plan: Plan, broken: Broken = (ports) => ports): Promise<Outcome> {
    this.#runs += 1;
    const location = `faults-${process.pid}-${this.#runs}`;
    this.#stores.inbox.deliveries.length = 0;
    await this.#stores.prepare(location);
    const [stores, door, robots] = [this.#stores, this.#door, this.#robots];
    const scene = new Scene({ stores, location, door, robots, plan, broken });
    const { run, faults } = scene;
    let begun: Outcome['begun'] = new Map();
    let violation: Violation | undefined;
    try {
      await scene.begin();
      await scene.play();
      begun = new Map(faults.begun);
      await scene.end();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      run.note(`VIOLATION: ${error.message}`);
      violation = error;
    }
    return { violation, trace: run.trace, begun };
  }
}
