// `npm run collect`: one run of the collector over a data directory that no server has open.

import { collectMirrors } from '#shared/mirror/collect.ts';
import { collectOnce } from '#shared/registry/collect.ts';
import { location, openRegistry } from './registry.ts';
import { told } from './serving.ts';
import { readSettings } from './settings.ts';

/** Collects; on failure says why on standard error and ends with 1. */
export async function main(): Promise<void> {
  await told(async () => {
    const registry = await openRegistry(readSettings(process.env));
    const { services } = registry;
    const collected = await collectOnce(services, location);
    const mirrored = await collectMirrors(services, services.mirrorKeepDays);
    registry.close();
    const failures = [...collected.failures, ...mirrored.failures];
    const reviewed = collected.reviewed + mirrored.reviewed;
    const blobs = collected.blobs + mirrored.blobs;
    const bytes = collected.bytes + mirrored.bytes;
    if (failures.length > 0) {
      throw new Error(`${failures.length} of ${reviewed} reviews failed: ${String(failures[0])}`);
    }
    process.stdout.write(`${reviewed} reviewed, ${blobs} blobs deleted, ${bytes} bytes freed\n`);
  });
}
