// A mirror as it is run: killed in the midst of a blob, and, on Google's services, twice over one store.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { after, before, describe, it } from 'node:test';
import { isOnGoogle } from '#test/support/backend.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { freePort } from '#test/support/free-port.ts';
import { imageManifest, randomBlob } from '#test/support/manifests.ts';
import { pulling } from './mirrors.ts';
import { type FaultyUpstream, startUpstream } from './upstream.ts';

const megabyte = 1024 * 1024;

describe('a mirror that runs', () => {
  let upstream: FaultyUpstream;
  let port: number;
  let berth: RunningBerth;

  const start = async (dataDirectory?: string) =>
    startBerth({
      environment: { PORT: String(port), BERTH_MIRRORS: `mirror.test=${upstream.url.origin}` },
      ...(dataDirectory === undefined ? {} : { dataDirectory }),
    });

  before(async () => {
    upstream = await startUpstream();
    port = await freePort('127.0.0.1');
    berth = await start();
  });

  after(async () => {
    await berth?.remove();
    await upstream?.close();
  });

  /** Pulls as clients do: where the bytes lie elsewhere, from there. */
  const pull = async (url: string, path: string) => {
    const answer = await pulling(url).pull(path);
    const { location } = answer.headers;
    if (answer.status !== 307 || location === undefined) return answer;
    const there = await fetch(location);
    return { ...answer, status: there.status, body: Buffer.from(await there.arrayBuffer()) };
  };
  const pushed = async (size: number) => {
    const image = imageManifest({ layers: [randomBlob(size)] });
    await upstream.push('team/image', image, 'v1');
    const [, layer = assert.fail()] = image.blobs;
    return { image, layer, path: `/v2/team/image/blobs/${layer.digest}` };
  };

  it('gives an image, and again when the upstream is dead', async () => {
    const { image, layer, path } = await pushed(3 * megabyte);
    for (const isDead of [false, true]) {
      if (isDead) await upstream.die();
      const { body } = await pull(berth.url, '/v2/team/image/manifests/v1');
      assert.deepEqual(body, image.bytes);
      assert.deepEqual((await pull(berth.url, path)).body, layer.bytes);
      while (!berth.output().includes('"stored":true'))
        await once(berth.process.stderr ?? process, 'data');
    }
    await upstream.live();
  });

  it('that is killed in the midst of a blob shows nothing of it, and fetches it anew', async () => {
    const { layer, path } = await pushed(3 * megabyte);
    const { promise: never } = Promise.withResolvers<void>();
    upstream.fault = ({ path: asked }) =>
      asked.includes('/blobs/') ? { cut: 2 * megabyte, until: never } : undefined;
    const broken = await pulling(berth.url).begin(path);
    await once(broken, 'readable');
    broken.on('error', () => undefined);
    await berth.kill();
    upstream.fault = () => undefined;
    berth = await start(berth.dataDirectory);
    const pulled = await pull(berth.url, path);
    assert.equal(pulled.status, 200);
    assert.deepEqual(pulled.body, layer.bytes);
  });

  it('twice over one store, stores one copy', { skip: !isOnGoogle() }, async () => {
    const { layer, path } = await pushed(3 * megabyte);
    const first = port;
    port = await freePort('127.0.0.1');
    const other = await start(berth.dataDirectory);
    try {
      const urls = [`http://127.0.0.1:${first}`, other.url];
      const pulls = urls.flatMap((url) => Array.from({ length: 5 }, () => pull(url, path)));
      for (const { body } of await Promise.all(pulls)) assert.deepEqual(body, layer.bytes);
      assert.equal(upstream.count('GET', new RegExp(layer.digest)), 1);
    } finally {
      await other.stop();
    }
  });
});
