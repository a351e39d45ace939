// Where the functions run: in which server, and in what protocol they are called.

import { createServer, type IncomingMessage, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { getTestServer } from '@google-cloud/functions-framework/testing';

import { registerFunction } from '#functions/framework.ts';
import { functionOf, routes } from '#functions/routes.ts';
import { serve } from '#functions/serve.ts';
import type { Services } from '#functions/services.ts';
import { startStreaming } from '#functions/streaming.ts';
import { startGateway } from '#infra/local/gateway.ts';
import { createRouter } from '#shared/http/router.ts';
import { headerBytesMax } from '#shared/oci/limits.ts';

export interface RunningHost {
  /** `http://127.0.0.1:port`, or `h2c://…` where it is to be called in HTTP/2. */
  readonly url: string;
  stop(): Promise<void>;
}

export type Host = (services: Services) => Promise<RunningHost>;

const anyPort = { host: '127.0.0.1', port: 0 };

export const gateway: Host = async (services) => {
  const { port, stop } = await startGateway(services, anyPort);
  return { url: `http://127.0.0.1:${port}`, stop };
};

/** The streaming server, called as `protocol` says. */
export function streaming(protocol: 'http' | 'h2c'): Host {
  return async (services) => {
    const { port, stop } = await startStreaming(services, anyPort);
    return { url: `${protocol}://127.0.0.1:${port}`, stop };
  };
}

/** The functions that answer for each other: each request goes to another one of them. */
const interchangeable = ['manifests', 'blobs', 'discovery'];

/** functions-framework, with each function as a target of its own; beside it those that it cannot take. */
export const framework: Host = async (services) => {
  const targets = ['token', ...interchangeable].map((target) => {
    registerFunction(target, async () => services);
    return [target, getTestServer(target)] as const;
  });
  const servers = new Map<string, Pick<Server, 'emit'>>([
    ...targets,
    ...['uploads', 'admin'].map(
      (name) => [name, createServer(serve(services, { functions: [name] }))] as const,
    ),
  ]);
  let turn = 0;
  const serverOf = (request: IncomingMessage) => {
    const found = targetOf(request);
    turn += 1;
    const target = interchangeable.includes(found)
      ? interchangeable[turn % interchangeable.length]
      : found;
    return servers.get(target ?? '') ?? servers.get('manifests');
  };
  // Handed on as it is, so that the framework reads what the client sent.
  const front = createServer({ maxHeaderSize: headerBytesMax }, (request, response) => {
    serverOf(request)?.emit('request', request, response);
  });
  await new Promise<void>((resolve) => {
    front.listen(0, '127.0.0.1', resolve);
  });
  return {
    url: `http://127.0.0.1:${(front.address() as AddressInfo).port}`,
    stop: () =>
      new Promise((resolve) => {
        front.close(() => resolve());
        front.closeAllConnections();
      }),
  };
};

/** The function whose path it is, whatever the method. */
function targetOf({ method = '', url = '' }: IncomingMessage): string {
  const match = createRouter(routes.map((route) => ({ ...route, methods: [method] })));
  try {
    return functionOf(match(method, url.split('?', 1)[0] ?? '').route);
  } catch {
    return 'manifests';
  }
}

let chosen: Host = gateway;

/** Has all registries of a test file run in another host than the gateway. */
export function useHost(host: Host): void {
  chosen = host;
}

export function startHost(services: Services): Promise<RunningHost> {
  return chosen(services);
}
