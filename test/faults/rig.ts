// The rig: stores, the registry's door before them, and the runs that plans lead to.

import { createRobot } from '#shared/auth/robots.ts';
import { leaseSeconds, relayLeaseSeconds } from '#shared/oci/limits.ts';
import { projectOf } from '#shared/oci/reference.ts';
import type { Blobs } from '#shared/ports/blobs.ts';
import type { Documents } from '#shared/ports/documents.ts';
import type { Events } from '#shared/ports/events.ts';
import type { RelayServices } from '#shared/registry/relay.ts';
import { sweepOutbox } from '#shared/registry/sweep.ts';
import { Invariants } from '#test/model/invariants.ts';
import { begin } from '#test/model/model.ts';
import { type Client, Run, Violation } from '#test/model/schedule.ts';
import { countedReviews } from '#test/model/steps.ts';
import { Told } from '#test/model/told.ts';
import { repositoryNames, repositoryOf } from '#test/model/universe.ts';
import type { FakeClock } from '#test/support/clock.ts';
import type { Inbox } from '#test/support/inbox.ts';
import { Book } from './book.ts';
import { type Broken, Caller, type Stage } from './caller.ts';
import { Door } from './door.ts';
import { Faults, type Operation } from './faults.ts';
import { collect, quit, read, relay, remove } from './others.ts';
import { OutboxBook } from './outbox-book.ts';
import type { Actor, Plan } from './plan.ts';
import { pullAll } from './pull-all.ts';
import { cancel, push } from './pusher.ts';
import { SeenDocuments } from './seen-documents.ts';
import { Sessions } from './sessions.ts';

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
  /** So many operations of each kind the actors began. */
  readonly begun: ReadonlyMap<Operation, number>;
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

  /**
   * Plays a plan, and looks after every step and at the end whether all holds.
   * @param broken makes the ports that the registry sees break their promises, to see that it is found
   */
  async play(plan: Plan, broken: Broken = (services) => services): Promise<Outcome> {
    this.#runs += 1;
    const location = `${this.#place}-${this.#runs}`;
    const { clock, blobs, topic, inbox } = this.#stores;
    inbox.deliveries.length = 0;
    await this.#stores.prepare(location);
    const seen = new SeenDocuments(this.#stores.documents);
    const store = { documents: countedReviews(seen.documents), blobs, clock };
    await begin(store, clock, location, plan.beginnings);
    const told = new Told(clock);
    const beginning = await seen.all();
    const book = new Book(beginning);
    const outbox = new OutboxBook();
    outbox.see(beginning);
    const sessions = new Sessions(blobs);
    const invariants = new Invariants(store, location, told, () => seen.all());
    const run = new Run({
      store,
      clock,
      check: async (touched) => {
        const now = await seen.all();
        book.check(now, outbox.see(now));
        await invariants.checkSafety(touched);
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
      events: delivering(this.#stores),
      topic,
      robots: this.#robots,
      somethingIsDeleted: plan.actors.some(({ kind }) => kind === 'deleter'),
      broken,
      turn: () => run.turn,
    };
    let begun: Outcome['begun'] = new Map();
    const outcome = (violation?: Violation): Outcome => ({ violation, trace: run.trace, begun });
    try {
      await run.run(
        plan.actors.map((actor, at) => [`${at} ${actor.kind}`, scriptOf(actor, stage)] as const),
        plan.schedule,
      );
      begun = new Map(faults.begun);
      run.note('all are done: what is shown is pulled, and then everything is cleared away');
      await pullAll(this.#door, store, location, book.shown);
      await run.run([['the end', (client) => endAll(new Caller(client, stage))]], []);
      await sessions.checkLeft(location, projects);
      run.note('there are no faults any more: the relay and the collector run to their end');
      await relayAll({ ...store, events: stage.events, topic, clock }, location);
      outbox.check(location, inbox.deliveries);
      await invariants.checkLiveness(clock);
      await seen.checkWhole();
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
    case 'relayer':
      return (client) => relay(new Caller(client, stage), actor);
  }
}

/** What faults are left strike who clears away. */
async function endAll(caller: Caller): Promise<void> {
  for (const session of caller.stage.sessions.unended()) await cancel(caller, session);
  await relay(caller, { kind: 'relayer', of: undefined, times: 1 });
  await collect(caller, { kind: 'collector', times: 2, seconds: leaseSeconds });
}

/** Relays what is left, when no lease is. @throws Violation when something stays */
async function relayAll(
  services: RelayServices & { readonly clock: FakeClock },
  location: string,
): Promise<void> {
  services.clock.advance(relayLeaseSeconds * 1000);
  const { failures } = await sweepOutbox(services, location);
  if (failures.length > 0) throw new Violation(`a sweep failed without a fault: ${failures[0]}`);
  const left = await services.documents.list({ prefix: [location, '-', 'outbox'], limit: 1 });
  if (left.length > 0) throw new Violation('when all is over, something is left in the outbox');
}

/** The events, but that what was published has come before it goes on: no clock runs away from it. */
function delivering({ events, inbox }: Stores): Events {
  return {
    publish: async (topic, orderingKey, messages) => {
      await events.publish(topic, orderingKey, messages);
      const ids = messages.map(({ attributes }) => attributes['eventId']);
      await inbox.until(({ deliveries }) => {
        const came = new Set(deliveries.map(({ attributes }) => attributes['eventId']));
        return ids.every((id) => came.has(id));
      });
    },
  };
}
