// The configuration is written as `terraform fmt` writes it.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { terraformRoot } from './hcl.ts';
import { runTerraform, withoutTerraform } from './terraform.ts';

describe('terraform fmt', { skip: withoutTerraform() }, () => {
  it('has nothing to change', async () => {
    const { status, output, errors } = await runTerraform(terraformRoot, [
      'fmt',
      '-check',
      '-recursive',
      '-diff',
    ]);
    assert.equal(status, 0, output + errors);
  });
});
