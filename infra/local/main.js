// What `npm start`, `start:google`, `collect`, `verify`, `rotate-keys` and `first-keys` run. Plain JavaScript that any Node
// understands, so that one too old to read the rest says so instead of failing on its syntax.

import module from 'node:module';
import { join } from 'node:path';

const [major = 0] = process.versions.node.split('.').map(Number);
if (major < 24) {
  process.stderr.write(
    `Berth needs Node 24, this is ${process.version}. Run it as \`npm start\`, after \`npm ci\`: that brings its own.\n`,
  );
  process.exit(1);
}

// A sync of a file holds a thread until the disk is done, and one of four must not hold up all others.
process.env['UV_THREADPOOL_SIZE'] ??= '16';

// What is read and compiled once need not be at the next start, which takes half as long. Where it cannot be kept, nothing is lost.
module.enableCompileCache(join(import.meta.dirname, '../../node_modules/.cache/compiled'));

const commands = {
  start: './start.ts',
  'start:google': './google.ts',
  collect: './collect.ts',
  verify: './verify.ts',
  'rotate-keys': './rotate-keys.ts',
  'first-keys': '../keys/first-keys.ts',
};
const command = commands[/** @type {keyof typeof commands} */ (process.argv[2] ?? 'start')];
import(command)
  .then(({ main }) => main())
  .catch((error) => {
    process.stderr.write(`${error.stack}\n`);
    process.exit(1);
  });
