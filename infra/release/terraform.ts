// Terraform, as a release needs it: the configuration of this checkout, on the state in a bucket.

import { join } from 'node:path';
import * as v from 'valibot';
import { Failure } from './failure.ts';
import { ask, ProgramFailure, run } from './programs.ts';
import { parseJson, type Release, releaseSchema } from './release.ts';

const here = `-chdir=${join(import.meta.dirname, '../terraform')}`;
/** Of two that plan or apply at once, the second one waits for the first. */
const waiting = '-lock-timeout=10m';

const initTimeoutMs = 10 * 60_000;

const outputsSchema = v.object({
  release: v.object({ value: releaseSchema }),
  release_bucket: v.object({ value: v.string() }),
  domains: v.object({ value: v.pipe(v.array(v.string()), v.minLength(1)) }),
});

const planSchema = v.object({ variables: v.object({ project: v.object({ value: v.string() }) }) });

/** What is deployed, and where. */
export interface Deployed {
  readonly release: Release;
  /** In which releases are kept. */
  readonly bucket: string;
  readonly domains: readonly string[];
}

/** @param bucket which holds the state */
export async function initialise(bucket: string): Promise<void> {
  const flags = ['-input=false', '-reconfigure', `-backend-config=bucket=${bucket}`];
  await ask('terraform', [here, 'init', ...flags], { timeoutMs: initTimeoutMs });
}

/** @throws Failure where nothing was deployed yet */
export async function readDeployed(): Promise<Deployed> {
  const text = await ask('terraform', [here, 'output', '-json']);
  if (
    Object.keys(parseJson(v.record(v.string(), v.unknown()), text, 'terraform output')).length === 0
  ) {
    throw new Failure(
      'this state holds nothing yet: the first time, call terraform apply yourself (infra/terraform/README.md)',
    );
  }
  const outputs = parseJson(outputsSchema, text, 'terraform output');
  return {
    release: outputs.release.value,
    bucket: outputs.release_bucket.value,
    domains: outputs.domains.value,
  };
}

/**
 * Plans a release.
 * @param file gets the plan
 * @throws Failure where terraform.tfvars is another project's
 */
export async function plan(file: string, project: string, release: Release): Promise<void> {
  const variable = `-var=release=${JSON.stringify(release)}`;
  await run('terraform', [here, 'plan', '-input=false', waiting, `-out=${file}`, variable]);
  const planned = parseJson(
    planSchema,
    await ask('terraform', [here, 'show', '-json', file]),
    file,
  );
  const { value } = planned.variables.project;
  if (value !== project) {
    throw new Failure(`terraform.tfvars is of the project ${value}, and you release to ${project}`);
  }
}

/**
 * Does what was planned, and nothing else: Terraform refuses it where the state is not that of the plan any more.
 * @throws Failure, for which {@link wasRefused} tells whether anything was begun
 */
export async function apply(file: string): Promise<void> {
  await run('terraform', [here, 'apply', '-input=false', waiting, file]);
}

/** Whether Terraform touched nothing: the plan was overtaken, or another one had the state's lock all the while. */
export function wasRefused(error: unknown): boolean {
  return (
    error instanceof ProgramFailure &&
    /Saved plan is stale|Error acquiring the state lock/.test(error.said)
  );
}
