// THE route table. The router, authorisation, the local gateway, the README's table of endpoints and the
// load balancer's URL map are made from it; nothing else knows a path.

import type { Need } from '#shared/auth/access.ts';
import type { RoutedChange } from './audit.ts';

export interface Route {
  /** Names the endpoint in logs and figures: its number in the distribution specification, or our word where it has none. */
  readonly id: string;
  readonly methods: readonly string[];
  readonly path: string;
  /** `function/action`: the folder and the file that answer. */
  readonly run: string;
  readonly needs: Need;
  /** A page for a person: to who does not ask for one as a browser does there is nothing at the path. */
  readonly accepts?: 'text/html';
  /** What it changes, for the audit. Each that needs push, delete or administer, and is not a read, has one. */
  readonly audits?: RoutedChange;
}

export const routes = [
  {
    id: 'token',
    methods: ['GET', 'POST'],
    path: '/v2/token',
    run: 'token/issue',
    needs: 'nothing',
  },
  {
    id: 'token-revoke',
    methods: ['POST'],
    path: '/v2/token/revoke',
    run: 'token/revoke',
    needs: 'nothing',
  },
  {
    id: 'jwks',
    methods: ['GET', 'HEAD'],
    path: '/.well-known/jwks.json',
    run: 'token/keys',
    needs: 'nothing',
  },
  { id: 'end-1', methods: ['GET', 'HEAD'], path: '/v2/', run: 'discovery/support', needs: 'login' },
  { id: 'end-1', methods: ['GET', 'HEAD'], path: '/v2', run: 'discovery/support', needs: 'login' },
  {
    id: 'catalog',
    methods: ['GET'],
    path: '/v2/_catalog',
    run: 'discovery/catalog',
    needs: 'catalog',
  },
  {
    id: 'end-8',
    methods: ['GET'],
    path: '/v2/{name}/tags/list',
    run: 'discovery/tags',
    needs: 'list',
  },
  {
    id: 'end-12',
    methods: ['GET'],
    path: '/v2/{name}/referrers/{digest}',
    run: 'discovery/referrers',
    needs: 'pull',
  },
  {
    id: 'end-3',
    methods: ['GET', 'HEAD'],
    path: '/v2/{name}/manifests/{reference}',
    run: 'manifests/get',
    needs: 'pull',
  },
  {
    id: 'end-7',
    methods: ['PUT'],
    path: '/v2/{name}/manifests/{reference}',
    run: 'manifests/put',
    needs: 'push',
    audits: 'manifest.push',
  },
  {
    id: 'end-9',
    methods: ['DELETE'],
    path: '/v2/{name}/manifests/{reference}',
    run: 'manifests/delete',
    needs: 'delete',
    audits: 'manifest.delete',
  },
  {
    id: 'end-4, end-11',
    methods: ['POST'],
    path: '/v2/{name}/blobs/uploads/',
    run: 'uploads/start',
    needs: 'push',
    audits: 'blob.push',
  },
  {
    id: 'end-4, end-11',
    methods: ['POST'],
    path: '/v2/{name}/blobs/uploads',
    run: 'uploads/start',
    needs: 'push',
    audits: 'blob.push',
  },
  {
    id: 'end-5',
    methods: ['PATCH'],
    path: '/v2/{name}/blobs/uploads/{session}',
    run: 'uploads/append',
    needs: 'push',
    audits: 'blob.push',
  },
  {
    id: 'end-6',
    methods: ['PUT'],
    path: '/v2/{name}/blobs/uploads/{session}',
    run: 'uploads/finish',
    needs: 'push',
    audits: 'blob.push',
  },
  {
    id: 'end-13',
    methods: ['GET'],
    path: '/v2/{name}/blobs/uploads/{session}',
    run: 'uploads/status',
    needs: 'push',
  },
  {
    id: 'end-14',
    methods: ['DELETE'],
    path: '/v2/{name}/blobs/uploads/{session}',
    run: 'uploads/cancel',
    needs: 'push',
    audits: 'blob.push',
  },
  {
    id: 'end-2',
    methods: ['GET'],
    path: '/v2/{name}/blobs/{digest}',
    run: 'blobs/get',
    needs: 'pull',
  },
  {
    id: 'end-2',
    methods: ['HEAD'],
    path: '/v2/{name}/blobs/{digest}',
    run: 'blobs/get',
    needs: 'promise',
  },
  {
    id: 'end-10',
    methods: ['DELETE'],
    path: '/v2/{name}/blobs/{digest}',
    run: 'blobs/delete',
    needs: 'delete',
    audits: 'blob.delete',
  },
  {
    id: 'openapi',
    methods: ['GET'],
    path: '/api/v1/openapi.json',
    run: 'admin/openapi',
    needs: 'nothing',
  },
  {
    id: 'whoami',
    methods: ['GET'],
    path: '/api/v1/whoami',
    run: 'admin/whoami',
    needs: 'login',
  },
  {
    id: 'projects',
    methods: ['GET'],
    path: '/api/v1/projects',
    run: 'admin/list-projects',
    needs: 'catalog',
  },
  {
    id: 'policy',
    methods: ['GET'],
    path: '/api/v1/projects/{project}/policy',
    run: 'admin/get-policy',
    needs: 'administer',
  },
  {
    id: 'policy',
    methods: ['PUT'],
    path: '/api/v1/projects/{project}/policy',
    run: 'admin/put-policy',
    needs: 'administer',
    audits: 'policy.change',
  },
  {
    id: 'robots',
    methods: ['GET'],
    path: '/api/v1/projects/{project}/robots',
    run: 'admin/list-robots',
    needs: 'administer',
  },
  {
    id: 'robots',
    methods: ['POST'],
    path: '/api/v1/projects/{project}/robots',
    run: 'admin/create-robot',
    needs: 'administer',
    audits: 'robot.create',
  },
  {
    id: 'robot',
    methods: ['GET'],
    path: '/api/v1/projects/{project}/robots/{robot}',
    run: 'admin/get-robot',
    needs: 'administer',
  },
  {
    id: 'robot',
    methods: ['PATCH'],
    path: '/api/v1/projects/{project}/robots/{robot}',
    run: 'admin/change-robot',
    needs: 'administer',
    audits: 'robot.change',
  },
  {
    id: 'robot',
    methods: ['DELETE'],
    path: '/api/v1/projects/{project}/robots/{robot}',
    run: 'admin/delete-robot',
    needs: 'administer',
    audits: 'robot.delete',
  },
  {
    id: 'robot secrets',
    methods: ['POST'],
    path: '/api/v1/projects/{project}/robots/{robot}/secrets',
    run: 'admin/create-secret',
    needs: 'administer',
    audits: 'robot.secret.create',
  },
  {
    id: 'robot secret',
    methods: ['DELETE'],
    path: '/api/v1/projects/{project}/robots/{robot}/secrets/{secret}',
    run: 'admin/revoke-secret',
    needs: 'administer',
    audits: 'robot.secret.revoke',
  },
  {
    id: 'federation',
    methods: ['GET'],
    path: '/api/v1/projects/{project}/federation',
    run: 'admin/list-rules',
    needs: 'administer',
  },
  {
    id: 'federation',
    methods: ['POST'],
    path: '/api/v1/projects/{project}/federation',
    run: 'admin/create-rule',
    needs: 'administer',
    audits: 'federation.create',
  },
  {
    id: 'federation rule',
    methods: ['PUT'],
    path: '/api/v1/projects/{project}/federation/{rule}',
    run: 'admin/change-rule',
    needs: 'administer',
    audits: 'federation.change',
  },
  {
    id: 'federation rule',
    methods: ['DELETE'],
    path: '/api/v1/projects/{project}/federation/{rule}',
    run: 'admin/delete-rule',
    needs: 'administer',
    audits: 'federation.delete',
  },
  {
    id: 'audit',
    methods: ['GET'],
    path: '/api/v1/projects/{project}/audit',
    run: 'admin/list-audit',
    needs: 'administer',
  },
  {
    id: 'healthz',
    methods: ['GET', 'HEAD'],
    path: '/healthz',
    run: 'operator/health',
    needs: 'probe',
  },
  {
    id: 'readyz',
    methods: ['GET', 'HEAD'],
    path: '/readyz',
    run: 'operator/ready',
    needs: 'probe',
  },
  {
    id: 'metrics',
    methods: ['GET'],
    path: '/metrics',
    run: 'operator/metrics',
    needs: 'operate',
  },
  {
    id: 'home',
    methods: ['GET', 'HEAD'],
    path: '/',
    run: 'console/home',
    needs: 'nothing',
    accepts: 'text/html',
  },
  // The last of all, since an image's name is its address: what the registry itself has is not hidden by it.
  {
    id: 'page',
    methods: ['GET', 'HEAD'],
    path: '/{page}',
    run: 'console/page',
    needs: 'pull',
    accepts: 'text/html',
  },
] as const satisfies readonly Route[];

