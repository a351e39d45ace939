// `npm run bench -- --cold-start`: how long each function takes from the start of its process to its first answer, beside
// a function that does nothing, in functions-framework as ours are. Each is asked for what needs nothing stored, and for
// what needs Firestore, which is its emulator here.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { bundle } from '#infra/bundle/bundle.ts';
import { commandsFor } from '#infra/local/commands.ts';
import type { FunctionProcess } from '#infra/local/processes.ts';
import { loadSecretVariables } from '#infra/local/secrets.ts';
import { freePort } from '#test/support/free-port.ts';
import { startGoogle } from '#test/support/google.ts';
import { prepareQuestions } from './cold-start-questions.ts';
import { firstAnswer } from './servers.ts';
import { compare, type Measured, median } from './statistics.ts';

export const coldStartColumns = ['bundled', 'to empty', 'from source', 'to empty'];

const root = join(import.meta.dirname, '../..');

/** What is started, and asked until it answers. */
interface Start {
  readonly command: FunctionProcess;
  readonly request: string;
  readonly status: number;
}

/**
 * Measures each function in turns with the empty one.
 * @param directory for what is needed, which is left there
 * @returns why it cannot be measured, where it cannot
 */
export async function measureColdStarts(
  directory: string,
  rounds: number,
  show: (row: string, ...cells: readonly string[]) => void,
): Promise<string | undefined> {
  const google = await startGoogle();
  if (google.skip !== false) return google.skip;
  const dataDirectory = join(directory, 'data');
  const environment = google.environment(dataDirectory);
  try {
    const { questions, password } = await prepareQuestions(dataDirectory, environment);
    const { variables } = await loadSecretVariables(dataDirectory, password);
    const settings = { PATH: process.env['PATH'], ...environment, ...variables };
    const bundled = commandsFor(settings, await bundleInto(join(directory, 'bundle')));
    const fromSource = commandsFor(settings);
    const { empty, bare } = await nothings(directory, bundled.token);
    const [emptyTimes, bareTimes] = await inTurns([empty, bare], rounds);
    show('functions-framework, empty', milliseconds(emptyTimes));
    show('node:http, empty', ...against(emptyTimes, bareTimes));
    for (const { row, target, ...asked } of questions) {
      const commands = [bundled[target], withoutCache(fromSource[target])];
      const starts = commands.map((command) => ({ command, ...asked }));
      const [base, ...ours] = await inTurns([empty, ...starts], rounds);
      show(row, ...ours.flatMap((measured) => against(base, measured)));
    }
  } finally {
    await google.close();
  }
  return undefined;
}

function milliseconds(measured: Measured | undefined): string {
  return `${median(measured?.values ?? []).toFixed(0)} ms`;
}

function against(base: Measured | undefined, measured: Measured | undefined): string[] {
  if (base === undefined || measured === undefined) return [];
  return [milliseconds(measured), compare([measured, base])];
}

/** As it is deployed: on a fresh disk Node's own cache is empty. */
function withoutCache({ arguments: parameters, environment }: FunctionProcess): FunctionProcess {
  const { NODE_COMPILE_CACHE: _, ...rest } = environment;
  return { arguments: parameters, environment: rest };
}

/** Bundles, and installs beside it what the package.json asks for. */
async function bundleInto(directory: string): Promise<string> {
  await bundle(directory);
  await symlink(join(root, 'node_modules'), join(directory, 'node_modules'));
  return directory;
}

/** Functions that do nothing: one in functions-framework, run as ours are, and one without it. */
async function nothings(
  directory: string,
  ours: FunctionProcess,
): Promise<{ readonly empty: Start; readonly bare: Start }> {
  const at = join(directory, 'empty');
  await mkdir(at);
  await symlink(join(root, 'node_modules'), join(at, 'node_modules'));
  await writeFile(
    join(at, 'index.js'),
    `require('@google-cloud/functions-framework').http('empty', (_, response) => response.send('ok'));\n`,
  );
  await writeFile(
    join(at, 'bare.js'),
    `require('node:http').createServer((_, response) => response.end('ok')).listen(process.env.PORT);\n`,
  );
  const [framework = ''] = ours.arguments;
  const request = 'GET / HTTP/1.1\r\nHost: registry.example\r\n\r\n';
  const start = (...parameters: readonly string[]): Start => ({
    command: { arguments: parameters, environment: ours.environment },
    request,
    status: 200,
  });
  return {
    empty: start(framework, '--target=empty', `--source=${at}`),
    bare: start(join(at, 'bare.js')),
  };
}

/** Starts each in turn, once more than is counted: the disk is warm afterwards. */
async function inTurns(starts: readonly Start[], rounds: number): Promise<readonly Measured[]> {
  const measured = starts.map((start) => ({ start, values: [] as number[] }));
  for (let round = -1; round < rounds; round += 1) {
    for (const { start, values } of measured) {
      const ms = await coldStart(start);
      if (round >= 0) values.push(ms);
    }
  }
  return measured;
}

/** @returns from the start of the process to its first answer, in milliseconds */
async function coldStart({ command, request, status }: Start): Promise<number> {
  const port = await freePort('127.0.0.1');
  const startedAt = performance.now();
  const child = spawn(process.execPath, [...command.arguments], {
    env: { ...command.environment, PORT: String(port) },
    stdio: 'ignore',
  });
  try {
    const answer = await firstAnswer(child, port, { request, startedAt });
    if (answer.status === status) return answer.ms;
    throw new Error(`${command.arguments.join(' ')} answered ${answer.status} and not ${status}`);
  } finally {
    child.kill('SIGKILL');
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit');
  }
}
