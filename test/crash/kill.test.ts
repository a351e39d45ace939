// Nothing that was acknowledged is lost, and nothing half-done is seen, whenever the registry is killed. The real
// process, real files, real clients; the moments are drawn by a seed, which a failure tells.
// BERTH_CRASH_ROUNDS=500 BERTH_CRASH_SEED=… node --test test/crash/kill.test.ts looks longer, or again.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RealClient, realClients } from './real-clients.ts';
import { type Played, phasesWith, Rounds } from './rounds.ts';

const rounds = Number(process.env['BERTH_CRASH_ROUNDS'] ?? 50);
const seed = process.env['BERTH_CRASH_SEED'] ?? randomBytes(4).toString('hex');

describe('a registry that is killed', () => {
  let directory: string;
  let played: Played | undefined;
  const clients: RealClient[] = [];
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-crash-'));
    for (const { phase, skip, start } of realClients) {
      if (skip === false) clients.push(await start(join(directory, phase.replace(' ', '-'))));
    }
  });
  after(async () => {
    for (const client of clients) await client.stop();
    await rm(directory, { recursive: true });
  });

  it(`keeps what it acknowledged and shows nothing by half, in ${rounds} rounds`, async (test) => {
    played = await new Rounds({ directory, seed, rounds, clients }).play().catch((error) => {
      throw new Error(`BERTH_CRASH_SEED=${seed}: ${String(error)}`, { cause: error });
    });
    const { fates, hits, done, things, strays, met } = played;
    const count = (wanted: string) => fates.filter(({ became }) => became === wanted).length;
    test.diagnostic(
      `seed ${seed}: ${hits} of ${rounds} kills met requests in flight, ${count('done')} of which were done, ${count('undone')} were not, ${count('unclear')} do not tell; ${done} jobs done, ${things} things in the ledger, ${strays} stray parts`,
    );
    assert.ok(hits > rounds / 2, `only ${hits} kills met a request in flight`);
    if (rounds < 50) return;
    assert.deepEqual(met, new Set(phasesWith(clients)), 'each phase was met by a kill');
    assert.ok(
      count('done') > 0,
      'no request had been done that the registry did not live to answer',
    );
    assert.ok(count('undone') > 0, 'no request was cut short');
  });

  for (const { phase, skip } of realClients) {
    it(`was killed in the midst of a ${phase}`, { skip }, (test) => {
      const cut = played?.cut.get(phase) ?? 0;
      test.diagnostic(`${cut} times`);
      if (rounds >= 50) assert.ok(cut > 0);
    });
  }
});
