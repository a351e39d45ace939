// The function `keys` as it is deployed: by the framework's own command line, asked by a schedule, beside a stand-in for Google.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { openSecretManager } from '#shared/google/secret-manager.ts';
import { fakeClock } from '#test/support/clock.ts';
import { endsWithTests } from '#test/support/ends-with-tests.ts';
import { freePort } from '#test/support/free-port.ts';
import { urlAccount } from '#test/support/key-vault/ports.ts';
import { type KeyVaultServer, projectId, startKeyVault } from '#test/support/key-vault/server.ts';
import { Vault } from '#test/support/key-vault/vault.ts';

const root = join(import.meta.dirname, '../..');
const program = join(root, 'node_modules/.bin/functions-framework');

describe('the function keys', () => {
  // Of long ago, so that what was made then is old to the function.
  const clock = fakeClock(Date.now() - 91 * 24 * 60 * 60 * 1000);
  let server: KeyVaultServer;
  let child: ChildProcess;
  let url: string;
  let printed = '';

  before(async () => {
    server = await startKeyVault(new Vault(clock));
    const port = await freePort('127.0.0.1');
    url = `http://127.0.0.1:${port}`;
    child = spawn(process.execPath, [program, '--target=keys', `--source=${root}`], {
      env: {
        PATH: process.env['PATH'],
        GOOGLE_CLOUD_PROJECT: projectId,
        BERTH_URL_ACCOUNT: urlAccount,
        BERTH_GOOGLE_STAND_IN: server.url,
        NODE_ENV: 'production',
        PORT: String(port),
      },
      stdio: ['ignore', 'pipe', 'pipe'],
    });
    endsWithTests(child, 'SIGKILL');
    for (const stream of [child.stdout, child.stderr]) {
      stream?.on('data', (bytes) => {
        printed += bytes;
      });
    }
    while ((await fetch(url).catch(() => undefined)) === undefined) {
      if (child.exitCode !== null) throw new Error(printed);
      await sleep(20);
    }
  });
  after(async () => {
    child.kill('SIGKILL');
    await server.close();
  });

  const rotate = async () => {
    const answer = await fetch(url, { method: 'POST' });
    return { status: answer.status, done: (await answer.json()) as Record<string, string> };
  };
  /** What is logged may be on its way still. */
  const untilPrinted = async (wanted: RegExp) => {
    while (!wanted.test(printed)) await once(child.stderr ?? assert.fail(), 'data');
  };
  const all = (outcome: string) => ({ tokens: outcome, uploads: outcome, urls: outcome });

  it('makes the keys, rotates them when they are old, and does nothing when it is asked again', async () => {
    assert.deepEqual(await rotate(), { status: 200, done: all('made') });
    // What was added just now was made long ago, by the stand-in's clock.
    assert.deepEqual(await rotate(), { status: 200, done: all('rotated') });
    clock.advance(91 * 24 * 60 * 60 * 1000);
    assert.deepEqual(await rotate(), { status: 200, done: all('rotated') });
    assert.deepEqual(await rotate(), { status: 200, done: all('unchanged') });
    await untilPrinted(
      /"severity":"NOTICE".*"keys were changed","keys":"tokens","outcome":"rotated"/,
    );
  });

  it('answers 500 where something failed, has the rest done, and tells no secret', async () => {
    server.denied.add('hmacKeys.list');
    const { status, done } = await rotate();
    assert.equal(status, 500);
    assert.deepEqual(done, { tokens: 'unchanged', uploads: 'unchanged', urls: 'failed' });
    server.denied.clear();
    await untilPrinted(
      /"severity":"ERROR".*"keys were not looked after","keys":"urls","error":"StorageFailure: Cloud Storage answered 403/,
    );
    const secrets = openSecretManager({ projectId, standIn: server.url, clock });
    for (const name of ['token-key', 'token-next-key', 'state-keys', 'url-key', 'url-next-key']) {
      const { text } = (await secrets.newest(name)) ?? assert.fail();
      for (const secret of text.match(/[\w+/=-]{24,}/g) ?? []) assert.ok(!printed.includes(secret));
    }
  });

  it('answers nothing else', async () => {
    for (const [method, path, status] of [
      ['GET', '/', 405],
      ['POST', '/rotate', 404],
      ['GET', '/v2/', 404],
    ] as const) {
      assert.equal((await fetch(`${url}${path}`, { method })).status, status, `${method} ${path}`);
    }
  });
});
