// Requests and answers on the wire.

import type { IncomingMessage, ServerResponse } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Answer, Call } from './exchange.ts';
import type { Rights } from './rights.ts';
import type { Route } from './routes.ts';

/** A request's target, at its question mark: the path as it was sent, and the query. */
export function splitTarget(target: string): { path: string; query: URLSearchParams } {
  const [path = '', ...query] = target.split('?');
  return { path, query: new URLSearchParams(query.join('?')) };
}

/** @param breakAfterBytes of the body; the connection then breaks, as when a client's line does */
export function callOf(
  request: IncomingMessage,
  asked: Route & { readonly path: string; readonly query: URLSearchParams },
  {
    breakAfterBytes,
    rights,
  }: { readonly breakAfterBytes: number | undefined; readonly rights: Rights | undefined },
): Call {
  return {
    ...asked,
    rights,
    method: request.method ?? 'GET',
    headers: request.headers,
    origin: `http://${request.headers.host}`,
    body: bodyOf(request, breakAfterBytes),
    cut: () => request.destroy(),
  };
}

async function* bodyOf(
  request: IncomingMessage,
  breakAfterBytes: number | undefined,
): AsyncGenerator<Buffer> {
  let left = breakAfterBytes ?? Number.POSITIVE_INFINITY;
  // Who stops reading in its midst still wants to answer.
  for await (const piece of request.iterator({ destroyOnReturn: false })) {
    if (piece.length >= left) {
      yield piece.subarray(0, left);
      request.socket.resetAndDestroy();
      throw new Error('the connection broke');
    }
    left -= piece.length;
    yield piece;
  }
}

/** Reads what an operation left of a request's body: who is answered while he sends may lose the answer. */
export async function drain(call: Call, request: IncomingMessage): Promise<void> {
  for await (const _ of call.body) {
    // Of no interest.
  }
  if (request.readableEnded || request.destroyed) return;
  await new Promise<void>((resolve) => {
    request.once('close', resolve).once('end', resolve).resume();
  });
}

export async function send(
  response: ServerResponse,
  answer: Answer,
  { breakAfterBytes }: { readonly breakAfterBytes: number | undefined },
): Promise<void> {
  const { body = '' } = answer;
  const headers: Record<string, string> = { ...answer.headers };
  if (typeof body === 'string' && ![204, 304].includes(answer.status))
    headers['content-length'] = String(Buffer.byteLength(body));
  response.writeHead(answer.status, headers);
  if (response.req.method === 'HEAD') {
    response.end();
    return;
  }
  const bytes = typeof body === 'string' ? [Buffer.from(body)] : body;
  if (breakAfterBytes === undefined) await pipeline(Readable.from(bytes), response);
  else await sendSome(response, bytes, breakAfterBytes);
}

/** Sends so many bytes of a body and breaks the connection. */
async function sendSome(
  response: ServerResponse,
  bytes: AsyncIterable<Uint8Array> | Iterable<Uint8Array>,
  count: number,
): Promise<void> {
  response.flushHeaders();
  let left = count;
  for await (const piece of bytes) {
    await written(response, piece.subarray(0, left));
    left -= Math.min(left, piece.length);
    if (left === 0) break;
  }
  response.socket?.destroySoon();
}

function written(response: ServerResponse, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve, reject) => {
    response.write(bytes, (error) => (error ? reject(error) : resolve()));
  });
}
