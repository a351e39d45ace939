// Who may do what. One pure function decides.

import { projectOf, type RepositoryName } from '../oci/reference.ts';
import type { Principal, Role } from './principal.ts';
import { type Action, repositoryActions } from './scope.ts';

export interface Policy {
  /** Projects that anyone may pull from, or all of them. */
  readonly anonymousPull: ReadonlySet<string> | '*';
}

const roleActions: Record<Role, readonly Action[]> = {
  owner: repositoryActions,
  writer: ['pull', 'push'],
  reader: ['pull'],
};

/** What a principal may do with a repository. */
export function actionsOf(
  policy: Policy,
  principal: Principal,
  name: RepositoryName,
): readonly Action[] {
  if (principal.kind === 'admin') return repositoryActions;
  const open = policy.anonymousPull === '*' || policy.anonymousPull.has(projectOf(name));
  if (principal.kind === 'robot' && holds(principal, name)) return roleActions[principal.role];
  return open ? ['pull'] : [];
}

/** Whether a principal may read the catalog, which shows no more than what it may pull. */
export function mayList(policy: Policy, principal: Principal): boolean {
  return (
    principal.kind !== 'anonymous' || policy.anonymousPull === '*' || policy.anonymousPull.size > 0
  );
}

function holds(robot: Extract<Principal, { kind: 'robot' }>, name: RepositoryName): boolean {
  return projectOf(name) === robot.project && name.startsWith(robot.prefix ?? '');
}
