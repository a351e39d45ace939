// Several locations on one machine: the process tells of changes in each, and its commands go over all of them.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtemp, rm, unlink } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { serve } from '#functions/serve.ts';
import { objectPath } from '#shared/embedded/object-paths.ts';
import { startBerth } from '#test/support/berth.ts';
import { type Call, pushAll, pushBlob, sendAll, useRegistry } from '#test/support/calls.ts';
import { type PushEndpoint, startPushEndpoint } from '#test/support/inbox.ts';
import { type Content, imageManifest, randomBlob } from '#test/support/manifests.ts';
import { adminPassword } from '#test/support/registry.ts';

const main = join(import.meta.dirname, '../../infra/local/main.js');
const hosts = { 'us.registry.test': 'us', 'eu.registry.test:5000': 'eu' };
const setting = Object.entries(hosts)
  .map((one) => one.join('='))
  .join(',');
const at = (host: string, calls: readonly Call[]): Call[] =>
  calls.map((call) => ({ ...call, headers: { ...call.headers, host } }));

describe('a process with several locations', () => {
  const image = imageManifest();
  let dataDirectory: string;
  let endpoint: PushEndpoint;
  before(async () => {
    dataDirectory = await mkdtemp(join(tmpdir(), 'berth-locations-'));
    endpoint = await startPushEndpoint();
  });
  after(async () => {
    await endpoint.close();
    await rm(dataDirectory, { recursive: true });
  });

  const command = (name: string, ...parameters: string[]) =>
    spawnSync(process.execPath, [main, name, ...parameters], {
      env: { ...process.env, BERTH_DATA: dataDirectory, BERTH_HOSTS: setting },
      encoding: 'utf8',
    });
  const fileIn = (location: string, { digest }: Content) =>
    join(dataDirectory, 'blobs/objects', objectPath([location, 'kept', 'blobs', digest]));

  it('tells of changes in each, by the host that was asked', async () => {
    const berth = await startBerth({
      dataDirectory,
      environment: {
        BERTH_ADMIN_PASSWORD: adminPassword,
        BERTH_PUSH_ENDPOINTS: endpoint.url,
        BERTH_HOSTS: setting,
      },
    });
    try {
      assert.match(berth.output(), /^ {2}docker login us\.registry\.test -u admin$/m);
      for (const host of Object.keys(hosts)) {
        await sendAll(berth.url, at(host, pushAll('kept/app', image, 'v1')));
      }
      const told = Object.keys(hosts).map(
        (host) =>
          `{"action":"INSERT","digest":"${host}/kept/app@${image.digest}","tag":"${host}/kept/app:v1"}`,
      );
      await endpoint.inbox.until(({ deliveries }) => deliveries.length >= 2);
      assert.deepEqual(new Set(endpoint.inbox.firsts()), new Set(told));
    } finally {
      await berth.stop();
    }
  });

  it('has all of them verified, and is told where something is damaged', async () => {
    const whole = command('verify');
    assert.match(whole.stdout, /^4 blobs of \d+ bytes, 2 manifests, 2 tags verified; all whole\n$/);
    assert.equal(whole.status, 0);
    const [blob] = image.blobs;
    await unlink(fileIn('eu', blob ?? assert.fail()));
    const { status, stdout } = command('verify');
    assert.equal(status, 1);
    assert.match(stdout, /\(pulls of kept\/app in eu\)\n/);
    assert.doesNotMatch(stdout, / in us\)/);
  });

  it('has all of them collected', () => {
    const { status, stdout } = command('collect');
    assert.equal(stdout, '0 reviewed, 0 blobs deleted, 0 bytes freed\n');
    assert.equal(status, 0);
  });
});

describe('the collector', () => {
  const registry = useRegistry({ hosts });

  it('goes over all locations, whatever host the schedule calls', async () => {
    const { services, clock, url } = registry();
    for (const host of Object.keys(hosts)) {
      await sendAll(url, at(host, [pushBlob('collected/app', randomBlob(host.length))]));
    }
    const server = createServer(serve(services, { functions: ['collector'] }));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const collect = async () => {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' });
      assert.equal(answer.status, 200);
      return answer.json();
    };
    try {
      const nothing = { reviewed: 0, blobs: 0, bytes: 0, lagSeconds: 0, failed: 0 };
      assert.deepEqual(await collect(), { us: nothing, eu: nothing, mirrors: nothing });
      // The leases are over, and then the grace.
      clock.advance(25 * 60 * 60 * 1000);
      const reviewed = { ...nothing, reviewed: 1 };
      assert.deepEqual(await collect(), { us: reviewed, eu: reviewed, mirrors: nothing });
      clock.advance(25 * 60 * 60 * 1000);
      await collect();
      clock.advance(25 * 60 * 60 * 1000);
      assert.deepEqual(await collect(), {
        us: { ...reviewed, blobs: 1, bytes: 'us.registry.test'.length },
        eu: { ...reviewed, blobs: 1, bytes: 'eu.registry.test:5000'.length },
        mirrors: nothing,
      });
    } finally {
      server.close();
    }
  });
});
