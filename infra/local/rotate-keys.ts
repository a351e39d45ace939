// `npm run rotate-keys`: new keys for the tokens and the upload sessions of a data directory that no server has open.

import { lockDirectory } from '#shared/embedded/lock.ts';
import { rotateKeys } from './secrets.ts';
import { told } from './serving.ts';
import { readSettings } from './settings.ts';

/** Rotates; on failure says why on standard error and ends with 1. */
export async function main(): Promise<void> {
  await told(async () => {
    const { dataDirectory } = readSettings(process.env);
    const lock = lockDirectory(dataDirectory);
    const [signing, ...verifying] = await rotateKeys(dataDirectory).finally(() => lock.release());
    process.stdout.write(
      `tokens are signed by ${signing} from the next start on; what ${verifying.join(' and ')} signed stays good until the next rotation\n`,
    );
  });
}
