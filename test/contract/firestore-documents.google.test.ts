// The documents' contract on Firestore, through Google's SDK.

import { openFirestoreDocuments } from '#shared/google/firestore-documents.ts';
import { fakeClock } from '#test/support/clock.ts';
import { startEmulator } from '#test/support/emulators.ts';
import { documentsContract } from './documents.ts';

const start = Date.parse('2026-11-24T12:00:00Z');
const { skip } = await startEmulator('firestore');

for (const transport of ['grpc', 'rest'] as const) {
  documentsContract(
    `Firestore over ${transport}`,
    async () => {
      const clock = fakeClock(start);
      const documents = openFirestoreDocuments({ projectId: 'contract', clock, transport });
      return { documents, clock, close: () => documents.close() };
    },
    { skip },
  );
}
