// gcloud and terraform for tests of what calls them: programs on the PATH that keep what they are given in a directory, and
// refuse whatever the real ones are not known to take. Their messages are those of Google Cloud SDK 528 and Terraform 1.11.

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  appendFile,
  chmod,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rm,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { endsWithTests } from '#test/support/ends-with-tests.ts';

const main = join(import.meta.dirname, '../../infra/release/main.ts');

export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Cloud {
  readonly directory: string;
  /** `npm run release`, as a process. */
  release(
    parameters: readonly string[],
    options?: {
      readonly stdin?: string;
      readonly environment?: Readonly<Record<string, string>>;
    },
  ): Promise<Ended>;
  /** What gcloud and terraform were called with so far, each as one text. */
  calls(): Promise<readonly string[]>;
  /** The names of a bucket's objects. */
  objects(bucket: string): Promise<readonly string[]>;
  readObject(bucket: string, name: string): Promise<Buffer>;
  writeObject(bucket: string, name: string, text: string): Promise<void>;
  /** What Terraform's state says, in the bucket of that name; nothing was applied when left out. */
  writeState(bucket: string, state: unknown): Promise<void>;
  readState(bucket: string): Promise<unknown>;
  /** By its digest. */
  addImage(image: string): Promise<void>;
  /** What gcloud gives from now on. */
  giveAccessToken(token: string): Promise<void>;
  /** Has the next call of a kind go wrong: see the stand-ins. */
  spoil(what: 'login' | 'apply' | 'build' | 'plan'): Promise<void>;
  remove(): Promise<void>;
}

export async function startCloud(): Promise<Cloud> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-cloud-'));
  const at = (...parts: string[]) => join(directory, ...parts);
  await Promise.all(['bin', 'buckets', 'states', 'work'].map((one) => mkdir(at(one))));
  for (const name of ['gcloud', 'terraform']) {
    const file = join(import.meta.dirname, `stand-in-${name}.ts`);
    await writeFile(at('bin', name), `#!/bin/sh\nexec '${process.execPath}' '${file}' "$@"\n`);
    await chmod(at('bin', name), 0o755);
  }
  return {
    directory,
    release: (parameters, { stdin = '', environment = {} } = {}) =>
      release(
        [
          ...parameters,
          ...(parameters.includes('--help')
            ? []
            : // As somebody says it who is here: Terraform itself runs elsewhere.
              [`--directory=${relative(process.cwd(), at('work'))}`]),
        ],
        {
          ...environment,
          PATH: `${at('bin')}:${process.env['PATH']}`,
          STAND_IN_DIRECTORY: directory,
          NODE_COMPILE_CACHE: join(import.meta.dirname, '../../node_modules/.cache/compiled'),
        },
        stdin,
      ),
    calls: async () => {
      const text = existsSync(at('calls')) ? await readFile(at('calls'), 'utf8') : '';
      return text.split('\n').filter((line) => line !== '');
    },
    objects: async (bucket) =>
      existsSync(at('buckets', bucket))
        ? (await readdir(at('buckets', bucket))).map(decodeURIComponent).sort()
        : [],
    readObject: (bucket, name) => readFile(at('buckets', bucket, encodeURIComponent(name))),
    writeObject: async (bucket, name, text) => {
      await mkdir(at('buckets', bucket), { recursive: true });
      await writeFile(at('buckets', bucket, encodeURIComponent(name)), text);
    },
    writeState: (bucket, state) => writeFile(at('states', bucket), JSON.stringify(state)),
    readState: async (bucket) => JSON.parse(await readFile(at('states', bucket), 'utf8')),
    addImage: (image) => appendFile(at('images'), `${image}\n`),
    giveAccessToken: (token) => writeFile(at('access-token'), token),
    spoil: (what) => writeFile(at(`spoilt-${what}`), ''),
    remove: () => rm(directory, { recursive: true, force: true }),
  };
}

async function release(
  parameters: readonly string[],
  environment: Readonly<Record<string, string>>,
  stdin: string,
): Promise<Ended> {
  const child = spawn(process.execPath, [main, ...parameters], {
    env: { ...process.env, ...environment },
  });
  endsWithTests(child, 'SIGKILL');
  let stdout = '';
  let stderr = '';
  child.stdout.setEncoding('utf8').on('data', (text) => {
    stdout += text;
  });
  child.stderr.setEncoding('utf8').on('data', (text) => {
    stderr += text;
  });
  child.stdin.on('error', () => {}).end(stdin);
  const [code] = await once(child, 'close');
  return { code, stdout, stderr };
}
