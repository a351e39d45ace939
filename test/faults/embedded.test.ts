// Faults between any two operations of the embedded stores. A seed that fails is printed with all that happened;
// BERTH_FAULT_SEED plays it again, and BERTH_FAULT_SEEDS says how many are played.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFileBlobs } from '#shared/embedded/file-blobs.ts';
import { openPushEvents } from '#shared/embedded/push-events.ts';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { fakeClock } from '#test/support/clock.ts';
import { startPushEndpoint } from '#test/support/inbox.ts';
import type { Stores } from './rig.ts';
import { testFaults } from './suite.ts';

const seed = process.env['BERTH_FAULT_SEED'];

testFaults('faults of the embedded stores', {
  open,
  firstSeed: Number(seed ?? 1),
  seeds: Number(process.env['BERTH_FAULT_SEEDS'] ?? (seed === undefined ? 1000 : 1)),
  isThorough: seed === undefined,
});

const topic = 'gcr';

async function open(): Promise<Stores> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-faults-'));
  const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
  const file = join(directory, 'documents.sqlite');
  const documents = openSqliteDocuments({ file, clock, durable: false });
  const blobs = await openFileBlobs({ directory: join(directory, 'blobs'), durable: false });
  const { inbox, url, close } = await startPushEndpoint();
  const events = openPushEvents({ documents, clock, subscriptions: [{ topic, endpoint: url }] });
  return {
    documents,
    blobs,
    clock,
    events,
    topic,
    inbox,
    prepare: async () => undefined,
    close: async () => {
      await events.close();
      await close();
      documents.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
