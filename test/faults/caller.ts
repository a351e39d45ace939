// One client's way to the registry: sends calls through the schedule, each with its faults, and holds every
// answer to what the books say.

import type { Digest } from '#shared/oci/digest.ts';
import type { Events } from '#shared/ports/events.ts';
import type { Repository } from '#shared/registry/layout.ts';
import type { RelayServices } from '#shared/registry/relay.ts';
import type { Store } from '#shared/registry/store.ts';
import { type Began, type Client, Lost, Violation } from '#test/model/schedule.ts';
import type { Request } from '#test/model/steps.ts';
import type { Told } from '#test/model/told.ts';
import { type Answer, errorsOf } from '#test/support/calls.ts';
import type { FakeClock } from '#test/support/clock.ts';
import type { Book, Change } from './book.ts';
import type { Call, Door, Exchange } from './door.ts';
import type { Fault, Faults, Operation } from './faults.ts';
import { faultyBlobs } from './faulty-blobs.ts';
import { faultyDocuments } from './faulty-documents.ts';
import { faultyEvents } from './faulty-events.ts';
import { checkForm, tell, tellCall } from './form.ts';
import type { Session, Sessions } from './sessions.ts';

/** What the registry works with. */
export type Ports = Store & RelayServices;
/** Makes of ports some that do not keep their promises. */
export type Broken = (ports: Ports) => Ports;

/** What the clients of a run have in common. */
export interface Stage {
  readonly location: string;
  readonly clock: FakeClock;
  readonly door: Door;
  readonly faults: Faults;
  readonly told: Told;
  readonly book: Book;
  readonly sessions: Sessions;
  readonly events: Events;
  /** The topic that events go to. */
  readonly topic: string;
  /** Basic credentials that may do all in a project, and nothing beyond it. */
  readonly robots: ReadonlyMap<string, string>;
  /** Whether somebody deletes: what was there may be gone. */
  readonly somethingIsDeleted: boolean;
  readonly broken: Broken;
  /** The collector comes by its schedule, where what it removes has to be waited for. */
  readonly collected: ((caller: Caller) => Promise<void>) | undefined;
  /** The turn it is. */
  turn(): number;
}

export interface Asked extends Call {
  /** Statuses that may be answered where no fault strikes: asked for when the answer has come. */
  readonly allowed: readonly number[] | (() => readonly number[]);
  /** What it is to change: it must have, when it is answered 2xx. */
  readonly change?: Change;
  /** The session whose request it is. */
  readonly session?: Session;
  /** The blob that a 200 or 201 tells the client it need not upload. */
  readonly promises?: { readonly repository: Repository; readonly digest: Digest };
  /** The blob that it deletes, or the manifest. */
  readonly deletes?: { readonly repository: Repository; readonly digest: Digest };
  /** Looks at the answer to what was refused. */
  readonly refused?: (answer: Answer, began: Began) => void;
}

/** How often a request is repeated at most: more often than there are faults, and others in the way. */
const attemptsMax = 40;

export class Caller {
  readonly stage: Stage;
  readonly #client: Client;
  readonly #authorization: string | undefined;
  /** Whether it was told to come back when a blob is removed. */
  #isWaiting = false;

  /** @param authorization the admin's when left out */
  constructor(client: Client, stage: Stage, authorization?: string) {
    this.#client = client;
    this.#authorization = authorization;
    this.stage = stage;
  }

