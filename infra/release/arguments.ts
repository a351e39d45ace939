// How the steps are called.

import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { Failure } from './failure.ts';

const dist = join(import.meta.dirname, '../../dist');

export const help = `npm run release -- [step] --project <project>

  make      bundles this checkout, and uploads it, unless that was done before (the step when none is named)
  plan      has Terraform plan it: --id <id> for another source than this checkout's
  apply     applies exactly that plan, and records it
  smoke     pushes, pulls and deletes an image through the load balancer
  rollback  plans and applies the release that was there before
  current   tells what is deployed

  --state <bucket>     of Terraform's state; <project>-terraform when left out

make, where Terraform's state does not tell them yet:
  --bucket <bucket> --region <region> --repository <repository> --id <id>
  --account <e-mail>   who builds the image; berth-builder of the project when left out
  --bundled <path>     what \`npm run bundle\` filled, instead of bundling

smoke:
  --domain <host>      may be repeated; all domains of the registry when left out
  --address <address>  of the load balancer, before the DNS leads there
  --user <name> --password-stdin   instead of the access token of gcloud
  --wait <seconds>     for how long the registry may yet become reachable; 0 when left out
  --plain-http         no TLS, for a registry on this machine
  --or-roll-back       goes back to the release before when it fails; it has failed all the same
`;

const steps = ['make', 'plan', 'apply', 'smoke', 'rollback', 'current'] as const;

export type Step = (typeof steps)[number];

const text = { type: 'string' } as const;
const flag = { type: 'boolean', default: false } as const;

const shared = {
  project: text,
  state: text,
  directory: { type: 'string', default: join(dist, 'release') },
} as const;

const options = {
  make: {
    ...shared,
    bucket: text,
    region: text,
    repository: text,
    id: text,
    account: text,
    bundled: text,
  },
  plan: { ...shared, id: text },
  apply: shared,
  rollback: shared,
  current: shared,
  smoke: {
    ...shared,
    domain: { type: 'string', multiple: true, default: [] as string[] },
    address: text,
    user: text,
    'password-stdin': flag,
    wait: { type: 'string', default: '0' },
    'plain-http': flag,
    'or-roll-back': flag,
  },
} as const;

/** The step's name, and what is left for it. @throws Failure where there is no such step */
export function stepOf(parameters: readonly string[]): {
  readonly step: Step;
  readonly rest: readonly string[];
} {
  const [first] = parameters;
  if (first === undefined || first.startsWith('-')) return { step: 'make', rest: parameters };
  const step = steps.find((one) => one === first);
  if (step === undefined) throw new Failure(`there is no step '${first}'\n\n${help}`);
  return { step, rest: parameters.slice(1) };
}

/** What a step was told; what was told as nothing was not told. @throws Failure where it does not know an option */
export function optionsOf<S extends Step>(step: S, rest: readonly string[]) {
  const args = rest.filter((one) => !/^--[a-z-]+=$/.test(one));
  try {
    return parseArgs<{ args: string[]; options: (typeof options)[S] }>({
      args,
      options: options[step],
    }).values;
  } catch (error) {
    throw new Failure(`${error instanceof Error ? error.message : error}\n\n${help}`);
  }
}
