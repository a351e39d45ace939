// `npm start`: the registry on this machine, until SIGINT or SIGTERM.

import { startGateway } from './gateway.ts';
import { openRegistry } from './registry.ts';
import { greet, told, untilStopped } from './serving.ts';
import { readSettings } from './settings.ts';

/** Starts; on failure says why on standard error and ends with 1. */
export async function main(): Promise<void> {
  await told(async () => {
    const settings = readSettings(process.env);
    const registry = await openRegistry(settings);
    const gateway = await startGateway(registry.services, settings);
    untilStopped(async () => {
      await gateway.stop();
      registry.close();
    });
    greet(settings.host, gateway.port, registry.newPassword);
  });
}
