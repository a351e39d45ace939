// What functions/uploads/main.ts is, with the stores of one machine, and any target that is named.

import { runStreaming } from '#functions/streaming.ts';
import { openRegistry } from '#infra/local/registry.ts';
import { readSettings } from '#infra/local/settings.ts';

await runStreaming(process.argv[2] ?? '', async () => {
  const { services } = await openRegistry(readSettings({ ...process.env, PORT: '0' }));
  return services;
});
if (process.exitCode === undefined) {
  process.stdout.write(`ready on http://localhost:${process.env['PORT']}\n`);
}
