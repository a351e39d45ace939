// `npm run rotate-keys -- --project ID --url-account EMAIL [--force]`: what the function `keys` does by a schedule, at once.

import { rotateKeys } from '#shared/auth/rotation/rotate.ts';
import type { Environment } from '#shared/settings.ts';
import { openKeyStores, type ProjectFlags } from './project.ts';

/**
 * Rotates the keys of a registry in the cloud.
 * @param flags.force whether the next keys sign though those that sign now are not old
 * @returns what to tell about it
 * @throws Error that says what failed
 */
export async function rotateInCloud(
  flags: ProjectFlags & { readonly force?: boolean | undefined },
  environment: Environment,
): Promise<string> {
  const stores = openKeyStores(flags, environment);
  const { done, failures } = await rotateKeys(stores, flags.force === true ? 'now' : 'due');
  const lines = Object.entries(done).map(([kind, outcome]) => `the keys of ${kind}: ${outcome}`);
  if (failures.size > 0) {
    const reasons = [...failures].map(
      ([kind, error]) => `${kind}: ${error instanceof Error ? error.message : error}`,
    );
    throw new Error(`${lines.join(', ')}. What failed: ${reasons.join('; ')}`);
  }
  return [...lines, ...(flags.force === true ? forced : [])].join('\n');
}

const forced = [
  'What signed until now still verifies: where it is not to be trusted any more, rotate once more.',
  'Instances that run keep the keys that they started with: have all of them start anew (infra/terraform/RECOVERY.md).',
];
