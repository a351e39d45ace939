// From a method and a path to a route. A repository's name holds slashes, so it is what stands before the
// part that names the kind of thing: the last one decides.

import type { IncomingHttpHeaders } from 'node:http';
import { RegistryError } from '../oci/errors.ts';
import { asksForPage } from './browser.ts';

export interface RoutePattern {
  readonly methods: readonly string[];
  /**
   * `{name}` stands for one or more segments, any other `{…}` for one; `{page}` for a whole path that does not begin with
   * one of the {@link reservedSegments}.
   */
  readonly path: string;
  /** A page for a person: to who does not ask for one as a browser does there is nothing at the path. */
  readonly accepts?: 'text/html';
}

/** First segments of paths that are the registry's own. What a repository is called, whose name begins so, has no page. */
export const reservedSegments = ['v2', 'api', '.well-known', 'healthz', 'readyz', 'metrics'];

export interface Match<R> {
  readonly route: R;
  /** What stood for each `{…}`, as it was sent; a digest's colon may have been percent-encoded. */
  readonly params: Readonly<Record<string, string>>;
}

/** Compiles a table of routes, in order of precedence. */
export function createRouter<R extends RoutePattern>(
  routes: readonly R[],
): (method: string, path: string, headers?: IncomingHttpHeaders) => Match<R> {
  const compiled = routes.map((route) => ({ route, pattern: pathPattern(route.path) }));
  return (method, path, headers = {}) => {
    // No name, tag or digest needs percent-encoding; some clients encode the colon of a digest.
    const plain = path.replace(/%3a/gi, ':');
    const allowed: string[] = [];
    for (const { route, pattern } of compiled) {
      if (route.accepts !== undefined && !asksForPage(headers)) continue;
      const match = pattern.exec(plain);
      if (match === null) continue;
      if (route.methods.includes(method)) return { route, params: { ...match.groups } };
      allowed.push(...route.methods);
    }
    throw allowed.length > 0 ? methodUnknown(method, allowed) : pathUnknown();
  };
}

/** What a route's path fits, whatever the method; each `{…}` is a group of that name. */
function pathPattern(path: string): RegExp {
  const source = path
    .replace(/[.]/g, '\\$&')
    .replace(/\{(\w+)\}/g, (_, name) => parameterPattern(name));
  return new RegExp(`^${source}$`);
}

function parameterPattern(name: string): string {
  if (name === 'name') return '(?<name>.+)';
  return name === 'page' ? `(?<page>(?!${reserved}).+)` : `(?<${name}>[^/]+)`;
}

const reserved = `(?:${reservedSegments.map((one) => one.replace('.', '\\.')).join('|')})(?:/|$)`;

function methodUnknown(method: string, allowed: readonly string[]): RegistryError {
  const allow = [...new Set(allowed)].join(', ');
  return new RegistryError('UNSUPPORTED', {
    message: `${method.slice(0, 20)} is not supported here; what is: ${allow}`,
    headers: { Allow: allow },
  });
}

/** 404, as the specification has it for what is nowhere. */
export function pathUnknown(): RegistryError {
  return new RegistryError('NAME_UNKNOWN', {
    message: 'there is nothing at this path; the registry is at /v2/',
  });
}
