// Every action of the route table, by its name there, and loaded when it is first asked for: a function that starts
// does not wait for the code of the others.

import type { Action, RepositoryAction } from './action.ts';
import { type ActionName, type Route, routesOf, type ServedRoute } from './routes.ts';

/** Actions of routes that name a repository. */
type RepositoryActionName = Extract<ServedRoute, { path: `${string}{name}${string}` }>['run'];
type PlainActionName = Exclude<ActionName, RepositoryActionName>;

/** An action of a route that names no repository. */
export const plainAction = loadedOnce<Action>({
  'token/issue': async () => (await import('./token/issue.ts')).issueToken,
  'token/keys': async () => (await import('./token/keys.ts')).listKeys,
  'token/revoke': async () => (await import('./token/revoke.ts')).revokeToken,
  'discovery/support': async () => (await import('./discovery/support.ts')).support,
  'discovery/catalog': async () => (await import('./discovery/catalog.ts')).catalog,
  'operator/health': async () => (await import('./operator/health.ts')).health,
  'operator/ready': async () => (await import('./operator/ready.ts')).ready,
  'operator/metrics': async () => (await import('./operator/metrics.ts')).metrics,
  'events/relay': async () => (await import('./events/relay.ts')).relay,
  'events/sweep': async () => (await import('./events/sweep.ts')).sweep,
  'collector/collect': async () => (await import('./collector/collect.ts')).collect,
} satisfies Record<PlainActionName, () => Promise<Action>>);

/** An action of a route that does. */
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
} satisfies Record<RepositoryActionName, () => Promise<RepositoryAction>>);

/** Whether a route names a repository. */
export function namesRepository({ path }: Route): boolean {
  return path.includes('{name}');
}

/**
 * Loads actions before they are asked for, so that no request waits for code, and what is missing fails the start.
 * @param functions those whose actions are loaded; all when left out
 */
export async function loadActions(functions?: readonly string[]): Promise<void> {
  await Promise.all(
    routesOf(functions).map((route) =>
      (namesRepository(route) ? repositoryAction : plainAction)(route.run),
    ),
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
