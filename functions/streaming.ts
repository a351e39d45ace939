// Our own server as the host of what takes bodies of any size: HTTP/1.1 and HTTP/2 without TLS on one port. Only a
// container that speaks HTTP/2 is free of the platform's limit of 32 MiB for a request.

import { type RunningServer, startServer } from '#shared/http/server.ts';
import { loadActions } from './actions.ts';
import { observeRefused } from './observe.ts';
import { serve } from './serve.ts';
import type { OpenServices, Services } from './services.ts';
import { targetOn, targets } from './targets.ts';

/** The platform ends a process ten seconds after it has told it to stop. */
const stopMs = 9000;

/** @param options.functions the functions whose routes it answers; all when left out */
export async function startStreaming(
  services: Services,
  {
    functions,
    host,
    port,
  }: { readonly functions?: readonly string[]; readonly host: string; readonly port: number },
): Promise<RunningServer> {
  await loadActions(functions);
  return startServer(serve(services, functions === undefined ? {} : { functions }), {
    host,
    port,
    http2: true,
    stopMs,
    refused: observeRefused(services.observe),
  });
}

/** Runs a function as a process: on `PORT`, until SIGTERM. On failure says why on standard error, and ends with 1. */
export async function runStreaming(target: string, openServices: OpenServices): Promise<void> {
  try {
    const name = targetOn('streaming', target);
    const port = readPort(process.env);
    const services = await openServices(name);
    const server = await startStreaming(services, {
      functions: targets[name].serves,
      host: '0.0.0.0',
      port,
    });
    process.once('SIGTERM', () => void server.stop());
  } catch (error) {
    process.stderr.write(`berth: ${target} does not start: ${String(error)}\n`);
    process.exitCode = 1;
  }
}

/** The platform's own variable. @throws Error when it is no port */
function readPort({ PORT = '8080' }: Readonly<Record<string, string | undefined>>): number {
  if (/^\d{1,5}$/.test(PORT) && Number(PORT) <= 65_535) return Number(PORT);
  throw new Error(`PORT must be a port number, and is "${PORT}"`);
}
