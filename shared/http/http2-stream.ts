// A stream of HTTP/2 as a request and its answer. Not node:http2's own compatibility layer: there a body that was
// broken off ends as a whole one does, and an answer that nobody took is finished.

import { constants, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { Incoming, Outgoing } from './message.ts';

/** Lists that may come in several lines (RFC 9110 section 5.3), of which Node would keep the first one alone. */
const lists = ['if-match', 'if-none-match'];

/** A request's headers and body. */
export class Http2Incoming implements Incoming {
  readonly httpVersionMajor = 2;
  readonly method: string | undefined;
  readonly url: string | undefined;
  readonly headers: IncomingHttpHeaders;
  readonly rawHeaders: readonly string[];
  readonly socket: Incoming['socket'];
  readonly #stream: ServerHttp2Stream;

  constructor(
    stream: ServerHttp2Stream,
    headers: IncomingHttpHeaders,
    rawHeaders: readonly string[],
    socket?: Incoming['socket'],
  ) {
    this.#stream = stream;
    this.socket = socket;
    this.headers = withWholeLists(headers, rawHeaders);
    this.rawHeaders = rawHeaders;
    this.method = headers[':method'];
    this.url = headers[':path'];
  }

  get complete(): boolean {
    return this.#stream.endAfterHeaders || this.#stream.readableEnded;
  }

  get readableDidRead(): boolean {
    return this.#stream.readableDidRead;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    const stream = this.#stream;
    try {
      // Who stops reading still answers.
      yield* stream.iterator({ destroyOnReturn: false });
    } catch (cause) {
      throw brokenOff(cause);
    }
    if (stream.aborted) throw brokenOff();
  }

  resume(): void {
    this.#stream.resume();
  }

  destroy(): void {
    breakOff(this.#stream);
  }
}

/** Ends a stream as an error. Closing it would first send what looks like the end of the answer. */
export function breakOff(stream: ServerHttp2Stream): void {
  stream.destroy(new Error('broken off'));
}

/** What node:http calls it when a connection ends in the midst of a body. */
function brokenOff(cause?: unknown): Error {
  return Object.assign(new Error('the client broke off its request', { cause }), {
    code: 'ECONNRESET',
  });
}

/** The answer to it. */
export class Http2Outgoing implements Outgoing {
  statusCode = 200;
  readonly #headers: Record<string, string | number> = {};
  readonly #stream: ServerHttp2Stream;

  constructor(stream: ServerHttp2Stream) {
    this.#stream = stream;
  }

  get headersSent(): boolean {
    return this.#stream.headersSent;
  }

  get writableFinished(): boolean {
    // Not the stream's own word: it may be closed, whole, before it has heard that it was written.
    const { writableEnded, aborted, rstCode } = this.#stream;
    return writableEnded && !aborted && rstCode === constants.NGHTTP2_NO_ERROR;
  }

  get destroyed(): boolean {
    return this.#stream.destroyed || this.#stream.closed;
  }

  setHeader(name: string, value: string | number): void {
    this.#headers[name.toLowerCase()] = value;
  }

  hasHeader(name: string): boolean {
    return this.getHeader(name) !== undefined;
  }

  getHeader(name: string): string | number | undefined {
    return this.#headers[name.toLowerCase()];
  }

  writeContinue(): void {
    if (!this.destroyed) this.#stream.additionalHeaders({ ':status': 100 });
  }

  write(bytes: Uint8Array, written: () => void): boolean {
    this.#begin();
    return this.#stream.write(bytes, written);
  }

  end(body: string | Uint8Array = ''): void {
    if (this.destroyed) return;
    this.#begin(body.length === 0);
    this.#stream.end(body);
    this.#refuseTheRest();
  }

  once(event: 'close' | 'finish', listener: () => void): void {
    this.#stream.once(event, listener);
  }

  destroy(): void {
    breakOff(this.#stream);
  }

  #begin(isWhole = false): void {
    if (this.headersSent || this.destroyed) return;
    this.#stream.respond({ ':status': this.statusCode, ...this.#headers }, { endStream: isWhole });
  }

  /** "A server can … request that the client abort transmission … by sending a RST_STREAM with an error code of NO_ERROR" after a whole answer (RFC 9113 section 8.1). */
  #refuseTheRest(): void {
    const stream = this.#stream;
    if (stream.endAfterHeaders) return;
    stream.once('finish', () => {
      if (!stream.readableEnded) stream.close(constants.NGHTTP2_NO_ERROR);
    });
  }
}

function withWholeLists(
  headers: IncomingHttpHeaders,
  rawHeaders: readonly string[],
): IncomingHttpHeaders {
  for (const name of lists) {
    if (headers[name] === undefined) continue;
    const lines = rawHeaders.filter((_, at) => at % 2 === 1 && rawHeaders[at - 1] === name);
    if (lines.length > 1) headers[name] = lines.join(', ');
  }
  return headers;
}
