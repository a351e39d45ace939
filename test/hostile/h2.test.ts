// HTTP/2 as nobody means it: floods of what costs little to send, streams that stand still, uploads that are cut. Whoever
// sends it loses his connection or his request, and everyone else is served on, in the memory there was.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type RunningBerth, startBerth, streamingArguments } from '#test/support/berth.ts';
import {
  endHeaders,
  endStream,
  type Frame,
  type FrameWire,
  fields,
  frame,
  openFrames,
  setting,
  word,
} from '#test/support/frames.ts';
import { contentOf, randomBlob } from '#test/support/manifests.ts';
import { call, discard, leavesNothing, openUpload, storedFiles } from './bystanders.ts';
import { comesTrue, hasProc, memoryMebibytes } from './vitals.ts';
import { adminOf } from './world.ts';

let berth: RunningBerth;
before(async () => {
  berth = await startBerth({ run: streamingArguments });
});
after(() => discard(berth));

/** The frame that begins a request, by the admin. */
function begin(
  stream: number,
  [method, path]: readonly [string, string],
  { flags = endHeaders, more = [] as readonly (readonly [string, string])[] } = {},
): Buffer {
  const named: (readonly [string, string])[] = [
    [':method', method],
    [':path', path],
    [':scheme', 'http'],
    [':authority', berth.host],
    ['authorization', adminOf(berth)],
    ...more,
  ];
  return frame('HEADERS', { flags, stream, payload: fields(named) });
}

const ping = ['GET', '/v2/'] as const;
const whole = { flags: endHeaders | endStream };
const refusedOn = (stream: number) => (one: Frame) =>
  one.type === 'RST_STREAM' && one.stream === stream;
const endOf = (stream: number) => (one: Frame) =>
  one.stream === stream && (one.flags & endStream) === endStream && one.type !== 'RST_STREAM';

/** Asks for something ordinary on a connection that has been ill-treated, and is answered. */
async function assertUsable(wire: FrameWire, stream: number): Promise<void> {
  wire.socket.write(begin(stream, ping, whole));
  await wire.until(endOf(stream));
}

/** Waits until what was sent is on its way, or nothing more can be sent. */
async function taken({ socket }: FrameWire): Promise<void> {
  await new Promise<void>((resolve) => {
    socket.once('drain', resolve).once('close', resolve);
  });
}

describe('a flood', () => {
  /** What is sent the nth time. */
  type Flood = (at: number) => Buffer;
  const put = ['PUT', '/v2/flood/image/manifests/v1'] as const;
  const cancelled = (stream: number) => frame('RST_STREAM', { stream, payload: word(8) });

  const ended: readonly (readonly [string, number, Flood])[] = [
    [
      'requests that are taken back at once',
      8000,
      (at) => Buffer.concat([begin(2 * at + 1, put), cancelled(2 * at + 1)]),
    ],
    ['settings', 50_000, (at) => frame('SETTINGS', { payload: setting(4, 65_535 + at) })],
    [
      'priorities',
      50_000,
      (at) => frame('PRIORITY', { stream: 2 * at + 1, payload: Buffer.alloc(5) }),
    ],
    [
      'headers that never end',
      20_000,
      (at) =>
        at === 0
          ? begin(1, ping, { flags: 0 })
          : frame('CONTINUATION', { stream: 1, payload: fields([[`x${at}`, 'y'.repeat(1000)]]) }),
    ],
    [
      'headers that go on with nothing',
      50_000,
      (at) => (at === 0 ? begin(1, ping, { flags: 0 }) : frame('CONTINUATION', { stream: 1 })),
    ],
    [
      'bodies of nothing',
      50_000,
      (at) => (at === 0 ? begin(1, put) : frame('DATA', { stream: 1 })),
    ],
    ['requests that stay open', 1000, (at) => begin(2 * at + 1, put)],
    ['frames that do not exist', 50_000, () => frame('UNKNOWN', { payload: 'x'.repeat(100) })],
  ];
  for (const [what, times, flood] of ended) {
    it(`of ${what} ends the connection`, async () => {
      await leavesNothing(berth, async () => {
        const wire = await openFrames(berth.url);
        let at = 0;
        for (; at < times && !wire.socket.destroyed; at += 1) {
          if (!wire.socket.write(flood(at))) await taken(wire);
        }
        await wire.ended();
      });
    });
  }

  const refused: readonly (readonly [string, (stream: number) => Buffer])[] = [
    [
      'many header fields',
      (stream) =>
        begin(stream, ping, {
          ...whole,
          more: Array.from({ length: 500 }, (_, at) => [`x${at}`, 'y'] as const),
        }),
    ],
    [
      'large headers',
      (stream) => {
        const large = fields([['x', 'y'.repeat(15_000)]]);
        const next = { stream, payload: large };
        return Buffer.concat([
          begin(stream, ping, { flags: endStream }),
          ...[0, 0, 0, 0, endHeaders].map((flags) => frame('CONTINUATION', { ...next, flags })),
        ]);
      },
    ],
  ];
  for (const [what, make] of refused) {
    it(`of ${what} is refused, request by request, and the connection goes on`, async () => {
      await leavesNothing(berth, async () => {
        const wire = await openFrames(berth.url);
        for (let at = 0; at < 200; at += 1) wire.socket.write(make(2 * at + 1));
        await wire.until(refusedOn(399));
        await assertUsable(wire, 401);
        wire.socket.destroy();
      });
    });
  }
});

