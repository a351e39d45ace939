// The server of Berth's own, with handlers made for the tests: two protocols on one port, and how requests and answers
// end in the second.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, it } from 'node:test';
import type { Handler } from '#shared/http/message.ts';
import { type RunningServer, startServer } from '#shared/http/server.ts';
import {
  endHeaders,
  endStream,
  type Frame,
  type FrameWire,
  fields,
  frame,
  openFrames,
  preface,
  word,
} from '#test/support/frames.ts';
import { sendHttp2 } from '#test/support/http2-client.ts';
import { contentOf } from '#test/support/manifests.ts';

let running: RunningServer | undefined;

/** Starts a server. @returns its address without a scheme */
async function start(handler: Handler): Promise<string> {
  running = await startServer(handler, { host: '127.0.0.1', port: 0, http2: true, stopMs: 1000 });
  return `127.0.0.1:${running.port}`;
}

/** Stops it, once. */
async function stop(): Promise<void> {
  const stopped = running?.stop();
  running = undefined;
  await stopped;
}

afterEach(stop);

/** Answers with the version of HTTP that was spoken, and how long the body was. */
const echo: Handler = async (message, response) => {
  try {
    let bytes = 0;
    for await (const piece of message) bytes += piece.length;
    response.end(`${message.httpVersionMajor} ${message.method} ${message.url} ${bytes}`);
  } catch {
    response.destroy();
  }
};

async function sendHttp1(address: string, path: string): Promise<string> {
  const [message] = await once(
    request(`http://${address}${path}`, { agent: false }).end(),
    'response',
  );
  return Buffer.concat(await Array.fromAsync<Uint8Array>(message)).toString();
}

/** Sends bytes so slowly that each is read before the next is sent: both ends are this process. */
async function sendByteByByte(address: string, bytes: Buffer): Promise<Socket> {
  const socket = connect(Number(address.split(':')[1]));
  socket.setNoDelay(true);
  await once(socket, 'connect');
  for (const byte of bytes) {
    socket.write(Buffer.from([byte]));
    for (let turn = 0; turn < 10; turn += 1) await new Promise(setImmediate);
  }
  return socket;
}

const get = { method: 'GET', path: '/', headers: {} };

function headersOf(
  stream: number,
  { path = '/', flags = endHeaders, more = [] as [string, string][] } = {},
) {
  const all = [
    [':method', 'POST'],
    [':path', path],
    [':scheme', 'http'],
    [':authority', 'a'],
    ...more,
  ];
  return frame('HEADERS', { flags, stream, payload: fields(all as [string, string][]) });
}

const dataOf = (stream: number, text: string, flags = 0) =>
  frame('DATA', { flags, stream, payload: text });

const endOf = (stream: number) => (one: Frame) =>
  one.stream === stream && (one.flags & endStream) === 1;

describe('one port', () => {
  it('speaks HTTP/1.1 and HTTP/2, to one handler', async () => {
    const address = await start(echo);
    assert.equal(await sendHttp1(address, '/one'), '1 GET /one 0');
    const { status, body } = await sendHttp2(`h2c://${address}`, { ...get, path: '/two' }, [
      Buffer.from('abc'),
    ]);
    assert.equal(status, 200);
    assert.equal(String(body), '2 GET /two 3');
    assert.equal(await sendHttp1(address, '/one'), '1 GET /one 0');
  });

  it('knows HTTP/2 by its preface, however it is cut', async () => {
    const address = await start(echo);
    const socket = await sendByteByByte(address, Buffer.concat([preface, frame('SETTINGS')]));
    const [first] = await once(socket, 'data');
    assert.equal(first[3], 4, 'no SETTINGS came');
    socket.destroy();
  });

  it('knows HTTP/1.1 by its first bytes, however they are cut', async () => {
    const address = await start(echo);
    const text = 'PUT /x HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc';
    const socket = await sendByteByByte(address, Buffer.from(text));
    const [answer] = await once(socket, 'data');
    assert.match(String(answer), /^HTTP\/1\.1 200 OK\r\n/);
    assert.match(String(answer), /\r\n\r\n1 PUT \/x 3$/);
    socket.destroy();
  });

  it('tells what only begins like HTTP/2 that it is no HTTP/1.1', async () => {
    const address = await start(echo);
    const socket = connect(Number(address.split(':')[1]));
    socket.write('PRINT * HTTP/1.1\r\n\r\n');
    const [answer] = await once(socket, 'data');
    assert.match(String(answer), /^HTTP\/1\.1 400 Bad Request\r\n/);
    socket.destroy();
  });

  it('is rid of who ends his side before he has said what he speaks', async () => {
    const address = await start(echo);
    for (const said of ['', 'PRI * HT']) {
      const socket = connect({ port: Number(address.split(':')[1]), allowHalfOpen: true });
      socket.resume().end(said);
      await once(socket, 'close');
    }
  });
});

