// What `npm test` runs: every suite, or those whose path begins as the arguments do. The last line tells how many
// tests passed and failed; before it stands, for each suite that was left out, the client it needs.

import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { run } from 'node:test';
import { spec } from 'node:test/reporters';
import { startEmulator } from './support/emulators.ts';

const root = join(import.meta.dirname, '..');
const wanted = process.argv.slice(2).map((path) => relative(root, join(process.cwd(), path)));

const counts = { passed: 0, failed: 0, skipped: 0 };
/** @type {Set<string>} */
const leftOut = new Set();

// In CI nothing is left out: the clients are installed first.
if (process.env['CI'] !== undefined) {
  const installed = spawnSync('sh', [join(root, 'test/clients/install.sh')], { stdio: 'inherit' });
  if (installed.status !== 0) {
    counts.failed += 1;
    leftOut.add('what needs a client: npm run test:setup failed, see above');
  }
}

const files = globSync('test/**/*.test.ts', {
  cwd: root,
  exclude: (path) => path.endsWith('node_modules'),
})
  .filter((file) => wanted.length === 0 || wanted.some((path) => file.startsWith(path)))
  .sort()
  .map((file) => join(root, file));

// The parser of HCL and the provider's schema are large, and needed nowhere else. Without them those suites are skipped.
const provider = join(root, 'test/terraform/provider');
if (
  files.some((file) => file.startsWith(`${dirname(provider)}/`)) &&
  !existsSync(join(provider, 'node_modules'))
) {
  const ci = ['ci', '--ignore-scripts', '--no-audit', '--no-fund'];
  // Where there is no network, npm asks for long.
  const options = /** @type {const} */ ({ cwd: provider, stdio: 'inherit', timeout: 5 * 60_000 });
  const installed = spawnSync('npm', ci, options);
  if (installed.status !== 0) {
    if (process.env['CI'] !== undefined) counts.failed += 1;
    leftOut.add('what needs test/terraform/provider: npm ci failed there, see above');
  }
}

// One of each for the whole run: the files find them by the environment, and skip where there is none.
if (files.some((file) => file.endsWith('.google.test.ts'))) {
  try {
    await Promise.all([startEmulator('firestore'), startEmulator('pubsub')]);
  } catch (error) {
    counts.failed += 1;
    leftOut.add(`what needs Google's emulators: ${error}`);
  }
}

// Who asks for more than the usual waits for as long as that takes.
const asksForMore = Object.keys(process.env).some((name) =>
  /^BERTH_(?:CRASH_ROUNDS|FAULT_SEEDS|FUZZ_RUNS|MODEL_RUNS|SIZE_\w+)$/.test(name),
);

const events = run({
  files,
  concurrency: 2,
  timeout: asksForMore ? Number.POSITIVE_INFINITY : 5 * 60 * 1000,
  // A test that failed may leave a server or a timer behind, for which its file would wait forever. (Files are
  // not made to exit: process.exit can hang while V8 compiles in the background, Node 24.)
  ...(asksForMore ? {} : { signal: AbortSignal.timeout(40 * 60 * 1000) }),
});
events.on('test:pass', (test) => {
  if (test.name === test.file) {
    // How a file without a single test is told: nothing was tested.
    counts.failed += 1;
    leftOut.add(`${relative(root, test.name)}: there is no test in it`);
    return;
  }
  // A suite is not a test: those in it are counted. One that is skipped whole has none.
  if (test.skip === undefined) {
    if (test.details.type !== 'suite') counts.passed += 1;
    return;
  }
  counts.skipped += 1;
  leftOut.add(`${test.name}: ${test.skip === true ? 'skipped' : test.skip}`);
});
events.on('test:fail', (test) => {
  // A suite fails with its tests, which are counted; on its own account when a hook of it fails.
  const { error } = test.details;
  const ofItsTests = 'failureType' in error && error.failureType === 'subtestsFailed';
  if (!ofItsTests) counts.failed += 1;
});

events.compose(spec).on('end', report).pipe(process.stdout);

function report() {
  // The reporter's last words are still on their way.
  setImmediate(() => {
    for (const reason of leftOut) process.stdout.write(`\nLEFT OUT  ${reason}\n`);
    const { passed, failed, skipped } = counts;
    process.stdout.write(`\n${passed} passed, ${failed} failed, ${skipped} skipped\n`);
    process.exitCode = failed > 0 || passed === 0 ? 1 : 0;
  });
}
