// Requests to a registry that may die at any moment, sent with node:http: byte for byte, and known when they are out.

import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingHttpHeaders, request } from 'node:http';
import type { RunningBerth } from '#test/support/berth.ts';

export interface Outgoing {
  readonly method: string;
  /** Path and query. A Location of ours is one. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  /** Several pieces are sent chunked when no Content-Length is among the headers. */
  readonly body?: Uint8Array | readonly Uint8Array[];
  /**
   * Called after each piece of the body, and with true when all is written: the request is in flight. The next piece
   * waits for what it returns.
   */
  readonly underway?: ((whole: boolean) => Promise<void> | undefined) | undefined;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export class Connection {
  readonly #berth: RunningBerth;
  readonly #agent = new Agent({ keepAlive: true });

  constructor(berth: RunningBerth) {
    this.#berth = berth;
  }

  /** Sends a request as the admin and reads the whole answer. Rejects when the connection breaks before its end. */
  async send(outgoing: Outgoing): Promise<Answer> {
    const { method, path, headers, body = [], underway } = outgoing;
    const basic = Buffer.from(`admin:${this.#berth.password}`).toString('base64');
    const sent = request(new URL(path, this.#berth.url), {
      method,
      agent: this.#agent,
      headers: { authorization: `Basic ${basic}`, ...lengthOf(body), ...headers },
    });
    const answered = once(sent, 'response');
    // It is awaited below, after the body, and what breaks after the answer is none of ours.
    answered.catch(() => undefined);
    sent.on('error', () => undefined);
    const pieces = body instanceof Uint8Array ? [body] : body;
    for (const piece of pieces.slice(0, -1)) {
      await written(sent, piece);
      await underway?.(false);
    }
    sent.end(pieces.at(-1));
    await underway?.(true);
    const [message] = await answered;
    const received: Uint8Array[] = await Array.fromAsync(message);
    return {
      status: message.statusCode ?? 0,
      headers: message.headers,
      body: Buffer.concat(received),
    };
  }

  close(): void {
    this.#agent.destroy();
  }
}

function lengthOf(body: Outgoing['body']): Record<string, string> {
  return body instanceof Uint8Array ? { 'content-length': String(body.length) } : {};
}

/** Resolves when the piece was handed to the system, or the connection has broken. */
function written(sent: ClientRequest, piece: Uint8Array): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      sent.off('close', done);
      resolve();
    };
    sent.once('close', done);
    sent.write(piece, done);
  });
}
