// One attempt of a transaction: its reads go to Firestore, its writes are kept until the body has ended.

import type { Transaction as SdkTransaction } from '@google-cloud/firestore';
import { encodeValue } from '../ports/document-encoding.ts';
import {
  type Document,
  DocumentExists,
  type Key,
  type ListOptions,
  type Transaction,
  type Value,
  type WriteOptions,
} from '../ports/documents.ts';
import type { Meter } from '../ports/meter.ts';
import { type Fields, type FirestoreReads, fieldsOf } from './firestore-reads.ts';

type Write =
  | { readonly kind: 'create' | 'set'; readonly key: Key; readonly fields: Fields }
  | { readonly kind: 'delete'; readonly key: Key };

/** What is read in one call: what was asked for until it is made, and what it answers, in that order. */
interface Together {
  readonly asked: Key[];
  readonly documents: Promise<(Document | undefined)[]>;
}

export class TransactionAttempt implements Transaction {
  readonly #reads: FirestoreReads;
  readonly #now: number;
  #writes: Write[] = [];
  #together: Together | undefined;
  #isOpen = true;

  /** @param now when it began: what has expired by then reads as absent */
  constructor(reads: FirestoreReads, now: number) {
    this.#reads = reads;
    this.#now = now;
  }

  async get(key: Key): Promise<Document | undefined> {
    const [document] = await this.getAll([key]);
    return document;
  }

  async getAll(keys: readonly Key[]): Promise<(Document | undefined)[]> {
    this.#together ??= this.#readTogether(this.#read());
    const { asked, documents } = this.#together;
    const from = asked.length;
    asked.push(...keys);
    return (await documents).slice(from, from + keys.length);
  }

  async list(options: ListOptions): Promise<Document[]> {
    return this.#read().list(options, this.#now);
  }

  create(key: Key, value: Value, options?: WriteOptions): void {
    this.#write({ kind: 'create', key, fields: fieldsOf(encodeValue(value, options)) });
  }

  set(key: Key, value: Value, options?: WriteOptions): void {
    this.#write({ kind: 'set', key, fields: fieldsOf(encodeValue(value, options)) });
  }

  delete(key: Key): void {
    this.#write({ kind: 'delete', key });
  }

  /** The body has ended: nothing is taken any more. */
  end(): void {
    this.#isOpen = false;
  }

  /**
   * Reads what is to be created. What has expired is there for Firestore, and is written over.
   * @throws DocumentExists
   */
  async lookFirst(): Promise<void> {
    const before = new Set<string>();
    const creates = this.#writes.filter(({ kind, key }) => {
      const isFirst = !before.has(key.join('\0'));
      before.add(key.join('\0'));
      return kind === 'create' && isFirst;
    });
    const found = await this.#reads.getAll(
      creates.map(({ key }) => key),
      this.#now,
    );
    const existing = found.find((document) => document !== undefined);
    if (existing !== undefined) throw new DocumentExists(existing.key);
    const overwritten = new Set<Write>(creates);
    this.#writes = this.#writes.map((write) =>
      overwritten.has(write) && write.kind === 'create' ? { ...write, kind: 'set' } : write,
    );
  }

  /** Hands the writes over to be committed. */
  apply(transaction: SdkTransaction, meter: Meter): void {
    for (const write of this.#writes) {
      const reference = this.#reads.reference(write.key);
      if (write.kind === 'delete') transaction.delete(reference);
      else if (write.kind === 'set') transaction.set(reference, write.fields);
      else transaction.create(reference, write.fields);
      meter(write.kind === 'delete' ? 'documentDelete' : 'documentWrite');
    }
    meter('transaction');
  }

  /**
   * Reads all that is asked for in this turn in one call. Apart they would take two round trips, and not one: the first
   * read of a transaction begins it, and the SDK lets the others wait for that.
   */
  #readTogether(reads: FirestoreReads): Together {
    const asked: Key[] = [];
    const documents = Promise.resolve().then(() => {
      this.#together = undefined;
      return reads.getAll(asked, this.#now);
    });
    return { asked, documents };
  }

  #read(): FirestoreReads {
    if (!this.#isOpen) throw new Error('the transaction has ended');
    if (this.#writes.length > 0) throw new Error('a transaction reads before it writes');
    return this.#reads;
  }

  #write(write: Write): void {
    if (!this.#isOpen) throw new Error('the transaction has ended');
    this.#writes.push(write);
  }
}
