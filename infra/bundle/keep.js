// Beside a bundled function, in its process: has it keep what has been compiled of it when its parent says so.

import { createRequire } from 'node:module';

process.once('message', (/** @type {string} */ main) => {
  createRequire(import.meta.url)(main).keepCompiled();
  process.send?.('kept');
});
