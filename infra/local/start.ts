// `npm start`: the registry on this machine, until SIGINT or SIGTERM.

import type { Observe } from '#functions/observe.ts';
import { told } from '../told.ts';
import { startGateway } from './gateway.ts';
import { openRegistry } from './registry.ts';
import { startRelay } from './relay.ts';
import { greet, untilStopped } from './serving.ts';
import { readSettings } from './settings.ts';

/** Starts; on failure says why on standard error and ends with 1. */
export async function main(): Promise<void> {
  await told(async () => {
    const settings = readSettings(process.env);
    const registry = await openRegistry(settings);
    const { services } = registry;
    const relay = startRelay({ ...services, endpoints: settings.pushEndpoints });
    const observe: Observe = (served) => {
      services.observe(served);
      relay.observe(served);
    };
    const gateway = await startGateway({ ...services, observe }, settings);
    untilStopped(async () => {
      await gateway.stop();
      await relay.stop();
      registry.close();
    });
    greet(settings, gateway.port, registry.newPassword);
  });
}
