// Suites of files and SQLite, once more: on Google's services.

import { it } from 'node:test';
import { standOnGoogle } from '#test/support/backend.ts';

/**
 * All functions in the test's process.
 * @param suites files of test/, without what all their names end with
 */
export async function onceMoreOnGoogle(...suites: readonly string[]): Promise<void> {
  await again(suites, await standOnGoogle({ together: true }));
}

/** As {@link onceMoreOnGoogle}, each function a process of its own, hosted and called as it is run. */
export async function onceMoreInProcesses(...suites: readonly string[]): Promise<void> {
  await again(suites, await standOnGoogle());
}

async function again(suites: readonly string[], skip: string | false): Promise<void> {
  if (skip === false) for (const suite of suites) await import(`../${suite}.test.ts`);
  else for (const suite of suites) it(`${suite} on Google’s services`, { skip }, () => {});
}
