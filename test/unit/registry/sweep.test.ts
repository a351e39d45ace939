// The sweep's turns: a repository that can never be relayed keeps no other from its turn.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { it } from 'node:test';
import fc from 'fast-check';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { digestOf } from '#shared/oci/digest.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import type { Events } from '#shared/ports/events.ts';
import { repositoryAt } from '#shared/registry/layout.ts';
import { tell } from '#shared/registry/outbox.ts';
import { sweepOutbox } from '#shared/registry/sweep.ts';
import { fakeClock } from '#test/support/clock.ts';

const digest = digestOf(Buffer.from('an image'));

it('a sweep takes up so many repositories, and the next ones the others, whatever fails', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'berth-sweep-'));
  const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
  const file = join(directory, 'documents.sqlite');
  const documents = openSqliteDocuments({ file, clock, durable: false });
  let location = 0;
  try {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 1, max: 20 }),
        fc.integer({ min: 1, max: 6 }),
        fc.func(fc.boolean()),
        async (count, atOnce, fails) => {
          location += 1;
          const names = Array.from({ length: count }, (_, at) => `swept/${at}`);
          const change = { action: 'INSERT', digest } as const;
          const cause = { by: 'test', host: 'registry.example', now: clock.now() };
          await documents.transact(async (transaction) => {
            for (const text of names) {
              const name = parseRepositoryName(text) ?? assert.fail();
              tell(transaction, repositoryAt(`l${location}`, name), [change], cause);
            }
          });
          const published = new Set<string>();
          const events: Events = {
            publish: async (_, key) => {
              if (fails(key)) throw new Error('never taken');
              published.add(key);
            },
          };
          // Once around: each sweep takes up so many, and none twice.
          for (let sweeps = 0; sweeps < Math.ceil(count / atOnce); sweeps += 1) {
            await sweepOutbox({ documents, clock, events }, `l${location}`, atOnce);
          }
          const keys = names.map((name) => `l${location}/${name}`);
          assert.deepEqual(
            keys.filter((key) => published.has(key)),
            keys.filter((key) => !fails(key)),
          );
        },
      ),
      { numRuns: 50 },
    );
  } finally {
    documents.close();
    await rm(directory, { recursive: true });
  }
});