describe('a body in HTTP/2', () => {
  /** Notes how each body ended. */
  function noting(): { handler: Handler; ended: Promise<string> } {
    const { promise, resolve } = Promise.withResolvers<string>();
    const handler: Handler = async (message, response) => {
      try {
        let bytes = 0;
        for await (const piece of message) bytes += piece.length;
        resolve(`whole, of ${bytes} bytes`);
      } catch (error) {
        resolve(`broken off: ${(error as NodeJS.ErrnoException).code}`);
      }
      response.end();
    };
    return { handler, ended: promise };
  }

  const whole: readonly (readonly [string, readonly Buffer[]])[] = [
    ['with its last bytes', [dataOf(1, 'abc'), dataOf(1, 'de', endStream)]],
    ['with nothing', [dataOf(1, 'abcde'), dataOf(1, '', endStream)]],
    [
      'with trailers',
      [
        dataOf(1, 'abcde'),
        frame('HEADERS', {
          flags: endHeaders | endStream,
          stream: 1,
          payload: fields([['x-checked', 'yes']]),
        }),
      ],
    ],
  ];
  for (const [how, frames] of whole) {
    it(`that ends ${how} is whole`, async () => {
      const { handler, ended } = noting();
      const wire = await openFrames(`http://${await start(handler)}`);
      wire.socket.write(Buffer.concat([headersOf(1), ...frames]));
      assert.equal(await ended, 'whole, of 5 bytes');
      await wire.until(endOf(1));
      wire.socket.destroy();
    });
  }

  const length = (bytes: string): { more: [string, string][] } => ({
    more: [['content-length', bytes]],
  });
  const reset = (code: number) => (wire: FrameWire) => {
    wire.socket.write(frame('RST_STREAM', { stream: 1, payload: word(code) }));
  };
  const broken: readonly (readonly [string, (wire: FrameWire) => void, string?])[] = [
    ['taken back', reset(8)],
    ['taken back as no error', reset(0)],
    ['taken back as an error', reset(2)],
    ['given up with its connection', ({ socket }) => socket.resetAndDestroy()],
    ['left as its connection ends', ({ socket }) => socket.end()],
    [
      'left as its client goes away',
      ({ socket }) => socket.end(frame('GOAWAY', { payload: Buffer.alloc(8) })),
    ],
    ['ended short of its length', ({ socket }) => socket.write(dataOf(1, 'de', endStream)), '6'],
    ['longer than its length', ({ socket }) => socket.write(dataOf(1, 'de', endStream)), '4'],
    [
      'followed by nonsense',
      ({ socket }) => socket.write(frame('DATA', { payload: 'on no stream' })),
    ],
  ];
  for (const [how, breakOff, announced] of broken) {
    it(`that is ${how} never looks whole`, async () => {
      const { handler, ended } = noting();
      const wire = await openFrames(`http://${await start(handler)}`);
      const headers = headersOf(1, announced === undefined ? {} : length(announced));
      wire.socket.write(Buffer.concat([headers, dataOf(1, 'abc')]));
      await wire.read();
      breakOff(wire);
      assert.equal(await ended, 'broken off: ECONNRESET');
      wire.socket.destroy();
    });
  }

  it('that stands still holds up no other on its connection', async () => {
    const address = await start(echo);
    const wire = await openFrames(`http://${address}`);
    wire.socket.write(Buffer.concat([headersOf(1), dataOf(1, 'abc')]));
    for (const stream of [3, 5, 7]) {
      wire.socket.write(Buffer.concat([headersOf(stream), dataOf(stream, 'x', endStream)]));
      await wire.until(endOf(stream));
    }
    wire.socket.write(dataOf(1, 'de', endStream));
    await wire.until(endOf(1));
    wire.socket.destroy();
  });

  it('that nobody reads yet holds up no other, and forty of them do not', async () => {
    const { promise: over, resolve: end } = Promise.withResolvers<void>();
    const address = await start(async (message, response) => {
      if (message.url === '/unread') await over;
      await echo(message, response);
    });
    const unread = Array.from({ length: 40 }, () =>
      sendHttp2(`h2c://${address}`, { ...get, method: 'POST', path: '/unread' }, [
        Buffer.alloc(1024 * 1024),
      ]),
    );
    const { body } = await sendHttp2(`h2c://${address}`, get, [Buffer.alloc(1024 * 1024)]);
    assert.equal(String(body), `2 GET / ${1024 * 1024}`);
    end();
    for (const { status } of await Promise.all(unread)) assert.equal(status, 200);
  });
});

