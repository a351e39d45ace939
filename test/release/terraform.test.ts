// What a release relies on of Terraform, asked of Terraform itself where it is installed: a configuration that needs no
// provider, and the expressions by which modules/release names what it is made of.

import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { sourceId } from '#infra/release/source-id.ts';
import { readModules, withoutPackages } from '#test/terraform/hcl.ts';
import { runTerraform, withoutTerraform } from '#test/terraform/terraform.ts';

const root = join(import.meta.dirname, '../..');

const skip = withoutPackages() || withoutTerraform();

/** As outputs.tf and variables.tf have it. */
const configuration = `
variable "project" {
  type = string
}
variable "release" {
  type    = object({ functions = string, image = string })
  default = null
}
resource "terraform_data" "deployed" {
  input = var.release
}
output "release" {
  value = terraform_data.deployed.output
}
output "id" {
  value = local.id
}
`;

let directory: string;

async function terraform(...parameters: readonly string[]): Promise<string> {
  const { status, output, errors } = await runTerraform(directory, parameters);
  if (status !== 0) throw new Error(errors);
  return output;
}

describe('Terraform', { skip }, () => {
  const release = {
    functions: `functions-${'a'.repeat(64)}.zip`,
    image: `us-central1-docker.pkg.dev/p/berth/berth@sha256:${'b'.repeat(64)}`,
  };
  const plan = () =>
    terraform(
      ...['plan', '-input=false', '-lock-timeout=10m', '-out=release.tfplan'],
      `-var=release=${JSON.stringify(release)}`,
    );

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-terraform-'));
    const modules = await readModules();
    const locals: Record<string, unknown> = {};
    for (const { blocks } of modules.get('modules/release') ?? []) {
      for (const block of (blocks['locals'] ?? []) as readonly object[])
        Object.assign(locals, block);
    }
    const { sources, id } = locals;
    await writeFile(join(directory, 'main.tf'), configuration);
    await writeFile(
      join(directory, 'id.tf.json'),
      JSON.stringify({ locals: { checkout: root, sources, id } }),
    );
    await writeFile(join(directory, 'terraform.tfvars'), 'project = "a-registry"\n');
    await terraform('init', '-input=false');
  });
  after(() => rm(directory, { recursive: true }));

  it('plans a release that is given as JSON, and tells of the plan whose project it is', async () => {
    await plan();
    const shown = JSON.parse(await terraform('show', '-json', 'release.tfplan'));
    assert.equal(shown.variables.project.value, 'a-registry');
    assert.deepEqual(shown.variables.release.value, release);
  });

  it('applies a plan, and tells what is there, by the name that the source has here', async () => {
    assert.deepEqual(JSON.parse(await terraform('output', '-json')), {});
    await plan();
    await terraform('apply', '-input=false', '-lock-timeout=10m', 'release.tfplan');
    const outputs = JSON.parse(await terraform('output', '-json'));
    assert.deepEqual(outputs.release.value, release);
    assert.equal(outputs.id.value, sourceId(root));
  });

  it('refuses a plan that was applied, or overtaken', async () => {
    await assert.rejects(
      terraform('apply', '-input=false', 'release.tfplan'),
      /Saved plan is stale/,
    );
    assert.match(await readFile(join(directory, 'terraform.tfstate'), 'utf8'), /"serial": \d/);
  });
});
