// An answer, as plain data, and the one place that writes it to the wire.

import { errorEnvelope, type RegistryError } from '../oci/errors.ts';
import { drainBytesMax, lastWordMs } from '../oci/limits.ts';
import { mediaTypes } from '../oci/media-types.ts';
import type { Incoming, Outgoing } from './message.ts';

/** What is undefined is left out. */
export type ReplyHeaders = Readonly<Record<string, string | number | undefined>>;

/** What is to be told of a change in the log, beside what the request itself says of it. */
export interface Audited {
  /** What was done, where the route does not say it. */
  readonly action?: string;
  readonly digest?: string;
  readonly tags?: readonly string[];
  /** What was changed, for a person. Never a secret. */
  readonly detail?: string;
}

export interface Reply {
  readonly status: number;
  readonly headers?: ReplyHeaders;
  /** Bytes at hand, or bytes as they come. HEAD is answered with the same reply, the body left out. */
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array>;
  /** Who it was found to be that asks, where only the body told (the token endpoint's form). */
  readonly actor?: string;
  readonly audited?: Audited;
}

/** How far the writing of a reply has come. */
export interface ReplyProgress {
  /** Bytes of the body that were handed to the connection. */
  bytesSent: number;
}

export function jsonReply(value: unknown, headers: ReplyHeaders = {}): Reply {
  return {
    status: 200,
    headers: { 'Content-Type': mediaTypes.json, ...headers },
    body: JSON.stringify(value),
  };
}

export function errorReply(error: RegistryError, requestId: string): Reply {
  return {
    status: error.status,
    headers: { 'Content-Type': mediaTypes.json, ...error.headers },
    body: errorEnvelope(error, requestId),
  };
}

/**
 * Writes a reply. Resolves when it is handed to the connection; rejects when the body's source fails midway,
 * or ends before its Content-Length: the connection has to be broken off then.
 */
export async function writeReply(
  request: Incoming,
  response: Outgoing,
  reply: Reply,
  progress: ReplyProgress,
): Promise<void> {
  const { status, headers = {}, body = '' } = reply;
  for (const name in headers) {
    const value = headers[name];
    if (value !== undefined) response.setHeader(name, value);
  }
  // On HTTP/2 the end of the answer says it, of this request alone.
  if (request.httpVersionMajor !== 2 && leavesBody(request)) closeSoon(request, response);
  response.statusCode = status;
  const hasBody = request.method !== 'HEAD' && status !== 204 && status !== 304;
  if (typeof body === 'string' || body instanceof Uint8Array) {
    if (!response.hasHeader('Content-Length') && status !== 204 && status !== 304) {
      response.setHeader('Content-Length', Buffer.byteLength(body));
    }
    response.end(hasBody ? body : undefined);
    if (hasBody) progress.bytesSent = Buffer.byteLength(body);
    return;
  }
  if (hasBody) await pipe(body, response, progress);
  const announced = response.getHeader('Content-Length');
  if (hasBody && !response.destroyed && announced !== progress.bytesSent) {
    throw new Error(`the body has ${progress.bytesSent} bytes, not the ${announced} announced`);
  }
  response.end();
}

/** Sends pieces no faster than the client takes them, each before the next is asked for; stops when the client is gone. */
async function pipe(
  body: AsyncIterable<Uint8Array>,
  response: Outgoing,
  progress: ReplyProgress,
): Promise<void> {
  let goOn = () => {};
  response.once('close', () => goOn());
  for await (const bytes of body) {
    if (response.destroyed) return;
    progress.bytesSent += bytes.length;
    await new Promise<void>((resolve) => {
      goOn = resolve;
      response.write(bytes, () => resolve());
    });
    // Not asked for more first: what a body comes of is told at once that nobody reads it.
    if (response.destroyed) return;
  }
}

/**
 * Whether more is still to come of the request than is worth draining, or nobody knows whether it comes:
 * who waits for 100 Continue may send the body after another answer, or not (RFC 9110 section 10.1.1).
 */
function leavesBody(request: Incoming): boolean {
  if (request.complete) return false;
  if (request.headers.expect !== undefined && !request.readableDidRead) return true;
  const length = request.headers['content-length'];
  return length === undefined
    ? request.headers['transfer-encoding'] !== undefined
    : Number(length) > drainBytesMax;
}

/**
 * Leaves the client a moment to read why its body is not wanted, and ends the connection. A body of unknown length that nobody
 * has begun to read may end in that moment: then the connection can be used again. It is not told that it ends, because
 * node:http then closes it under bytes that are still coming, and the system takes the answer from a client that has not read
 * it yet.
 */
function closeSoon(request: Incoming, response: Outgoing): void {
  const { expect, 'content-length': length } = request.headers;
  const mayEnd = expect === undefined && length === undefined && !request.readableDidRead;
  if (!mayEnd) response.setHeader('Connection', 'close');
  response.once('finish', () => {
    request.resume();
    setTimeout(() => {
      if (!mayEnd || !request.complete) request.destroy();
    }, lastWordMs).unref();
  });
}
