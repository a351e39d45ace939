// The streaming server as a process of its own, with the stores of one machine: settings as `npm start` has them.

import { startStreaming } from '#functions/streaming.ts';
import { openRegistry } from '#infra/local/registry.ts';
import { readSettings } from '#infra/local/settings.ts';

const settings = readSettings(process.env);
const registry = await openRegistry(settings);
const server = await startStreaming(registry.services, settings);
process.once('SIGTERM', async () => {
  await server.stop();
  registry.close();
});
process.stdout.write(`ready on http://localhost:${server.port}\n`);
