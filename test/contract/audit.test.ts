// The audit list on the embedded documents.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { fakeClock } from '#test/support/clock.ts';
import { auditContract } from './audit.ts';

auditContract(
  'SQLite',
  async () => {
    const directory = await mkdtemp(join(tmpdir(), 'berth-audit-'));
    const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
    const file = join(directory, 'documents.sqlite');
    const documents = openSqliteDocuments({ file, clock, durable: false });
    return {
      documents,
      clock,
      close: async () => {
        documents.close();
        await rm(directory, { recursive: true });
      },
    };
  },
  { runs: 200 },
);
