// A layer as docker sends it, through an HTTPS front and HTTP/2: streamed, in memory that does not grow with it.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:https';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, it } from 'node:test';
import { Layer } from '#test/bench/contents.ts';
import { type Scratch, scratch, unlessInstalled } from '#test/clients/client.ts';
import { type RunningBerth, startBerth, streamingArguments } from '#test/support/berth.ts';
import { type Front, startFront } from '#test/support/front.ts';

const mebibyte = 1024 * 1024;
const layerMiB = Number(process.env['BERTH_SIZE_FRONT'] ?? 1024);

const unlessCounted = process.platform === 'linux' ? false : 'memory is read from /proc';

describe('through an HTTPS front', {
  skip: unlessCounted || unlessInstalled('nghttpx', 'openssl'),
}, () => {
  let space: Scratch;
  let berth: RunningBerth;
  let front: Front;
  let ca: Buffer;

  before(async () => {
    space = await scratch();
    berth = await startBerth({ run: streamingArguments });
    space.after(() => berth.remove());
    const { port } = new URL(berth.url);
    front = await startFront(join(space.path, 'front'), { port, protocol: 'h2' });
    space.after(() => front.stop());
    ca = await readFile(join(front.trusted, 'ca.crt'));
  });
  after(() => space.remove());

  async function ask(method: string, path: string, body: Iterable<Buffer> = []) {
    const authorization = `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`;
    const sent = request(new URL(path, front.url), { method, ca, headers: { authorization } });
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    await pipeline(Readable.from(body), sent);
    const [answer] = await answered;
    answer.resume();
    return { status: answer.statusCode, location: answer.headers.location ?? '' };
  }

  it(`a layer of ${layerMiB} MiB is pushed by one PATCH, with no length, in less than 200 MiB`, async (t) => {
    const layer = new Layer(layerMiB * mebibyte);
    const opened = await ask('POST', '/v2/size/front/blobs/uploads/');
    assert.equal(opened.status, 202);
    // The start loads and compiles, which takes memory once that serving does not.
    await writeFile(`/proc/${berth.process.pid}/clear_refs`, '5');
    const sent = await ask('PATCH', opened.location, layer.plain());
    assert.equal(sent.status, 202);
    const done = await ask('PUT', `${sent.location}&digest=${layer.digest}`);
    assert.equal(done.status, 201);
    const status = await readFile(`/proc/${berth.process.pid}/status`, 'utf8');
    const peak = Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) / 1024;
    t.diagnostic(`peak ${peak.toFixed()} MiB`);
    assert.ok(peak < 200, `${peak} MiB`);
  });
});
