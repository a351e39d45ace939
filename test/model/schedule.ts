// The schedule: who goes on next, when time passes, who dies and who freezes. Each turn lets one request go
// on until it stands still again; in between, everything is looked at.

import { type ErrorCode, RegistryError } from '#shared/oci/errors.ts';
import type { ObjectName } from '#shared/ports/blobs.ts';
import type { Store } from '#shared/registry/store.ts';
import type { FakeClock } from '#test/support/clock.ts';
import { Request, type Watcher } from './steps.ts';

/** How far a request goes: so many turns, until it has written something, or to its end. */
export type Reach = number | 'change' | 'end';

export type Event =
  | { readonly kind: 'wait'; readonly seconds: number }
  /** `who` counts the clients, and after them the requests that nobody waits for any more. */
  | { readonly kind: 'go'; readonly who: number; readonly reach: Reach }
  /** Goes so far, and then the instance dies: the client hears nothing. */
  | { readonly kind: 'crash'; readonly who: number; readonly reach: Reach }
  /** Goes so far, and then the instance freezes and goes on later; its client may give up waiting. */
  | {
      readonly kind: 'freeze';
      readonly who: number;
      readonly reach: Reach;
      readonly seconds: number;
      readonly hangUp: boolean;
    };

/** The connection is gone: whether the request did anything is not known. */
export class Lost extends Error {}

/** What the model was to find: something that must never be. */
export class Violation extends Error {}

/** What a request means to the book that is kept of what clients were told. */
export interface Meaning<T> {
  /** Errors that may be answered; a 503 may always be. */
  readonly mayFail: readonly ErrorCode[];
  /** A transaction of the request was committed. */
  readonly committed?: () => void;
  /** The registry answered, though perhaps nobody listens any more. */
  readonly answered?: (answer: T, began: Began) => void;
  readonly failed?: (error: RegistryError, began: Began) => void;
}

/** When a request reached the registry. */
export interface Began {
  /** Milliseconds since 1970. */
  readonly at: number;
  /** Counts turns. */
  readonly turn: number;
}

/** What the registry does for a request, with the store as that request sees it. */
export type Body<T> = (store: Store, request: Request) => Promise<T>;

export interface Client {
  readonly name: string;
  /** Makes a request, and waits for its answer. @throws Lost, RegistryError */
  request<T>(what: string, body: Body<T>, meaning: Meaning<T>): Promise<T>;
}

export type Script = (client: Client) => Promise<void>;

interface Seat {
  readonly name: string;
  request: Request | undefined;
  hangUp: () => void;
}

export interface Watched {
  readonly store: Store;
  readonly clock: FakeClock;
  /** Called after every turn in which something was written. @throws Violation */
  check(touched: readonly ObjectName[]): Promise<void>;
  /** Makes the store that requests see another one: a broken one. */
  readonly broken?: ((store: Store) => Store) | undefined;
}

/** One run of the model. */
export class Run implements Watcher {
  readonly trace: string[] = [];
  /** Answers of 503. */
  busy = 0;
  turn = 0;
  /** What was written so far: transactions and objects. */
  changes = 0;
  readonly #watched: Watched;
  readonly #startedAt: number;
  readonly #seats: Seat[] = [];
  readonly #abandoned: Request[] = [];
  readonly #meanings = new Map<Request, () => void>();
  #touched: ObjectName[] = [];
  #violation: Violation | undefined;
  #endTurn: () => void = () => {};

  constructor(watched: Watched) {
    this.#watched = watched;
    this.#startedAt = watched.clock.now();
  }

  /** Runs the scripts by the schedule, then each that is left to its end, in their order. */
  async run(scripts: readonly (readonly [string, Script])[], schedule: readonly Event[]) {
    for (const [name, script] of scripts) await this.#turn(() => this.#start(name, script));
    for (const event of schedule) await this.#happen(event);
    this.note('the schedule is over: each request goes on to its end');
    for (let request = this.#next(); request !== undefined; request = this.#next()) {
      this.#thaw(request);
      await this.#turn(() => request.goOn());
    }
  }

  note(what: string): void {
    const seconds = Math.floor((this.#watched.clock.now() - this.#startedAt) / 1000);
    const clock = [seconds / 3600, (seconds / 60) % 60, seconds % 60].map((part) =>
      String(Math.floor(part)).padStart(2, '0'),
    );
    this.trace.push(`+${clock.join(':')}  ${what}`);
  }

  stands(request: Request): void {
    this.note(`${request.name}: ${request.standsAt}`);
    this.#endTurn();
  }

  committed(request: Request): void {
    this.changes += 1;
    this.#meanings.get(request)?.();
  }

  touched(object: ObjectName): void {
    this.changes += 1;
    this.#touched.push(object);
  }

  async #happen(event: Event): Promise<void> {
    if (event.kind === 'wait') {
      this.#watched.clock.advance(event.seconds * 1000);
      this.note('(time passed)');
      return;
    }
    const chosen = this.#choose(event.who);
    const first = chosen();
    const changed = this.changes;
    const isThere = {
      change: () => this.changes > changed,
      end: () => first?.state === 'over',
    };
    for (let turns = 0; ; turns += 1) {
      const request = chosen();
      if (request === undefined) return;
      const { reach } = event;
      if (typeof reach === 'number' ? turns === reach : isThere[reach]()) break;
      await this.#turn(() => request.goOn());
    }
    const request = chosen();
    if (request === undefined) return;
    if (event.kind === 'crash') await this.#crash(request);
    if (event.kind === 'freeze') await this.#freeze(request, event);
  }

  async #crash(request: Request): Promise<void> {
    this.note(`${request.name}: CRASHES ${request.standsAt}`);
    request.state = 'dead';
    await this.#hangUp(request);
  }

