// Layers of any size: streamed both ways, in memory that does not grow with them.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { get, type IncomingMessage } from 'node:http';
import { describe, it } from 'node:test';
import { Connection } from '#test/bench/connection.ts';
import { Layer } from '#test/bench/contents.ts';
import { type LayerSequence, pushLayer } from '#test/bench/pushes.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';

const mebibyte = 1024 * 1024;

/** The size of the one layer, and of each of many at once, in MiB. More of them need more disk. */
const oneMiB = Number(process.env['BERTH_SIZE_ONE'] ?? 5 * 1024);
const eachMiB = Number(process.env['BERTH_SIZE_EACH'] ?? 512);

/** What the process may have at most, its start included: with the one layer, and with many. */
const [oneMiBMax, manyMiBMax] = [200, 400];

const basic = ({ password }: RunningBerth) =>
  `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;

/** The largest memory of the process so far, in MiB. */
async function peakMiB({ process: { pid } }: RunningBerth): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
}

/**
 * Starts a registry whose peak is counted from its readiness on: the start loads and compiles, which takes memory
 * once that serving does not, and no more than a large push may.
 */
async function startCounted(): Promise<RunningBerth> {
  const berth = await startBerth();
  const started = await peakMiB(berth);
  if (started < oneMiBMax) await writeFile(`/proc/${berth.process.pid}/clear_refs`, '5');
  else await berth.remove();
  assert.ok(started < oneMiBMax, `the start takes ${started} MiB`);
  return berth;
}

async function push(berth: RunningBerth, layer: Layer, sequence: LayerSequence): Promise<void> {
  const [host = '', port = ''] = berth.host.split(':');
  const connection = await Connection.open(host, Number(port));
  const authorization = `Authorization: ${basic(berth)}\r\n`;
  const target = { server: { host, port: Number(port) }, name: 'size/layers', authorization };
  await pushLayer(connection, target, layer, sequence);
  connection.close();
}

async function pull(berth: RunningBerth, layer: Layer, range?: string): Promise<IncomingMessage> {
  const url = `${berth.url}/v2/size/layers/blobs/${layer.digest}`;
  const headers = { authorization: basic(berth), ...(range === undefined ? {} : { range }) };
  const [answer] = await once(get(url, { headers, agent: false }), 'response');
  return answer;
}

/** Pulls all of it, the connection broken off in the middle and the rest asked for with a Range. */
async function pullBroken(berth: RunningBerth, layer: Layer): Promise<string> {
  const hash = createHash('sha256');
  let received = 0;
  const first = await pull(berth, layer);
  assert.equal(first.statusCode, 200);
  assert.equal(first.headers['content-length'], String(layer.size));
  for await (const bytes of first) {
    hash.update(bytes);
    received += bytes.length;
    if (received > layer.size * 0.4) break;
  }
  const rest = await pull(berth, layer, `bytes=${received}-`);
  assert.equal(rest.statusCode, 206);
  assert.equal(rest.headers['content-range'], `bytes ${received}-${layer.size - 1}/${layer.size}`);
  for await (const bytes of rest) hash.update(bytes);
  return `sha256:${hash.digest('hex')}`;
}

const unlessCounted = process.platform === 'linux' ? false : 'memory is read from /proc';

describe('layers of any size', { skip: unlessCounted }, () => {
  for (const [sequence, method] of [
    ['docker', 'PATCH'],
    ['containerd', 'PUT'],
  ] as const) {
    it(`a layer of ${oneMiB} MiB is pushed by ${method} and pulled with a Range in less than ${oneMiBMax} MiB`, async (t) => {
      const berth = await startCounted();
      try {
        const layer = new Layer(oneMiB * mebibyte);
        await push(berth, layer, sequence);
        const pushed = await peakMiB(berth);
        assert.equal(await pullBroken(berth, layer), layer.digest);
        const peak = await peakMiB(berth);
        t.diagnostic(
          `peak ${pushed.toFixed()} MiB after the push, ${peak.toFixed()} after the pull`,
        );
        assert.ok(peak < oneMiBMax, `${peak} MiB`);
      } finally {
        await berth.remove();
      }
    });
  }

  it(`16 layers of ${eachMiB} MiB at once, by all sequences, are pushed in less than ${manyMiBMax} MiB`, async (t) => {
    const berth = await startCounted();
    try {
      const layers = Array.from({ length: 16 }, () => new Layer(eachMiB * mebibyte));
      const sequences = ['docker', 'podman', 'containerd'] as const;
      await Promise.all(
        layers.map((layer, at) => push(berth, layer, sequences[at % 3] ?? 'docker')),
      );
      const peak = await peakMiB(berth);
      t.diagnostic(`peak ${peak.toFixed()} MiB`);
      const last = layers.at(-1) ?? assert.fail();
      assert.equal(await pullBroken(berth, last), last.digest);
      assert.ok(peak < manyMiBMax, `${peak} MiB`);
    } finally {
      await berth.remove();
    }
  });
});
