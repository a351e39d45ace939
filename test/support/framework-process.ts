// What functions-framework loads in tests: as functions/index.ts, with the stores of one machine. Beside the function that
// it registers, the others answer on a port of their own, for what a test needs of them.

import { frameworkTarget, registerFunction } from '#functions/framework.ts';
import { keepBodiesOutOfLog } from '#functions/framework-log.ts';
import { startStreaming } from '#functions/streaming.ts';
import { openRegistry } from '#infra/local/registry.ts';
import { readSettings } from '#infra/local/settings.ts';

keepBodiesOutOfLog();
registerFunction(frameworkTarget(process.env, process.argv), async () => {
  const { services } = await openRegistry(readSettings(process.env));
  const { port } = await startStreaming(services, { host: '127.0.0.1', port: 0 });
  process.stdout.write(`the others are on http://127.0.0.1:${port}\n`);
  process.stdout.write(`ready on http://localhost:${process.env['PORT']}\n`);
  return services;
});
