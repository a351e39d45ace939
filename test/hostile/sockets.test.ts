// Connections that are slow, silent, half closed or broken off: whoever holds them gets no more than is his, and
// everyone else is served on.

import assert from 'node:assert/strict';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Server } from 'node:http';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { contentOf, randomBlob } from '#test/support/manifests.ts';
import { adminBasic, startTestRegistry } from '#test/support/registry.ts';
import { sendBytes } from '#test/support/wire.ts';
import {
  assertServed,
  call,
  discard,
  leavesNothing,
  open,
  openMany,
  openUpload,
  request,
  statusesOf,
  storedFiles,
  type Wire,
} from './bystanders.ts';
import { comesTrue, hasProc, memoryMebibytes } from './vitals.ts';

let berth: RunningBerth;
before(async () => {
  berth = await startBerth();
});
after(() => discard(berth));

const seconds = 3;

/** Sends a byte a second down each connection, for some seconds, and looks each second whether others are served. */
async function drip(wires: readonly Wire[], text: string): Promise<void> {
  for (let second = 0; second < seconds; second += 1) {
    for (const { socket } of wires) socket.write(text.charAt(second));
    await assertServed(berth);
    await pause(1000);
  }
}

function destroyAll(wires: readonly Wire[]): void {
  for (const { socket } of wires) socket.destroy();
}

describe('who is slow', () => {
  it('sending headers, a byte a second, holds up nobody', async () => {
    await leavesNothing(berth, async () => {
      const wires = await openMany(berth, 200);
      await drip(wires, 'GET /v2/ HTTP/1.1');
      for (const wire of wires) assert.equal(wire.received(), '');
      destroyAll(wires);
    });
  });

  it('sending headers has a minute for all of them, and not a minute for each byte', async () => {
    const registry = await startTestRegistry();
    const servers: Server[] = [];
    const note = (message: unknown) => servers.push((message as { server: Server }).server);
    subscribe('http.server.request.start', note);
    await sendBytes(registry.url, 'GET /v2/ HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n');
    unsubscribe('http.server.request.start', note);
    await registry.close();
    const [server] = servers;
    assert.ok(server !== undefined);
    // Nobody waits a minute here: it is the server's own promise that is looked at.
    assert.ok(server.headersTimeout > 0, 'headers may take forever');
    assert.ok(server.headersTimeout <= 60_000, `headers may take ${server.headersTimeout} ms`);
  });

  it('sending a body, a byte a second, holds up nobody, and leaves nothing when it is given up', async () => {
    const { location, range } = await openUpload(berth, 'slow/body');
    const files = storedFiles(berth);
    await leavesNothing(berth, async () => {
      const wires = await openMany(berth, 50);
      for (const { socket } of wires) {
        socket.write(request(berth, `PATCH ${location}`, ['Content-Length: 1000']));
      }
      await drip(wires, 'abc');
      assert.equal(await range(), '0-0');
      destroyAll(wires);
    });
    assert.equal(await range(), '0-0');
    // What assertServed pushed is kept: twice around, and once each second.
    const kept = files + seconds + 2;
    assert.ok(await comesTrue(() => storedFiles(berth) <= kept), `${storedFiles(berth)} files`);
  });

  it('reading 64 MiB, a byte a second, holds up nobody, and the blob is not held in memory', async () => {
    const { bytes, digest } = contentOf(Buffer.alloc(64 * 1024 * 1024, 'much more than a socket'));
    const path = '/v2/slow/reader/blobs';
    const pushed = await call(berth, {
      method: 'POST',
      path: `${path}/uploads/?digest=${digest}`,
      body: bytes,
    });
    assert.equal(pushed.status, 201);
    await leavesNothing(berth, async () => {
      const before = hasProc ? memoryMebibytes(berth) : 0;
      const wires = await openMany(berth, 20);
      for (const { socket } of wires) {
        socket.pause();
        socket.write(request(berth, `GET ${path}/${digest}`));
      }
      for (let second = 0; second < seconds; second += 1) {
        for (const { socket } of wires) socket.read(1);
        await assertServed(berth);
        await pause(1000);
      }
      const added = hasProc ? memoryMebibytes(berth) - before : 0;
      assert.ok(added < 64, `${wires.length} readers take ${added} MiB`);
      for (const { socket } of wires) socket.resetAndDestroy();
    });
  });
});

describe('who is silent', () => {
  it('on 2,000 connections holds up nobody', async () => {
    const idle = async () => {
      const wires = await openMany(berth, 2000);
      await assertServed(berth);
      for (const wire of wires) assert.ok(!wire.socket.destroyed && wire.received() === '');
      destroyAll(wires);
    };
    await leavesNothing(berth, idle, 96);
    // What the first took is used again by the second.
    await leavesNothing(berth, idle, 16);
  });
});

