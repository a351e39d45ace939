// The programs that a release calls: gcloud and terraform, as whoever releases has them, with their own login.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from './failure.ts';

type ProgramName = 'gcloud' | 'terraform';

const installs: Readonly<Record<ProgramName, string>> = {
  gcloud: 'https://cloud.google.com/sdk/docs/install',
  terraform: 'https://developer.hashicorp.com/terraform/install',
};

const usualTimeoutMs = 5 * 60_000;
/** A program that was told to end is given as long to do so. */
const endWithinMs = 20_000;
/** A plan as JSON is the largest that is asked for. */
const stdoutBytesMax = 256 * 1024 * 1024;
/** Of what a program says, the end: what went wrong stands there. */
const toldCharacters = 4_000;

/** A program that ended with another number than 0. */
export class ProgramFailure extends Failure {
  override readonly name = 'ProgramFailure';
  /** What it said of it, or the end of that. */
  readonly said: string;

  constructor(message: string, said: string) {
    super(message);
    this.said = said;
  }
}

/**
 * What a program prints.
 * @param options.isHeard what it says besides is also shown while it runs
 * @throws ProgramFailure with what it said, where it fails
 * @throws Failure where it is not installed, not logged in, or takes too long
 */
export async function ask(
  name: ProgramName,
  parameters: readonly string[],
  options: { readonly timeoutMs?: number; readonly isHeard?: boolean } = {},
): Promise<string> {
  const { timeoutMs = usualTimeoutMs, isHeard = false } = options;
  const child = spawn(name, parameters, { stdio: ['ignore', 'pipe', 'pipe'] });
  const ended = endOf(name, child);
  const printed: Buffer[] = [];
  let bytes = 0;
  child.stdout.on('data', (piece: Buffer) => {
    bytes += piece.length;
    if (bytes > stdoutBytesMax) child.kill('SIGKILL');
    else printed.push(piece);
  });
  let said = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-toldCharacters);
    if (isHeard) process.stderr.write(text);
  });
  let isLate = false;
  const late = new AbortController();
  const watch = (async () => {
    await sleep(timeoutMs, undefined, { signal: late.signal });
    isLate = true;
    child.kill('SIGTERM');
    await sleep(endWithinMs, undefined, { signal: late.signal });
    child.kill('SIGKILL');
  })().catch(() => {});
  const code = await ended.finally(() => late.abort());
  await watch;
  const command = [name, ...parameters].join(' ');
  if (isLate) throw new Failure(`${command} took longer than ${timeoutMs / 1000} seconds`);
  if (code === 0) return Buffer.concat(printed).toString('utf8');
  if (/gcloud auth login|Reauthentication/.test(said)) {
    throw new Failure('gcloud has no login that is valid: gcloud auth login');
  }
  const why = said.trim();
  throw new ProgramFailure(why === '' ? `${command} failed` : `${command} failed:\n${why}`, why);
}

/**
 * Runs a program that a person watches. It takes as long as it takes: who interrupts it is heard by it, and it is waited for.
 * @throws ProgramFailure where it fails; what it said was seen, and does not stand in the message
 * @throws Failure where it is not installed
 */
export async function run(name: ProgramName, parameters: readonly string[]): Promise<void> {
  const wait = () => {};
  process.on('SIGINT', wait);
  try {
    const child = spawn(name, parameters, { stdio: ['ignore', 'inherit', 'pipe'] });
    const ended = endOf(name, child);
    let said = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      said = (said + text).slice(-toldCharacters);
      process.stderr.write(text);
    });
    if ((await ended) === 0) return;
    throw new ProgramFailure(`${name} ${parameters.slice(0, 2).join(' ')} failed, see above`, said);
  } finally {
    process.off('SIGINT', wait);
  }
}

/** @returns what it ended with; `null` where a signal ended it @throws Failure where it is not installed */
async function endOf(name: ProgramName, child: ReturnType<typeof spawn>): Promise<number | null> {
  try {
    const [code] = (await once(child, 'close')) as [number | null];
    return code;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    throw new Failure(`there is no ${name} here: install it (${installs[name]})`);
  }
}