  async #freeze(
    request: Request,
    { seconds, hangUp }: Event & { readonly kind: 'freeze' },
  ): Promise<void> {
    const how = hangUp ? ', and its client gives up waiting' : '';
    this.note(`${request.name}: FREEZES for ${seconds} s ${request.standsAt}${how}`);
    request.frozenUntil = this.#watched.clock.now() + seconds * 1000;
    if (hangUp) await this.#hangUp(request);
  }

  /** The client of a request, if it still has one, hears that the connection is gone, and goes on. */
  async #hangUp(request: Request): Promise<void> {
    const seat = this.#seats.find((candidate) => candidate.request === request);
    if (seat === undefined) return;
    seat.request = undefined;
    if (request.state === 'open') this.#abandoned.push(request);
    await this.#turn(seat.hangUp);
  }

  /** The chosen client's requests, one after another; the next one's where that client has none that could go on. */
  #choose(who: number): () => Request | undefined {
    const now = this.#watched.clock.now();
    const choices = [
      ...this.#seats.map((seat) => () => seat.request),
      ...this.#abandoned.map((request) => () => request),
    ];
    const inTurn = choices.map(
      (_, at) => choices[(who + at) % choices.length] ?? (() => undefined),
    );
    const ready = (choice: () => Request | undefined) => {
      const request = choice();
      return request?.state === 'open' && request.frozenUntil <= now ? request : undefined;
    };
    const chosen = inTurn.find(ready);
    return () => chosen && ready(chosen);
  }

  #next(): Request | undefined {
    const requests = [...this.#seats.map((seat) => seat.request), ...this.#abandoned];
    const open = requests.filter((request) => request?.state === 'open');
    return open.sort((a, b) => (a?.frozenUntil ?? 0) - (b?.frozenUntil ?? 0))[0];
  }

  #thaw({ frozenUntil, name }: Request): void {
    const wait = frozenUntil - this.#watched.clock.now();
    if (wait <= 0) return;
    this.#watched.clock.advance(wait);
    this.note(`${name}: thaws`);
  }

  /** Starts something, waits until all stand still again, and looks at what has become. */
  async #turn(start: () => void): Promise<void> {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#endTurn = resolve;
    this.turn += 1;
    const { changes } = this;
    start();
    await promise;
    const touched = this.#touched;
    if (this.changes > changes) {
      this.#touched = [];
      await this.#watched.check(touched);
    }
    if (this.#violation !== undefined) throw this.#violation;
  }

  #start(name: string, script: Script): void {
    const seat: Seat = { name, request: undefined, hangUp: () => {} };
    this.#seats.push(seat);
    const client: Client = {
      name,
      request: (what, body, meaning) => this.#request(seat, what, body, meaning),
    };
    const end = (error?: unknown) => {
      if (error !== undefined && !(error instanceof Lost) && !(error instanceof RegistryError)) {
        this.#violation ??= violationOf(`${name} failed`, error);
      }
      this.#endTurn();
    };
    script(client).then(() => end(), end);
  }

  async #request<T>(seat: Seat, what: string, body: Body<T>, meaning: Meaning<T>): Promise<T> {
    const { store, broken = (whole: Store) => whole } = this.#watched;
    const request = new Request(`${seat.name}: ${what}`, store, this);
    if (meaning.committed !== undefined) this.#meanings.set(request, meaning.committed);
    const lost = Promise.withResolvers<never>();
    seat.request = request;
    seat.hangUp = () => lost.reject(new Lost(what));
    const served = () => body(broken(request.store), request);
    const answered = this.#serve(request, served, meaning).finally(() => {
      request.state = 'over';
      if (seat.request === request) seat.request = undefined;
      else this.#endTurn();
    });
    return Promise.race([answered, lost.promise]);
  }

  /** What the registry does with a request, and how its answer is judged. */
  async #serve<T>(request: Request, body: () => Promise<T>, meaning: Meaning<T>): Promise<T> {
    await request.stand('arrives');
    const began = { at: this.#watched.clock.now(), turn: this.turn };
    try {
      const answer = await body();
      this.note(`${request.name}: ANSWERED ${answer ?? 'well'}`);
      meaning.answered?.(answer, began);
      return answer;
    } catch (error) {
      this.note(`${request.name}: ANSWERED ${error}`);
      this.#judge(request, error, meaning, began);
      throw error;
    }
  }

  #judge<T>(request: Request, error: unknown, { mayFail, failed }: Meaning<T>, began: Began): void {
    try {
      if (error instanceof Violation) throw error;
      if (!(error instanceof RegistryError)) throw violationOf(`${request.name}: a 500`, error);
      failed?.(error, began);
      if (error.status === 503) this.busy += 1;
      else if (!mayFail.includes(error.code)) throw violationOf(`${request.name}: refused`, error);
    } catch (violation) {
      if (!(violation instanceof Violation)) throw violation;
      this.#violation ??= violation;
    }
  }
}

function violationOf(what: string, cause: unknown): Violation {
  if (cause instanceof Violation) return cause;
  return new Violation(`${what}: ${cause}`, { cause });
}
