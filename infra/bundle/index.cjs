// The first file of what is deployed, as `npm run bundle` lays it out. It loads the others beside it together with what
// V8 compiled of them when they were bundled: of a cold start, half would be to compile that again.
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
  const source = `(function (exports, require, module, __filename, __dirname) {${readFileSync(filename, 'latin1')}\n})`;
  const script = new Script(source, { filename, cachedData: readCompiled(filename) });
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

/** Writes what has been compiled by now beside the files: for who bundles (keep.js). */
exports.keepCompiled = () => {
  for (const [name, { script }] of loaded) {
    writeFileSync(join(__dirname, `${name}.compiled`), script.createCachedData());
  }
};
