// `npm run bundle`: makes what is deployed, in dist/.
//
//   npm run bundle -- --directory <path>

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { bundle } from './bundle.ts';

const { values } = parseArgs({
  options: { directory: { type: 'string', default: join(import.meta.dirname, '../../dist') } },
});
await bundle(values.directory);
