// The sweep's turns: a repository that can never be relayed keeps no other from its turn. And what it tells of how long
// changes wait.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import fc from 'fast-check';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { digestOf } from '#shared/oci/digest.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import type { Events } from '#shared/ports/events.ts';
import { relayKey, repositoryAt } from '#shared/registry/layout.ts';
import { tell } from '#shared/registry/outbox.ts';
import { write } from '#shared/registry/records.ts';
import { relayRepository } from '#shared/registry/relay.ts';
import { type Swept, sweepOutbox } from '#shared/registry/sweep.ts';
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

describe('how long changes wait, a sweep tells of', () => {
  const seconds = 1000;
  const start = Date.parse('2026-11-24T12:00:00Z');
  const clock = fakeClock(start);
  let directory: string;
  let documents: ReturnType<typeof openSqliteDocuments>;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-waiting-'));
    const file = join(directory, 'documents.sqlite');
    documents = openSqliteDocuments({ file, clock, durable: false });
  });
  after(async () => {
    documents.close();
    await rm(directory, { recursive: true });
  });

  /** One change of each of these, one after another, a second apart; a minute later it is swept. */
  async function swept(
    location: string,
    names: readonly string[],
    options: { readonly atOnce?: number; readonly fails?: (key: string) => boolean } = {},
  ): Promise<Swept> {
    for (const text of names) {
      const name = parseRepositoryName(text) ?? assert.fail();
      const cause = { by: 'test', host: 'registry.example', now: clock.now() };
      await documents.transact(async (transaction) => {
        tell(transaction, repositoryAt(location, name), [{ action: 'INSERT', digest }], cause);
      });
      clock.advance(1 * seconds);
    }
    clock.advance(60 * seconds - names.length * seconds);
    const events: Events = {
      publish: async (_, key) => {
        if (options.fails?.(key) === true) throw new Error('never taken');
      },
    };
    return sweepOutbox({ documents, clock, events }, location, options.atOnce);
  }

  it('the oldest that failed, and nothing of what was published', async () => {
    const fails = (key: string) => !key.endsWith('/first');
    const names = ['waiting/first', 'waiting/second', 'waiting/third'];
    assert.equal((await swept('fails', names, { fails })).oldestPendingSeconds, 59);
    assert.equal((await swept('fails', [])).oldestPendingSeconds, 0);
  });

  it('those that another relay is at', async () => {
    const name = parseRepositoryName('waiting/held') ?? assert.fail();
    await documents.transact(async (transaction) => {
      const until = clock.now() + 61 * seconds;
      write(transaction, relayKey(repositoryAt('held', name)), { owner: 'another', until });
    });
    const { published, oldestPendingSeconds } = await swept('held', ['waiting/held']);
    assert.deepEqual(
      { published, oldestPendingSeconds },
      { published: 0, oldestPendingSeconds: 60 },
    );
  });

  it('those that it did not come to: as long as the longest of those that it took up', async () => {
    const names = ['waiting/a', 'waiting/b', 'waiting/c'];
    const first = await swept('enough', names, { atOnce: 2 });
    assert.deepEqual([first.more, first.published], [true, 2]);
    assert.ok(first.oldestPendingSeconds >= 58);
    const second = await swept('enough', [], { atOnce: 2 });
    assert.deepEqual([second.more, second.oldestPendingSeconds], [false, 0]);
  });

  it('what a repository has beyond one run of its relay', async () => {
    const name = parseRepositoryName('waiting/many') ?? assert.fail();
    const cause = { by: 'test', host: 'registry.example', now: clock.now() };
    const changes = Array.from({ length: 3 }, () => ({ action: 'INSERT', digest }) as const);
    await documents.transact(async (transaction) => {
      tell(transaction, repositoryAt('many', name), changes, cause);
    });
    clock.advance(30 * seconds);
    const events: Events = { publish: async () => {} };
    const services = { documents, clock, events };
    const relay = () =>
      relayRepository(services, repositoryAt('many', name), { batchMax: 2, batchesMax: 1 });
    assert.deepEqual(await relay(), { published: 2, more: true, oldestAt: cause.now });
    assert.equal((await sweepOutbox(services, 'many')).oldestPendingSeconds, 0);
  });
});
