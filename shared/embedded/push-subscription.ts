// One subscriber: what it has not taken is pushed to it, in order for each ordering key, some keys side by side.
// A key whose message it refuses waits, longer each time; the others go on. A subscriber that refuses many keys
// is away: then all wait.

import { setMaxListeners } from 'node:events';
import { setTimeout as pause } from 'node:timers/promises';
import type { Document, Documents, Key } from '../ports/documents.ts';

export interface PushPatience {
  /** How long a subscriber may take to answer. */
  readonly answerMs: number;
  /** The pause before a refused message is pushed again: the first one, and the longest. Each is twice the last. */
  readonly firstPauseMs: number;
  readonly mostPauseMs: number;
}

/** A push that was not answered 2xx, or not at all. */
export interface Refusal {
  readonly endpoint: string;
  /** Absent where not even what there is to push could be read. */
  readonly orderingKey: string | undefined;
  /** How often in a row this key was refused. */
  readonly times: number;
  readonly error: unknown;
}

export interface PushSubscriptionOptions {
  readonly documents: Documents;
  readonly name: string;
  readonly endpoint: string;
  /** Its messages are under it: `ordering key / number`. */
  readonly prefix: Key;
  readonly refused?: (refusal: Refusal) => void;
  readonly patience?: PushPatience;
}

/** Pub/Sub's own. */
const usualPatience = { answerMs: 10_000, firstPauseMs: 100, mostPauseMs: 60_000 };
/** Ordering keys that are pushed side by side. */
const sideBySideMax = 16;
/** Messages of a key that are read, and removed, together: what a crash repeats at most. */
const messagesAtOnce = 100;
/** Keys that wait at once; it bounds what is remembered of them. */
const waitingKeysMax = 100;
/** After every number that a message of a key may have. */
const beyond = '~';

export class PushSubscription {
  readonly #options: PushSubscriptionOptions;
  readonly #patience: PushPatience;
  readonly #closing = new AbortController();
  /** Ordering keys whose messages are being pushed. */
  readonly #busy = new Map<string, Promise<void>>();
  /** Ordering keys that were refused. */
  readonly #refused = new Map<string, { readonly times: number; waits: boolean }>();
  /** The key that was taken up last: the next one is one after it, round and round, so that none starves. */
  #last: string | undefined;
  #changed = Promise.withResolvers<void>();
  readonly #ended: Promise<void>;

  constructor(options: PushSubscriptionOptions) {
    this.#options = options;
    this.#patience = options.patience ?? usualPatience;
    // Each key that waits listens to it.
    setMaxListeners(0, this.#closing.signal);
    this.#ended = this.#run();
  }

  /** There may be something to push. */
  wake(): void {
    const { resolve } = this.#changed;
    this.#changed = Promise.withResolvers();
    resolve();
  }

  /** Breaks off what is under way, and resolves when that is over. */
  async close(): Promise<void> {
    this.#closing.abort();
    this.wake();
    await this.#ended;
    await Promise.all(this.#busy.values());
  }

  async #run(): Promise<void> {
    while (!this.#closing.signal.aborted) {
      const changed = this.#changed.promise;
      const key = await this.#nextKey().catch((error: unknown) => this.#holdAll(error));
      if (key === undefined) await changed;
      else this.#busy.set(key, this.#pushKey(key));
    }
  }

  /** A key that has messages, and is neither busy nor waiting. */
  async #nextKey(): Promise<string | undefined> {
    if (this.#busy.size >= sideBySideMax || this.#refused.size >= waitingKeysMax) return undefined;
    for await (const key of this.#keysRound()) {
      if (this.#busy.has(key) || this.#refused.get(key)?.waits) continue;
      this.#last = key;
      return key;
    }
    return undefined;
  }

  /** All keys that have messages: those after the last one first. */
  async *#keysRound(): AsyncGenerator<string> {
    const last = this.#last;
    if (last !== undefined) yield* this.#keysAfter(last);
    yield* this.#keysAfter(undefined);
  }

  async *#keysAfter(start: string | undefined): AsyncGenerator<string> {
    const { documents, prefix } = this.#options;
    let after = start === undefined ? undefined : [...prefix, start, beyond];
    for (;;) {
      const [message] = await documents.list({ prefix, after, limit: 1 });
      const key = message?.key.at(-2);
      if (key === undefined) return;
      yield key;
      after = [...prefix, key, beyond];
    }
  }

