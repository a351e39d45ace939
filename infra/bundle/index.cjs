// The first file of what is deployed, as `npm run bundle` lays it out. It loads the others beside it together with what
// V8 compiled of them when they were bundled: a quarter of a cold start that needs Firestore would be to do that again.
//
// V8 itself refuses what another V8 compiled, and the source is compiled as ever: a Node that is not the one that
// bundled starts slower, and no worse. Node's own compile cache would keep only what is compiled before a file runs.

'use strict';

const { readFileSync, writeFileSync } = require('node:fs');
const { join } = require('node:path');
const { Script } = require('node:vm');

/** @type {Map<string, { readonly script: Script, readonly module: { exports: unknown } }>} */
const loaded = new Map();

load('./function.cjs');

/**
 * What a file beside this one exports. It runs at the first call.
 * @param {string} name
 * @returns {unknown}
 */
function load(name) {
  const known = loaded.get(name);
  if (known !== undefined) return known.module.exports;
  const filename = join(__dirname, name);
  // Bundled as a function that takes what Node gives to a module, in ASCII: it is used as it was read.
  const script = new Script(readFileSync(filename, 'latin1'), {
    filename,
    cachedData: readCompiled(filename),
  });
  if (script.cachedDataRejected) tellRefused(name);
  const module = { exports: {} };
  loaded.set(name, { script, module });
  script.runInThisContext()(module.exports, requireOrLoad, module, filename, __dirname);
  return module.exports;
}

/** @param {string} name */
function requireOrLoad(name) {
  return name.startsWith('./') ? load(name) : require(name);
}

/** @param {string} filename */
function readCompiled(filename) {
  try {
    return readFileSync(`${filename}.compiled`);
  } catch {
    return undefined;
  }
}

/** A line of our log. @param {string} name */
function tellRefused(name) {
  const message = `what was compiled of ${name} is not this Node's: starts are slower until it is bundled again`;
  const line = {
    severity: 'WARNING',
    time: new Date().toISOString(),
    message,
    node: process.version,
  };
  process.stderr.write(`${JSON.stringify(line)}\n`);
}

/** Writes what has been compiled by now beside the files: for who bundles (keep.js). */
exports.keepCompiled = () => {
  for (const [name, { script }] of loaded) {
    writeFileSync(join(__dirname, `${name}.compiled`), script.createCachedData());
  }
};
