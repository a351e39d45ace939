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

export interface ForceOption {
  readonly force?: true;
}

/** A change that would take one's own right to undo it is refused without. */
export function forceOption(): Option {
  return new Option('--force', 'also where you would own the project no more');
}

/** What {@link forceOption} is in a query. */
export function forceQuery({ force }: ForceOption): string {
  return force === true ? '?force=true' : '';
}
