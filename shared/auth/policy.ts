// Who may do what. One pure function decides: actionsOf.

import type { RepositoryName } from '../oci/reference.ts';
import { isMember, type Member } from './member.ts';
import { type FederationRule, matchesRule } from './oidc/federation-rules.ts';
import type { FederatedPrincipal, Principal, Role } from './principal.ts';
import { type Action, repositoryActions } from './scope.ts';

export interface Binding {
  readonly role: Role;
  readonly members: readonly Member[];
  /** Only this repository and those below it: whole segments, beginning with the project. */
  readonly prefix?: string | undefined;
}

/** What a project's owners decide. */
export interface ProjectPolicy {
  readonly bindings: readonly Binding[];
  /** Whether writers delete too, as gcr.io's could. */
  readonly writersDelete: boolean;
  /** Whether what is tagged, or named by others, is not deleted, as on gcr.io; left out, it is, as the specification says. */
  readonly gcrDeletes?: boolean;
  readonly federation: readonly FederationRule[];
}

export const emptyPolicy: ProjectPolicy = { bindings: [], writersDelete: false, federation: [] };

/** All that decides in a project. */
export interface Standing {
  readonly project: string;
  readonly policy: ProjectPolicy;
  /** The registry's own settings: anyone may pull from this project. */
  readonly isOpen: boolean;
  /** The registry's own settings: who may do everything, in every project. */
  readonly operators: readonly Member[];
  /** What a token of an issuer may be made for where its rule does not say. */
  readonly audiences: readonly string[];
}

/** What a principal may do with a repository of the project. */
export function actionsOf(
  standing: Standing,
  principal: Principal,
  name: RepositoryName,
): readonly Action[] {
  const allowed = new Set(
    rolesOf(standing, principal, on(name)).flatMap((role) => actionsOfRole(standing.policy, role)),
  );
  // What was shown can do no more, whoever shows it.
  const possible = isPullOnly(principal) ? (['pull'] as const) : repositoryActions;
  return possible.filter((action) => allowed.has(action));
}

/** Whether a principal may change the project's policy, its robots and rules, and read its audit. */
export function isOwner(standing: Standing, principal: Principal): boolean {
  return !isPullOnly(principal) && rolesOf(standing, principal, onAll).includes('owner');
}

/** The greatest role that a principal has somewhere in the project, by what names it: not what is open to anyone. */
export function roleIn(standing: Standing, principal: Principal): Role | undefined {
  const named = { ...standing, isOpen: false };
  const roles = rolesOf(named, principal, () => true);
  return (['owner', 'writer', 'reader'] as const).find((role) => roles.includes(role));
}

/** Whether a principal may pull from some repository that is called so, or lies below: if there is one. */
export function mayPullBelow(
  standing: Standing,
  principal: Principal,
  name: RepositoryName,
): boolean {
  const isBelow = (prefix: string | undefined) => prefix?.startsWith(`${name}/`) === true;
  return rolesOf(standing, principal, (prefix) => on(name)(prefix) || isBelow(prefix)).length > 0;
}

/** Whether a principal may do everything, in every project. */
export function isOperator({ operators }: Pick<Standing, 'operators'>, principal: Principal) {
  return principal.kind === 'admin' || operators.some((member) => isMember(member, principal, []));
}

/** Whether a principal may read the catalog, which shows no more than what it may pull. */
export function mayList(principal: Principal, anonymousPull: ReadonlySet<string> | '*'): boolean {
  return principal.kind !== 'anonymous' || anonymousPull === '*' || anonymousPull.size > 0;
}

function actionsOfRole({ writersDelete }: ProjectPolicy, role: Role): readonly Action[] {
  if (role === 'owner') return repositoryActions;
  if (role === 'reader') return ['pull'];
  return writersDelete ? repositoryActions : ['pull', 'push'];
}

/** @param covers whether a role counts that has such a prefix, or none */
function rolesOf(
  standing: Standing,
  principal: Principal,
  covers: (prefix: string | undefined) => boolean,
): Role[] {
  const { project, policy, isOpen } = standing;
  if (isOperator(standing, principal)) return ['owner'];
  const roles: Role[] = isOpen ? ['reader'] : [];
  if (principal.kind === 'robot' && principal.project === project) {
    if (covers(principal.prefix)) roles.push(principal.role);
  }
  const rules = principal.kind === 'federated' ? matchedRules(standing, principal) : [];
  for (const { role, prefix } of rules) {
    if (role !== undefined && covers(prefix)) roles.push(role);
  }
  // Whom no rule of this project lets in is nobody here, whoever vouches for it elsewhere.
  const isStranger = principal.kind === 'federated' && rules.length === 0;
  const who: Principal = isStranger ? { kind: 'anonymous' } : principal;
  for (const { role, members, prefix } of policy.bindings) {
    if (!covers(prefix)) continue;
    if (members.some((member) => isMember(member, who, policy.federation))) roles.push(role);
  }
  return roles;
}

function matchedRules({ policy, audiences }: Standing, principal: FederatedPrincipal) {
  return policy.federation.filter((rule) => matchesRule(rule, principal, audiences));
}

/** A repository, in whole segments: `team/app` covers `team/app/x`, and neither `team/apple` nor the project itself. */
function on(name: RepositoryName): (prefix: string | undefined) => boolean {
  return (prefix) => onAll(prefix) || name === prefix || name.startsWith(`${prefix}/`);
}

/** The project itself. */
function onAll(prefix: string | undefined): boolean {
  return prefix === undefined;
}

function isPullOnly(principal: Principal): boolean {
  return principal.kind === 'google' && principal.pullOnly === true;
}
