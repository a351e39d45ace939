// Suites of files and SQLite, once more: on Google's services, each function a process of its own.

import { it } from 'node:test';
import { standOnGoogle } from '#test/support/backend.ts';

/** @param suites files of test/, without what all their names end with */
export async function onceMoreOnGoogle(...suites: readonly string[]): Promise<void> {
  const skip = await standOnGoogle();
  if (skip === false) for (const suite of suites) await import(`../${suite}.test.ts`);
  else for (const suite of suites) it(`${suite} on Google’s services`, { skip }, () => {});
}
