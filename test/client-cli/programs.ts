// The programs as people install them: bundled, and run by the oldest Node that is on this machine and that they are for.

import { execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { endsWithTests } from '#test/support/ends-with-tests.ts';

const root = join(import.meta.dirname, '../..');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Programs {
  berth(parameters: readonly string[], options?: RunOptions): Promise<Ended>;
  /** `docker-credential-berth` */
  credential(parameters: readonly string[], options?: RunOptions): Promise<Ended>;
  /** `berth`, of what does not end by itself. */
  startBerth(parameters: readonly string[], options?: RunOptions): Running;
}

/** A program that runs until it is told to end. */
export interface Running {
  readonly stdout: () => string;
  readonly stderr: () => string;
  /** Resolves when what it printed has it. @throws Error when it ends before */
  until(has: (running: Running) => boolean): Promise<void>;
  kill(signal: NodeJS.Signals): void;
  readonly ended: Promise<Ended>;
}

interface RunOptions {
  readonly input?: string | Uint8Array;
  readonly environment?: Readonly<Record<string, string>>;
}

/** The first Node from 20 on in PATH that is not this one; this one where there is no other. */
export function oldestNode(): string {
  const others = (process.env['PATH'] ?? '')
    .split(delimiter)
    .map((directory) => join(directory, 'node'))
    .filter((path) => existsSync(path));
  const versions = others.map((path) => {
    const [, major = '0'] = /^v(\d+)\./.exec(execFileSync(path, ['--version']).toString()) ?? [];
    return { path, major: Number(major) };
  });
  const [oldest] = versions.filter(({ major }) => major >= 20).sort((a, b) => a.major - b.major);
  return oldest?.path ?? process.execPath;
}

/** Bundles both into a directory. */
export function bundleInto(directory: string): void {
  execFileSync(process.execPath, [join(root, 'infra/client/bundle.ts'), directory]);
}

/**
 * The programs with a home of their own.
 * @param directory gets the bundles and the home; Google's metadata server is nowhere, unless a call says otherwise
 * @param environment of each call
 */
export function programsIn(
  directory: string,
  environment: Readonly<Record<string, string>> = {},
): Programs {
  const bundles = join(directory, 'bundles');
  bundleInto(bundles);
  const node = oldestNode();
  const start = (
    name: string,
    parameters: readonly string[],
    options: RunOptions = {},
  ): Running => {
    const child = spawn(node, [join(bundles, `${name}.js`), ...parameters], {
      env: {
        PATH: process.env['PATH'],
        HOME: join(directory, 'home'),
        GCE_METADATA_HOST: '127.0.0.1:1',
        ...environment,
        ...options.environment,
      },
      stdio: 'pipe',
    });
    endsWithTests(child, 'SIGKILL');
    const printed = [child.stdout, child.stderr].map((stream) => {
      const pieces: Buffer[] = [];
      stream.on('data', (piece: Buffer) => {
        pieces.push(piece);
        child.emit('printed');
      });
      return () => Buffer.concat(pieces).toString('utf8');
    });
    const [stdout = () => '', stderr = () => ''] = printed;
    // It may end before it has read what it is told.
    child.stdin.on('error', () => {});
    child.stdin.end(options.input ?? '');
    const ended = once(child, 'close').then(([code]) => ({
      code: code as number | null,
      stdout: stdout(),
      stderr: stderr(),
    }));
    let isOver = false;
    child.once('close', () => {
      isOver = true;
      child.emit('printed');
    });
    const running: Running = {
      stdout,
      stderr,
      ended,
      kill: (signal) => child.kill(signal),
      until: async (has) => {
        while (!has(running)) {
          if (isOver) throw new Error(`${name} has ended; it printed: ${stdout()}${stderr()}`);
          await once(child, 'printed');
        }
      },
    };
    return running;
  };
  const run = (...call: Parameters<typeof start>): Promise<Ended> => start(...call).ended;
  return {
    berth: (parameters, options) => run('berth', parameters, options),
    credential: (parameters, options) => run('docker-credential-berth', parameters, options),
    startBerth: (parameters, options) => start('berth', parameters, options),
  };
}
