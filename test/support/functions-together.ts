// All functions of a registry inside the test's process, behind one port. Ten processes less to start than as it is run, and
// what they run is compiled once.

import { loadActions } from '#functions/actions.ts';
import { serve } from '#functions/serve.ts';
import type { Services } from '#functions/services.ts';
import { type TargetName, targetNames, targets } from '#functions/targets.ts';
import { backendOf } from '#infra/url-map/backend-of.ts';
import type { Handler } from '#shared/http/message.ts';
import { startServer } from '#shared/http/server.ts';

export interface FunctionsTogether {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** What the function of that name was given. */
  services(name: TargetName): Promise<Services>;
  close(): Promise<void>;
}

/** The header by which a call is for a function that no client reaches. */
export const functionHeader = 'x-test-function';

/** @param open gives a function what it has in the cloud, and nothing else, at its first request */
export async function startFunctionsTogether(
  open: (name: TargetName) => Promise<Services>,
): Promise<FunctionsTogether> {
  await loadActions();
  const opened = new Map<TargetName, Promise<{ services: Services; handler: Handler }>>();
  const begin = async (name: TargetName) => {
    const services = await open(name);
    return { services, handler: serve(services, { functions: targets[name].serves }) };
  };
  const openedOf = (name: TargetName) => {
    const found = opened.get(name) ?? begin(name);
    opened.set(name, found);
    return found;
  };
  const server = await startServer(
    async (message, response) => {
      const named = targetNames.find((one) => one === message.headers[functionHeader]);
      const { handler } = await openedOf(named ?? backendOf(message));
      await handler(message, response);
    },
    { host: '127.0.0.1', port: 0, http2: false, stopMs: 10_000 },
  );
  return {
    url: `http://127.0.0.1:${server.port}`,
    services: async (name) => (await openedOf(name)).services,
    close: () => server.stop(),
  };
}
