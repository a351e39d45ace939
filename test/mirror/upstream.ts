// A real registry as an upstream, and before it a door that can be made to fail: slow, broken, wrong, dead.

import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { pushAll, sendAll } from '#test/support/calls.ts';
import type { Manifest } from '#test/support/manifests.ts';
import { startTestRegistry, type TestRegistry } from '#test/support/registry.ts';

export interface Seen {
  readonly method: string;
  /** Path and query. */
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
}

/** What becomes of an answer. What is left out is as the registry answered. */
export interface Fault {
  readonly status?: number;
  /** Over the registry's; an empty one is left out. */
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Buffer | string;
  /** Waits for that before it answers at all. */
  readonly before?: Promise<unknown>;
  /** Sends so many bytes of the body, and then waits for `until`, or breaks off where that is left out. */
  readonly cut?: number;
  readonly until?: Promise<unknown>;
  /** Then only so many more, and never an end. */
  readonly more?: number;
}

export interface FaultyUpstream {
  /** `http://127.0.0.1:port` */
  readonly url: URL;
  /** `127.0.0.1:port` */
  readonly host: string;
  readonly registry: TestRegistry;
  /** What was asked, in order. */
  readonly seen: readonly Seen[];
  /** What goes wrong, by request. */
  fault: (seen: Seen) => Fault | undefined;
  /** How often something was asked. */
  count(method: string, path: RegExp): number;
  push(name: string, manifest: Manifest, reference?: string): Promise<void>;
  /** Answers nobody any more, until it is told to again. */
  die(): Promise<void>;
  live(): Promise<void>;
  close(): Promise<void>;
}

/** An upstream whose images anyone may pull. */
export async function startUpstream(): Promise<FaultyUpstream> {
  const registry = await startTestRegistry({ anonymousPull: '*' });
  const seen: Seen[] = [];
  const server = createServer((message, response) => {
    answer(message, response).catch(() => response.destroy());
  });
  const answer = async (message: IncomingMessage, response: ServerResponse) => {
    const { method = '', url: path = '', headers } = message;
    const asked = { method, path, headers };
    seen.push(asked);
    const fault = upstream.fault(asked) ?? {};
    await fault.before;
    const real = await pass(registry.url, message);
    const body = Buffer.from(fault.body ?? real.body);
    const status = fault.status ?? real.status;
    const kept = { ...real.headers, ...fault.headers };
    delete kept.connection;
    delete kept['transfer-encoding'];
    if (fault.body !== undefined && fault.headers?.['content-length'] === undefined) {
      kept['content-length'] = String(body.length);
    }
    const sent = Object.entries(kept).filter(([, value]) => value !== '' && value !== undefined);
    response.writeHead(status, Object.fromEntries(sent));
    if (fault.cut === undefined) {
      response.end(method === 'HEAD' ? undefined : body);
      return;
    }
    response.write(body.subarray(0, fault.cut));
    if (fault.until === undefined) {
      // What was written goes out first.
      setImmediate(() => response.destroy());
      return;
    }
    await fault.until;
    if (fault.more === undefined) response.end(body.subarray(fault.cut));
    else response.write(body.subarray(fault.cut, fault.cut + fault.more));
  };
  const listen = async (port: number) => {
    server.listen(port, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  };
  const port = await listen(0);
  const die = async () => {
    server.close();
    server.closeAllConnections();
    if (server.listening) await once(server, 'close');
  };
  const upstream: FaultyUpstream = {
    url: new URL(`http://127.0.0.1:${port}`),
    host: `127.0.0.1:${port}`,
    registry,
    seen,
    fault: () => undefined,
    count: (method, path) =>
      seen.filter((one) => one.method === method && path.test(one.path)).length,
    push: async (name, manifest, reference) => {
      await sendAll(registry.url, pushAll(name, manifest, reference));
    },
    die,
    live: async () => {
      await listen(port);
    },
    close: async () => {
      await die();
      await registry.close();
    },
  };
  return upstream;
}

async function pass(url: string, { method, url: path, headers }: IncomingMessage) {
  const { hostname, port } = new URL(url);
  const sent = request({ hostname, port, method, path, headers, agent: false }).end();
  const [answered] = (await once(sent, 'response')) as [IncomingMessage];
  const { location } = answered.headers;
  const body =
    answered.statusCode === 307 && location !== undefined
      ? Buffer.from(await (await fetch(location)).arrayBuffer())
      : await buffer(answered);
  if (answered.statusCode === 307) {
    // What lies elsewhere is sent from here: so it can be made to fail.
    const headers = { ...answered.headers, location: '', 'content-length': String(body.length) };
    return { status: 200, headers, body };
  }
  return { status: answered.statusCode ?? 0, headers: answered.headers, body };
}
