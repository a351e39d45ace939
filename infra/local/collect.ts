// `npm run collect`: one run of the collector over a data directory that no server has open.

import { collectOnce } from '#shared/registry/collect.ts';
import { location, openRegistry } from './registry.ts';
import { told } from './serving.ts';
import { readSettings } from './settings.ts';

/** Collects; on failure says why on standard error and ends with 1. */
export async function main(): Promise<void> {
  await told(async () => {
    const registry = await openRegistry(readSettings(process.env));
    const { reviewed, blobs, bytes, failures } = await collectOnce(registry.services, location);
    registry.close();
    if (failures.length > 0) {
      throw new Error(`${failures.length} of ${reviewed} reviews failed: ${String(failures[0])}`);
    }
    process.stdout.write(`${reviewed} reviewed, ${blobs} blobs deleted, ${bytes} bytes freed\n`);
  });
}
