// Transactions: attempted again when they met others, in bounded time.

import { setTimeout } from 'node:timers/promises';
import type { Firestore, Transaction as SdkTransaction } from '@google-cloud/firestore';
import type { Clock } from '../ports/clock.ts';
import type { Transaction } from '../ports/documents.ts';
import type { Meter } from '../ports/meter.ts';
import { TransactionAttempt } from './firestore-attempt.ts';
import { FirestoreReads, type Source } from './firestore-reads.ts';
import { type Call, within } from './firestore-time.ts';

/** The pause before the next attempt: each twice as long, give or take a half, so that contenders part. */
const pauseFirstMs = 50;
const pauseLastMs = 2000;

const alreadyExists = 6;
/**
 * ABORTED, and what the SDK's own loop takes for passing: CANCELLED, UNKNOWN, DEADLINE_EXCEEDED, RESOURCE_EXHAUSTED,
 * INTERNAL, UNAVAILABLE, UNAUTHENTICATED, and HTTP's conflict.
 */
const passingCodes: readonly unknown[] = [10, 1, 2, 4, 8, 13, 14, 16, 409];

type Body<R> = (transaction: Transaction) => Promise<R>;

export class Transactions {
  readonly #firestore: Firestore;
  readonly #clock: Clock;
  readonly #meter: Meter;
  readonly #patienceMs: number;
  #lastInTurn: Promise<unknown> = Promise.resolve();

  /** @param options.patienceMs a transaction with all its attempts ends within so many milliseconds */
  constructor(options: {
    readonly firestore: Firestore;
    readonly clock: Clock;
    readonly meter: Meter;
    readonly patienceMs: number;
  }) {
    this.#firestore = options.firestore;
    this.#clock = options.clock;
    this.#meter = options.meter;
    this.#patienceMs = options.patienceMs;
  }

  transact<R>(body: Body<R>): Promise<R> {
    return within(this.#patienceMs, (call) => this.#untilCommitted(body, call));
  }

  /**
   * The SDK makes one attempt at a time: its own loop pauses a second and more, and gives up after five. An attempt
   * whose commit was carried out though the answer was lost is followed by another, as there, which sees its writes.
   */
  async #untilCommitted<R>(body: Body<R>, call: Call): Promise<R> {
    let looksFirst = false;
    let pauseMs = pauseFirstMs;
    for (let isFirst = true; ; isFirst = false) {
      const attempt = () => this.#attempt(body, { call, looksFirst });
      try {
        return await (isFirst ? attempt() : this.#inTurn(attempt));
      } catch (error) {
        const exists = codeOf(error) === alreadyExists && !looksFirst;
        if (call.isOver || !(exists || isPassing(error))) throw error;
        call.failure = error;
        if (exists) looksFirst = true;
        else await setTimeout(pauseMs * (0.5 + Math.random()));
        pauseMs = Math.min(2 * pauseMs, pauseLastMs);
      }
    }
  }

  /**
   * Those of this process that met others go on one after another: where they met each other they would only do so
   * again, and each time wait for Firestore to break the tie. Of 50 increments of one document at once the last is
   * done after 3 seconds on the emulator, and after 90 when all try at once.
   */
  #inTurn<R>(attempt: () => Promise<R>): Promise<R> {
    const turn = this.#lastInTurn.then(() => within(this.#patienceMs, attempt));
    this.#lastInTurn = turn.catch(() => undefined);
    return turn;
  }

  /** @param options.looksFirst whether to read what is to be created: some of it exists, expired or not */
  #attempt<R>(
    body: Body<R>,
    { call, looksFirst }: { readonly call: Call; readonly looksFirst: boolean },
  ): Promise<R> {
    const run = async (transaction: SdkTransaction) => {
      const source: Source = {
        getAll: (...references) => transaction.getAll(...references),
        find: (query) => transaction.get(query),
      };
      const reads = new FirestoreReads(this.#firestore, source, this.#meter);
      const attempt = new TransactionAttempt(reads, this.#clock.now());
      checkTime(call);
      const result = await body(attempt).finally(() => attempt.end());
      if (looksFirst) await attempt.lookFirst();
      checkTime(call);
      attempt.apply(transaction, this.#meter);
      return result;
    };
    return this.#firestore.runTransaction(run, { maxAttempts: 1 });
  }
}

/** A call that its caller was told has failed changes nothing any more. */
function checkTime({ isOver }: Call): void {
  if (isOver) throw new Error('the transaction took too long');
}

function isPassing(error: unknown): boolean {
  if (passingCodes.includes(codeOf(error))) return true;
  // INVALID_ARGUMENT is what Firestore says of a transaction that was idle for too long.
  return error instanceof Error && error.message.includes('transaction has expired');
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : undefined;
}
