// Faults: what can become of an operation of a port, and the list of those that a run injects.

import { StoreFull } from '#shared/ports/store-full.ts';
import type { FakeClock } from '#test/support/clock.ts';

/**
 * Kind of operation → what can become of it. What was done before its caller heard of a failure is the
 * worst: nobody can tell it from what was not done.
 */
export const fates = {
  /** get, list, names, stat, readUrl. */
  read: ['refused'],
  /** Reading an object: the call itself, or its bytes. */
  bytes: ['refused', 'breaks off'],
  /** `again` is what a client library does: it runs the body again, though a lost answer hid that it had been committed. */
  transact: ['refused', 'undone', 'answer lost', 'run twice', 'committed, then run again', 'full'],
  /** `own` is what a retried create-only write does: it meets the object that it made itself. */
  write: ['refused', 'breaks off', 'answer lost', 'meets its own', 'full'],
  compose: ['refused', 'answer lost', 'meets its own', 'full'],
  delete: ['refused', 'answer lost', 'meets its own'],
  /** `in part`: some of the messages are published, and the others are not. */
  publish: ['refused', 'in part', 'answer lost', 'published twice'],
} as const satisfies Record<string, readonly string[]>;

export type Operation = keyof typeof fates;
export type Fate<O extends Operation> = (typeof fates)[O][number];

/** How a fault is planned: by numbers, whatever the operation turns out to be. */
export interface PlannedFault {
  /** It strikes operations of this kind alone, and counts no others. */
  readonly only?: Operation | undefined;
  /** So many of them go well since the fault before. */
  readonly after: number;
  /** Chooses among the fates of the operation, around and around. */
  readonly fate: number;
  /** Chooses among {@link failures}. */
  readonly failure: number;
  /** So long the caller waits for it: a timeout is a fault that comes late. */
  readonly seconds: number;
}

/** A fault that strikes an operation. */
export interface Fault<O extends Operation> {
  /** The operation. */
  readonly what: string;
  readonly fate: Fate<O>;
  /** What the caller is to hear. */
  readonly error: Error;
}

/** In every message of an error that is injected; no client may ever read it. */
export const secretOfStores = 'projects/of-a-store/databases/(default)';

/** How the failures of stores look: the codes that their libraries and the network beneath them give. */
export const failures: readonly (string | number)[] = [
  14, // UNAVAILABLE
  4, // DEADLINE_EXCEEDED
  10, // ABORTED
  6, // ALREADY_EXISTS
  503,
  412,
  'ECONNRESET',
  'ERR_STREAM_PREMATURE_CLOSE',
  'ENOENT',
];

/** Faults that wait for operations of one kind, or of any, and strike one after another. */
interface Queue {
  readonly planned: PlannedFault[];
  /** Operations that went well since the last one. */
  well: number;
}

/** The faults of one run. */
export class Faults {
  readonly #queues = new Map<Operation | undefined, Queue>();
  readonly #clock: FakeClock;
  readonly #note: (what: string) => void;
  /** Operations that were begun, by their kind. */
  readonly begun = new Map<Operation, number>();

  /** @param note is told of each fault when it strikes */
  constructor(planned: readonly PlannedFault[], clock: FakeClock, note: (what: string) => void) {
    this.#clock = clock;
    this.#note = note;
    for (const fault of planned) {
      const queue = this.#queues.get(fault.only) ?? { planned: [], well: 0 };
      queue.planned.push(fault);
      this.#queues.set(fault.only, queue);
    }
  }

  /**
   * An operation begins.
   * @param what how a trace calls it
   * @returns the fault that strikes it, or `undefined` when it goes well
   */
  strike<O extends Operation>(operation: O, what: string): Fault<O> | undefined {
    this.begun.set(operation, (this.begun.get(operation) ?? 0) + 1);
    const next = this.#next(operation) ?? this.#next(undefined);
    if (next === undefined) return undefined;
    const choices: readonly Fate<O>[] = fates[operation];
    const fate = choices[next.fate % choices.length];
    if (fate === undefined) throw new Error(`nothing can become of ${operation}`);
    this.#clock.advance(next.seconds * 1000);
    this.#note(`FAULT ${what}: ${fate}, after ${next.seconds} s`);
    return { what, fate, error: fate === 'full' ? full() : failure(next) };
  }

  /** The fault of a queue whose turn it is. */
  #next(only: Operation | undefined): PlannedFault | undefined {
    const queue = this.#queues.get(only);
    const [next] = queue?.planned ?? [];
    if (queue === undefined || next === undefined) return undefined;
    if (queue.well < next.after) {
      queue.well += 1;
      return undefined;
    }
    queue.planned.shift();
    queue.well = 0;
    return next;
  }
}

/** A fault that strikes the first operation of its kind, or one of those after it. */
export function faultAt<O extends Operation>(only: O, fate: Fate<O>, after = 0): PlannedFault {
  const choices: readonly Fate<O>[] = fates[only];
  return { only, after, fate: choices.indexOf(fate), failure: 0, seconds: 0 };
}

function failure(planned: PlannedFault): Error {
  const code = failures[planned.failure % failures.length] ?? 14;
  return Object.assign(new Error(`${code}: ${secretOfStores} failed`), { code });
}

function full(): Error {
  return new StoreFull(new Error(secretOfStores));
}
