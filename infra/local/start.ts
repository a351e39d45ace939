// `npm start`: the registry on this machine, until SIGINT or SIGTERM.

import type { Observe } from '#functions/observe.ts';
import { startGateway } from './gateway.ts';
import { location, openRegistry } from './registry.ts';
import { startRelay } from './relay.ts';
import { readSettings } from './settings.ts';

/** Starts; on failure says why on standard error and ends with 1. */
export async function main(): Promise<void> {
  try {
    await start();
  } catch (error) {
    process.stderr.write(`berth: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}

async function start(): Promise<void> {
  // Whoever read the log has gone: no reason to stop.
  process.stderr.on('error', () => undefined);
  const settings = readSettings(process.env);
  const registry = await openRegistry(settings);
  const { services } = registry;
  const relay = startRelay({ ...services, location, endpoints: settings.pushEndpoints });
  const observe: Observe = (served) => {
    services.observe(served);
    relay.observe(served);
  };
  const gateway = await startGateway({ ...services, observe }, settings);
  let stopping = false;
  const stop = () => {
    // A second signal is from someone who does not want to wait.
    if (stopping) process.exit(1);
    stopping = true;
    gateway
      .stop()
      .then(() => relay.stop())
      .then(() => {
        // Nothing is left to wait for, and so the process ends. (process.exit can hang while V8 compiles.)
        registry.close();
      })
      .catch(() => process.exit(1));
  };
  process.on('SIGINT', stop);
  process.on('SIGTERM', stop);
  // Last: who reads this may send a signal.
  greet(settings.host, gateway.port, registry.newPassword);
}

function greet(host: string, port: number, newPassword: string | undefined): void {
  // Docker takes `localhost` for a registry without TLS, as it takes 127.0.0.0/8.
  const name = `${host === '127.0.0.1' || host === '0.0.0.0' || host === '::' ? 'localhost' : host}:${port}`;
  const lines = [
    `berth is ready on http://${name}`,
    `  docker login ${name} -u admin`,
    `  docker push ${name}/my-project/my-image`,
    ...(newPassword === undefined
      ? []
      : [`The password of admin, which is not shown again: ${newPassword}`]),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
}
