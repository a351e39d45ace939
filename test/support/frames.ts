// HTTP/2 by hand: frames on a socket, as no client would send them (RFC 9113 sections 4 and 6).

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

const types = [
  ...['DATA', 'HEADERS', 'PRIORITY', 'RST_STREAM', 'SETTINGS', 'PUSH_PROMISE'],
  ...['PING', 'GOAWAY', 'WINDOW_UPDATE', 'CONTINUATION', 'UNKNOWN'],
] as const;
type FrameType = (typeof types)[number];

export interface Frame {
  readonly type: FrameType;
  readonly flags: number;
  /** 0 is the connection itself. */
  readonly stream: number;
  readonly payload: Buffer;
}

/** Flags: both have the same bit, for frames that end a stream and for those that acknowledge one. */
export const endStream = 1;
export const acknowledgement = 1;
export const endHeaders = 4;

export const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export function frame(
  type: FrameType,
  {
    flags = 0,
    stream = 0,
    payload = '',
  }: Partial<Record<'flags' | 'stream', number>> & {
    readonly payload?: string | Uint8Array;
  } = {},
): Buffer {
  const bytes = Buffer.from(payload);
  const head = Buffer.alloc(9);
  head.writeUIntBE(bytes.length, 0, 3);
  head.writeUInt8(types.indexOf(type), 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream, 5);
  return Buffer.concat([head, bytes]);
}

/** 32 bits, as codes and windows are written. */
export function word(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32BE(value);
  return bytes;
}

/** One setting: its number and its value. */
export function setting(number: number, value: number): Buffer {
  return Buffer.concat([Buffer.from([0, number]), word(value)]);
}

/** Header fields in HPACK, each written out: never compressed, never remembered (RFC 7541 section 6.2.2). */
export function fields(pairs: readonly (readonly [string, string])[]): Buffer {
  return Buffer.concat(
    pairs.flatMap(([name, value]) => [Buffer.from([0]), text(name), text(value)]),
  );
}

function text(value: string): Buffer {
  const bytes = Buffer.from(value);
  if (bytes.length < 127) return Buffer.concat([Buffer.from([bytes.length]), bytes]);
  const length = [127];
  let left = bytes.length - 127;
  for (; left >= 128; left >>= 7) length.push((left & 127) | 128);
  return Buffer.concat([Buffer.from([...length, left]), bytes]);
}

/** How long something may be waited for, on a machine that has much else to do. */
const patienceMs = 15_000;

/** A connection that frames are sent on, and taken from. */
export interface FrameWire {
  readonly socket: Socket;
  /** All that came so far. */
  readonly received: readonly Frame[];
  /** Waits for a frame. @throws Error when the connection ends before it */
  until(wanted: (frame: Frame) => boolean): Promise<Frame>;
  /** Waits until the other side has read what was sent. */
  read(): Promise<void>;
  /** Waits for the end of the connection. */
  ended(): Promise<void>;
}

/** Opens a connection, sends the preface and settings, and waits for and acknowledges those that come. */
export async function openFrames(
  url: string,
  settings: Uint8Array = Buffer.alloc(0),
): Promise<FrameWire> {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  const received: Frame[] = [];
  let [pending, over]: [Buffer, boolean] = [Buffer.alloc(0), false];
  let wake = () => {};
  socket.on('data', (bytes) => {
    pending = Buffer.concat([pending, bytes]);
    for (;;) {
      const length = pending.length < 9 ? 0 : pending.readUIntBE(0, 3);
      if (pending.length < 9 + length) break;
      const next = readFrame(pending, length);
      pending = pending.subarray(9 + length);
      received.push(next);
      if (next.type === 'SETTINGS' && next.flags === 0) {
        socket.write(frame('SETTINGS', { flags: acknowledgement }));
      }
    }
    wake();
  });
  // Broken off or ended: both are an end.
  socket.on('error', () => undefined);
  socket.on('close', () => {
    over = true;
    wake();
  });
  await once(socket, 'connect');
  socket.write(Buffer.concat([preface, frame('SETTINGS', { payload: settings })]));
  const change = () =>
    new Promise<void>((resolve, reject) => {
      const impatient = setTimeout(() => {
        reject(new Error(`nothing came for ${patienceMs} ms after ${describe(received)}`));
      }, patienceMs);
      wake = () => {
        clearTimeout(impatient);
        resolve();
      };
    });
  const until = async (wanted: (frame: Frame) => boolean) => {
    for (let at = 0; ; at += 1) {
      while (at >= received.length) {
        if (over) throw new Error(`the connection ended after ${describe(received)}`);
        await change();
      }
      const found = received[at];
      if (found !== undefined && wanted(found)) return found;
    }
  };
  await until(({ type }) => type === 'SETTINGS');
  return {
    socket,
    received,
    until,
    read: async () => {
      const before = received.filter(isPong).length;
      socket.write(frame('PING', { payload: Buffer.alloc(8) }));
      await until((one) => isPong(one) && received.filter(isPong).length > before);
    },
    ended: async () => {
      while (!over) await change();
    },
  };
}

function isPong({ type, flags }: Frame): boolean {
  return type === 'PING' && flags === acknowledgement;
}

function readFrame(bytes: Buffer, length: number): Frame {
  return {
    type: types[bytes.readUInt8(3)] ?? 'UNKNOWN',
    flags: bytes.readUInt8(4),
    stream: bytes.readUInt32BE(5),
    payload: Buffer.from(bytes.subarray(9, 9 + length)),
  };
}

function describe(frames: readonly Frame[]): string {
  return frames
    .slice(-20)
    .map(({ type, flags, stream }) => `${type}(${flags}) on ${stream}`)
    .join(', ');
}
