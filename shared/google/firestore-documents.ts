// Documents in Firestore, one collection a kind: the paths are drawn in firestore-keys.ts, a document's fields in
// firestore-reads.ts. No query but by id, so no index is needed (firestore-fields.ts).
//
// Importing this file loads the SDK, which takes a fifth of a second: who may not need it imports it when it does.

import { Firestore } from '@google-cloud/firestore';
import type { Clock } from '../ports/clock.ts';
import type { Documents } from '../ports/documents.ts';
import type { Meter } from '../ports/meter.ts';
import { FirestoreReads, type Source } from './firestore-reads.ts';
import { methodsCalled, within } from './firestore-time.ts';
import { Transactions } from './firestore-transactions.ts';

export interface FirestoreDocumentsOptions {
  readonly projectId: string;
  /** `(default)` when left out. */
  readonly databaseId?: string | undefined;
  readonly clock: Clock;
  readonly meter?: Meter | undefined;
  /** So long a read waits for its answer, and a transaction makes attempts; 30,000 when left out. */
  readonly patienceMs?: number | undefined;
  /**
   * `grpc`, the default, or `rest`, whose first answer comes some 40 ms earlier and which then takes four times as
   * long a read: for a function that seldom runs and answers one request at a time.
   */
  readonly transport?: 'grpc' | 'rest' | undefined;
}

export interface FirestoreDocuments extends Documents {
  /** Ends the connections, once the calls under way have ended. */
  close(): Promise<void>;
}

/**
 * Opens a database, with the credentials of the environment; FIRESTORE_EMULATOR_HOST leads to an emulator. Nothing
 * is sent before the first call.
 */
export function openFirestoreDocuments(options: FirestoreDocumentsOptions): FirestoreDocuments {
  const { projectId, databaseId, clock, meter = () => {}, patienceMs = 30_000 } = options;
  const firestore = new Firestore({
    projectId,
    ...(databaseId === undefined ? {} : { databaseId }),
    ...(options.transport === 'rest' ? overRest() : {}),
    clientConfig: timeLimits(patienceMs / 3),
  });
  const source: Source = {
    getAll: (...references) => within(patienceMs, () => firestore.getAll(...references)),
    find: (query) => within(patienceMs, () => query.get()),
  };
  const reads = new FirestoreReads(firestore, source, meter);
  const transactions = new Transactions({ firestore, clock, meter, patienceMs });
  return {
    get: async (key) => (await reads.getAll([key], clock.now()))[0],
    list: (options) => reads.list(options, clock.now()),
    names: (options) => reads.names(options, clock.now()),
    transact: (body) => transactions.transact(body),
    close: () => within(patienceMs, () => firestore.terminate()),
  };
}

/** Over REST the SDK asks for credentials even where the emulator needs none. A key is the kind it does not check. */
function overRest() {
  const isEmulated = process.env['FIRESTORE_EMULATOR_HOST'] !== undefined;
  return { preferRest: true, ...(isEmulated ? { apiKey: 'emulator' } : {}) };
}

/**
 * Settings of the SDK's transport (gax): no wait for one answer takes all the time that a call has, and a commit is not
 * repeated there, as attempts are repeated here.
 */
function timeLimits(answerMsMax: number) {
  const method = {
    timeout_millis: answerMsMax,
    retry_codes_name: 'never',
    retry_params_name: 'default',
  };
  const methods = Object.fromEntries(methodsCalled.map((name) => [name, method]));
  return {
    interfaces: { 'google.firestore.v1.Firestore': { retry_codes: { never: [] }, methods } },
  };
}
