// The ports, a step at a time: a request stands still before and after every call of a port, until it is
// told to go on. So it can be overtaken there by any other, die there, or stand there for hours.

import type { Blobs, ObjectName } from '#shared/ports/blobs.ts';
import type { Documents, Transaction } from '#shared/ports/documents.ts';
import type { Store } from '#shared/registry/store.ts';
import { called, nicknameOf } from './universe.ts';

/** Who is told what a request does. */
export interface Watcher {
  /** It stands still now. */
  stands(request: Request): void;
  /** It has just committed a transaction that wrote something. */
  committed(request: Request): void;
  /** An object was written, composed or deleted. */
  touched(object: ObjectName): void;
}

export class Request {
  readonly name: string;
  /** `dead`: it never goes on. Its client hears nothing more of it, and cannot tell how far it came. */
  state: 'open' | 'over' | 'dead' = 'open';
  /** It is not chosen before that time, milliseconds since 1970. */
  frozenUntil = 0;
  /** Where it stands: the call that it made last, or is about to make. */
  standsAt = '';
  /** The store as this request sees it. */
  readonly store: Store;
  readonly #watcher: Watcher;
  #gate: (PromiseWithResolvers<void> & { isKnown: boolean }) | undefined;
  #callsUnderWay = 0;
  #sawClock = false;

  constructor(name: string, store: Store, watcher: Watcher) {
    this.name = name;
    this.#watcher = watcher;
    this.store = {
      documents: this.#documents(store.documents),
      blobs: this.#blobs(store.blobs),
      clock: {
        now: () => {
          this.#sawClock = true;
          return store.clock.now();
        },
      },
    };
  }

  /** Stands still until it is told to go on. Calls that a request makes side by side stand at one place. */
  async stand(at: string): Promise<void> {
    if (this.#gate === undefined) {
      this.#gate = { ...Promise.withResolvers<void>(), isKnown: false };
      this.standsAt = at;
    }
    const gate = this.#gate;
    if (this.#callsUnderWay === 0 && !gate.isKnown) {
      gate.isKnown = true;
      this.#watcher.stands(this);
    }
    await gate.promise;
  }

  goOn(): void {
    const gate = this.#gate;
    this.#gate = undefined;
    gate?.resolve();
  }

  /** Makes a call of a port: it stands still before, where that is another place, and after it. */
  async step<T>(call: string | (() => string), made: () => Promise<T>): Promise<T> {
    // Going on between two calls takes no time. Only who looks at the clock there can tell before from
    // after; for all others the place after the last call and the one before this call are the same.
    if (this.#sawClock)
      await this.stand(`before ${typeof call === 'string' ? call : 'a transaction'}`);
    this.#callsUnderWay += 1;
    try {
      return await made();
    } finally {
      this.#callsUnderWay -= 1;
      this.#sawClock = false;
      await this.stand(`after ${typeof call === 'string' ? call : call()}`);
    }
  }

  #documents(documents: Documents): Documents {
    return {
      get: (key) => this.step(`get ${called(key)}`, () => documents.get(key)),
      list: (options) => this.step(`list ${called(options.prefix)}`, () => documents.list(options)),
      names: (options) =>
        this.step(`names ${called(options.prefix)}`, () => documents.names(options)),
      transact: (body) => {
        let writes: string[] = [];
        const label = () => `transaction (${writes.join(', ') || 'no writes'})`;
        return this.step(label, async () => {
          const result = await documents.transact((transaction) => {
            writes = [];
            return body(noting(transaction, writes));
          });
          if (writes.length > 0) this.#watcher.committed(this);
          return result;
        });
      },
    };
  }

  #blobs(blobs: Blobs): Blobs {
    const change = async <T>(call: string, name: ObjectName, made: () => Promise<T>): Promise<T> =>
      this.step(`${call} ${called(name)}`, async () => {
        const result = await made();
        this.#watcher.touched(name);
        return result;
      });
    return {
      replaces: blobs.replaces,
      write: (name, body, options) => change('write', name, () => blobs.write(name, body, options)),
      compose: (sources, name, options) =>
        change('compose', name, () => blobs.compose(sources, name, options)),
      delete: (name, options) => change('delete', name, () => blobs.delete(name, options)),
      stat: (name) => this.step(`stat ${called(name)}`, () => blobs.stat(name)),
      read: (name, range) => this.step(`read ${called(name)}`, () => blobs.read(name, range)),
      readUrl: (name, options) => blobs.readUrl(name, options),
      list: (prefix) => blobs.list(prefix),
    };
  }
}

/** The transaction, which also writes down what it writes. */
function noting(transaction: Transaction, writes: string[]): Transaction {
  return {
    get: (key) => transaction.get(key),
    getAll: (keys) => transaction.getAll(keys),
    list: (options) => transaction.list(options),
    create: (key, value, options) => {
      writes.push(`create ${called(key)}`);
      transaction.create(key, value, options);
    },
    set: (key, value, options) => {
      const { state, kind, digest } = value;
      const subject = typeof digest === 'string' ? nicknameOf(digest) : undefined;
      const about = [state, kind, subject].filter((part) => typeof part === 'string');
      writes.push(['set', called(key), ...about].join(' '));
      transaction.set(key, value, options);
    },
    delete: (key) => {
      writes.push(`delete ${called(key)}`);
      transaction.delete(key);
    },
  };
}

/**
 * The documents, with reviews counted where their ids are random: the collector takes reviews that are
 * due at one time in the order of their ids, and a schedule is to lead to the same run every time.
 */
export function countedReviews(documents: Documents): Documents {
  let count = 0;
  return {
    get: (key) => documents.get(key),
    list: (options) => documents.list(options),
    names: (options) => documents.names(options),
    transact: (body) =>
      documents.transact((transaction) =>
        body({
          get: (key) => transaction.get(key),
          getAll: (keys) => transaction.getAll(keys),
          list: (options) => transaction.list(options),
          create: (key, value, options) => transaction.create(key, value, options),
          set: (key, value, options) => {
            count += 1;
            const id = String(count).padStart(9, '0');
            const isReview = key[2] === 'reviews';
            transaction.set(isReview ? [...key.slice(0, -1), id] : key, value, options);
          },
          delete: (key) => transaction.delete(key),
        }),
      ),
  };
}
