// The commands of the registry's machine, run on a data directory and perhaps killed.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { endsWithTests } from '#test/support/ends-with-tests.ts';

const main = join(import.meta.dirname, '../../infra/local/main.js');

export interface Ended {
  /** Null when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `npm start`, `npm run collect` or `npm run verify` to its end, or to the moment that it is killed. */
export async function runCommand(
  command: 'start' | 'collect' | 'verify',
  dataDirectory: string,
  options: { readonly killAfterMs?: number } = {},
): Promise<Ended> {
  const child = spawn(process.execPath, [main, command], {
    env: { ...process.env, PORT: '0', HOST: '127.0.0.1', BERTH_DATA: dataDirectory },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endsWithTests(child, 'SIGKILL');
  const [stdout, stderr] = [child.stdout, child.stderr].map((stream) =>
    Array.fromAsync(stream.setEncoding('utf8')),
  );
  const { killAfterMs } = options;
  const timer =
    killAfterMs === undefined ? undefined : setTimeout(() => child.kill('SIGKILL'), killAfterMs);
  const [code] = await once(child, 'exit');
  clearTimeout(timer);
  return { code, stdout: (await stdout)?.join('') ?? '', stderr: (await stderr)?.join('') ?? '' };
}
