// One run: the books that are kept in it, what is looked at after every step, and what at the end.

import { leaseSeconds, relayLeaseSeconds } from '#shared/oci/limits.ts';
import { projectOf } from '#shared/oci/reference.ts';
import type { ObjectName } from '#shared/ports/blobs.ts';
import type { Events } from '#shared/ports/events.ts';
import type { Store } from '#shared/registry/store.ts';
import { sweepOutbox } from '#shared/registry/sweep.ts';
import { Invariants } from '#test/model/invariants.ts';
import { begin } from '#test/model/model.ts';
import { type Client, Run, type Script, Violation } from '#test/model/schedule.ts';
import { countedReviews } from '#test/model/steps.ts';
import { Told } from '#test/model/told.ts';
import { repositoryNames, repositoryOf } from '#test/model/universe.ts';
import { AuditBook } from './audit-book.ts';
import { Book } from './book.ts';
import { type Broken, Caller, type Stage } from './caller.ts';
import type { Door } from './door.ts';
import { Faults } from './faults.ts';
import { collect, quit, read, relay, remove } from './others.ts';
import { OutboxBook } from './outbox-book.ts';
import type { Actor, Plan } from './plan.ts';
import { pullAll } from './pull-all.ts';
import { cancel, push } from './pusher.ts';
import type { Stores } from './rig.ts';
import { SeenDocuments } from './seen-documents.ts';
import { Sessions } from './sessions.ts';

/** All that repositories of runs belong to. */
export const projects = [...new Set(repositoryNames.map((name) => repositoryOf('', name).project))];

export class Scene {
  readonly run: Run;
  readonly faults: Faults;
  readonly #plan: Plan;
  readonly #stores: Stores;
  readonly #store: Store;
  readonly #seen: SeenDocuments;
  readonly #outbox = new OutboxBook();
  readonly #audit = new AuditBook();
  readonly #invariants: Invariants;
  readonly #stage: Stage;

  /** @param options.location where nothing is yet */
  constructor(options: {
    readonly stores: Stores;
    readonly location: string;
    readonly door: Door;
    readonly robots: ReadonlyMap<string, string>;
    readonly plan: Plan;
    readonly broken: Broken;
  }) {
    const { stores, location, door, robots, plan, broken } = options;
    const { clock, blobs } = stores;
    const seen = new SeenDocuments(stores.documents);
    const store = { documents: countedReviews(seen.documents), blobs, clock };
    const told = new Told(clock);
    this.#plan = plan;
    this.#stores = stores;
    this.#seen = seen;
    this.#store = store;
    this.#invariants = new Invariants(store, location, told, () => seen.all());
    this.run = new Run({ store, clock, check: (touched) => this.#check(touched) });
    this.faults = new Faults(plan.faults, clock, (what) => this.run.note(what));
    this.#stage = {
      location,
      clock,
      door,
      faults: this.faults,
      told,
      book: new Book(),
      sessions: new Sessions(blobs),
      events: delivering(stores),
      topic: stores.topic,
      robots,
      somethingIsDeleted: plan.actors.some(({ kind }) => kind === 'deleter'),
      broken,
      turn: () => this.run.turn,
      collected: blobs.replaces
        ? undefined
        : (caller) => collect(caller, { kind: 'collector', times: 1, seconds: 1 }),
    };
  }

  /** Brings all to where the plan begins. */
  async begin(): Promise<void> {
    const { book, location, clock } = this.#stage;
    await begin(this.#store, clock, location, this.#plan.beginnings);
    const documents = await this.#seen.all();
    book.begin(documents);
    this.#outbox.see(documents);
    this.#audit.see(documents);
  }

  /** The actors play, and look after every step whether all holds. @throws Violation */
  async play(): Promise<void> {
    const { actors, schedule } = this.#plan;
    const scripts = actors.map((actor, at) => {
      return [`${at} ${actor.kind}`, scriptOf(actor, this.#stage)] as const;
    });
    await this.run.run(scripts, schedule);
  }

  /** What is shown is pulled; what is to be cleared away is, under what faults are left; nothing stays. @throws Violation */
  async end(): Promise<void> {
    const { location, door, book, sessions, clock } = this.#stage;
    this.run.note('all are done: what is shown is pulled, and everything is cleared away');
    await pullAll(door, this.#store, location, book.shown);
    await this.run.run([['the end', (client) => this.#clear(client)]], []);
    await sessions.checkLeft(location, projects);
    this.run.note('there are no faults any more: the relay and the collector run to their end');
    await this.#relay();
    await this.#invariants.checkLiveness(clock);
    await this.#seen.checkWhole();
  }

  /** What has become of one step. */
  async #check(touched: readonly ObjectName[]): Promise<void> {
    const documents = await this.#seen.all();
    const { book, sessions } = this.#stage;
    book.check(documents, this.#outbox.see(documents), this.#audit.see(documents));
    await this.#invariants.checkSafety(touched);
    await sessions.checkSafety(documents);
  }

  async #clear(client: Client): Promise<void> {
    const caller = new Caller(client, this.#stage);
    for (const session of this.#stage.sessions.unended()) await cancel(caller, session);
    await relay(caller, { kind: 'relayer', of: undefined, times: 1 });
    await collect(caller, { kind: 'collector', times: 2, seconds: leaseSeconds });
  }

  /** Relays what is left, when no lease is. */
  async #relay(): Promise<void> {
    const { clock, location, events, topic } = this.#stage;
    const { documents } = this.#store;
    clock.advance(relayLeaseSeconds * 1000);
    const { failures } = await sweepOutbox({ documents, clock, events, topic }, location);
    if (failures.length > 0) throw new Violation(`a sweep failed without a fault: ${failures[0]}`);
    const left = await documents.list({ prefix: [location, '-', 'outbox'], limit: 1 });
    if (left.length > 0) throw new Violation('when all is over, something is left in the outbox');
    this.#outbox.check(location, this.#stores.inbox.deliveries);
  }
}

function scriptOf(actor: Actor, stage: Stage): Script {
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

/** The events, but that what was published has come before it goes on: no clock runs away from it. */
function delivering({ events, inbox }: Stores): Events {
  return {
    publish: async (topic, orderingKey, messages) => {
      await events.publish(topic, orderingKey, messages);
      const ids = messages.map(({ attributes }) => attributes['eventId']);
      const haveCome = inbox.until(({ deliveries }) => {
        const came = new Set(deliveries.map(({ attributes }) => attributes['eventId']));
        return ids.every((id) => came.has(id));
      });
      await haveCome.catch((cause: unknown) => {
        throw new Violation(`what was published did not come: ${cause}`, { cause });
      });
    },
  };
}
