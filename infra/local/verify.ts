// `npm run verify`: reads everything in a data directory that no server has open, and tells what is damaged.
//
//   npm run verify -- --set-aside    takes what is damaged away, so that it can be pushed again

import { parseArgs } from 'node:util';
import { type Verified, verifyAll } from '#shared/registry/verify.ts';
import { told } from '../told.ts';
import { openRegistry } from './registry.ts';
import { readSettings } from './settings.ts';

/** Verifies; ends with 1 when something is damaged, or says why it could not look. */
export async function main(): Promise<void> {
  await told(async () => {
    const damaged = await verify(process.argv.slice(3));
    if (damaged > 0) process.exitCode = 1;
  });
}

async function verify(parameters: readonly string[]): Promise<number> {
  const { values } = parseArgs({
    args: [...parameters],
    options: { 'set-aside': { type: 'boolean', default: false } },
  });
  const registry = await openRegistry(readSettings(process.env));
  let damaged = 0;
  const tell = (problem: string) => {
    damaged += 1;
    process.stdout.write(`${problem}\n`);
  };
  try {
    for (const problem of registry.checkDocuments()) tell(`the documents are damaged: ${problem}`);
    const verified: Verified = { blobs: 0, bytes: 0, manifests: 0, tags: 0 };
    const { services } = registry;
    for (const location of services.locations) {
      const where = services.locations.length === 1 ? '' : ` in ${location}`;
      for await (const damage of verifyAll(services, location, verified)) {
        tell(`${damage.problem} (pulls of ${damage.repositories.join(', ') || 'nothing'}${where})`);
        if (values['set-aside']) await damage.setAside?.();
      }
    }
    const { blobs, bytes, manifests, tags } = verified;
    const looked = `${blobs} blobs of ${bytes} bytes, ${manifests} manifests, ${tags} tags verified`;
    process.stdout.write(`${looked}; ${damaged === 0 ? 'all whole' : `${damaged} damaged`}\n`);
  } finally {
    registry.close();
  }
  return damaged;
}
