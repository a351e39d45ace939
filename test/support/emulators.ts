// Google's own emulators of Firestore and Pub/Sub, which come with the Cloud SDK: found, started, and ended with
// the tests. One of each serves a whole run: tests keep apart by a project or a database of their own.
//
// A file whose tests need one ends in `.google.test.ts`, and skips them where there is none:
//
//   const { skip } = await startEmulator('firestore');
//   describe('…', { skip }, () => …);

import { type ChildProcess, spawn } from 'node:child_process';
import { existsSync, globSync, realpathSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, dirname, join } from 'node:path';
import type { Readable } from 'node:stream';
import { endsWithTests } from './ends-with-tests.ts';
import { freePort } from './free-port.ts';

/** Of each: where the SDKs read its address, what it is started by, and what it prints once it listens. */
const emulators = {
  firestore: {
    variable: 'FIRESTORE_EMULATOR_HOST',
    component: 'cloud-firestore-emulator',
    jar: 'platform/cloud-firestore-emulator/cloud-firestore-emulator.jar',
    main: 'com.google.cloud.datastore.emulator.firestore.CloudFirestore',
    command: ['start'],
    ready: 'Dev App Server is now running',
  },
  pubsub: {
    variable: 'PUBSUB_EMULATOR_HOST',
    component: 'pubsub-emulator',
    jar: 'platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar',
    main: 'com.google.cloud.pubsub.testing.v1.Main',
    command: [],
    ready: 'Server started, listening on',
  },
} as const;

export type EmulatorName = keyof typeof emulators;

/** A running one, or why there is none, as the `skip` of a suite. */
export type Emulator =
  | { readonly host: string; readonly skip: false }
  | { readonly host?: undefined; readonly skip: string };

const readyWithinMs = 60_000;
/** What a JVM does to start fast: half the time of its defaults, which are for servers that stay. */
const startFast = ['-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1', '-Duser.language=en'];

/**
 * Makes sure that an emulator runs: the one that FIRESTORE_EMULATOR_HOST or PUBSUB_EMULATOR_HOST names, or one that it
 * starts, and which ends with this process. From then on the variable tells the SDKs of this process and its children.
 * @returns its `host:port`, or why there is none to start
 * @throws Error with what it printed, when it is there and does not start
 */
export async function startEmulator(name: EmulatorName): Promise<Emulator> {
  const { variable, main, command, ready } = emulators[name];
  // Without it the SDKs look for a metadata server, which only Google's machines have.
  process.env['METADATA_SERVER_DETECTION'] = 'none';
  const running = process.env[variable];
  if (running !== undefined && running !== '') return { host: running, skip: false };
  const found = find(name);
  if (found.skip !== false) return found;
  const host = `127.0.0.1:${await freePort('127.0.0.1')}`;
  const [address, port] = host.split(':');
  const child = spawn(
    found.java,
    [...startFast, '-cp', found.jar, main, ...command, `--host=${address}`, `--port=${port}`],
    { stdio: ['ignore', 'pipe', 'pipe'] },
  );
  // It keeps nothing that is worth an orderly end.
  endsWithTests(child, 'SIGKILL');
  await untilPrinted(child, ready);
  letGo(child);
  process.env[variable] = host;
  return { host, skip: false };
}

type Found = { readonly java: string; readonly jar: string; readonly skip: false };

/** Java and the emulator, or what of the two is not there. */
function find(name: EmulatorName): Found | { readonly skip: string } {
  const { component, jar: pattern } = emulators[name];
  const java = onPath('java');
  const sdks = cloudSdks();
  if (sdks.length === 0) return { skip: 'it needs the Google Cloud SDK' };
  const [jar] = sdks.flatMap((sdk) => globSync(pattern, { cwd: sdk }).map((at) => join(sdk, at)));
  if (jar === undefined) return { skip: `it needs the Google Cloud SDK's component ${component}` };
  if (java === undefined) return { skip: `it needs Java, which ${component} runs on` };
  return { java, jar, skip: false };
}

/** Where the Cloud SDK is: where `gcloud` lies in truth, or where packages and its installer put it. */
function cloudSdks(): string[] {
  const gcloud = onPath('gcloud');
  const usual = ['/usr/lib', '/usr/share', '/usr/local/share', '/opt', homedir()];
  return [
    ...(gcloud === undefined ? [] : [join(dirname(realpathSync(gcloud)), '..')]),
    ...usual.map((at) => join(at, 'google-cloud-sdk')),
  ].filter((at) => existsSync(join(at, 'platform')));
}

function onPath(program: string): string | undefined {
  const directories = (process.env['PATH'] ?? '').split(delimiter);
  return directories.map((at) => join(at, program)).find((at) => existsSync(at));
}

function untilPrinted(child: ChildProcess, words: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let printed = '';
    const fail = (why: string) => {
      child.kill('SIGKILL');
      reject(new Error(`the emulator ${why}; it printed: ${printed}`));
    };
    const timer = setTimeout(() => fail('was not ready in time'), readyWithinMs);
    const ended = () => {
      clearTimeout(timer);
      fail('ended');
    };
    const look = (text: string) => {
      printed += text;
      if (!printed.includes(words)) return;
      clearTimeout(timer);
      child.off('exit', ended);
      for (const stream of streams(child)) stream.off('data', look);
      resolve();
    };
    for (const stream of streams(child)) stream.setEncoding('utf8').on('data', look);
    child.once('exit', ended);
    child.once('error', (error) => {
      clearTimeout(timer);
      reject(error);
    });
  });
}

/** Lets this process end when nothing else keeps it. What the emulator prints from now on is read and dropped. */
function letGo(child: ChildProcess): void {
  child.unref();
  for (const stream of streams(child)) {
    stream.resume();
    // A pipe is a socket, which the type of a child's outputs does not tell.
    if ('unref' in stream && typeof stream.unref === 'function') stream.unref();
  }
}

function streams(child: ChildProcess): Readable[] {
  return [child.stdout, child.stderr].filter((stream) => stream !== null);
}
