// Faults between any two operations of Google's stores: Firestore and Pub/Sub by Google's emulators, Cloud Storage by
// our stand-in. BERTH_FAULT_SEED plays a seed again, and BERTH_FAULT_SEEDS says how many are played.

import { openCloudStorageBlobs } from '#shared/google/cloud-storage-blobs.ts';
import { openFirestoreDocuments } from '#shared/google/firestore-documents.ts';
import { openPubSubEvents } from '#shared/google/pubsub-events.ts';
import { fakeClock } from '#test/support/clock.ts';
import { startCloudStorage } from '#test/support/cloud-storage/server.ts';
import { startEmulator } from '#test/support/emulators.ts';
import { Inbox } from '#test/support/inbox.ts';
import { openTopic } from '#test/support/topic.ts';
import type { Stores } from './rig.ts';
import { testFaults } from './suite.ts';

const seed = process.env['BERTH_FAULT_SEED'];
const emulators = [await startEmulator('firestore'), await startEmulator('pubsub')];

testFaults('faults of Google’s stores', {
  open,
  firstSeed: Number(seed ?? 1),
  seeds: Number(process.env['BERTH_FAULT_SEEDS'] ?? (seed === undefined ? 30 : 1)),
  isThorough: false,
  skip: emulators.find(({ skip }) => skip !== false)?.skip ?? false,
});

const signing = { kind: 'hmac', accessId: 'GOOG1FAULTS', secret: 'of the faults' } as const;

async function open(): Promise<Stores> {
  const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
  const inbox = new Inbox();
  const { projectId, topic, close } = await openTopic([inbox]);
  const keys = { hmac: { [signing.accessId]: signing.secret } };
  const storage = await startCloudStorage({ clock, keys });
  const documents = openFirestoreDocuments({ projectId, clock });
  const events = openPubSubEvents({ projectId });
  const bucketsOf = (location: string) => ({
    blobs: `${location}-blobs`,
    staging: `${location}-staging`,
  });
  return {
    documents,
    events,
    topic,
    inbox,
    clock,
    blobs: openCloudStorageBlobs({
      buckets: bucketsOf,
      signing,
      clock,
      apiEndpoint: storage.url,
    }),
    prepare: async (location) => {
      for (const name of Object.values(bucketsOf(location))) {
        const url = `${storage.url}/storage/v1/b?project=${projectId}`;
        const headers = { 'Content-Type': 'application/json' };
        const body = JSON.stringify({ name });
        const { ok, status } = await fetch(url, { method: 'POST', headers, body });
        if (!ok) throw new Error(`the bucket ${name} was not made: ${status}`);
      }
    },
    close: async () => {
      await documents.close();
      await events.close();
      await close();
      await storage.close();
    },
  };
}
