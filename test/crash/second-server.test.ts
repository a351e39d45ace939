// One data directory, one process: what comes second refuses, and leaves the first alone.

import assert from 'node:assert/strict';
import { mkdtemp, rm, symlink } from 'node:fs/promises';
import { request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { imageManifest, randomBlob } from '#test/support/manifests.ts';
import { ask, openUpload, pullImage, pushImage } from './asking.ts';
import { runCommand } from './commands.ts';
import { temporariesIn } from './leftovers.ts';

const name = 'demo/second';

describe('a data directory that is in use', () => {
  let directory: string;
  let dataDirectory: string;
  let berth: RunningBerth;
  const image = imageManifest();

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-second-'));
    dataDirectory = join(directory, 'data');
    berth = await startBerth({ dataDirectory });
    await pushImage(berth, name, image, 'v1');
  });
  after(async () => {
    await berth.kill();
    await rm(directory, { recursive: true });
  });

  for (const command of ['start', 'collect'] as const) {
    it(`is refused to a second ${command}, which names it, and the first goes on`, async () => {
      const blob = randomBlob(2_000_000);
      const location = await openUpload(berth, name);
      const sent = request(new URL(`${location}&digest=${blob.digest}`, berth.url), {
        method: 'PUT',
        headers: {
          authorization: `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`,
          'content-length': blob.bytes.length,
        },
      });
      const status = new Promise((resolve, reject) => {
        sent.on('response', ({ statusCode }) => resolve(statusCode));
        sent.on('error', reject);
      });
      // More than the registry gathers before it begins a file: a second one could sweep that away.
      await new Promise((resolve) => sent.write(blob.bytes.subarray(0, 1_500_000), resolve));
      while ((await temporariesIn(dataDirectory)).length === 0);
      const { code, stdout, stderr } = await runCommand(command, dataDirectory);
      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.equal(
        stderr,
        `berth: the data directory ${dataDirectory} is in use by another process\n`,
      );
      sent.end(blob.bytes.subarray(1_500_000));
      assert.equal(await status, 201);
      const path = `/v2/${name}/blobs/${blob.digest}`;
      assert.ok((await ask(berth, { method: 'GET', path })).body.equals(blob.bytes));
    });
  }

  it('is refused under another name of it, too', async () => {
    const alias = join(directory, 'alias');
    await symlink(dataDirectory, alias);
    const { code, stderr } = await runCommand('start', alias);
    assert.deepEqual(
      [code, stderr],
      [1, `berth: the data directory ${alias} is in use by another process\n`],
    );
  });

  it('is free at once after kill -9, for a collector and for a server', async () => {
    await berth.kill();
    const { code, stderr } = await runCommand('collect', dataDirectory);
    assert.deepEqual([code, stderr], [0, '']);
    for (let times = 0; times < 3; times += 1) {
      berth = await startBerth({ dataDirectory });
      await pullImage(berth, name, image, 'v1');
      await berth.kill();
    }
    berth = await startBerth({ dataDirectory });
    await pullImage(berth, name, image, 'v1');
  });
});
