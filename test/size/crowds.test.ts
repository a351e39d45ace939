// Many clients that are slow: they cost their connections, and no memory beside.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { connect, type Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { Connection } from '#test/bench/connection.ts';
import { Layer } from '#test/bench/contents.ts';
import { head, pushLayer, type Target } from '#test/bench/pushes.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';

const mebibyte = 1024 * 1024;
const crowd = 300;
/** What one of the crowd may cost: its socket, its request, and a piece of 64 KiB. */
const eachKiB = 200;

const unlessCounted = process.platform === 'linux' ? false : 'memory is read from /proc';

describe('a crowd of slow clients', { skip: unlessCounted }, () => {
  let berth: RunningBerth;
  let target: Target;
  const layer = new Layer(32 * mebibyte);
  const sockets: Socket[] = [];

  before(async () => {
    berth = await startBerth();
    const [host = '', port = ''] = berth.host.split(':');
    const basic = Buffer.from(`admin:${berth.password}`).toString('base64');
    target = {
      server: { host, port: Number(port) },
      name: 'size/crowds',
      authorization: `Authorization: Basic ${basic}\r\n`,
    };
    const connection = await Connection.open(host, Number(port));
    // More than once: what is compiled and cached on the way is there before memory is counted.
    await pushLayer(connection, target, layer, 'docker');
    for (let time = 0; time < 3; time += 1) await pullOn(connection);
    connection.close();
  });

  after(async () => {
    for (const socket of sockets) socket.destroy();
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

  it(`of ${crowd} who stop reading a blob costs little each, and holds up nobody`, async (t) => {
    const before = await residentKiB();
    for (let count = 0; count < crowd; count += 1) {
      const socket = await dial();
      socket.pause();
      socket.write(head(target, 'GET', blob()));
    }
    await sleep(1500);
    await bystander();
    const grown = (await residentKiB()) - before;
    t.diagnostic(`${(grown / crowd).toFixed()} KiB each`);
    assert.ok(grown < crowd * eachKiB, `${grown} KiB`);
    for (const socket of sockets.splice(0)) socket.destroy();
  });

  it(`of ${crowd} who stop in the midst of an upload costs little each, and holds up nobody`, async (t) => {
    const connection = await Connection.open(target.server.host, target.server.port);
    const before = await residentKiB();
    const part = Buffer.alloc(300_000, 7);
    for (let count = 0; count < crowd; count += 1) {
      const open = head(
        target,
        'POST',
        `/v2/${target.name}/blobs/uploads/`,
        'Content-Length: 0\r\n',
      );
      const { head: opened } = await connection.send(open);
      const [, location = ''] = /\r\nlocation: (\S+)/i.exec(opened) ?? [];
      const socket = await dial();
      socket.write(head(target, 'PATCH', location, `Content-Length: ${64 * mebibyte}\r\n`));
      socket.write(part);
    }
    connection.close();
    await sleep(1500);
    await bystander();
    const grown = (await residentKiB()) - before;
    t.diagnostic(`${(grown / crowd).toFixed()} KiB each`);
    assert.ok(grown < crowd * eachKiB, `${grown} KiB`);
  });
});
