// `npm run rotate-keys`: new keys for the tokens and the upload sessions of a data directory that no server has open; with
// `--project`, those of a registry in the cloud.

import { parseArgs } from 'node:util';
import { lockDirectory } from '#shared/embedded/lock.ts';
import { projectOptions } from '../keys/project.ts';
import { rotateInCloud } from '../keys/rotate-in-cloud.ts';
import { told } from '../told.ts';
import { rotateKeys } from './secrets.ts';
import { readSettings } from './settings.ts';

/** Rotates; on failure says why on standard error and ends with 1. */
export async function main(): Promise<void> {
  await told(async () => {
    const { values } = parseArgs({
      args: process.argv.slice(3),
      options: { ...projectOptions, force: { type: 'boolean' } },
    });
    const isInCloud = Object.keys(values).length > 0;
    process.stdout.write(
      `${isInCloud ? await rotateInCloud(values, process.env) : await rotateHere()}\n`,
    );
  });
}

/** @returns what to tell about it */
async function rotateHere(): Promise<string> {
  const { dataDirectory } = readSettings(process.env);
  const lock = lockDirectory(dataDirectory);
  const [signing, ...verifying] = await rotateKeys(dataDirectory).finally(() => lock.release());
  return `tokens are signed by ${signing} from the next start on; what ${verifying.join(' and ')} signed stays good until the next rotation`;
}
