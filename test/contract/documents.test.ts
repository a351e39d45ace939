// The documents' contract on SQLite, and what is the embedded store's own.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { describe, it } from 'node:test';
import { lockDirectory } from '#shared/embedded/lock.ts';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { fakeClock } from '#test/support/clock.ts';
import { documentsContract } from './documents.ts';

const start = Date.parse('2026-11-24T12:00:00Z');

documentsContract('SQLite', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'berth-documents-'));
  const clock = fakeClock(start);
  const documents = openSqliteDocuments({ file: join(directory, 'documents.sqlite'), clock });
  return {
    documents,
    clock,
    close: async () => {
      documents.close();
      await rm(directory, { recursive: true });
    },
  };
});

describe('SQLite documents', () => {
  const inDirectory = async (use: (directory: string) => Promise<void>) => {
    const directory = await mkdtemp(join(tmpdir(), 'berth-documents-'));
    try {
      await use(directory);
    } finally {
      await rm(directory, { recursive: true });
    }
  };

  it('are there when the store is opened again, and its commits go on rising though the clock went back', () =>
    inDirectory(async (directory) => {
      const file = join(directory, 'documents.sqlite');
      const first = openSqliteDocuments({ file, clock: fakeClock(start) });
      await first.transact(async (transaction) => transaction.set(['l', 'p', 'a'], { n: 1 }));
      const before = await first.get(['l', 'p', 'a']);
      first.close();
      const second = openSqliteDocuments({ file, clock: fakeClock(start - 60_000) });
      assert.deepEqual(await second.get(['l', 'p', 'a']), before);
      await second.transact(async (transaction) => transaction.set(['l', 'p', 'b'], {}));
      const after = await second.get(['l', 'p', 'b']);
      assert.ok((after?.committedAt ?? 0) > (before?.committedAt ?? 0));
      second.close();
    }));

  it('fail one by one though they are committed together', () =>
    inDirectory(async (directory) => {
      const documents = openSqliteDocuments({
        file: join(directory, 'documents.sqlite'),
        clock: fakeClock(start),
      });
      const failing = Array.from({ length: 3 }, (_, n) =>
        documents.transact(async (transaction) => {
          transaction.set(['l', 'p', `a${n}`], {});
          if (n === 1) throw new Error('only mine');
        }),
      );
      const settled = await Promise.allSettled(failing);
      assert.deepEqual(
        settled.map(({ status }) => status),
        ['fulfilled', 'rejected', 'fulfilled'],
      );
      assert.equal((await documents.list({ prefix: ['l', 'p'], limit: 10 })).length, 2);
      documents.close();
    }));

  it('share a COMMIT when they wait together, and show none of it before', () =>
    inDirectory(async (directory) => {
      const file = join(directory, 'documents.sqlite');
      const documents = openSqliteDocuments({ file, clock: fakeClock(start) });
      const logBytes = async () => (await stat(`${file}-wal`)).size;
      const key = ['l', 'p', 'a'];
      const before = await logBytes();
      await Promise.all(
        Array.from({ length: 100 }, (_, n) =>
          documents.transact(async (transaction) => {
            assert.equal((await transaction.get(key))?.value['n'], n === 0 ? undefined : n - 1);
            assert.equal(await documents.get(key), undefined);
            transaction.set(key, { n });
          }),
        ),
      );
      // Each COMMIT of its own would have written the document's page of 4 KiB once more.
      assert.ok((await logBytes()) - before < 10 * 4096);
      documents.close();
    }));

  it('are all rejected when their COMMIT fails, and the store goes on', () =>
    inDirectory(async (directory) => {
      const file = join(directory, 'documents.sqlite');
      const documents = openSqliteDocuments({ file, clock: fakeClock(start) });
      // A deferred foreign key is looked at by the COMMIT only.
      const saboteur = new DatabaseSync(file);
      saboteur.exec(`
        CREATE TABLE parent (id INTEGER PRIMARY KEY);
        CREATE TABLE child (id REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
        CREATE TRIGGER fail AFTER INSERT ON document BEGIN INSERT INTO child VALUES (1); END`);
      const put = (name: string) =>
        documents.transact(async (transaction) => transaction.set(['l', 'p', name], {}));
      const settled = await Promise.allSettled(['a', 'b', 'c'].map(put));
      assert.ok(settled.every(({ status }) => status === 'rejected'));
      saboteur.exec('DROP TRIGGER fail');
      saboteur.close();
      await put('d');
      const found = await documents.list({ prefix: ['l', 'p'], limit: 10 });
      assert.deepEqual(
        found.map(({ key }) => key),
        [['l', 'p', 'd']],
      );
      documents.close();
    }));

  it('refuse a transaction inside of a transaction, which would wait for itself', () =>
    inDirectory(async (directory) => {
      const file = join(directory, 'documents.sqlite');
      const documents = openSqliteDocuments({ file, clock: fakeClock(start) });
      await assert.rejects(documents.transact(() => documents.transact(async () => 1)));
      documents.close();
    }));

  it('remove what has expired from the file, in time', () =>
    inDirectory(async (directory) => {
      const clock = fakeClock(start);
      const documents = openSqliteDocuments({ file: join(directory, 'documents.sqlite'), clock });
      const put = (key: string, expiresAt?: number) =>
        documents.transact(async (transaction) =>
          transaction.set(['l', 'p', key], { key }, { expiresAt }),
        );
      await put('goes', start + 1);
      clock.advance(120_000);
      await put('stays');
      // The clock goes back: what had only been hidden would show again.
      clock.advance(-120_000);
      assert.equal(await documents.get(['l', 'p', 'goes']), undefined);
      documents.close();
    }));
});

describe('a data directory', () => {
  it('belongs to one process, until that process ends, however it does', async () => {
    const directory = await mkdtemp(join(tmpdir(), 'berth-lock-'));
    const lock = join(import.meta.dirname, '../../shared/embedded/lock.ts');
    const program = `import(${JSON.stringify(lock)}).then(({ lockDirectory }) => {
      lockDirectory(${JSON.stringify(directory)});
      console.log('locked');
      setInterval(() => {}, 1000);
    });`;
    const child = spawn(process.execPath, ['-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    await once(child.stdout, 'data');
    assert.throws(
      () => lockDirectory(directory),
      (error: Error) => error.message.includes(directory),
    );
    child.kill('SIGKILL');
    await once(child, 'exit');
    lockDirectory(directory).release();
    await rm(directory, { recursive: true });
  });
});
