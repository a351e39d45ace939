// Documents in a directory of their own, with a clock that the test moves: for rules that need no server.

import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import type { Documents } from '#shared/ports/documents.ts';
import { type FakeClock, fakeClock } from './clock.ts';

/** Gone with the test. */
export async function newStore(
  t: TestContext,
): Promise<{ documents: Documents; clock: FakeClock }> {
  const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
  const directory = await mkdtemp(join(tmpdir(), 'berth-store-'));
  const file = join(directory, 'documents.sqlite');
  const documents = openSqliteDocuments({ file, clock, durable: false });
  t.after(async () => {
    documents.close();
    await rm(directory, { recursive: true });
  });
  return { documents, clock };
}