describe('who ends his side', () => {
  const { bytes, digest } = contentOf('these bytes arrive whole');
  const uploads = '/v2/half/closed/blobs/uploads/';
  const whole: readonly (readonly [string, () => string, number])[] = [
    ['a GET', () => request(berth, 'GET /v2/'), 200],
    [
      'a POST with its body',
      () =>
        request(
          berth,
          `POST ${uploads}?digest=${digest}`,
          [`Content-Length: ${bytes.length}`],
          String(bytes),
        ),
      201,
    ],
    [
      'a refused PUT',
      () => request(berth, 'PUT /v2/half/closed/manifests/v1', ['Content-Length: 2'], '{}'),
      400,
    ],
  ];
  for (const [what, text, status] of whole) {
    it(`behind ${what} has the whole answer, for the other side is still open`, async () => {
      await leavesNothing(berth, async () => {
        const wire = await open(berth);
        wire.socket.end(text());
        const received = await wire.ended();
        assert.deepEqual(statusesOf(received), [status], JSON.stringify(received));
      });
    });
  }

  const cut: readonly (readonly [string, readonly string[], string])[] = [
    ['a body whose length was announced', ['Content-Length: 50'], 'half of it'],
    ['a chunk', ['Transfer-Encoding: chunked'], '32\r\nhalf of it'],
    ['the size of a chunk', ['Transfer-Encoding: chunked'], 'a\r\nhalf of it\r\n1'],
    ['a body, before its last chunk', ['Transfer-Encoding: chunked'], 'a\r\nhalf of it\r\n'],
  ];
  for (const [what, headers, body] of cut) {
    it(`in the midst of ${what} leaves nothing behind`, async () => {
      const { location, range } = await openUpload(berth, 'half/cut');
      const files = storedFiles(berth);
      await leavesNothing(berth, async () => {
        for (const target of [`PATCH ${location}`, `PUT ${location}&digest=${digest}`]) {
          const wire = await open(berth);
          wire.socket.end(request(berth, target, headers, body));
          const [status] = statusesOf(await wire.ended());
          assert.ok(status === undefined || (status >= 400 && status < 500), `${status}`);
        }
        assert.equal(await range(), '0-0');
      });
      assert.ok(await comesTrue(() => storedFiles(berth) <= files + 2), `${storedFiles(berth)}`);
    });
  }

  it('in the midst of a body that was answered already is not answered twice', async () => {
    const wire = await open(berth);
    wire.socket.write(request(berth, 'GET /v2/', ['Content-Length: 5'], 'ab'));
    await wire.until(/\r\n\r\n\{\}$/);
    wire.socket.end();
    const received = await wire.ended();
    assert.deepEqual(statusesOf(received), [200], JSON.stringify(received));
  });
});

describe('who breaks off', () => {
  it('anywhere in a request, a thousand times, leaves nothing behind', async () => {
    const { location, range } = await openUpload(berth, 'broken/off');
    await leavesNothing(berth, async () => {
      const text = request(berth, `PATCH ${location}`, ['Content-Length: 100'], 'x'.repeat(99));
      for (let at = 0; at < 1000; at += 50) {
        const wires = await openMany(berth, 50);
        wires.forEach(({ socket }, place) => {
          socket.write(text.slice(0, Math.ceil((text.length * (at + place + 1)) / 1000)), () => {
            // Some at once, some when the registry has read it.
            setTimeout(() => socket.resetAndDestroy(), place % 5);
          });
        });
        await comesTrue(() => wires.every(({ socket }) => socket.destroyed));
      }
      assert.equal(await range(), '0-0');
    });
  });

  it('once his whole request was read is no failure of the registry', async () => {
    const registry = await startTestRegistry();
    const { blobs } = registry.services;
    const write = blobs.write.bind(blobs);
    const { bytes, digest } = randomBlob();
    let [reached, gone] = [false, false];
    // The store takes its time: the body waits in memory, complete, while the connection goes.
    blobs.write = async (...given) => {
      reached = true;
      await comesTrue(() => gone);
      return write(...given);
    };
    const wire = await open(registry);
    wire.socket.write(
      `POST /v2/broken/off/blobs/uploads/?digest=${digest} HTTP/1.1\r\nHost: a\r\nAuthorization: ${adminBasic}\r\nContent-Length: ${bytes.length}\r\n\r\n`,
    );
    wire.socket.write(bytes);
    assert.ok(await comesTrue(() => reached));
    wire.socket.resetAndDestroy();
    assert.ok(await comesTrue(() => registry.served.length === 1));
    gone = true;
    await registry.close();
    assert.deepEqual(registry.logged, []);
  });
});
