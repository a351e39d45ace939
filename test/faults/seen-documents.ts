// What a location holds, as the checks see it after every step: whatever a transaction was about to write is read
// again, and nothing else. (No store lists a whole location in one call but the embedded one.)

import { isDeepStrictEqual } from 'node:util';
import type { Document, Documents, Key, Transaction } from '#shared/ports/documents.ts';
import { Violation } from '#test/model/schedule.ts';

export class SeenDocuments {
  /** The store, which remembers what is written through it. */
  readonly documents: Documents;
  readonly #seen = new Map<string, Document>();
  /** Keys that may hold something else than was seen. */
  #touched = new Map<string, Key>();
  /** `location / project / kind` of all that was ever written. */
  readonly #kinds = new Map<string, Key>();

  constructor(documents: Documents) {
    const touch = (key: Key) => {
      this.#touched.set(idOf(key), key);
      const kind = key.slice(0, 3);
      this.#kinds.set(idOf(kind), kind);
    };
    this.documents = {
      get: (key) => documents.get(key),
      list: (options) => documents.list(options),
      names: (options) => documents.names(options),
      transact: (body) => documents.transact((transaction) => body(touching(transaction, touch))),
    };
  }

  /** All documents that there are now. */
  async all(): Promise<Document[]> {
    const touched = this.#touched;
    this.#touched = new Map();
    await Promise.all(
      [...touched].map(async ([id, key]) => {
        const document = await this.documents.get(key);
        if (document === undefined) this.#seen.delete(id);
        else this.#seen.set(id, document);
      }),
    );
    return [...this.#seen.values()];
  }

  /** Lists all of it at once, to see that it is what was seen step by step. @throws Violation */
  async checkWhole(): Promise<void> {
    await this.all();
    for (const prefix of this.#kinds.values()) {
      // What belongs to no location is of all runs together.
      if (prefix[0] === '-') continue;
      const listed = await this.documents.list({ prefix, limit: Number.MAX_SAFE_INTEGER });
      for (const document of listed) {
        if (isDeepStrictEqual(this.#seen.get(idOf(document.key)), document)) continue;
        throw new Violation(`nobody wrote ${document.key.join(' / ')} as it is`);
      }
    }
  }
}

function touching(transaction: Transaction, touch: (key: Key) => void): Transaction {
  return {
    get: (key) => transaction.get(key),
    getAll: (keys) => transaction.getAll(keys),
    list: (options) => transaction.list(options),
    create: (key, value, options) => {
      touch(key);
      transaction.create(key, value, options);
    },
    set: (key, value, options) => {
      touch(key);
      transaction.set(key, value, options);
    },
    delete: (key) => {
      touch(key);
      transaction.delete(key);
    },
  };
}

function idOf(key: Key): string {
  return key.join('\0');
}