  /** Pushes what a key has, in order, until all is taken or one is refused. Never rejects. */
  async #pushKey(orderingKey: string): Promise<void> {
    const { documents, prefix } = this.#options;
    const taken: Key[] = [];
    try {
      const at = [...prefix, orderingKey];
      for (const message of await documents.list({ prefix: at, limit: messagesAtOnce })) {
        await this.#push(orderingKey, message);
        taken.push(message.key);
        this.#refused.delete(orderingKey);
      }
    } catch (error) {
      this.#holdBack(orderingKey, error);
    }
    await this.#remove(taken).catch((error: unknown) => this.#holdBack(orderingKey, error));
    this.#busy.delete(orderingKey);
    this.wake();
  }

  async #remove(taken: readonly Key[]): Promise<void> {
    if (taken.length === 0) return;
    await this.#options.documents.transact(async (transaction) => {
      for (const key of taken) transaction.delete(key);
    });
  }

  /** @throws Error when it is not answered 2xx in time */
  async #push(orderingKey: string, message: Document): Promise<void> {
    const { endpoint, name } = this.#options;
    const response = await fetch(endpoint, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json' },
      body: JSON.stringify(envelope(name, orderingKey, message)),
      redirect: 'manual',
      signal: AbortSignal.any([this.#closing.signal, AbortSignal.timeout(this.#patience.answerMs)]),
    });
    await response.body?.cancel();
    if (!response.ok) throw new Error(`it answered ${response.status}`);
  }

  #holdBack(orderingKey: string, error: unknown): void {
    if (this.#closing.signal.aborted) return;
    const { endpoint, refused } = this.#options;
    const { firstPauseMs, mostPauseMs } = this.#patience;
    const times = (this.#refused.get(orderingKey)?.times ?? 0) + 1;
    const refusal = { times, waits: true };
    this.#refused.set(orderingKey, refusal);
    refused?.({ endpoint, orderingKey, times, error });
    this.#later(Math.min(firstPauseMs * 2 ** (times - 1), mostPauseMs), () => {
      refusal.waits = false;
    });
    if (this.#refused.size === waitingKeysMax)
      this.#later(mostPauseMs, () => this.#refused.clear());
  }

  /** What there is to push could not be read. */
  #holdAll(error: unknown): undefined {
    const { endpoint, refused } = this.#options;
    refused?.({ endpoint, orderingKey: undefined, times: 1, error });
    this.#later(this.#patience.mostPauseMs, () => undefined);
    return undefined;
  }

  /** Does something after a while, and looks again; not when it is closed by then. */
  #later(ms: number, then: () => void): void {
    pause(ms, undefined, { signal: this.#closing.signal }).then(
      () => {
        then();
        this.wake();
      },
      () => undefined,
    );
  }
}

/** As Pub/Sub wraps what it pushes: with both spellings, since its clients read one or the other. */
function envelope(name: string, orderingKey: string, { key, value }: Document): object {
  const { bytes, attributes, publishedAt } = value;
  const messageId = String(Number(key.at(-1)));
  const publishTime = new Date(Number(publishedAt)).toISOString();
  return {
    message: {
      attributes,
      data: Buffer.from(bytes ?? []).toString('base64'),
      messageId,
      message_id: messageId,
      orderingKey,
      publishTime,
      publish_time: publishTime,
    },
    subscription: `projects/berth/subscriptions/${name}`,
  };
}
