// What V8 compiles while the functions start and answer, kept beside what was bundled (index.cjs). It compiles code when
// that is first called: so each function is started, and asked what it is there for. Behind it is nothing
// (empty-google.ts): most of its answers are that something is not there, or went wrong.

import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type TargetName, targetNames } from '#functions/targets.ts';
import { bundledMain, commandsFor } from '../local/commands.ts';
import { type FunctionProcess, freePort, untilListening } from '../local/processes.ts';
import { loadSecretVariables } from '../local/secrets.ts';
import { type EmptyGoogle, startEmptyGoogle } from './empty-google.ts';
import { askAll, password } from './questions.ts';

const root = join(import.meta.dirname, '../..');
const keep = pathToFileURL(join(import.meta.dirname, 'keep.js')).href;

/**
 * Has every function keep what was compiled of it. Each begins with what those before it kept, and adds to it.
 * @param directory what was bundled
 */
export async function keepCompiled(directory: string): Promise<void> {
  const secrets = await mkdtemp(join(tmpdir(), 'berth-bundle-'));
  const google = await startEmptyGoogle();
  try {
    const { variables } = await loadSecretVariables(secrets, password);
    const commands = commandsFor({ ...variables, ...settingsFor(google) }, directory);
    // The first of them issues it.
    let token = '';
    for (const name of targetNames) {
      const main = bundledMain(name, directory);
      const ask = (port: number) => askAll(name, port, token);
      token = (await run(name, { command: commands[name], ask, main })) ?? token;
    }
  } finally {
    google.close();
    await rm(secrets, { recursive: true, force: true });
  }
}

function settingsFor({ firestoreHost, storageUrl }: EmptyGoogle): Readonly<Record<string, string>> {
  return {
    GOOGLE_CLOUD_PROJECT: 'nobody-has-this-project',
    METADATA_SERVER_DETECTION: 'none',
    FIRESTORE_EMULATOR_HOST: firestoreHost,
    STORAGE_EMULATOR_HOST: storageUrl,
    BERTH_BLOBS_BUCKET: 'blobs',
    BERTH_STAGING_BUCKET: 'staging',
    // The host that is asked, and an upstream that nobody is.
    BERTH_MIRRORS: 'registry.example=http://127.0.0.1:9',
    BERTH_URL_ACCOUNT: 'nobody@example.com',
    BERTH_GOOGLE_STAND_IN: storageUrl,
    BERTH_URL_KEY: 'GOOGNOBODYHASTHIS:bm9ib2R5LWhhcy10aGlz',
  };
}

/** Starts a function, asks it, and has it keep what was compiled by then. */
async function run<T>(
  name: TargetName,
  options: {
    readonly command: FunctionProcess;
    readonly ask: (port: number) => Promise<T>;
    readonly main: string;
  },
): Promise<T> {
  const { command, ask, main } = options;
  const port = await freePort();
  const child = spawn(process.execPath, [`--import=${keep}`, ...command.arguments], {
    // The framework is the repository's: what is bundled has none before it is installed.
    env: { ...command.environment, PORT: String(port), NODE_PATH: join(root, 'node_modules') },
    stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
  });
  try {
    await untilListening(name, child, port);
    const answer = await ask(port);
    child.send(main);
    await kept(name, child);
    return answer;
  } finally {
    child.kill('SIGKILL');
  }
}

async function kept(name: TargetName, child: ChildProcess): Promise<void> {
  const ended = once(child, 'exit').then(() => {
    throw new Error(`the function ${name} ended before it kept what was compiled of it`);
  });
  await Promise.race([once(child, 'message'), ended]);
}
