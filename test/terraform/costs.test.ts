// What the configuration costs, as infra/terraform/README.md tells it, is what test/google/sizes.ts makes of it; and what
// that assumes of the configuration is there.

import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { it } from 'node:test';
import { sizesTable } from '#test/google/sizes.ts';
import { terraformRoot } from './hcl.ts';

it('the README of infra/terraform has the table of costs', () => {
  const path = join(terraformRoot, 'README.md');
  const readme = existsSync(path) ? readFileSync(path, 'utf8') : '';
  const table = sizesTable();
  assert.ok(readme.includes(`\n\n${table}\n\n`), `it is to have:\n\n${table}`);
});