describe('who stands still', () => {
  it('in the midst of a hundred bodies on one connection, holds up nobody on another', async () => {
    const { location, range } = await openUpload(berth, 'h2/stalled');
    await leavesNothing(berth, async () => {
      const wire = await openFrames(berth.url);
      for (let at = 0; at < 100; at += 1) {
        const stream = 2 * at + 1;
        wire.socket.write(begin(stream, ['PATCH', location]));
        wire.socket.write(frame('DATA', { stream, payload: 'x'.repeat(500) }));
      }
      assert.equal(await range(), '0-0');
      wire.socket.destroy();
    });
    assert.equal(await range(), '0-0');
  });

  it('in the midst of a body, holds up nobody on the same connection', async () => {
    const { location } = await openUpload(berth, 'h2/stalled');
    await leavesNothing(berth, async () => {
      const wire = await openFrames(berth.url);
      wire.socket.write(begin(1, ['PATCH', location]));
      wire.socket.write(frame('DATA', { stream: 1, payload: 'the beginning' }));
      for (let stream = 3; stream < 100; stream += 2) await assertUsable(wire, stream);
      wire.socket.destroy();
    });
  });

  it('reading nothing of twenty blobs of 32 MiB, holds up nobody, and they are not held in memory', async () => {
    const { bytes, digest } = contentOf(Buffer.alloc(32 * 1024 * 1024, 'more than a window'));
    const path = `/v2/h2/unread/blobs/`;
    const pushed = await call(berth, {
      method: 'POST',
      path: `${path}uploads/?digest=${digest}`,
      body: bytes,
    });
    assert.equal(pushed.status, 201);
    await leavesNothing(berth, async () => {
      const before = hasProc ? memoryMebibytes(berth) : 0;
      // A window of 0: not a byte of a body may be sent.
      const wire = await openFrames(berth.url, setting(4, 0));
      for (let at = 0; at < 20; at += 1) {
        wire.socket.write(begin(2 * at + 1, ['GET', `${path}${digest}`], whole));
        await wire.until(({ type, stream }) => type === 'HEADERS' && stream === 2 * at + 1);
      }
      wire.socket.write(begin(41, ['HEAD', `${path}${digest}`], whole));
      await wire.until(endOf(41));
      const added = hasProc ? memoryMebibytes(berth) - before : 0;
      assert.ok(added < 32, `${added} MiB`);
      wire.socket.destroy();
    });
  });
});

describe('Expect: 100-continue', () => {
  const { bytes, digest } = randomBlob(20);
  const expecting = { more: [['expect', '100-continue']] } as const;
  const answersOn = (wire: FrameWire, wanted: number) =>
    wire.received.filter(({ type, stream }) => type === 'HEADERS' && stream === wanted).length;

  it('is answered by 100 and then by the answer, where the body is wanted', async () => {
    const wire = await openFrames(berth.url);
    const target = ['POST', `/v2/h2/expected/blobs/uploads/?digest=${digest}`] as const;
    wire.socket.write(begin(1, target, expecting));
    await wire.until(({ type }) => type === 'HEADERS');
    wire.socket.write(frame('DATA', { flags: endStream, stream: 1, payload: bytes }));
    await wire.until(endOf(1));
    assert.equal(answersOn(wire, 1), 2);
    const pulled = await call(berth, { method: 'GET', path: `/v2/h2/expected/blobs/${digest}` });
    assert.ok(pulled.body.equals(bytes));
    wire.socket.destroy();
  });

  it('is answered by the refusal, and no 100, where the body is not', async () => {
    const wire = await openFrames(berth.url);
    wire.socket.write(begin(1, ['PATCH', '/v2/h2/expected/blobs/uploads/none'], expecting));
    await wire.until(refusedOn(1));
    assert.equal(answersOn(wire, 1), 1);
    await assertUsable(wire, 3);
    wire.socket.destroy();
  });
});

describe('an upload that is cut', () => {
  const { bytes, digest } = randomBlob(3000);
  const reset = (code: number) => (wire: FrameWire) => {
    wire.socket.write(frame('RST_STREAM', { stream: 1, payload: word(code) }));
  };
  const ways: readonly (readonly [string, (wire: FrameWire) => void])[] = [
    ['by taking it back', reset(8)],
    ['by taking it back as no error', reset(0)],
    [
      'by ending it short of its length',
      ({ socket }) => {
        socket.write(frame('DATA', { stream: 1, flags: endStream }));
      },
    ],
    [
      'with its connection',
      ({ socket }) => {
        socket.resetAndDestroy();
      },
    ],
    [
      'as its connection ends',
      ({ socket }) => {
        socket.end();
      },
    ],
  ];
  for (const [how, cut] of ways) {
    it(`${how} stores nothing`, async () => {
      const { location, range } = await openUpload(berth, 'h2/cut');
      const files = storedFiles(berth);
      await leavesNothing(berth, async () => {
        for (const target of [
          ['PATCH', location],
          ['PUT', `${location}&digest=${digest}`],
          ['POST', `/v2/h2/cut/blobs/uploads/?digest=${digest}`],
        ] as const) {
          const wire = await openFrames(berth.url);
          const more = [['content-length', String(bytes.length + 1)]] as const;
          wire.socket.write(begin(1, target, { more }));
          wire.socket.write(frame('DATA', { stream: 1, payload: bytes }));
          // So much was read that it has begun to be stored.
          await wire.read();
          cut(wire);
          assert.equal(await range(), '0-0');
          wire.socket.destroy();
        }
      });
      assert.equal(await range(), '0-0');
      const found = await call(berth, { method: 'HEAD', path: `/v2/h2/cut/blobs/${digest}` });
      assert.equal(found.status, 404);
      // What assertServed pushed is kept: twice, around it all.
      assert.ok(
        await comesTrue(() => storedFiles(berth) <= files + 2),
        `${storedFiles(berth)} files`,
      );
    });
  }
});
