// The documents' contract on Firestore, through Google's SDK, and what is Firestore's own. With BERTH_TEST_PROJECT set,
// the contract is run on that project's real database too, in a location of its own, which is removed in the end.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Firestore } from '@google-cloud/firestore';
import {
  type FirestoreDocuments,
  openFirestoreDocuments,
} from '#shared/google/firestore-documents.ts';
import type { Key } from '#shared/ports/documents.ts';
import type { Operation } from '#shared/ports/meter.ts';
import { fakeClock } from '#test/support/clock.ts';
import { startEmulator } from '#test/support/emulators.ts';
import { documentsContract } from './documents.ts';

const start = Date.parse('2026-11-24T12:00:00Z');
/** How fast the machine is shall not decide what passes. */
const patienceMs = 120_000;
const realProject = process.env['BERTH_TEST_PROJECT'];
const { skip } =
  realProject === undefined
    ? await startEmulator('firestore')
    : { skip: 'a real project is tested' };
if (realProject !== undefined) {
  // What leads to the emulator when other files are run in the same run.
  delete process.env['FIRESTORE_EMULATOR_HOST'];
  delete process.env['METADATA_SERVER_DETECTION'];
}

for (const transport of ['grpc', 'rest'] as const) {
  const projectId = realProject ?? 'contract';
  const location = `contract-${randomUUID()}`;
  documentsContract(
    `Firestore over ${transport}`,
    async () => {
      const clock = fakeClock(start);
      const documents = openFirestoreDocuments({ projectId, clock, transport, patienceMs });
      return {
        documents,
        clock,
        close: async () => {
          await documents.close();
          if (realProject !== undefined) await removeLocation(realProject, location);
        },
      };
    },
    { location, skip: realProject === undefined && skip },
  );
}

async function removeLocation(projectId: string, location: string): Promise<void> {
  const firestore = new Firestore({ projectId });
  await firestore.recursiveDelete(firestore.collection(location));
  await firestore.terminate();
}

describe('Firestore documents', { skip }, () => {
  const clock = fakeClock(start);
  let counted: Partial<Record<Operation, number>> = {};
  let documents: FirestoreDocuments;
  before(() => {
    documents = openFirestoreDocuments({
      projectId: 'own',
      clock,
      patienceMs,
      meter: (operation, times = 1) => {
        counted[operation] = (counted[operation] ?? 0) + times;
      },
    });
  });
  after(() => documents.close());

  const place = (): Key => ['l', `p-${randomUUID()}`, 'kind'];
  const put = (keys: readonly Key[]) =>
    documents.transact(async (transaction) => {
      for (const key of keys) transaction.set(key, {});
    });
  /** What a call costs. */
  const cost = async (call: () => Promise<unknown>) => {
    counted = {};
    await call();
    return counted;
  };

  it('count what is read and written, and each attempt to commit', async () => {
    const at = place();
    const keys = ['a', 'b', 'c'].map((name) => [...at, name]);
    const [a = [], b = [], c = []] = keys;
    assert.deepEqual(await cost(() => put(keys)), { documentWrite: 3, transaction: 1 });
    const one = { documentCall: 1, documentRead: 1 };
    assert.deepEqual(await cost(() => documents.get(a)), one);
    assert.deepEqual(await cost(() => documents.get([...at, 'none'])), one);
    const list = (limit: number) => cost(() => documents.list({ prefix: at, limit }));
    assert.deepEqual(await list(2), { documentCall: 1, documentRead: 2 });
    assert.deepEqual(await list(Number.MAX_SAFE_INTEGER), { documentCall: 1, documentRead: 3 });
    const named = await cost(() => documents.names({ prefix: place(), limit: 100 }));
    assert.deepEqual(named, one);
    const all = () =>
      documents.transact(async (transaction) => {
        await transaction.getAll([a, b]);
        transaction.delete(a);
        transaction.create([...at, 'd'], {});
      });
    const once = { documentRead: 2, documentWrite: 1, documentDelete: 1, transaction: 1 };
    assert.deepEqual(await cost(all), { ...once, documentCall: 1 });
    // The second attempt reads what it creates, and does not commit.
    const exists = () =>
      assert.rejects(documents.transact(async (transaction) => transaction.create(c, {})));
    assert.deepEqual(await cost(exists), { ...one, documentWrite: 1, transaction: 1 });
  });

  it('are read in one call by a transaction that asks for several at once', async () => {
    const at = place();
    const [a = [], b = [], c = [], none = []] = ['a', 'b', 'c', 'none'].map((id) => [...at, id]);
    await put([a, b, c]);
    const found = await cost(() =>
      documents.transact(async (transaction) => {
        const asked = [transaction.get(c), transaction.getAll([b, none]), transaction.get(a)];
        const keys = (await Promise.all(asked)).flat().map((document) => document?.key);
        assert.deepEqual(keys, [c, b, undefined, a]);
        await transaction.get(b);
      }),
    );
    assert.deepEqual(found, { documentCall: 2, documentRead: 5, transaction: 1 });
  });

  it('are read in parts where there are many', async () => {
    const at = place();
    const names = Array.from({ length: 2500 }, (_, n) => String(n).padStart(4, '0'));
    await put(names.map((name) => [...at, name]));
    const limit = Number.MAX_SAFE_INTEGER;
    const listed = await documents.list({ prefix: at, limit });
    assert.deepEqual(
      listed.map(({ key }) => key.at(-1)),
      names,
    );
    assert.equal((await documents.list({ prefix: at, limit: 2001 })).length, 2001);
  });

  it('fail in bounded time where nobody answers, over either transport', async () => {
    const server = createServer().listen(0, '127.0.0.1');
    await once(server, 'listening');
    const address = server.address();
    assert.ok(address !== null && typeof address === 'object');
    try {
      const program = fileURLToPath(import.meta.resolve('./deaf-endpoint.ts'));
      const { stdout } = await promisify(execFile)(process.execPath, [program], {
        env: { ...process.env, FIRESTORE_EMULATOR_HOST: `127.0.0.1:${address.port}` },
      });
      const calls = ['get', 'list', 'names', 'transact', 'transact without a read'];
      const tooLate = 'Firestore took longer than 300 ms';
      const expected = ['grpc', 'rest'].flatMap((transport) =>
        calls.map((call) => `${transport} ${call}: ${tooLate}`),
      );
      // Where an attempt had failed by then, it follows with what.
      const told = stdout
        .trim()
        .split('\n')
        .map((line) => line.replace(/(?<= 300 ms): .*$/, ''));
      assert.deepEqual(new Set(told), new Set(expected));
    } finally {
      server.close();
    }
  });
});
