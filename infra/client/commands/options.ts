// Options that several commands have.

import { Option } from 'commander';

/** Collects the values of an option that may be repeated. */
export function collect(value: string, earlier: readonly string[] = []): readonly string[] {
  return [...earlier, value];
}

/** What a member, a robot or a job may do. */
export function roleOption(): Option {
  return new Option('--role <role>', 'owners also change the policy, readers only pull').choices([
    'owner',
    'writer',
    'reader',
  ]);
}
