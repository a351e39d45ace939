// Terraform itself, where it is installed: on copies, so that it leaves nothing behind, and with no network.

import { spawn, spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readModules, terraformRoot } from './hcl.ts';
import { startStandIn } from './stand-in.ts';

const oldest = [1, 11] as const;

const settings = {
  // What somebody has configured of Terraform must not matter.
  TF_CLI_CONFIG_FILE: '/dev/null',
  TF_CLI_ARGS: '',
  TF_IN_AUTOMATION: '1',
  CHECKPOINT_DISABLE: '1',
};

/** For suites: why they cannot be run, or false. */
export function withoutTerraform(): string | false {
  const { stdout, status } = spawnSync('terraform', ['version', '-json'], {
    env: { ...process.env, ...settings },
    encoding: 'utf8',
  });
  const needs = `needs terraform ${oldest.join('.')}`;
  if (status !== 0) return needs;
  const { terraform_version: version } = JSON.parse(stdout) as { terraform_version: string };
  const [major = 0, minor = 0] = version.split('.').map(Number);
  return major === oldest[0] && minor >= oldest[1] ? false : `${needs}, and here is ${version}`;
}

export interface Ran {
  readonly status: number;
  /** What it has written. */
  readonly output: string;
  readonly errors: string;
}

export async function runTerraform(
  directory: string,
  args: readonly string[],
  options: {
    readonly environment?: Readonly<Record<string, string>>;
    readonly input?: string;
  } = {},
): Promise<Ran> {
  const child = spawn('terraform', args, {
    cwd: directory,
    env: { ...process.env, ...settings, ...options.environment },
  });
  child.stdin.on('error', () => {}).end(options.input);
  const [output, errors]: [Buffer[], Buffer[]] = [[], []];
  child.stdout.on('data', (chunk: Buffer) => output.push(chunk));
  child.stderr.on('data', (chunk: Buffer) => errors.push(chunk));
  const status = await new Promise<number>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => resolve(code ?? 1));
  });
  return {
    status,
    output: Buffer.concat(output).toString(),
    errors: Buffer.concat(errors).toString(),
  };
}

/**
 * What a configuration computes.
 * @param expression of Terraform's language
 * @throws Error with what Terraform says, when it cannot
 */
export async function computed(directory: string, expression: string): Promise<unknown> {
  const { output, errors } = await runTerraform(directory, ['console'], {
    input: `jsonencode(${expression})\n`,
  });
  const [text] = /^".*"$/m.exec(output) ?? [];
  if (text === undefined) throw new Error(output + errors);
  // A text of HCL, whose escapes are JSON's.
  return JSON.parse(JSON.parse(text) as string);
}

export interface PlannedResource {
  readonly address: string;
  readonly mode: 'managed' | 'data';
  readonly type: string;
  readonly change: {
    /** What is known of it. */
    readonly after: Readonly<Record<string, unknown>>;
    /** As `after`, with `true` where something is not known yet. */
    readonly after_unknown: Readonly<Record<string, unknown>>;
  };
}

/** What Terraform does for a configuration (`terraform show -json` of a plan). */
export interface Plan {
  readonly resource_changes: readonly PlannedResource[];
  readonly output_changes: Readonly<Record<string, { readonly after?: unknown }>>;
}

export interface Configuration {
  /**
   * Plans a first deployment.
   * @throws Error with what Terraform says, when it cannot
   */
  plan(variables: Readonly<Record<string, unknown>>): Promise<Plan>;
  remove(): void;
}

/** A copy of the whole configuration, which has a provider that makes nothing. */
export async function prepareConfiguration(): Promise<Configuration> {
  const checkout = mkdtempSync(join(tmpdir(), 'berth-terraform-'));
  copyCheckout(checkout);
  const directory = join(checkout, 'infra/terraform');
  writeFileSync(join(directory, 'backend_override.tf'), 'terraform {\n  backend "local" {}\n}\n');
  const provider = await startStandIn(await typesOf('resource'), await typesOf('data'));
  const run = (...args: string[]) =>
    runTerraform(directory, args, { environment: provider.environment });
  const remove = () => {
    provider.stop();
    rmSync(checkout, { recursive: true });
  };

  const initialised = await run('init', '-input=false', '-no-color');
  if (initialised.status !== 0) {
    remove();
    throw new Error(initialised.errors);
  }
  return {
    async plan(variables) {
      writeFileSync(join(directory, 'variables.json'), JSON.stringify(variables));
      const planned = await run(
        'plan',
        ...['-input=false', '-no-color', '-lock=false', '-var-file=variables.json', '-out=plan'],
      );
      if (planned.status !== 0) throw new Error(planned.errors);
      const { output } = await run('show', '-json', 'plan');
      return JSON.parse(output) as Plan;
    },
    remove,
  };
}

/** What the configuration reads: itself, and the sources, of which releases are named. */
function copyCheckout(to: string): void {
  const root = join(terraformRoot, '../..');
  const left = /(^|\/)(node_modules|dist|\.terraform(\.lock\.hcl)?)$|\.(tfstate|tfvars(\.json)?)$/;
  for (const name of ['functions', 'shared', 'infra'])
    cpSync(join(root, name), join(to, name), {
      recursive: true,
      filter: (path) => !left.test(path),
    });
  for (const name of readdirSync(root).filter((file) => file.endsWith('.json')))
    cpSync(join(root, name), join(to, name));
}

async function typesOf(kind: 'resource' | 'data'): Promise<string[]> {
  const files = [...(await readModules()).values()].flat();
  const types = files.flatMap(({ blocks }) => Object.keys((blocks[kind] ?? {}) as object));
  return [...new Set(types)].filter((type) => type.startsWith('google_'));
}
