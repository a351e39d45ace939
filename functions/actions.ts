// Every action of the route table, by its name there, and loaded when it is first asked for: a function that starts
// does not wait for the code of the others.

import type { Action, PageAction, ProjectAction, RepositoryAction } from './action.ts';
import { type ActionName, type Route, routesOf, type ServedRoute } from './routes.ts';

/** Actions of routes that name a repository. */
type RepositoryActionName = Extract<ServedRoute, { path: `${string}{name}${string}` }>['run'];
/** Actions of routes that name a project. */
type ProjectActionName = Extract<ServedRoute, { path: `${string}{project}${string}` }>['run'];
/** Actions of routes that are a page. */
type PageActionName = Extract<ServedRoute, { path: `${string}{page}${string}` }>['run'];
type PlainActionName = Exclude<
  ActionName,
  RepositoryActionName | ProjectActionName | PageActionName
>;

/** An action of a route that names neither a repository nor a project. */
export const plainAction = loadedOnce<Action>({
  'token/issue': async () => (await import('./token/issue.ts')).issueToken,
  'token/keys': async () => (await import('./token/keys.ts')).listKeys,
  'token/revoke': async () => (await import('./token/revoke.ts')).revokeToken,
  'discovery/support': async () => (await import('./discovery/support.ts')).support,
  'discovery/catalog': async () => (await import('./discovery/catalog.ts')).catalog,
  'operator/health': async () => (await import('./operator/health.ts')).health,
  'operator/ready': async () => (await import('./operator/ready.ts')).ready,
  'operator/metrics': async () => (await import('./operator/metrics.ts')).metrics,
  'admin/openapi': async () => (await import('./admin/openapi.ts')).openapi,
  'admin/whoami': async () => (await import('./admin/whoami.ts')).whoami,
  'admin/list-projects': async () => (await import('./admin/list-projects.ts')).listProjects,
  'console/home': async () => (await import('./console/home.ts')).home,
  'mirror/support': async () => (await import('./mirror/support.ts')).support,
  'events/relay': async () => (await import('./events/relay.ts')).relay,
  'events/sweep': async () => (await import('./events/sweep.ts')).sweep,
  'collector/collect': async () => (await import('./collector/collect.ts')).collect,
  'keys/rotate': async () => (await import('./keys/rotate.ts')).rotate,
} satisfies Record<PlainActionName, () => Promise<Action>>);

/** An action of a route that names a repository. */
export const repositoryAction = loadedOnce<RepositoryAction>({
  'discovery/tags': async () => (await import('./discovery/tags.ts')).tags,
  'discovery/referrers': async () => (await import('./discovery/referrers.ts')).referrers,
  'manifests/get': async () => (await import('./manifests/get.ts')).getManifest,
  'manifests/put': async () => (await import('./manifests/put.ts')).putManifest,
  'manifests/delete': async () => (await import('./manifests/delete.ts')).deleteManifestOrTag,
  'uploads/start': async () => (await import('./uploads/start.ts')).startUpload,
  'uploads/append': async () => (await import('./uploads/append.ts')).appendUpload,
  'uploads/finish': async () => (await import('./uploads/finish.ts')).finish,
  'uploads/status': async () => (await import('./uploads/status.ts')).status,
  'uploads/cancel': async () => (await import('./uploads/cancel.ts')).cancel,
  'blobs/get': async () => (await import('./blobs/get.ts')).getBlob,
  'blobs/delete': async () => (await import('./blobs/delete.ts')).deleteBlob,
  'mirror/get-manifest': async () => (await import('./mirror/get-manifest.ts')).getManifest,
  'mirror/get-blob': async () => (await import('./mirror/get-blob.ts')).getBlob,
} satisfies Record<RepositoryActionName, () => Promise<RepositoryAction>>);

/** An action of a route that names a project. */
export const projectAction = loadedOnce<ProjectAction>({
  'admin/get-policy': async () => (await import('./admin/get-policy.ts')).getPolicy,
  'admin/put-policy': async () => (await import('./admin/put-policy.ts')).putPolicy,
  'admin/list-robots': async () => (await import('./admin/list-robots.ts')).listRobots,
  'admin/create-robot': async () => (await import('./admin/create-robot.ts')).createRobot,
  'admin/get-robot': async () => (await import('./admin/get-robot.ts')).getRobot,
  'admin/change-robot': async () => (await import('./admin/change-robot.ts')).changeRobot,
  'admin/delete-robot': async () => (await import('./admin/delete-robot.ts')).deleteRobot,
  'admin/create-secret': async () => (await import('./admin/create-secret.ts')).createSecret,
  'admin/revoke-secret': async () => (await import('./admin/revoke-secret.ts')).revokeSecret,
  'admin/list-rules': async () => (await import('./admin/list-rules.ts')).listRules,
  'admin/create-rule': async () => (await import('./admin/create-rule.ts')).createRule,
  'admin/change-rule': async () => (await import('./admin/change-rule.ts')).changeRule,
  'admin/delete-rule': async () => (await import('./admin/delete-rule.ts')).deleteRule,
  'admin/list-audit': async () => (await import('./admin/list-audit.ts')).listAudit,
} satisfies Record<ProjectActionName, () => Promise<ProjectAction>>);

/** An action of a route that is the page of what has a name. */
export const pageAction = loadedOnce<PageAction>({
  'console/page': async () => (await import('./console/page.ts')).page,
} satisfies Record<PageActionName, () => Promise<PageAction>>);

/** Whether a route is the page of what has a name. */
export function namesPage({ path }: Route): boolean {
  return path.includes('{page}');
}

/** Whether a route names a project. */
export function namesProject({ path }: Route): boolean {
  return path.includes('{project}');
}

/** Whether a route names a repository. */
export function namesRepository({ path }: Route): boolean {
  return path.includes('{name}');
}

/**
 * Loads actions before they are asked for, so that no request waits for code, and what is missing fails the start.
 * @param functions those whose actions are loaded; all when left out
 */
export async function loadActions(functions?: readonly string[]): Promise<void> {
  await Promise.all<unknown>(
    routesOf(functions).map((route) => {
      if (namesProject(route)) return projectAction(route.run);
      if (namesPage(route)) return pageAction(route.run);
      return (namesRepository(route) ? repositoryAction : plainAction)(route.run);
    }),
  );
}

function loadedOnce<A>(
  loaders: Readonly<Partial<Record<ActionName, () => Promise<A>>>>,
): (run: ActionName) => Promise<A> {
  const loaded = new Map<ActionName, A>();
  return async (run) => {
    const action = loaded.get(run) ?? (await loaders[run]?.());
    if (action === undefined) throw new Error(`no action ${run}`);
    loaded.set(run, action);
    return action;
  };
}
