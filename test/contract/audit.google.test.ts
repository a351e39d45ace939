// The audit list on Firestore.

import { openFirestoreDocuments } from '#shared/google/firestore-documents.ts';
import { fakeClock } from '#test/support/clock.ts';
import { startEmulator } from '#test/support/emulators.ts';
import { auditContract } from './audit.ts';

const { skip } = await startEmulator('firestore');

auditContract(
  'Firestore',
  async () => {
    const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
    const options = { projectId: 'audit', clock, patienceMs: 120_000 };
    const documents = openFirestoreDocuments(options);
    return { documents, clock, close: () => documents.close() };
  },
  { runs: 10, skip },
);
