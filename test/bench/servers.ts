// The registries that are measured: Berth as `npm start` runs it, and Debian's docker-registry.

import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, open, readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { startArguments } from '#test/support/berth.ts';
import { Connection } from './connection.ts';

export interface Server {
  readonly name: string;
  readonly host: string;
  readonly port: number;
  /** From the start of the process to its first answer, in milliseconds. */
  readonly readyMs: number;
  /** The `Authorization` line of a request to these repositories, with its line end; empty where none is needed. */
  authorization(repositories: readonly string[]): Promise<string>;
  /** The line of who may do everything, by password; empty where none is needed. */
  readonly basic: string;
  connect(): Promise<Connection>;
  /** The largest memory the process has had so far, in bytes. */
  peakBytes(): Promise<number>;
  /** Forgets the largest memory so far. */
  forgetPeak(): Promise<void>;
  stop(): Promise<void>;
}

const host = '127.0.0.1';

/** Starts Berth: tokens are checked, writes are durable, its log goes to a file. */
export async function startBerthToMeasure(directory: string): Promise<Server> {
  const port = await freePort();
  const password = 'a-password-for-the-bench';
  const server = await start('berth', directory, port, process.execPath, startArguments, {
    PORT: String(port),
    HOST: host,
    BERTH_DATA: join(directory, 'data'),
    BERTH_ADMIN_PASSWORD: password,
    // Counted, but never too many.
    BERTH_REQUESTS_PER_SECOND: '1000000',
  });
  const basic = Buffer.from(`admin:${password}`).toString('base64');
  return {
    ...server,
    basic: `Authorization: Basic ${basic}\r\n`,
    authorization: async (repositories) => {
      const query = repositories.map((name) => `scope=repository:${name}:pull,push`).join('&');
      const connection = await server.connect();
      const { status, text } = await connection.send(
        `GET /v2/token?${query} HTTP/1.1\r\nHost: ${host}:${port}\r\nAuthorization: Basic ${basic}\r\n\r\n`,
        'text',
      );
      connection.close();
      if (status !== 200) throw new Error(`no token: ${status} ${text}`);
      return `Authorization: Bearer ${JSON.parse(text).token}\r\n`;
    },
  };
}

export function hasDockerRegistry(): boolean {
  return spawnSync('docker-registry', ['--version']).status === 0;
}

/** Starts docker-registry on files, as fast as it goes: nobody has to log in, and it writes no access log. */
export async function startDockerRegistry(directory: string): Promise<Server> {
  await mkdir(directory, { recursive: true });
  const port = await freePort();
  const config = join(directory, 'config.yml');
  await writeFile(
    config,
    `version: 0.1
log: {level: error, accesslog: {disabled: true}}
storage:
  filesystem: {rootdirectory: ${join(directory, 'data')}}
  cache: {blobdescriptor: inmemory}
  delete: {enabled: true}
http: {addr: '${host}:${port}'}
`,
  );
  const server = await start('docker-registry', directory, port, 'docker-registry', [
    'serve',
    config,
  ]);
  return { ...server, basic: '', authorization: async () => '' };
}

async function start(
  name: string,
  directory: string,
  port: number,
  command: string,
  parameters: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): Promise<Omit<Server, 'authorization' | 'basic'>> {
  await mkdir(directory, { recursive: true });
  const log = await open(join(directory, 'log'), 'w');
  const startedAt = performance.now();
  const child = spawn(command, parameters, {
    env: { ...process.env, OTEL_TRACES_EXPORTER: 'none', ...environment },
    stdio: ['ignore', log.fd, log.fd],
  });
  const request = `GET /v2/ HTTP/1.1\r\nHost: ${host}:${port}\r\n\r\n`;
  const { ms: readyMs } = await firstAnswer(child, port, { request, startedAt });
  const { pid } = child;
  return {
    name,
    host,
    port,
    readyMs,
    connect: () => Connection.open(host, port),
    peakBytes: async () => {
      const status = await readFile(`/proc/${pid}/status`, 'utf8');
      return Number(/VmHWM:\s+(\d+) kB/.exec(status)?.[1]) * 1024;
    },
    forgetPeak: () => writeFile(`/proc/${pid}/clear_refs`, '5'),
    stop: async () => {
      if (child.exitCode === null && child.signalCode === null) {
        child.kill('SIGTERM');
        const timer = setTimeout(() => child.kill('SIGKILL'), 10_000);
        await once(child, 'exit');
        clearTimeout(timer);
      }
      await log.close();
    },
  };
}

/**
 * Asks a process that is starting until it answers.
 * @param asked.startedAt when it was started, as performance.now() told
 * @returns what it answered, and after how many milliseconds
 */
export async function firstAnswer(
  child: ChildProcess,
  port: number,
  { request, startedAt }: { readonly request: string; readonly startedAt: number },
): Promise<{ readonly status: number; readonly ms: number }> {
  while (performance.now() - startedAt < 30_000) {
    if (child.exitCode !== null) throw new Error(`the server ended with ${child.exitCode}`);
    try {
      const connection = await Connection.open(host, port);
      const { status } = await connection.send(request);
      connection.close();
      return { status, ms: performance.now() - startedAt };
    } catch {
      await sleep(2);
    }
  }
  child.kill('SIGKILL');
  throw new Error('the server did not answer within half a minute');
}

export async function freePort(): Promise<number> {
  const server = createServer().listen(0, host);
  await once(server, 'listening');
  const address = server.address();
  server.close();
  await once(server, 'close');
  if (address === null || typeof address === 'string') throw new Error('no port is free');
  return address.port;
}
