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

/** Why a suite is left out whose client does nothing for anybody but root. */
export function unlessRoot(command: string): string | false {
  return process.getuid?.() === 0 ? false : `${command} needs root: run npm test as root`;
}

export interface Ran {
  readonly ok: boolean;
  readonly stdout: string;
  readonly stderr: string;
}

/** How clients say that they may not: in the registry's words, in their own, or by the status of an answer to HEAD. */
export const refusal =
  /unauthorized|authentication required|authorization failed|denied|not public|403 \(?Forbidden|StatusCode: 403\b/i;

const timeoutMs = 60_000;

/** Runs a command to its end; `ok` tells whether it succeeded. */
export function attempt(
  command: string,
  parameters: readonly string[],
  options: {
    readonly environment?: Readonly<Record<string, string>>;
    readonly input?: string;
    /** How what it prints becomes text; `latin1` keeps every byte. */
    readonly encoding?: BufferEncoding;
    /** Ends it at once when it is aborted; it has not succeeded then. */
    readonly signal?: AbortSignal | undefined;
  } = {},
): Promise<Ran> {
  return new Promise((resolve) => {
    const child = execFile(
      command,
      [...parameters],
      {
        env: { ...process.env, ...options.environment },
        encoding: options.encoding ?? 'utf8',
        timeout: timeoutMs,
        killSignal: 'SIGKILL',
        signal: options.signal,
        maxBuffer: 64 * 1024 * 1024,
      },
      (error, stdout, stderr) => resolve({ ok: error === null, stdout, stderr }),
    );
    // A client may end before it has read what it is told.
    child.stdin?.on('error', () => {});
    child.stdin?.end(options.input ?? '');
  });
}

/** Runs a command that must succeed. @returns its standard output @throws Error with what it said */
export async function run(...call: Parameters<typeof attempt>): Promise<string> {
  const { ok, stdout, stderr } = await attempt(...call);
  if (ok) return stdout;
  const [command, parameters] = call;
  // The end of what it printed: ctr draws its progress there, ten times a second.
  const printed = stdout.slice(-1000);
  throw new Error(`${command} ${parameters.join(' ')} failed: ${stderr}${printed}`);
}

/** A client with a place of its own: what it is run with each time is not said each time. */
export interface Client {
  /** Runs it. @returns what it printed @throws Error when it fails */
  (...parameters: readonly string[]): Promise<string>;
  /** As calling it, for what may fail or must be told something. */
  attempt(parameters: readonly string[], input?: string, signal?: AbortSignal): Promise<Ran>;
}

/**
 * @param flags stand before every call's own
 * @param environment is put over that of the tests
 */
export function clientOf(
  command: string,
  flags: readonly string[],
  environment: Readonly<Record<string, string>>,
): Client {
  return Object.assign(
    (...parameters: readonly string[]) => run(command, [...flags, ...parameters], { environment }),
    {
      attempt: (parameters: readonly string[], input = '', signal?: AbortSignal) =>
        attempt(command, [...flags, ...parameters], { environment, input, signal }),
    },
  );
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