  /**
   * Sends a call. @returns the answer, or `undefined` when it failed on the registry's side or was lost,
   * and the client cannot know what was done
   */
  async ask(asked: Asked): Promise<Answer | undefined> {
    const struck: Fault<Operation>[] = [];
    const { authorization = this.#authorization } = asked;
    const call = authorization === undefined ? asked : { ...asked, authorization };
    const { door, location, told, book, turn } = this.stage;
    try {
      const { answer } = await this.#client.request(
        tellCall(call),
        async (store, request) => door.send(this.#ports(store, request, struck), location, call),
        {
          mayFail: [],
          committed: () => {
            if (asked.change !== undefined) book.committed(asked.change);
            if (asked.deletes === undefined) return;
            told.deleted(asked.deletes.repository, asked.deletes.digest, turn());
          },
          answered: (exchange, began) => this.#judge(asked, exchange, struck, began),
        },
      );
      return answer === undefined || answer.status >= 500 ? undefined : answer;
    } catch (error) {
      if (!(error instanceof Lost)) throw error;
      if (asked.session !== undefined) {
        asked.session.isSpoiled = true;
        asked.session.isGivenUp = true;
      }
      return undefined;
    }
  }

  /** Asks until there is an answer. @throws Violation when there never is */
  async persist(asked: Asked): Promise<Answer> {
    return this.until(() => this.ask(asked));
  }

  /** Tries until it answers something. @throws Violation when it never does */
  async until<T>(attempt: () => Promise<T | undefined>): Promise<T> {
    for (let attempts = 1; attempts <= attemptsMax; attempts += 1) {
      const result = await attempt();
      if (result !== undefined) return result;
      if (!this.#isWaiting) continue;
      this.#isWaiting = false;
      await this.stage.collected?.(this);
    }
    throw new Violation(`${this.#client.name} does not come through`);
  }

  /** Runs what is no request over HTTP. @returns `undefined` when it failed */
  async run<T>(what: string, body: (ports: Ports) => Promise<T>): Promise<T | undefined> {
    const ran = (store: Store, request: Request) =>
      body(this.#ports(store, request, [])).catch((error: unknown) => {
        if (error instanceof Violation) throw error;
        return new Failure(error);
      });
    try {
      const outcome = await this.#client.request(what, ran, { mayFail: [] });
      return outcome instanceof Failure ? undefined : outcome;
    } catch (error) {
      if (error instanceof Lost) return undefined;
      throw error;
    }
  }

  /** The ports with the faults of the run; those that strike this request are written down. */
  #ports(store: Store, request: Request, struck: Fault<Operation>[]): Ports {
    const { events, topic, broken, faults: all } = this.stage;
    const faults: Pick<Faults, 'strike'> = {
      strike: (operation, what) => {
        const fault = all.strike(operation, what);
        if (fault !== undefined) struck.push(fault);
        return fault;
      },
    };
    const stepping: Events = {
      publish: (...published) => request.step('publish', () => events.publish(...published)),
    };
    return broken({
      clock: store.clock,
      documents: faultyDocuments(store.documents, faults),
      blobs: faultyBlobs(store.blobs, faults),
      events: faultyEvents(stepping, faults),
      topic,
    });
  }

  #judge(
    asked: Asked,
    exchange: Exchange,
    struck: readonly Fault<Operation>[],
    began: Began,
  ): void {
    const { session, change, promises, refused } = asked;
    const { told, book, turn } = this.stage;
    checkForm(exchange, struck);
    if (session !== undefined && struck.length > 0) session.isSpoiled = true;
    const { answer } = exchange;
    if (answer?.status === 503 && answer.body.includes('being removed')) this.#isWaiting = true;
    if (answer === undefined || (answer.status >= 500 && answer.status !== 503)) return;
    const demand = (holds: boolean, what: string) => {
      if (!holds) throw new Violation(`${what}: ${tell(exchange)}`);
    };
    const { status } = answer;
    const allowed = typeof asked.allowed === 'function' ? asked.allowed() : asked.allowed;
    demand(allowed.includes(status), 'not an answer that may be given');
    if (change !== undefined && status < 300) {
      demand(book.isDone(change), 'answered as done, and it was not');
    }
    if (promises !== undefined && (status === 200 || status === 201)) {
      told.promised(promises.repository, promises.digest, began, turn());
    }
    if (status >= 400) refused?.(answer, began);
  }
}

/** What was run failed; whatever runs it again goes on. */
class Failure {
  readonly error: unknown;

  constructor(error: unknown) {
    this.error = error;
  }

  toString(): string {
    return `failed: ${this.error}`;
  }
}

/** The digests that errors are about. */
export function digestsOf(answer: Answer): Digest[] {
  return errorsOf(answer).map(({ detail }) => detail['digest'] as Digest);
}
