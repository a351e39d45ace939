// What stands between a client and a registry, and does not tell the truth where it is told so.

import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  request,
  type ServerResponse,
} from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';

export interface Told {
  status: number;
  headers: IncomingHttpHeaders;
  body: Buffer;
}

export interface Asking {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly body: Buffer;
}

/** Changes what is told; an answer of its own keeps the request from the registry. */
export interface Lie {
  readonly instead?: (asking: Asking) => Told | undefined;
  readonly change?: (told: Told, asking: Asking) => void;
}

export interface Between {
  /** `127.0.0.1:port` */
  readonly host: string;
  /** Who was asked for, by the requests' `Host`. */
  readonly hosts: ReadonlySet<string | undefined>;
  close(): void;
}

/** @param tls ends TLS, and tells the registry so, as a load balancer does */
export async function startBetween(
  url: string,
  { instead, change }: Lie = {},
  tls?: { readonly key: string; readonly cert: string },
): Promise<Between> {
  const hosts = new Set<string | undefined>();
  const answer = async (asked: IncomingMessage, response: ServerResponse) => {
    hosts.add(asked.headers.host);
    const { method = '', url: path = '' } = asked;
    const asking = { method, path, body: await gather(asked) };
    const told = instead?.(asking) ?? (await pass(asked, asking));
    change?.(told, asking);
    const { 'transfer-encoding': _, ...headers } = told.headers;
    if (method !== 'HEAD') headers['content-length'] = String(told.body.length);
    response.writeHead(told.status, headers).end(told.body);
  };
  const pass = async ({ headers }: IncomingMessage, { method, path, body }: Asking) => {
    const { 'transfer-encoding': _, ...sent } = headers;
    const passed = request(new URL(path, url), {
      method,
      headers: {
        ...sent,
        'content-length': body.length,
        ...(tls === undefined ? {} : { 'x-forwarded-proto': 'https' }),
      },
    }).end(body);
    const [told] = (await once(passed, 'response')) as [IncomingMessage];
    return { status: told.statusCode ?? 0, headers: told.headers, body: await gather(told) };
  };
  const listener = (asked: IncomingMessage, response: ServerResponse) => {
    answer(asked, response).catch(() => response.destroy());
  };
  const server = tls === undefined ? createServer(listener) : createTlsServer(tls, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    hosts,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
}

async function gather(message: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  for await (const piece of message as AsyncIterable<Buffer>) pieces.push(piece);
  return Buffer.concat(pieces);
}