describe('an answer in HTTP/2', () => {
  const before = (wire: FrameWire, wanted: (frame: Frame) => boolean) =>
    wire.received.slice(0, wire.received.findIndex(wanted)).some(endOf(1));

  for (const [what, read] of [
    ['unread', async () => undefined],
    [
      'read in part',
      async (message: AsyncIterable<Uint8Array>) => {
        for await (const _ of message) break;
      },
    ],
  ] as const) {
    it(`to a body that was left ${what} comes whole, and then the rest is refused`, async () => {
      const address = await start(async (message, response) => {
        if (message.url !== '/') return echo(message, response);
        await read(message);
        response.statusCode = 413;
        response.end('too much');
      });
      const wire = await openFrames(`http://${address}`);
      wire.socket.write(Buffer.concat([headersOf(1), dataOf(1, 'abc'), dataOf(1, 'def')]));
      const isRefusal = (one: Frame) => one.type === 'RST_STREAM' && one.stream === 1;
      const { payload } = await wire.until(isRefusal);
      assert.equal(payload.readUInt32BE(), 0, 'it is no error');
      assert.ok(before(wire, isRefusal), 'the answer was cut');
      wire.socket.write(
        Buffer.concat([headersOf(3, { path: '/next' }), dataOf(3, 'x', endStream)]),
      );
      await wire.until(endOf(3));
      wire.socket.destroy();
    });
  }

  it('that breaks off is an error, and has no end', async () => {
    const address = await start(async (_, response) => {
      response.setHeader('Content-Length', 1_000_000);
      response.write(Buffer.alloc(10_000), () => response.destroy());
    });
    const wire = await openFrames(`http://${address}`);
    wire.socket.write(headersOf(1, { flags: endHeaders | endStream }));
    const { payload } = await wire.until(({ type }) => type === 'RST_STREAM');
    assert.equal(payload.readUInt32BE(), 2, 'INTERNAL_ERROR');
    assert.ok(!wire.received.some(endOf(1)), 'it looks whole');
    wire.socket.destroy();
  });

  it('has written its pieces when it says so: they may be used again', async () => {
    const { bytes } = contentOf(
      Buffer.alloc(3_000_000, 'these bytes are in the order they were sent'),
    );
    const address = await start(async (_, response) => {
      const piece = Buffer.alloc(100_000);
      for (let at = 0; at < bytes.length; at += piece.length) {
        bytes.copy(piece, 0, at);
        await new Promise<void>((resolve) => {
          response.write(piece, resolve);
        });
        piece.fill(0);
      }
      response.end();
    });
    const { body } = await sendHttp2(`h2c://${address}`, get, []);
    assert.ok(body.equals(bytes));
  });

  it('is told apart from one that nobody took', async () => {
    const finished: boolean[] = [];
    const address = await start(async (message, response) => {
      response.once('close', () => finished.push(response.writableFinished));
      if (message.url === '/whole') response.end('whole');
      else response.write(Buffer.from('the beginning'), () => undefined);
    });
    await sendHttp2(`h2c://${address}`, { ...get, path: '/whole' }, []);
    const wire = await openFrames(`http://${address}`);
    wire.socket.write(headersOf(1, { path: '/cut', flags: endHeaders | endStream }));
    await wire.until(({ type }) => type === 'DATA');
    wire.socket.resetAndDestroy();
    await stop();
    assert.deepEqual(finished, [true, false]);
  });
});

describe('a server that stops', () => {
  it('answers what it was asked in HTTP/2, takes no more, and ends the connection', async () => {
    const { promise: asked, resolve: ask } = Promise.withResolvers<void>();
    const address = await start(async (message, response) => {
      ask();
      await echo(message, response);
    });
    const wire = await openFrames(`http://${address}`);
    wire.socket.write(Buffer.concat([headersOf(1), dataOf(1, 'abc')]));
    await asked;
    const stopped = stop();
    await wire.until(({ type }) => type === 'GOAWAY');
    wire.socket.write(dataOf(1, 'de', endStream));
    await wire.until(endOf(1));
    await wire.ended();
    await stopped;
  });

  it('does not wait longer than it may for who stands still, in either protocol or none', async () => {
    const address = await start(echo);
    const dial = async () => {
      const socket = connect(Number(address.split(':')[1])).on('error', () => undefined);
      await once(socket, 'connect');
      return socket;
    };
    const [silent, slow] = [await dial(), await dial()];
    slow.write('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\na');
    // Accepted after them.
    const wire = await openFrames(`http://${address}`);
    wire.socket.write(headersOf(1));
    await wire.read();
    await stop();
    await wire.ended();
    for (const socket of [silent, slow]) socket.destroy();
  });
});
