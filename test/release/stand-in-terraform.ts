// What a release needs of terraform. A state is a file of JSON, {serial, project, domains, bucket, release}; a plan is made
// from a serial and refused at any other. `terraform.tfvars` is said by the state.

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { at, called, end, isSpoilt, parse } from './stand-in.ts';

interface State {
  readonly serial: number;
  readonly project: string;
  readonly domains: readonly string[];
  readonly bucket: string;
  readonly release: unknown;
}

const [directory = '', command = '', ...rest] = called('terraform');
if (!/^-chdir=.*\/infra\/terraform$/.test(directory)) end(1, `no -chdir: ${directory}`);
process.chdir(directory.replace('-chdir=', ''));

const commands: Readonly<Record<string, () => void>> = {
  init: () => {
    const { flags } = parse(rest, { needed: ['-input', '-reconfigure', '-backend-config'] });
    const [, bucket = ''] = (flags.get('-backend-config') ?? '').split('bucket=');
    if (!existsSync(at('states', bucket))) {
      end(1, 'Error: Failed to get existing workspaces: storage: bucket doesn’t exist');
    }
    writeFileSync(at('initialised'), bucket);
    process.stdout.write('Terraform has been successfully initialized!\n');
  },
  output: () => {
    parse(rest, { needed: ['-json'] });
    const { release, bucket, domains } = readState();
    const outputs = { release, release_bucket: bucket, domains };
    process.stdout.write(
      JSON.stringify(
        release === undefined
          ? {}
          : Object.fromEntries(
              Object.entries(outputs).map(([name, value]) => [name, { sensitive: false, value }]),
            ),
      ),
    );
  },
  plan: () => {
    const { flags } = parse(rest, { needed: ['-input', '-lock-timeout', '-out', '-var'] });
    if (isSpoilt('plan')) end(1, 'Error: Unsupported argument');
    const [, release = ''] = (flags.get('-var') ?? '').split('release=');
    const plan = { serial: readState().serial, release: JSON.parse(release) };
    writeFileSync(flags.get('-out') ?? '', JSON.stringify(plan));
    process.stdout.write('Plan: 0 to add, 4 to change, 0 to destroy.\n');
  },
  show: () => {
    parse(rest, { needed: ['-json'] });
    const { project } = readState();
    process.stdout.write(JSON.stringify({ variables: { project: { value: project } } }));
  },
  apply: () => {
    const { rest: files } = parse(rest, { needed: ['-input', '-lock-timeout'] });
    const plan = JSON.parse(readFileSync(files[0] ?? '', 'utf8'));
    const state = readState();
    if (plan.serial !== state.serial) end(1, 'Error: Saved plan is stale');
    writeState({ ...state, serial: state.serial + 1, release: plan.release });
    if (isSpoilt('apply')) end(1, 'Error: Error waiting to update function');
    process.stdout.write('Apply complete!\n');
  },
};

if (!(command in commands)) end(1, `Terraform has no command named "${command}".`);
commands[command]?.();

function readState(): State {
  if (!existsSync(at('initialised'))) end(1, 'Error: Backend initialization required');
  return JSON.parse(readFileSync(at('states', readFileSync(at('initialised'), 'utf8')), 'utf8'));
}

function writeState(state: State): void {
  writeFileSync(at('states', readFileSync(at('initialised'), 'utf8')), JSON.stringify(state));
}
