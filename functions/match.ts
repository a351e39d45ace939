// Which route a request has, in a function that answers some of them.

import type { IncomingHttpHeaders } from 'node:http';
import { encodingRefused } from '#shared/http/request.ts';
import { createRouter, type Match, pathUnknown } from '#shared/http/router.ts';
import { uploadUnknown } from '#shared/registry/sessions.ts';
import { routes, routesOf, type ServedRoute } from './routes.ts';

/** @throws RegistryError that says what is wrong with the method or the path */
export type MatchRoute = (
  method: string,
  path: string,
  headers?: IncomingHttpHeaders,
) => Match<ServedRoute>;

/**
 * Matches the routes of some functions; all that clients ask, when left out. What has no route at all is refused as by the
 * whole registry, with 405 and all methods of its path, or with 404: a function is also asked for what nobody answers.
 *
 * What another function answers is 404, which to who asks for an upload says that there is none: the load balancer knows each
 * address that was given for one. It is 415 where it has a `Content-Encoding`. The load balancer brings all that has
 * one to `uploads`, whatever it is: the functions framework would inflate the body, up to 1 GiB, before it was refused.
 */
export function routeMatcher(functions?: readonly string[]): MatchRoute {
  const served: ReadonlySet<ServedRoute> = new Set(routesOf(functions));
  const match = createRouter<ServedRoute>([...new Set([...served, ...routes])]);
  return (method, path, headers = {}) => {
    const found = match(method, path, headers);
    if (served.has(found.route)) return found;
    if (headers['content-encoding'] !== undefined) throw encodingRefused();
    throw 'session' in found.params ? uploadUnknown() : pathUnknown();
  };
}
