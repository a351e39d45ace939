// A request and its answer on the wire, as far as node:http, functions-framework and HTTP/2 streams agree.

import type { IncomingHttpHeaders } from 'node:http';

/** A request. Its body are the bytes as they come: reading on fails when the client goes away before the end. */
export interface Incoming extends AsyncIterable<Uint8Array> {
  readonly httpVersionMajor: number;
  readonly method?: string | undefined;
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
  /** Names and values in turns, as they were sent. */
  readonly rawHeaders: readonly string[];
  /** Whether all of it has come. */
  readonly complete: boolean;
  readonly readableDidRead: boolean;
  /** The whole body, where functions-framework has read it. */
  readonly rawBody?: Uint8Array | undefined;
  /** Who is at the other end. */
  readonly socket?: { readonly remoteAddress?: string | undefined } | undefined;
  /** Lets go of what comes. */
  resume(): unknown;
  destroy(): unknown;
}

export interface Outgoing {
  statusCode: number;
  readonly headersSent: boolean;
  /** All of it was handed to the connection, and that while the client was there. */
  readonly writableFinished: boolean;
  /** The client has gone, or the answer was broken off. */
  readonly destroyed: boolean;
  setHeader(name: string, value: string | number): unknown;
  hasHeader(name: string): boolean;
  getHeader(name: string): string | number | readonly string[] | undefined;
  write(bytes: Uint8Array, written: () => void): boolean;
  end(body?: string | Uint8Array): unknown;
  writeContinue(): void;
  once(event: 'close' | 'finish', listener: () => void): unknown;
  /** Breaks off, so that nothing cut short looks whole. */
  destroy(): unknown;
}

/** Answers requests. Rejects only where it could answer nothing at all. */
export type Handler = (request: Incoming, response: Outgoing) => Promise<void>;
