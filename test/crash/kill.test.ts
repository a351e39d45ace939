// Nothing that was acknowledged is lost, and nothing half-done is seen, whenever the registry is killed. The real
// process, real files, real clients; the moments are drawn by a seed, which a failure tells.
// BERTH_CRASH_ROUNDS=500 BERTH_CRASH_SEED=… node --test test/crash/kill.test.ts looks longer, or again.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { unlessInstalled } from '#test/clients/client.ts';
import { phases } from './killer.ts';
import { Rounds } from './rounds.ts';

const rounds = Number(process.env['BERTH_CRASH_ROUNDS'] ?? 50);
const seed = process.env['BERTH_CRASH_SEED'] ?? randomBytes(4).toString('hex');

describe('a registry that is killed', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-crash-'));
  });
  after(() => rm(directory, { recursive: true }));

  it(`keeps what it acknowledged and shows nothing by half, in ${rounds} rounds`, async (test) => {
    const skopeo = unlessInstalled('skopeo') === false;
    const played = await new Rounds({ directory, seed, rounds, skopeo }).play().catch((error) => {
      throw new Error(`BERTH_CRASH_SEED=${seed}: ${String(error)}`, { cause: error });
    });
    const count = (wanted: string) => played.fates.filter(({ became }) => became === wanted).length;
    test.diagnostic(
      `seed ${seed}: ${played.hits} of ${rounds} kills met requests in flight, ${count('done')} of which were done, ${count('undone')} were not, ${count('unclear')} do not tell; ${played.done} jobs done, ${played.things} things in the ledger, ${played.strays} stray parts`,
    );
    assert.ok(played.hits > rounds / 2, `only ${played.hits} kills met a request in flight`);
    if (rounds < 50) return;
    assert.deepEqual(played.met, new Set(phases), 'each phase was met by a kill');
    assert.ok(
      count('done') > 0,
      'no request had been done that the registry did not live to answer',
    );
    assert.ok(count('undone') > 0, 'no request was cut short');
  });
});
