// What of the scopes that a token is asked for its principal gets.

import { parseRepositoryName, projectOf } from '../oci/reference.ts';
import type { Authority, VersionedStanding } from './authority.ts';
import type { Identity } from './identity.ts';
import { isProject, pathOfProject } from './names.ts';
import { actionsOf, isOwner, mayList } from './policy.ts';
import { projectSubject, type Seen } from './revocations.ts';
import { adminAction, catalogName, repositoryActions, type Scope } from './scope.ts';

export interface Granted {
  readonly granted: readonly Scope[];
  readonly refused: readonly Scope[];
  /** The documents that it was decided by, and whom it was granted to. */
  readonly seen: Seen;
}

/**
 * Splits what was asked for into what is granted and what is refused. `*` means all that may be granted. Push brings delete
 * with it where that is allowed: crane and gcrane delete by a token that they asked to push with.
 * @param host the registry's, as the client calls it
 */
export async function grant(
  authority: Authority,
  identity: Identity,
  scopes: readonly Scope[],
  host: string,
): Promise<Granted> {
  const recent = await decideAll(authority, identity, scopes, { host, fresh: false });
  // Nobody is refused by a policy that is not so any more: what was given a moment ago holds at once.
  const isRefused = recent.refused.some((refused) => scopes.some((scope) => asks(scope, refused)));
  return isRefused && identity.principal.kind !== 'anonymous'
    ? decideAll(authority, identity, scopes, { host, fresh: true })
    : recent;
}

async function decideAll(
  authority: Authority,
  identity: Identity,
  scopes: readonly Scope[],
  { host, fresh }: { readonly host: string; readonly fresh: boolean },
): Promise<Granted> {
  const projects = projectsOf(scopes);
  const standings = new Map(
    await Promise.all(
      [...projects].map(
        async (project) =>
          [project, await authority.standing(project, identity, host, { fresh })] as const,
      ),
    ),
  );
  const decided = scopes.map((scope) => {
    const standing = standings.get(projectOfScope(scope) ?? '');
    return split(scope, allowedBy(authority, identity, scope, standing));
  });
  const seen = [...standings.values()].flatMap(({ project, version }) =>
    version === undefined ? [] : [[projectSubject(project), version] as const],
  );
  return {
    granted: decided.flatMap(({ granted }) => granted),
    refused: decided.flatMap(({ refused }) => refused),
    seen: { ...identity.seen, ...Object.fromEntries(seen) },
  };
}

/** The projects whose policies decide about scopes: each is a read. */
export function projectsOf(scopes: readonly Scope[]): ReadonlySet<string> {
  return new Set(scopes.flatMap((scope) => projectOfScope(scope) ?? []));
}

function allowedBy(
  { anonymousPull }: Authority,
  { principal }: Identity,
  { type, name }: Scope,
  standing: VersionedStanding | undefined,
): readonly string[] {
  const repository = parseRepositoryName(name);
  if (type === 'registry' && name === catalogName) {
    return mayList(principal, anonymousPull) ? ['*'] : [];
  }
  if (standing === undefined) return [];
  if (type === 'project') return isOwner(standing, principal) ? [adminAction] : [];
  return repository === undefined ? [] : actionsOf(standing, principal, repository);
}

function split(
  scope: Scope,
  allowed: readonly string[],
): { granted: readonly Scope[]; refused: readonly Scope[] } {
  const { type, actions } = scope;
  const name = nameOf(scope);
  const possible = possibleActions(type);
  const isAll = actions.includes('*');
  const asked = isAll ? possible : possible.filter((one) => isAsked(actions, one));
  const granted = asked.filter((action) => allowed.includes(action));
  // Who asked for all got all there is; but that a push may not delete is told, as where push was asked for.
  const isServed = isAll && granted.length > 0 && !granted.includes('push');
  const refused = isServed ? [] : asked.filter((action) => !allowed.includes(action));
  const of = (some: readonly string[]) => (some.length > 0 ? [{ type, name, actions: some }] : []);
  return { granted: of(granted), refused: of(refused) };
}

/** Whether one of these actions was asked for in so many words, or with all there are. */
function asks(scope: Scope, { type, name, actions }: Scope): boolean {
  return (
    scope.type === type &&
    nameOf(scope) === name &&
    [...actions, '*'].some((action) => scope.actions.includes(action))
  );
}

/** What tokens call it that a scope is about. */
function nameOf({ type, name }: Scope): string {
  return type === 'project' ? pathOfProject(name) : name;
}

function isAsked(actions: readonly string[], action: string): boolean {
  return actions.includes(action) || (action === 'delete' && actions.includes('push'));
}

function possibleActions(type: string): readonly string[] {
  if (type === 'repository') return repositoryActions;
  if (type === 'project') return [adminAction];
  return type === 'registry' ? ['*'] : [];
}

/** The project whose policy decides; `undefined` where none does. */
function projectOfScope({ type, name }: Scope): string | undefined {
  if (type === 'project') {
    const project = pathOfProject(name);
    return isProject(project) ? project : undefined;
  }
  const repository = type === 'repository' ? parseRepositoryName(name) : undefined;
  return repository === undefined ? undefined : projectOf(repository);
}
