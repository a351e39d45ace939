// A connection that was told its bytes are no request is over, whatever its other side goes on to do.

import type { Socket } from 'node:net';
import { after, before, describe, it } from 'node:test';
import { setTimeout as pause } from 'node:timers/promises';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { discard, leavesNothing, openMany, type Wire } from './bystanders.ts';

let berth: RunningBerth;
before(async () => {
  berth = await startBerth();
});
after(() => discard(berth));

describe('who was refused', () => {
  const refused: readonly (readonly [string, string])[] = [
    ['what is no HTTP', 'hello\r\n\r\n'],
    ['too many headers', `GET /v2/ HTTP/1.1\r\nX: ${'x'.repeat(70_000)}`],
    [
      'a broken chunk',
      'PATCH /v2/a/blobs/uploads/x HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n',
    ],
    ['a tunnel', 'CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere\r\n\r\n'],
  ];
  const ends: Readonly<Record<string, (socket: Socket) => void>> = {
    'ends his side': (socket) => socket.end(),
    'breaks off': (socket) => socket.destroy(),
    stays: () => undefined,
  };
  for (const [what, text] of refused) {
    for (const [how, end] of Object.entries(ends)) {
      it(`for ${what}, and then ${how}, keeps no connection`, async () => {
        const wires: Wire[] = [];
        await leavesNothing(berth, async () => {
          wires.push(...(await openMany(berth, 20)));
          wires.forEach(({ socket }, at) => {
            socket.write(text);
            socket.write(Buffer.alloc(at % 2 === 0 ? 0 : 30_000 * at, 'more'));
          });
          await pause(50);
          for (const { socket } of wires) end(socket);
        }).finally(() => {
          for (const { socket } of wires) socket.destroy();
        });
      });
    }
  }
});
