// A function in functions-framework, as a process of its own.

import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { type RunningBerth, startBerth } from './berth.ts';
import { freePort } from './free-port.ts';

const root = join(import.meta.dirname, '../..');
const program = join(root, 'node_modules/.bin/functions-framework');

export interface RunningFunction extends RunningBerth {
  /** Where all functions answer, on the same data. */
  readonly others: string;
}

/** Starts a function on the stores of one machine, as in production. */
export async function startFunction(target: string): Promise<RunningFunction> {
  const source = join(import.meta.dirname, 'framework-process.ts');
  const berth = await startBerth({
    run: [program, `--target=${target}`, `--source=${source}`],
    environment: { PORT: String(await freePort('127.0.0.1')), NODE_ENV: 'production' },
  });
  const [, others = ''] = /the others are on (\S+)/.exec(berth.output()) ?? [];
  return { ...berth, others };
}

/** Runs what is deployed with a target that it does not have. @returns its exit code and what it printed */
export function runUnknown(
  parameters: readonly string[],
  environment: Readonly<Record<string, string>>,
): { code: number | null; printed: string } {
  const source = join(root, 'functions/index.ts');
  const { status, stderr } = spawnSync(
    process.execPath,
    [program, `--source=${source}`, ...parameters],
    { env: { ...process.env, NODE_ENV: 'production', PORT: '0', ...environment }, timeout: 20_000 },
  );
  return { code: status, printed: String(stderr) };
}
