// The functions as processes of their own, each on a port of its own, started again when one dies.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import type { Log } from '#shared/log.ts';

export interface FunctionProcess {
  /** What is run that becomes Node in the end; this Node when left out. */
  readonly program?: string;
  /** What that is given: Node's flags, the file and its arguments. */
  readonly arguments: readonly string[];
  /** Where it is run; here when left out. */
  readonly directory?: string;
  readonly environment: Readonly<Record<string, string>>;
}

export interface Processes {
  /** The port of a function that runs; `undefined` while it does not. */
  portOf(name: string): number | undefined;
  /** Ends all, as the cloud does: SIGTERM, and ten seconds later SIGKILL. */
  stop(): Promise<void>;
}

const withParent = pathToFileURL(join(import.meta.dirname, 'with-parent.js')).href;

const readyWithinMs = 30_000;
/** Cloud Run's: how long a process may take to end. */
const stopWithinMs = 10_000;
const restartAfterMs = 200;

/**
 * Starts them, and resolves when each listens.
 * @param commands name → what is run; its port is handed over as PORT
 * @throws Error that names the one that did not come to listen
 */
export async function startProcesses(
  commands: Readonly<Record<string, FunctionProcess>>,
  log: Log,
): Promise<Processes> {
  const children = new Set<ChildProcess>();
  /** Those that listen. */
  const ports = new Map<string, { child: ChildProcess; port: number }>();
  let stopping = false;

  const start = async (name: string, command: FunctionProcess) => {
    const port = await freePort();
    const options = [command.environment['NODE_OPTIONS'], `--import=${withParent}`];
    const child = spawn(command.program ?? process.execPath, [...command.arguments], {
      cwd: command.directory,
      env: { ...command.environment, NODE_OPTIONS: options.join(' ').trim(), PORT: String(port) },
      stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
    });
    children.add(child);
    child.once('exit', (code, signal) => {
      children.delete(child);
      if (ports.get(name)?.child === child) ports.delete(name);
      if (stopping) return;
      log('ERROR', 'a function ended', { function: name, code, signal });
      setTimeout(() => {
        if (stopping) return;
        start(name, command).catch((error: unknown) =>
          log('ERROR', 'a function does not start', { function: name, error: String(error) }),
        );
      }, restartAfterMs).unref();
    });
    await untilListening(name, child, port);
    ports.set(name, { child, port });
  };

  const stop = async () => {
    stopping = true;
    await Promise.all([...children].map(end));
  };
  try {
    await Promise.all(Object.entries(commands).map(([name, command]) => start(name, command)));
  } catch (error) {
    await stop();
    throw error;
  }
  return { portOf: (name) => ports.get(name)?.port, stop };
}

async function end(child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  const patience = setTimeout(() => child.kill('SIGKILL'), stopWithinMs);
  await ended;
  clearTimeout(patience);
}

/** Waits until a process listens. @throws Error when it ends before, or takes too long */
export async function untilListening(
  name: string,
  child: ChildProcess,
  port: number,
): Promise<void> {
  const deadline = performance.now() + readyWithinMs;
  while (performance.now() < deadline && child.exitCode === null && child.signalCode === null) {
    if (await listens(port)) return;
    await sleep(25);
  }
  child.kill('SIGKILL');
  throw new Error(`the function ${name} did not come to listen`);
}

function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', () => resolve(false));
  });
}

export async function freePort(): Promise<number> {
  const server = createServer().listen({ host: '127.0.0.1', port: 0 });
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}
