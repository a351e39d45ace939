// How each function is run as a process, and what it is given: what it is given in the cloud.

import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { functionSettings } from '#functions/settings.ts';
import { type TargetName, targetNames, targets } from '#functions/targets.ts';
import { headerBytesMax } from '#shared/oci/limits.ts';
import type { Environment } from '#shared/settings.ts';
import type { FunctionProcess } from './processes.ts';

const root = join(import.meta.dirname, '../..');

/** Of the environment, what is every process's, whatever it does. */
const passedOn = /^(PATH|HOME|TMPDIR|GOOGLE_APPLICATION_CREDENTIALS|METADATA_.*|.*_EMULATOR_HOST)$/;

/**
 * @param environment the settings of all functions: each is given its own
 * @param bundle the directory that `npm run bundle` filled; the functions run from source when it is left out
 */
export function commandsFor(
  environment: Environment,
  bundle?: string,
): Readonly<Record<TargetName, FunctionProcess>> {
  const command = (name: TargetName): FunctionProcess => ({
    arguments: argumentsFor(name, bundle),
    environment: {
      // What is bundled brings what it needs compiled.
      ...(bundle === undefined
        ? { NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compiled') }
        : {}),
      ...environmentFor(name, environment),
    },
  });
  return Object.fromEntries(targetNames.map((name) => [name, command(name)])) as Record<
    TargetName,
    FunctionProcess
  >;
}

/** The file that a function begins with. @param bundle the directory that `npm run bundle` filled */
export function bundledMain(name: TargetName, bundle: string): string {
  return resolve(bundle, targets[name].host === 'streaming' ? name : 'functions', 'index.cjs');
}

function argumentsFor(name: TargetName, bundle: string | undefined): readonly string[] {
  const main = bundle === undefined ? undefined : bundledMain(name, bundle);
  if (targets[name].host === 'streaming') {
    return ['--max-semi-space-size=2', main ?? join(root, `functions/${name}/main.ts`)];
  }
  const framework = createRequire(import.meta.url).resolve('@google-cloud/functions-framework');
  // As there, the package.json of that directory says what it begins with.
  const source = main === undefined ? root : dirname(main);
  return [join(framework, '../main.js'), `--target=${name}`, `--source=${source}`];
}

/** What the function is given in the cloud, of the settings of all: no other function's secrets. */
export function environmentFor(name: TargetName, environment: Environment): Record<string, string> {
  const given: Record<string, string> = {
    FUNCTION_TARGET: name,
    NODE_ENV: 'production',
    NODE_OPTIONS: `--max-http-header-size=${headerBytesMax}`,
  };
  for (const [variable, value] of Object.entries(environment)) {
    if (value !== undefined && passedOn.test(variable)) given[variable] = value;
  }
  // An emulator that tells its callers apart has an address for each of them.
  const own = environment[`STORAGE_EMULATOR_HOST_${name}`];
  if (own !== undefined) given['STORAGE_EMULATOR_HOST'] = own;
  for (const [variable, { readBy }] of Object.entries(functionSettings)) {
    const value = environment[variable];
    if (value !== undefined && readBy.some((one) => one === name)) given[variable] = value;
  }
  return given;
}
