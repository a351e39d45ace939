// One connection to a registry, as lean as can be, so that what is measured is the server: requests are
// written as bytes that were made before, answers are read no further than their length needs.

import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

export interface Answer {
  readonly status: number;
  /** The status line and the headers. */
  readonly head: string;
  readonly bodyBytes: number;
  /** The body's text, where it was asked for. */
  readonly text: string;
}

const headEnd = Buffer.from('\r\n\r\n');

/** A connection that is kept alive; one request at a time. */
export class Connection {
  readonly #socket: Socket;
  #received: Buffer[] = [];
  #receivedBytes = 0;
  #wake: (() => void) | undefined;
  #ended = false;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.setNoDelay(true);
    socket.on('data', (bytes) => {
      this.#received.push(bytes);
      this.#receivedBytes += bytes.length;
      this.#wake?.();
    });
    const end = () => {
      this.#ended = true;
      this.#wake?.();
    };
    socket.on('close', end);
    socket.on('error', end);
  }

  static async open(host: string, port: number): Promise<Connection> {
    const socket = connect({ host, port });
    await once(socket, 'connect');
    return new Connection(socket);
  }

  close(): void {
    this.#socket.destroy();
  }

  /** Writes bytes of a request, no faster than they are taken. */
  async write(bytes: Uint8Array | string): Promise<void> {
    if (!this.#socket.write(bytes)) await once(this.#socket, 'drain');
  }

  /** Sends a request and reads its answer. @throws Error when the connection ends before */
  async send(request: Uint8Array | string, keep: 'drop' | 'text' = 'drop'): Promise<Answer> {
    this.#socket.write(request);
    return this.answer(request[0] === 'H' || request[0] === 0x48, keep);
  }

  /** Reads an answer. @param toHead whether it is one to HEAD, which has no body */
  async answer(toHead: boolean, keep: 'drop' | 'text' = 'drop'): Promise<Answer> {
    const head = await this.#readHead();
    const status = Number(head.slice(9, 12));
    if (status === 100) return this.answer(toHead, keep);
    if (toHead || status === 204 || status === 304) return { status, head, bodyBytes: 0, text: '' };
    const [, length] = /\r\ncontent-length: (\d+)/i.exec(head) ?? [];
    if (length === undefined) return { status, head, ...(await this.#readChunks(keep)) };
    const text = keep === 'text' ? String(await this.#take(Number(length))) : '';
    if (keep === 'drop') await this.#skip(Number(length));
    return { status, head, bodyBytes: Number(length), text };
  }

  async #readHead(): Promise<string> {
    for (;;) {
      const [first] = this.#received;
      const end = first?.indexOf(headEnd) ?? -1;
      if (end >= 0) return (await this.#take(end + 4)).toString('latin1', 0, end);
      if (this.#received.length > 1) {
        this.#received = [Buffer.concat(this.#received)];
        if ((this.#received[0]?.indexOf(headEnd) ?? -1) >= 0) continue;
      }
      await this.#more();
    }
  }

  async #readChunks(keep: 'drop' | 'text'): Promise<{ bodyBytes: number; text: string }> {
    let bodyBytes = 0;
    let text = '';
    for (;;) {
      const size = Number.parseInt(await this.#readLine(), 16);
      bodyBytes += size;
      if (keep === 'text') text += String((await this.#take(size + 2)).subarray(0, size));
      else await this.#skip(size + 2);
      if (size === 0) return { bodyBytes, text };
    }
  }

  async #readLine(): Promise<string> {
    for (;;) {
      if (this.#received.length > 1) this.#received = [Buffer.concat(this.#received)];
      const end = this.#received[0]?.indexOf('\r\n') ?? -1;
      if (end >= 0) return (await this.#take(end + 2)).toString('latin1', 0, end);
      await this.#more();
    }
  }

  async #take(bytes: number): Promise<Buffer> {
    while (this.#receivedBytes < bytes) await this.#more();
    const all = this.#received.length === 1 ? this.#received[0] : Buffer.concat(this.#received);
    if (all === undefined) return Buffer.alloc(0);
    this.#received = all.length > bytes ? [all.subarray(bytes)] : [];
    this.#receivedBytes = all.length - bytes;
    return all.subarray(0, bytes);
  }

  async #skip(bytes: number): Promise<void> {
    let left = bytes;
    while (left > 0) {
      const piece = this.#received.shift();
      if (piece === undefined) {
        await this.#more();
        continue;
      }
      this.#receivedBytes -= piece.length;
      if (piece.length > left) {
        this.#received.unshift(piece.subarray(left));
        this.#receivedBytes += piece.length - left;
        return;
      }
      left -= piece.length;
    }
  }

  async #more(): Promise<void> {
    if (this.#ended) throw new Error('the connection ended before the answer did');
    await new Promise<void>((resolve) => {
      this.#wake = resolve;
    });
    this.#wake = undefined;
  }
}
