// What is deployed, made of the source: a directory for all plain functions, and one for each that has a server of its
// own. Each has our code in one file, each SDK in a file that is read when it is first needed, and what V8 compiles of
// them. CommonJS: the SDKs do not run as anything else once they are bundled.

import { copyFile, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type BuildOptions, build } from 'esbuild';
import { chunks, chunksApart, slim } from './chunks.ts';
import { keepCompiled } from './compile.ts';
import { type Lock, lockFor } from './lock.ts';

const root = join(import.meta.dirname, '../..');
const framework = '@google-cloud/functions-framework';

/** Directory → the file that is run. */
const deployables: Readonly<Record<string, string>> = {
  functions: 'functions/index.ts',
  uploads: 'functions/uploads/main.ts',
  mirror: 'functions/mirror/main.ts',
  admin: 'functions/admin/main.ts',
};

const common = {
  absWorkingDir: root,
  bundle: true,
  platform: 'node',
  target: 'node24',
  format: 'cjs',
  // A file of the bundle is no module of Node's: `require` has to load it.
  supported: { 'dynamic-import': false },
  // What index.cjs calls.
  banner: { js: '(function (exports, require, module, __filename, __dirname) {' },
  footer: { js: '})' },
  charset: 'ascii',
  logLevel: 'warning',
} as const satisfies BuildOptions;

/**
 * Bundles everything.
 * @param directory gets a directory for each deployable; what these held is gone
 */
export async function bundle(directory: string): Promise<void> {
  for (const [name, main] of Object.entries(deployables)) {
    const into = join(directory, name);
    await rm(into, { recursive: true, force: true });
    await mkdir(into, { recursive: true });
    await Promise.all([
      bundleOurs(main, into),
      ...Object.keys(chunks).map((chunk) => bundleChunk(chunk, into)),
      copyFile(join(import.meta.dirname, 'index.cjs'), join(into, 'index.cjs')),
      writePackage(name, into),
    ]);
  }
  await keepCompiled(directory);
}

/** Our code, with its names and lines: what fails says where. */
async function bundleOurs(main: string, into: string): Promise<void> {
  await build({
    ...common,
    entryPoints: [main],
    outfile: join(into, 'function.cjs'),
    external: [framework],
    plugins: [chunksApart],
  });
}

async function bundleChunk(name: string, into: string): Promise<void> {
  const packages = chunks[name] ?? [];
  await build({
    ...common,
    stdin: {
      contents: packages.map((one) => `export * from '${one}';`).join('\n'),
      resolveDir: root,
    },
    outfile: join(into, `${name}.cjs`),
    // Half the size is read faster. Names stay, for whoever reads where it failed.
    minifyWhitespace: true,
    minifySyntax: true,
    plugins: name === 'firestore' ? [slim()] : [],
  });
}

/** What the platform installs, and begins with. The framework is not bundled: its own program loads it first. */
async function writePackage(name: string, into: string): Promise<void> {
  const { version, dependencies } = await readJson<{
    version: string;
    dependencies: Readonly<Record<string, string>>;
  }>('package.json');
  const shipped = {
    name: `berth-${name}`,
    version,
    private: true,
    main: 'index.cjs',
    engines: { node: '24.x' },
    ...(name === 'functions'
      ? { dependencies: { [framework]: dependencies[framework] ?? 'not there' } }
      : {}),
  };
  const lock = lockFor(shipped, await readJson<Lock>('package-lock.json'));
  await writeFile(join(into, 'package.json'), textOf(shipped));
  await writeFile(join(into, 'package-lock.json'), textOf(lock));
}

async function readJson<T>(file: string): Promise<T> {
  return JSON.parse(await readFile(join(root, file), 'utf8')) as T;
}

function textOf(value: unknown): string {
  return `${JSON.stringify(value, undefined, 2)}\n`;
}
