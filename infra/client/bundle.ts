// Makes what `npm pack` packs: each command in one file that Node 20 runs, and the licenses of what is in them.
//
//   node infra/client/bundle.ts [directory]

import { chmod, mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join, relative, resolve } from 'node:path';
import { build } from 'esbuild';

const here = import.meta.dirname;
const root = join(here, '../..');
const commands = ['berth', 'docker-credential-berth'];

const directory = resolve(process.argv[2] ?? join(here, 'dist'));
await rm(directory, { recursive: true, force: true });
await mkdir(directory, { recursive: true });
// Where the root's script has the package put, which npm does not make.
await mkdir(join(root, 'dist'), { recursive: true });
const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: commands.map((name) => join(here, `${name}.ts`)),
  outdir: directory,
  bundle: true,
  platform: 'node',
  target: 'node20',
  format: 'esm',
  banner: {
    // commander is CommonJS, and asks for Node's own modules as that.
    js: [
      '#!/usr/bin/env node',
      "import { createRequire as berthRequire } from 'node:module';",
      'const require = berthRequire(import.meta.url);',
    ].join('\n'),
  },
  charset: 'ascii',
  metafile: true,
  logLevel: 'warning',
});
for (const name of commands) await chmod(join(directory, `${name}.js`), 0o755);
await writeFile(join(directory, 'LICENSES'), await licenses(Object.keys(metafile.inputs)));

/** Our license, and that of each package whose code is in the bundles, as theirs ask. */
async function licenses(inputs: readonly string[]): Promise<string> {
  const packages = inputs.flatMap((input) => {
    const [, name] = /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input) ?? [];
    return name === undefined ? [] : [name];
  });
  const texts = [`berth\n\n${await readFile(join(root, 'LICENSE'), 'utf8')}`];
  for (const name of new Set(packages)) {
    const path = join(root, 'node_modules', name, 'LICENSE');
    texts.push(
      `${relative(join(root, 'node_modules'), join(path, '..'))}\n\n${await readFile(path, 'utf8')}`,
    );
  }
  return texts.join(`\n${'-'.repeat(80)}\n\n`);
}