/**
 * What no client asks for, but a trigger or a schedule of the platform, which lets in nobody else. Answered only by the
 * function that is deployed for it.
 */
const internalRoutes = [
  { id: 'relay', methods: ['POST'], path: '/', run: 'events/relay', needs: 'platform' },
  { id: 'sweep', methods: ['POST'], path: '/sweep', run: 'events/sweep', needs: 'platform' },
  { id: 'collect', methods: ['POST'], path: '/', run: 'collector/collect', needs: 'platform' },
  { id: 'rotate', methods: ['POST'], path: '/', run: 'keys/rotate', needs: 'platform' },
] as const satisfies readonly Route[];

/** What a host is asked that is a mirror (BERTH_MIRRORS), and nothing else. Who may ask is the mirror's own setting. */
export const mirrorRoutes = [
  { id: 'mirror', methods: ['GET', 'HEAD'], path: '/v2/', run: 'mirror/support', needs: 'nothing' },
  { id: 'mirror', methods: ['GET', 'HEAD'], path: '/v2', run: 'mirror/support', needs: 'nothing' },
  {
    id: 'mirror manifest',
    methods: ['GET', 'HEAD'],
    path: '/v2/{name}/manifests/{reference}',
    run: 'mirror/get-manifest',
    needs: 'nothing',
  },
  {
    id: 'mirror blob',
    methods: ['GET', 'HEAD'],
    path: '/v2/{name}/blobs/{digest}',
    run: 'mirror/get-blob',
    needs: 'nothing',
  },
] as const satisfies readonly Route[];

export type ServedRoute =
  | (typeof routes)[number]
  | (typeof internalRoutes)[number]
  | (typeof mirrorRoutes)[number];

/** Every `function/action` there is. */
export type ActionName = ServedRoute['run'];

/** The function that a route belongs to: the folder of its action. */
export function functionOf({ run }: Route): string {
  return run.slice(0, run.indexOf('/'));
}

/** The routes of some functions; of all that clients ask, when left out. */
export function routesOf(functions?: readonly string[]): readonly ServedRoute[] {
  if (functions === undefined) return routes;
  return [...routes, ...internalRoutes, ...mirrorRoutes].filter((route) =>
    functions.includes(functionOf(route)),
  );
}
