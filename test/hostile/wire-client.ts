// A client that sends bytes, many requests at once down one connection, and reads answers strictly: what is no
// HTTP/1.1, or more or less than was announced, fails.

import assert from 'node:assert/strict';
import { connect, type Socket } from 'node:net';

export interface WireReply {
  readonly status: number;
  /** Names in lower case. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: Buffer;
}

export interface Asked {
  readonly method: string;
  readonly bytes: Buffer;
}

/** How long an answer may take, on a machine that has much else to do. */
const patienceMs = 20_000;

/** The first answer that bytes begin with, and what stands behind it; `undefined` while it is not whole. */
export function readReply(
  bytes: Buffer,
  method: string,
): { reply: WireReply; rest: Buffer } | undefined {
  const end = bytes.indexOf('\r\n\r\n');
  if (end === -1) return undefined;
  const [first = '', ...lines] = bytes.toString('latin1', 0, end).split('\r\n');
  const [, code] = /^HTTP\/1\.1 ([1-5]\d\d) [\x20-\x7e]*$/.exec(first) ?? [];
  assert.ok(code !== undefined, `no status line: ${JSON.stringify(first.slice(0, 200))}`);
  const status = Number(code);
  const behind = bytes.subarray(end + 4);
  if (status < 200) return readReply(behind, method);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const [, name, value] = /^([\w-]+): (.*)$/.exec(line) ?? [];
    assert.ok(name !== undefined && value !== undefined, `no header: ${JSON.stringify(line)}`);
    assert.ok(!headers.has(name.toLowerCase()), `${name} stands twice`);
    headers.set(name.toLowerCase(), value);
  }
  const bare = method === 'HEAD' || status === 204 || status === 304;
  const length = bare ? 0 : Number(headers.get('content-length') ?? Number.NaN);
  assert.ok(Number.isSafeInteger(length), `an answer of unknown length: ${first}`);
  if (behind.length < length) return undefined;
  return {
    reply: { status, headers, body: behind.subarray(0, length) },
    rest: behind.subarray(length),
  };
}

/** A connection that is kept, and made anew when the registry has ended it. */
export class Line {
  readonly #port: number;
  #socket: Socket | undefined;

  constructor(url: string) {
    this.#port = Number(new URL(url).port);
  }

  /**
   * Sends all at once and reads the answers in their order. Where the registry ends the connection after an
   * answer, those behind it are `undefined`: they have to be sent again.
   */
  async ask(requests: readonly Asked[]): Promise<(WireReply | undefined)[]> {
    // What becomes of it is seen by its end, which follows every error.
    const socket = this.#socket ?? connect(this.#port, '127.0.0.1').on('error', () => {});
    this.#socket = socket;
    const replies = await readReplies(socket, requests);
    const [last] = replies.slice(-1);
    if (last === undefined || last.headers.get('connection') === 'close') this.close();
    return [
      ...replies,
      ...Array.from({ length: requests.length - replies.length }, () => undefined),
    ];
  }

  close(): void {
    this.#socket?.destroy();
    this.#socket = undefined;
  }
}

function readReplies(socket: Socket, requests: readonly Asked[]): Promise<WireReply[]> {
  return new Promise((resolve, reject) => {
    const replies: WireReply[] = [];
    let pending: Buffer = Buffer.alloc(0);
    const finish = (error?: unknown) => {
      clearTimeout(timer);
      socket.off('data', take).off('close', ended);
      if (error === undefined) resolve(replies);
      else reject(error);
    };
    const ended = () => finish();
    const timer = setTimeout(() => {
      socket.destroy();
      finish(new Error(`no answer within ${patienceMs} ms, after ${replies.length}`));
    }, patienceMs);
    const take = (piece: Buffer) => {
      pending = Buffer.concat([pending, piece]);
      try {
        for (;;) {
          const { method } = requests[replies.length] ?? { method: '' };
          const found = readReply(pending, method);
          if (found === undefined) return;
          replies.push(found.reply);
          pending = found.rest;
          const last = found.reply.headers.get('connection') === 'close';
          if (replies.length < requests.length && !last) continue;
          assert.equal(pending.toString('latin1', 0, 300), '', 'more came than was asked for');
          finish();
          return;
        }
      } catch (error) {
        socket.destroy();
        finish(error);
      }
    };
    socket.on('data', take).on('close', ended);
    socket.write(Buffer.concat(requests.map(({ bytes }) => bytes)));
  });
}

/**
 * Sends bytes that may be no request, on a connection of their own, ends our side if there is no answer soon,
 * and reads to the end of the other. @returns all that came
 */
export function shout(url: string, bytes: Uint8Array): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const pieces: Buffer[] = [];
    const socket = connect(Number(new URL(url).port), '127.0.0.1');
    // Some wait for more of a body, and all that is answered keeps the connection: this ends both.
    const end = setTimeout(() => socket.end(), 40);
    const timer = setTimeout(() => {
      socket.destroy();
      reject(new Error(`the connection was not ended within ${patienceMs} ms`));
    }, patienceMs);
    socket.on('data', (piece) => pieces.push(piece));
    socket.on('error', () => {});
    socket.on('close', () => {
      clearTimeout(end);
      clearTimeout(timer);
      resolve(Buffer.concat(pieces));
    });
    socket.write(bytes);
  });
}
