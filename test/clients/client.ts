// Clients that are installed or not, and are run.

import { execFile, spawnSync } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Why a suite is left out, as node:test's `skip`: `false` when the client is there. */
export function unlessInstalled(...commands: readonly string[]): string | false {
  const missing = commands.filter(
    (command) => spawnSync('sh', ['-c', `command -v ${command}`]).status !== 0,
  );
  return missing.length === 0
    ? false
    : `${missing.join(' and ')} not installed; npm run test:setup installs what is missing`;
}

export interface Ran {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

const timeoutMs = 120_000;

/** Runs a command to its end; `ok` tells whether it succeeded. */
export function attempt(
  command: string,
  parameters: readonly string[],
  options: {
    readonly environment?: Readonly<Record<string, string>>;
    readonly input?: string;
  } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      [...parameters],
      {
        env: { ...process.env, ...options.environment },
        timeout: timeoutMs,
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => resolve({ ok: error === null, stdout, stderr }),
    );
    child.stdin?.end(options.input ?? '');
  });
}

/** Runs a command that must succeed. @returns its standard output @throws Error with what it said */
export async function run(...call: Parameters<typeof attempt>): Promise<string> {
  const { ok, stdout, stderr } = await attempt(...call);
  if (ok) return stdout;
  const [command, parameters] = call;
  throw new Error(`${command} ${parameters.join(' ')} failed: ${stderr}${stdout}`);
}

/** What a suite has started and made, to be undone after it: also when the next start failed. */
export interface Scratch {
  readonly path: string;
  /** Has this done at {@link Scratch.remove}, before what was given earlier. */
  after(undo: () => Promise<unknown>): void;
  remove(): Promise<void>;
}

/** A directory for one suite. */
export async function scratch(): Promise<Scratch> {
  const path = await mkdtemp(join(tmpdir(), 'berth-clients-'));
  const undone: (() => Promise<unknown>)[] = [];
  return {
    path,
    after: (undo) => {
      undone.unshift(undo);
    },
    remove: async () => {
      for (const undo of undone) await undo();
      await rm(path, { recursive: true, force: true });
    },
  };
}
