// The real process, as `npm start` runs it, on a free port and a directory of its own.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { argumentsOf, backend } from './backend.ts';
import { endsWithTests } from './ends-with-tests.ts';

export interface RunningBerth {
  /** `http://127.0.0.1:port` */
  readonly url: string;
  /** `127.0.0.1:port` */
  readonly host: string;
  readonly password: string;
  readonly dataDirectory: string;
  readonly process: ChildProcess;
  /** What it has printed so far, on both outputs. */
  output(): string;
  /** Ends it with SIGTERM, as a supervisor does, and waits. @returns its exit code */
  stop(): Promise<number | null>;
  /** Ends it with SIGKILL, as a power cut does, and waits. */
  kill(): Promise<void>;
  /** Stops it if it runs, and removes its data. */
  remove(): Promise<void>;
}

/** What `npm start` gives to Node. */
export const startArguments = argumentsOf('start');
/** Instead of `npm start`: the streaming server with the routes of all functions. */
export const streamingArguments: readonly string[] = startArguments
  .filter((part) => part.startsWith('--'))
  .concat(join(import.meta.dirname, 'streaming-process.ts'));
/** Processes that begin on a machine that is busy with others. */
const readyWithinMs = 90_000;

/**
 * Starts a registry and waits until it is ready.
 * @param options.dataDirectory data of an earlier one; a new directory when left out
 * @param options.run what Node is to run, that prints its address as `npm start` does
 * @throws Error with what it printed, when it is not ready in time
 */
export async function startBerth(
  options: {
    readonly environment?: Readonly<Record<string, string>>;
    readonly dataDirectory?: string;
    readonly run?: readonly string[];
  } = {},
): Promise<RunningBerth> {
  const dataDirectory = options.dataDirectory ?? (await mkdtemp(join(tmpdir(), 'berth-data-')));
  const password = 'a-password-for-tests';
  const { run, environment } = backend(dataDirectory);
  const child = spawn(process.execPath, options.run ?? run, {
    env: {
      ...process.env,
      ...environment,
      PORT: '0',
      HOST: '127.0.0.1',
      BERTH_DATA: dataDirectory,
      BERTH_ADMIN_PASSWORD: password,
      BERTH_ANONYMOUS_PULL: '',
      // Floods are one client's here.
      BERTH_REQUESTS_PER_SECOND: '0',
      BERTH_FREE_FAILURES: '0',
      ...options.environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endsWithTests(child, 'SIGKILL');
  let printed = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
  }
  const port = await untilReady(child, () => printed).catch(async (error: unknown) => {
    if (options.dataDirectory === undefined) await rm(dataDirectory, { recursive: true });
    throw error;
  });
  const end = async (signal: NodeJS.Signals) => {
    if (child.exitCode !== null || child.signalCode !== null) return child.exitCode;
    child.kill(signal);
    await once(child, 'exit');
    return child.exitCode;
  };
  return {
    url: `http://127.0.0.1:${port}`,
    host: `127.0.0.1:${port}`,
    password,
    dataDirectory,
    process: child,
    output: () => printed,
    stop: () => end('SIGTERM'),
    kill: async () => {
      await end('SIGKILL');
    },
    remove: async () => {
      await end('SIGTERM');
      await rm(dataDirectory, { recursive: true, force: true });
    },
  };
}

function untilReady(child: ChildProcess, printed: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => {
      child.kill('SIGKILL');
      reject(new Error(`the registry ${why}; it printed: ${printed()}`));
    };
    const timer = setTimeout(() => fail('was not ready in time'), readyWithinMs);
    const look = () => {
      const [, port] = /ready on http:\/\/\S+:(\d+)\n/.exec(printed()) ?? [];
      if (port === undefined) return;
      clearTimeout(timer);
      resolve(port);
    };
    child.stdout?.on('data', look);
    child.once('exit', (code) => {
      clearTimeout(timer);
      reject(new Error(`the registry ended with ${code}; it printed: ${printed()}`));
    });
  });
}
