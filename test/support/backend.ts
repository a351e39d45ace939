// What the registries of a test file stand on: files and SQLite, or, where the file asked for it, Google's services.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { after, it } from 'node:test';
import type { CloudStorage } from './cloud-storage/server.ts';
import type { GoogleServices } from './google.ts';

const root = join(import.meta.dirname, '../..');

/** What Node is given by a script of package.json: its flags, the file, and the command. */
export function argumentsOf(script: string): readonly string[] {
  const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    scripts: Record<string, string>;
  };
  return (scripts[script] ?? '')
    .split(' ')
    .slice(1)
    .map((part) => (part.startsWith('infra/') ? join(root, part) : part));
}

let google: GoogleServices | undefined;
let runOnGoogle: readonly string[] = [];
let together = false;

/**
 * Has every registry that this file starts from now on stand on Google's services.
 * @param options.run what Node is to run, each function a process of its own; what `npm run start:google` does when left out
 * @param options.together whether registries of `startTestRegistry` have all functions in the test's process, which takes
 *   a fraction of the time; those of `startBerth` are processes in any case
 * @returns why that cannot be, as the `skip` of a suite; `false` when it can
 */
export async function standOnGoogle(
  options: { readonly run?: readonly string[]; readonly together?: boolean } = {},
): Promise<string | false> {
  const { startGoogle } = await import('./google.ts');
  const started = await startGoogle();
  if (started.skip !== false) return started.skip;
  google = started;
  runOnGoogle = options.run ?? argumentsOf('start:google');
  together = options.together === true;
  after(() => started.close());
  return false;
}

/** How a registry is started on what this file's stand on, and what it is told. */
export function backend(dataDirectory: string): {
  readonly run: readonly string[];
  readonly environment: Readonly<Record<string, string>>;
} {
  return google === undefined
    ? { run: argumentsOf('start'), environment: {} }
    : { run: runOnGoogle, environment: google.environment(dataDirectory) };
}

/** A test that moves the registry's clock, which cannot be had where its functions are processes of their own. */
export function itWhereClocksMove(sentence: string, body: () => Promise<void>): void {
  if (!isOnGoogle()) it(sentence, body);
}

/** The Cloud Storage that this file's registries stand on. @throws Error where they stand on files */
export function cloudStorage(): CloudStorage {
  if (google === undefined) throw new Error('this file does not stand on Google’s services');
  return google.storage;
}

export function isOnGoogle(): boolean {
  return google !== undefined;
}

/** Whether this file's test registries have all functions in one process. */
export function areTogether(): boolean {
  return together;
}
