// The stand-in for Cloud Storage as a process of its own, as whole systems have it.

import assert from 'node:assert/strict';
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { it } from 'node:test';
import { Storage } from '@google-cloud/storage';
import { endsWithTests } from '#test/support/ends-with-tests.ts';

const main = join(import.meta.dirname, '../support/cloud-storage/main.ts');

it('serves the SDK by STORAGE_EMULATOR_HOST, does as it is told, and ends', async (t) => {
  const child = fork(main, ['--bucket', 'the-blobs', '--location', 'eu'], { stdio: 'pipe' });
  endsWithTests(child, 'SIGKILL');
  t.after(() => child.kill('SIGKILL'));
  const [printed] = await once(child.stdout ?? child, 'data');
  const [, url] = /^cloud storage is ready on (http:\S+)\n$/.exec(String(printed)) ?? [];
  assert.ok(url);

  process.env['STORAGE_EMULATOR_HOST'] = url;
  t.after(() => {
    delete process.env['STORAGE_EMULATOR_HOST'];
  });
  const storage = new Storage({ projectId: 'a-project', retryOptions: { autoRetry: false } });
  const bucket = storage.bucket('the-blobs');
  assert.equal((await bucket.getMetadata())[0].location, 'EU');
  await bucket.file('a/name').save('bytes', { resumable: true });
  assert.equal((await bucket.file('a/name').download())[0].toString(), 'bytes');

  child.send({ failNext: { operation: 'objects.get', status: 503 }, resetRequests: true });
  assert.deepEqual(await once(child, 'message').then(([message]) => message), { counts: {} });
  await assert.rejects(bucket.file('a/name').getMetadata(), { code: 503 });

  child.kill('SIGTERM');
  assert.deepEqual(await once(child, 'exit'), [0, null]);
});
