// The tables of calls over HTTP, each against a registry on Google's services whose functions are processes of their own.

import { it } from 'node:test';
import { standOnGoogle } from '#test/support/backend.ts';

/** Without those that move the registry's clock or look inside of it. */
const suites = [
  'access',
  'discovery',
  'management',
  'pull',
  'push-blobs',
  'push-manifests',
  'push-mounts',
  'upload-sequences',
];

const skip = await standOnGoogle();
if (skip !== false) it('the tables of calls on Google’s services', { skip }, () => {});
else for (const suite of suites) await import(`../api/${suite}.test.ts`);
