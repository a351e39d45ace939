// Many clients that are slow: they cost their connections, and no memory beside.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { afterEach, beforeEach, describe, it, type TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '#test/bench/connection.ts';
import { Layer } from '#test/bench/contents.ts';
import { head, openSession, pushLayer, type Target } from '#test/bench/pushes.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';

const mebibyte = 1024 * 1024;
const crowd = 300;
/** What one who reads may cost: its socket, its request, and a piece of 64 KiB. */
const readerKiB = 200;
/** Of one who writes, some of what was written is garbage that V8 has not collected: up to 64 MiB of them all. */
const writerKiB = 600;
/** Less than is written at once, and more than anyone may cost. */
const sentBytes = 900_000;
/** Of what nobody pushes to its end. */
const absent = `sha256:${'0'.repeat(64)}`;

const adminOf = ({ password }: RunningBerth) =>
  `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;

const unlessCounted = process.platform === 'linux' ? false : 'memory is read from /proc';

describe('a crowd of slow clients', { skip: unlessCounted }, () => {
  let berth: RunningBerth;
  let target: Target;
  const layer = new Layer(32 * mebibyte);
  const sockets: Socket[] = [];

  // What one crowd leaves behind is not counted as another's.
  beforeEach(async () => {
    berth = await startBerth();
    const [host = '', port = ''] = berth.host.split(':');
    target = {
      server: { host, port: Number(port) },
      name: 'size/crowds',
      authorization: `Authorization: ${adminOf(berth)}\r\n`,
    };
    const connection = await Connection.open(host, Number(port));
    // More than once: what is compiled and cached on the way is there before memory is counted.
    await pushLayer(connection, target, layer, 'docker');
    for (let time = 0; time < 3; time += 1) await pullOn(connection);
    connection.close();
  });

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await berth.remove();
  });

  const blob = () => `/v2/${target.name}/blobs/${layer.digest}`;
  const pullOn = async (connection: Connection) => {
    const { status, bodyBytes } = await connection.send(head(target, 'GET', blob()));
    assert.equal(status, 200);
    assert.equal(bodyBytes, layer.size);
  };

  const residentKiB = async () => {
    const status = await readFile(`/proc/${berth.process.pid}/status`, 'utf8');
    return Number(/VmRSS:\s+(\d+) kB/.exec(status)?.[1]);
  };

  const dial = async () => {
    const socket = connect(target.server);
    sockets.push(socket);
    socket.on('error', () => undefined);
    await once(socket, 'connect');
    return socket;
  };

  /** Others are served meanwhile, whole. */
  const bystander = async () => {
    const connection = await Connection.open(target.server.host, target.server.port);
    await pullOn(connection);
    connection.close();
  };

  /** Has the crowd come, one after another, and asks what each of them costs. */
  const assertCheap = async (test: TestContext, eachKiB: number, join: () => Promise<void>) => {
    const before = await residentKiB();
    for (let count = 0; count < crowd; count += 1) await join();
    // What is gathered of a slow body is written after a while.
    await sleep(1500);
    await bystander();
    const grown = (await residentKiB()) - before;
    test.diagnostic(`${(grown / crowd).toFixed()} KiB each`);
    assert.ok(grown < crowd * eachKiB, `${grown} KiB`);
  };

  it(`of ${crowd} who stop reading a blob costs little each, and holds up nobody`, async (t) => {
    await assertCheap(t, readerKiB, async () => {
      const socket = await dial();
      socket.pause();
      socket.write(head(target, 'GET', blob()));
    });
  });

  const part = Buffer.alloc(sentBytes, 7);
  const length = `Content-Length: ${64 * mebibyte}\r\n`;
  const chunked = 'Transfer-Encoding: chunked\r\n';
  // The beginning of a chunk of 64 MiB.
  const chunk = `${(64 * mebibyte).toString(16)}\r\n`;
  for (const [upload, method, headers, beginning] of [
    ['a PATCH', 'PATCH', length, ''],
    ['a chunked PATCH', 'PATCH', chunked, chunk],
    ['a PUT of the whole', 'PUT', length, ''],
  ] as const) {
    it(`of ${crowd} who stop in the midst of ${upload} costs little each, and holds up nobody`, async (t) => {
      const connection = await Connection.open(target.server.host, target.server.port);
      await assertCheap(t, writerKiB, async () => {
        const session = await openSession(connection, target);
        const path = method === 'PUT' ? `${session}&digest=${absent}` : session;
        const socket = await dial();
        socket.write(head(target, method, path, headers) + beginning);
        socket.write(part);
      });
      connection.close();
    });
  }
});
