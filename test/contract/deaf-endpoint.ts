// Makes every kind of call to a Firestore that takes connections and never answers (FIRESTORE_EMULATOR_HOST), and prints
// how each ends. A program of its own: what the SDK still waits for would keep the tests' process for a minute.

import { openFirestoreDocuments } from '#shared/google/firestore-documents.ts';
import { systemClock } from '#shared/ports/clock.ts';
import type { Documents, Key } from '#shared/ports/documents.ts';

const prefix: Key = ['l', 'p', 'k'];
const key: Key = [...prefix, 'a'];

const calls: Readonly<Record<string, (documents: Documents) => Promise<unknown>>> = {
  get: (documents) => documents.get(key),
  list: (documents) => documents.list({ prefix, limit: 1 }),
  names: (documents) => documents.names({ prefix, limit: 1 }),
  transact: (documents) => documents.transact((transaction) => transaction.get(key)),
  'transact without a read': (documents) =>
    documents.transact(async (transaction) => transaction.set(key, {})),
};

const outcomes = (['grpc', 'rest'] as const).flatMap((transport) => {
  const documents = openFirestoreDocuments({
    projectId: 'deaf',
    clock: systemClock,
    patienceMs: 300,
    transport,
  });
  return Object.entries(calls).map(async ([call, made]) => {
    const outcome = await made(documents).then(
      () => 'answered',
      (error: Error) => error.message,
    );
    return `${transport} ${call}: ${outcome}\n`;
  });
});
process.stdout.write((await Promise.all(outcomes)).join(''), () => process.exit());
