// `npm run collect`: one run of the collector over a data directory that no server has open.

import { collectMirrors } from '#shared/mirror/collect.ts';
import { type Collected, collectOnce } from '#shared/registry/collect.ts';
import { told } from '../told.ts';
import { openRegistry } from './registry.ts';
import { readSettings } from './settings.ts';

/** Collects; on failure says why on standard error and ends with 1. */
export async function main(): Promise<void> {
  await told(async () => {
    const registry = await openRegistry(readSettings(process.env));
    const { services } = registry;
    const collected: Collected[] = [];
    for (const location of services.locations) {
      collected.push(await collectOnce(services, location));
    }
    collected.push(await collectMirrors(services, services.mirrorKeepDays));
    registry.close();
    const sum = (of: 'reviewed' | 'blobs' | 'bytes') =>
      collected.reduce((total, one) => total + one[of], 0);
    const failures = collected.flatMap((one) => one.failures);
    const reviewed = sum('reviewed');
    if (failures.length > 0) {
      throw new Error(`${failures.length} of ${reviewed} reviews failed: ${String(failures[0])}`);
    }
    const done = `${sum('blobs')} blobs deleted, ${sum('bytes')} bytes freed`;
    process.stdout.write(`${reviewed} reviewed, ${done}\n`);
  });
}
