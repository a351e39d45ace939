// `npm run bench`: Berth, and Debian's docker-registry when it is installed, measured in turns in one run.
//
//   npm run bench -- [--rows <text>] [--rounds <n>] [--seconds <n>] [--alone] [--growth | --cold-start] [--directory <path>]

import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { coldStartColumns, measureColdStarts } from './cold-start.ts';
import { growthColumns, measureGrowth } from './growth.ts';
import { type Row, rows } from './rows.ts';
import {
  hasDockerRegistry,
  type Server,
  startBerthToMeasure,
  startDockerRegistry,
} from './servers.ts';
import { compare, type Measured, median } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    rows: { type: 'string', default: '' },
    rounds: { type: 'string', default: '3' },
    seconds: { type: 'string', default: '2' },
    alone: { type: 'boolean', default: false },
    growth: { type: 'boolean', default: false },
    'cold-start': { type: 'boolean', default: false },
    directory: { type: 'string', default: tmpdir() },
  },
});
const rounds = Number(options.rounds);
const seconds = Number(options.seconds);

/** Starts what is measured; each name once. */
type Start = (directory: string) => Promise<Server>;

const starts: Start[] = [startBerthToMeasure];
if (!options.alone && hasDockerRegistry()) starts.push(startDockerRegistry);
else if (!options.alone && !options['cold-start'])
  print('docker-registry is not installed: there are no ratios');

const space = await mkdtemp(join(options.directory, 'berth-bench-'));
try {
  if (options.growth) await measureGrowing();
  else if (options['cold-start']) await measureStarting();
  else await measureAll();
} finally {
  await rm(space, { recursive: true, force: true });
}

async function measureAll(): Promise<void> {
  print(machine());
  print(
    `${rounds} rounds of ${seconds} s; ratios are Berth to docker-registry, with the rounds' spread\n`,
  );
  const servers = await Promise.all(starts.map((start, at) => start(join(space, `server-${at}`))));
  try {
    printLine('', ...servers.map(({ name }) => name), 'ratio');
    for (const row of rows.filter(({ name }) => name.includes(options.rows))) {
      show(row.name, row.unit, await measureRow(row, servers));
    }
    if (options.rows === '') await measureMemory(servers);
  } finally {
    for (const server of servers) await server.stop();
  }
  if (options.rows === '') show('time to ready', 'ms', await measureReady());
}

async function measureGrowing(): Promise<void> {
  print('Berth with so many repositories, tags, and referrers of one image in its store\n');
  printLine('', ...growthColumns);
  await measureGrowth(space, { rounds, seconds }, (name, values) =>
    printLine(name, ...values.map(rounded)),
  );
}

async function measureStarting(): Promise<void> {
  print(`${machine()}; ${rounds} rounds; ratios are to an empty function in functions-framework`);
  print('from the start of the process to its first answer, with the rounds’ spread\n');
  printLine('', ...coldStartColumns);
  const left = await measureColdStarts(space, rounds, printLine);
  if (left !== undefined) print(`cold starts are not measured: ${left}`);
}

function machine(): string {
  const [cpu] = cpus();
  return `${new Date().toISOString().slice(0, 10)}, ${cpus().length} × ${cpu?.model.trim()}, Node ${process.version}`;
}

/** In turns, so that what disturbs the machine disturbs both. */
async function measureRow(row: Row, servers: readonly Server[]): Promise<Measured[]> {
  const measures = [];
  for (const server of servers) {
    measures.push({ measure: await row.prepare(server), values: [] as number[] });
  }
  // Once without counting: code and caches are warm afterwards.
  for (const { measure } of measures) await measure(seconds / 2);
  for (let round = 0; round < rounds; round += 1) {
    for (const { measure, values } of measures) values.push(await measure(seconds));
  }
  return measures.map(({ values }) => ({ values }));
}

async function measureMemory(servers: readonly Server[]): Promise<void> {
  const peaks = await Promise.all(servers.map((server) => server.peakBytes()));
  show(
    'peak memory',
    'MiB',
    peaks.map((bytes) => ({ values: [bytes / 1024 / 1024] })),
  );
}

async function measureReady(): Promise<Measured[]> {
  const measured = starts.map(() => ({ values: [] as number[] }));
  for (let round = 0; round < rounds; round += 1) {
    for (const [at, start] of starts.entries()) {
      const server = await start(join(space, `ready-${round}-${at}`));
      measured[at]?.values.push(server.readyMs);
      await server.stop();
    }
  }
  return measured;
}

function show(name: string, unit: string, measured: readonly Measured[]): void {
  const shown = measured.map(({ values }) => `${rounded(median(values))} ${unit}`);
  printLine(name, ...shown, compare(measured));
}

function rounded(value: number): string {
  return value.toLocaleString('en', { maximumFractionDigits: value < 10 ? 1 : 0 });
}

function printLine(name: string, ...cells: string[]): void {
  print(`${name.padEnd(38)}${cells.map((cell) => cell.padStart(20)).join('')}`);
}

function print(line: string): void {
  process.stdout.write(`${line}\n`);
}
