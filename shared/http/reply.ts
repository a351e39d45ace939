// An answer, as plain data, and the one place that writes it to the wire.

import { once } from 'node:events';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { errorEnvelope, type RegistryError } from '../oci/errors.ts';
import { drainBytesMax } from '../oci/limits.ts';
import { mediaTypes } from '../oci/media-types.ts';

/** What is undefined is left out. */
export type ReplyHeaders = Readonly<Record<string, string | number | undefined>>;

export interface Reply {
  readonly status: number;
  readonly headers?: ReplyHeaders;
  /** Bytes at hand, or bytes as they come. HEAD is answered with the same reply, the body left out. */
  readonly body?: Uint8Array | string | AsyncIterable<Uint8Array>;
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

/** Writes a reply. Resolves when it is handed to the connection; rejects when the body's source fails midway. */
export async function writeReply(
  request: IncomingMessage,
  response: ServerResponse,
  reply: Reply,
): Promise<void> {
  const { status, headers = {}, body = '' } = reply;
  for (const [name, value] of Object.entries(headers)) {
    if (value !== undefined) response.setHeader(name, value);
  }
  if (leavesBody(request)) closeSoon(request, response);
  response.statusCode = status;
  const hasBody = request.method !== 'HEAD' && status !== 204 && status !== 304;
  if (typeof body === 'string' || body instanceof Uint8Array) {
    if (!response.hasHeader('Content-Length') && status !== 204 && status !== 304) {
      response.setHeader('Content-Length', Buffer.byteLength(body));
    }
    response.end(hasBody ? body : undefined);
    return;
  }
  if (hasBody) await pipe(body, response);
  response.end();
}

/** Sends bytes no faster than the client takes them; stops taking them when it is gone. */
async function pipe(body: AsyncIterable<Uint8Array>, response: ServerResponse): Promise<void> {
  for await (const bytes of body) {
    if (response.destroyed) return;
    if (response.write(bytes)) continue;
    const gone = new AbortController();
    const close = () => gone.abort();
    response.once('close', close);
    await once(response, 'drain', { signal: gone.signal }).catch(() => undefined);
    response.off('close', close);
  }
}

/** Whether more is still to come of the request than is worth draining. */
function leavesBody(request: IncomingMessage): boolean {
  if (request.complete) return false;
  const length = request.headers['content-length'];
  return length === undefined
    ? request.headers['transfer-encoding'] !== undefined
    : Number(length) > drainBytesMax;
}

/** Tells the client that its body is not wanted, leaves it a moment to read why, and ends the connection. */
function closeSoon(request: IncomingMessage, response: ServerResponse): void {
  response.setHeader('Connection', 'close');
  response.once('finish', () => {
    request.resume();
    setTimeout(() => request.destroy(), 2000).unref();
  });
}
