// The rig: stores, the registry's door before them, and the runs that plans lead to.

import { createRobot } from '#shared/auth/robots.ts';
import { projectOf } from '#shared/oci/reference.ts';
import type { Blobs } from '#shared/ports/blobs.ts';
import type { Documents } from '#shared/ports/documents.ts';
import { Invariants } from '#test/model/invariants.ts';
import { begin } from '#test/model/model.ts';
import { type Client, Run, Violation } from '#test/model/schedule.ts';
import { countedReviews } from '#test/model/steps.ts';
import { Told } from '#test/model/told.ts';
import { repositoryNames, repositoryOf } from '#test/model/universe.ts';
import type { FakeClock } from '#test/support/clock.ts';
import { Book } from './book.ts';
import { Caller, type Stage } from './caller.ts';
import { Door } from './door.ts';
import { Faults } from './faults.ts';
import { collect, quit, read, remove } from './others.ts';
import type { Actor, Plan } from './plan.ts';
import { pullAll } from './pull-all.ts';
import { cancel, push } from './pusher.ts';
import { Sessions } from './sessions.ts';

/** Real stores. Runs share them, each in a location of its own. */
export interface Stores {
  readonly documents: Documents;
  readonly blobs: Blobs;
  readonly clock: FakeClock;
  close(): Promise<void>;
}

export interface Outcome {
  readonly violation: Violation | undefined;
  readonly trace: readonly string[];
  /** Whether every fault that was planned struck. */
  readonly isSpent: boolean;
}

const projects = [...new Set(repositoryNames.map((name) => repositoryOf('', name).project))];

export class Rig {
  readonly #stores: Stores;
  readonly #door: Door;
  readonly #robots: ReadonlyMap<string, string>;
  /** Where this rig's locations are: nobody else's runs are there. */
  readonly #place: string;
  #runs = 0;

  private constructor(stores: Stores, door: Door, robots: ReadonlyMap<string, string>) {
    this.#stores = stores;
    this.#door = door;
    this.#robots = robots;
    this.#place = `faults-${process.pid}`;
  }

  static async open(open: () => Promise<Stores>): Promise<Rig> {
    const stores = await open();
    const robots = new Map<string, string>();
    for (const project of projects) {
      const { username, secret } = await createRobot(stores, {
        project,
        name: 'faults',
        role: 'owner',
      });
      robots.set(project, `Basic ${Buffer.from(`${username}:${secret}`).toString('base64')}`);
    }
    return new Rig(stores, await Door.open(stores.clock), robots);
  }

  async close(): Promise<void> {
    await this.#door.close();
    await this.#stores.close();
  }

  /** Plays a plan, and looks after every step and at the end whether all holds. */
  async play(plan: Plan): Promise<Outcome> {
    this.#runs += 1;
    const location = `${this.#place}-${this.#runs}`;
    const { clock, blobs } = this.#stores;
    const documents = countedReviews(this.#stores.documents);
    const store = { documents, blobs, clock };
    const all = () => documents.list({ prefix: [location], limit: Number.MAX_SAFE_INTEGER });
    await begin(store, clock, location, plan.beginnings);
    const told = new Told(clock);
    const book = new Book(await all());
    const sessions = new Sessions(blobs);
    const invariants = new Invariants(store, location, told);
    const run = new Run({
      store,
      clock,
      check: async (touched) => {
        const now = await all();
        book.check(now);
        await invariants.checkSafety(touched, now);
        await sessions.checkSafety(now);
      },
    });
    const faults = new Faults(plan.faults, clock, (what) => run.note(what));
    const stage: Stage = {
      location,
      clock,
      door: this.#door,
      faults,
      told,
      book,
      sessions,
      robots: this.#robots,
      somethingIsDeleted: plan.actors.some(({ kind }) => kind === 'deleter'),
      turn: () => run.turn,
    };
    const outcome = (violation?: Violation): Outcome => {
      return { violation, trace: run.trace, isSpent: faults.areOver };
    };
    try {
      await run.run(
        plan.actors.map((actor, at) => [`${at} ${actor.kind}`, scriptOf(actor, stage)] as const),
        plan.schedule,
      );
      run.note('all are done: what is shown is pulled, and sessions that were left are cancelled');
      await pullAll(this.#door, store, location, book.shown);
      await run.run([['the end', (client) => cancelAll(new Caller(client, stage), sessions)]], []);
      await sessions.checkLeft(location, projects);
      run.note('time passes, and the collector runs');
      await invariants.checkLiveness(clock);
      return outcome();
    } catch (error) {
      if (!(error instanceof Violation)) throw error;
      run.note(`VIOLATION: ${error.message}`);
      return outcome(error);
    }
  }
}

function scriptOf(actor: Actor, stage: Stage): (client: Client) => Promise<void> {
  switch (actor.kind) {
    case 'pusher': {
      const project = projectOf(repositoryOf(stage.location, actor.into).name);
      const robot = actor.isRobot ? stage.robots.get(project) : undefined;
      return (client) => push(new Caller(client, stage, robot), actor);
    }
    case 'quitter':
      return (client) => quit(new Caller(client, stage), actor);
    case 'reader':
      return (client) => read(new Caller(client, stage), actor);
    case 'deleter':
      return (client) => remove(new Caller(client, stage), actor);
    case 'collector':
      return (client) => collect(new Caller(client, stage), actor);
  }
}

async function cancelAll(caller: Caller, sessions: Sessions): Promise<void> {
  for (const session of sessions.unended()) await cancel(caller, session);
}
