// All functions of a registry inside the test's process, behind one port: each opened as in the cloud, with what it is
// given there and nothing else, on Google's services. Ten processes less to start than as it is run, and what they run is
// compiled once.

import { loadActions } from '#functions/actions.ts';
import { openGoogleServices } from '#functions/google.ts';
import { logRequests } from '#functions/observe.ts';
import { serve } from '#functions/serve.ts';
import { type TargetName, targets } from '#functions/targets.ts';
import { environmentFor } from '#infra/local/commands.ts';
import { backendOf } from '#infra/url-map/backend-of.ts';
import type { Handler } from '#shared/http/message.ts';
import { startServer } from '#shared/http/server.ts';
import type { Log } from '#shared/log.ts';

export interface FunctionsTogether {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  close(): Promise<void>;
}

/** @param environment the settings of all functions @param log takes the lines of all of them */
export async function startFunctionsTogether(
  environment: Readonly<Record<string, string>>,
  log: Log,
): Promise<FunctionsTogether> {
  await loadActions();
  const handlers = new Map<TargetName, Promise<Handler>>();
  const open = async (name: TargetName) => {
    const services = await openGoogleServices(name, environmentFor(name, environment));
    return serve(
      { ...services, log, observe: logRequests(log) },
      { functions: targets[name].serves },
    );
  };
  const handlerOf = (name: TargetName) => {
    const handler = handlers.get(name) ?? open(name);
    handlers.set(name, handler);
    return handler;
  };
  const server = await startServer(
    async (message, response) => {
      const handler = await handlerOf(backendOf(message));
      await handler(message, response);
    },
    { host: '127.0.0.1', port: 0, http2: false, stopMs: 10_000 },
  );
  return { url: `http://127.0.0.1:${server.port}`, close: () => server.stop() };
}
