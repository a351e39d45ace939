// A push endpoint on this machine: it takes what a registry, or Pub/Sub, pushes.

import { once } from 'node:events';
import { createServer, type IncomingMessage } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Failure } from './failure.ts';
import { asRecord, isRecord, parseJson } from './json-values.ts';

/** A message may have 10 MB on Pub/Sub; those of a registry have some hundred bytes. */
const bodyBytesMax = 1024 * 1024;
const connectionsMax = 100;
const lastWordMs = 1000;

export interface RunningEndpoint {
  /** To be given to the registry. */
  readonly url: string;
  close(): Promise<void>;
}

/**
 * Listens on this machine alone.
 * @param port 0 for any that is free
 * @param take what to do with each message; `false` when it is none, which is answered 400
 * @throws Failure when the port is taken
 */
export async function startPushEndpoint(
  port: number,
  take: (message: unknown) => boolean,
): Promise<RunningEndpoint> {
  const server = createServer((request, response) => {
    void statusOf(request, take).then((status) => {
      // What was left unread of a body that is too long is not read any more.
      const headers = status === 413 ? { Connection: 'close' } : {};
      response.writeHead(status, headers).end();
    });
  });
  server.maxConnections = connectionsMax;
  server.listen(port, '127.0.0.1');
  try {
    await once(server, 'listening');
  } catch {
    throw new Failure(`the port ${port} cannot be listened on: is it taken?`);
  }
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/`,
    close: async () => {
      // What is being answered is; who only keeps a connection open does not keep us.
      setTimeout(() => server.closeAllConnections(), lastWordMs).unref();
      server.close();
      await once(server, 'close');
    },
  };
}

async function statusOf(
  request: IncomingMessage,
  take: (message: unknown) => boolean,
): Promise<number> {
  if (request.method !== 'POST') return 405;
  // A page in a browser can post elsewhere only what is none of JSON's type, unless it may.
  if (!/^application\/json\b/i.test(request.headers['content-type'] ?? '')) return 415;
  const pieces: Buffer[] = [];
  let bytes = 0;
  try {
    for await (const piece of request) {
      const buffer: Buffer = Buffer.from(piece);
      bytes += buffer.length;
      if (bytes > bodyBytesMax) return 413;
      pieces.push(buffer);
    }
  } catch {
    return 400;
  }
  const { message } = asRecord(parseJson(Buffer.concat(pieces).toString('utf8')));
  return isRecord(message) && take(message) ? 204 : 400;
}
