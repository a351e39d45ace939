// `npm run first-keys -- --project ID --url-account EMAIL`: the first versions of a registry's secrets in the cloud, where
// there are none. Terraform runs it: its state would keep what it made itself. It never says what is secret.

import { parseArgs } from 'node:util';
import { makeFirstSecrets } from '#shared/auth/rotation/first-secrets.ts';
import { rotateKeys } from '#shared/auth/rotation/rotate.ts';
import { told } from '../told.ts';
import { openKeyStores, projectOptions } from './project.ts';

/** Makes them; on failure says why on standard error and ends with 1. */
export async function main(): Promise<void> {
  await told(async () => {
    const { values } = parseArgs({ args: process.argv.slice(3), options: projectOptions });
    const stores = openKeyStores(values, process.env);
    // First what fails where there are no credentials or no rights, before anything else is made.
    const made = await makeFirstSecrets(stores.secrets);
    const { done, failures } = await rotateKeys(stores, 'never');
    const lines = [
      ...made.map((secret) => `made the secret ${secret}`),
      ...Object.entries(done)
        .filter(([, outcome]) => outcome === 'made' || outcome === 'completed')
        .map(([kind, outcome]) => `${outcome} the keys of ${kind}`),
    ];
    const text = lines.length === 0 ? 'all secrets have been there before' : lines.join('\n');
    if (failures.size === 0 || lines.length > 0) process.stdout.write(`${text}\n`);
    for (const [kind, error] of failures) {
      throw new Error(
        `the keys of ${kind} were not made: ${error instanceof Error ? error.message : error}`,
      );
    }
  });
}
