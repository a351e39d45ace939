// A small HTTP server of one's own: it answers what a test says, and remembers what it was asked.

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

export interface Received {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

export interface Answered {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as it is when it is a text or bytes, else as JSON. */
  readonly body?: unknown;
}

export interface SmallServer {
  /** `127.0.0.1:port` */
  readonly host: string;
  readonly received: Received[];
  /** What it answers from now on, having forgotten what it was asked. */
  answers(respond: (request: Received) => Answered): void;
  close(): Promise<void>;
}

export async function startSmallServer(): Promise<SmallServer> {
  let respond: (request: Received) => Answered = () => ({ status: 404 });
  const received: Received[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Buffer[] = [];
    for await (const piece of request) pieces.push(piece);
    const one = {
      method: request.method ?? '',
      path: request.url ?? '',
      headers: request.headers,
      body: Buffer.concat(pieces).toString('utf8'),
    };
    received.push(one);
    const { status = 200, headers = {}, body = '' } = respond(one);
    response.writeHead(status, headers);
    response.end(
      typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
    );
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    host: `127.0.0.1:${port}`,
    received,
    answers: (next) => {
      received.length = 0;
      respond = next;
    },
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}

/** What a registry answers that takes any credentials, before it comes to its API. */
export function asRegistry(
  host: string,
  api: (request: Received) => Answered,
): (request: Received) => Answered {
  return (request) => {
    if (request.path.startsWith('/v2/token')) return { body: { token: 'a-token' } };
    if (request.headers.authorization === 'Bearer a-token') return api(request);
    return {
      status: 401,
      headers: {
        'WWW-Authenticate': `Bearer realm="http://${host}/v2/token",service="${host}",scope="project:p:admin"`,
      },
    };
  };
}
