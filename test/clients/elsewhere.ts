// A store elsewhere, where a registry sends those who GET blobs: an address that was signed for GET is all it asks for.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Services } from '#functions/services.ts';
import { parseRange } from '#shared/oci/range.ts';
import { gather, type ObjectName } from '#shared/ports/blobs.ts';

/** What the store was asked. */
export interface AskedElsewhere {
  readonly method: string | undefined;
  readonly authorization: string | undefined;
  readonly range: string | undefined;
}

export interface Elsewhere {
  /** `127.0.0.1:port`: another port of the registry's own host. */
  readonly host: string;
  readonly asked: AskedElsewhere[];
  /** So many answers to come break off in their middle, of objects that have so many bytes or more. */
  breaks: number;
  breaksFromBytes: number;
  close(): void;
}

/** Starts a store on a port of its own, and has the registry send clients there from now on. */
export async function startElsewhere({ blobs }: Services): Promise<Elsewhere> {
  const signed = new Map<string, ObjectName>();
  const asked: AskedElsewhere[] = [];
  const server = createServer((request, response) => {
    const { method, headers } = request;
    asked.push({ method, authorization: headers.authorization, range: headers.range });
    const name = signed.get(request.url ?? '');
    // As signed stores do: an address for GET is none for HEAD.
    if (name === undefined || method !== 'GET') response.writeHead(403).end();
    else answer(name, request, response).catch(() => response.destroy());
  });
  const answer = async (name: ObjectName, request: IncomingMessage, response: ServerResponse) => {
    const object = await blobs.read(name);
    if (object === undefined) return void response.writeHead(404).end();
    const range = parseRange(request.headers.range, object.size);
    if (range === 'unsatisfiable') return void response.writeHead(416).end();
    const { start, end } = range ?? { start: 0, end: object.size - 1 };
    const bytes = (await gather(object.bytes)).subarray(start, end + 1);
    response.writeHead(range === undefined ? 200 : 206, {
      'Content-Length': bytes.length,
      ...(range === undefined ? {} : { 'Content-Range': `bytes ${start}-${end}/${object.size}` }),
    });
    const isWhole = elsewhere.breaks === 0 || object.size < elsewhere.breaksFromBytes;
    if (isWhole) return void response.end(bytes);
    elsewhere.breaks -= 1;
    response.write(bytes.subarray(0, bytes.length / 2), () => response.destroy());
  };
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const elsewhere = {
    host: `127.0.0.1:${(server.address() as AddressInfo).port}`,
    asked,
    breaks: 0,
    breaksFromBytes: 0,
    close: () => {
      server.close();
      server.closeAllConnections();
    },
  };
  blobs.readUrl = async (name) => {
    const path = `/${encodeURIComponent(name.join('/'))}?signature=${signed.size}`;
    signed.set(path, name);
    return `http://${elsewhere.host}${path}`;
  };
  return elsewhere;
}
