// The URL map's rules, made from the route table. The first rule that fits decides; within a rule, any of its matches.
//
// What the load balancer can look at: the path, whole, by how it begins, or by a template; the method; whether a header or
// a query parameter is there. It knows no regular expressions. In a template `*` is one segment, and `**` any number of
// them, after which no other `*` may follow; five of them at most. So where a name is of any depth, nothing can be told of
// what comes after it but how the path ends.
//
// Most of it is about cost alone. Two things only the rules can see to: what carries a body of any size reaches a server of
// our own, since the functions framework reads it into memory, and the platform gives a function 32 MiB at most; and so
// does what is encoded, which the framework would inflate.

import { functionOf, type Route, routes } from '#functions/routes.ts';
import type { TargetName } from '#functions/targets.ts';
import { sessionMark } from '#shared/registry/sessions.ts';

/** All that a match names must be so. */
export interface UrlMatch {
  readonly full_path?: string;
  readonly prefix?: string;
  readonly path_template?: string;
  readonly method?: string;
  /** A query parameter, whatever its value. */
  readonly query_present?: string;
  /** A header, whatever its value. */
  readonly header_present?: string;
}

export interface UrlRule {
  /** The lower, the earlier. */
  readonly priority: number;
  readonly backend: TargetName;
  readonly matches: readonly UrlMatch[];
}

/** What the load balancer itself checks before it takes the map. */
export interface UrlTest {
  readonly description: string;
  /** With its query, if it has one. */
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly backend: TargetName;
}

export interface UrlMap {
  readonly rules: readonly UrlRule[];
  /** Who answers what no rule fits. */
  readonly default: TargetName;
  readonly tests: readonly UrlTest[];
}

/**
 * Up to how many segments of a name are told apart, by a template for each: a template for five, and the segment after it,
 * would have one `*` too many. Deeper names reach `manifests`, which answers for `blobs` and `discovery` as well.
 */
const nameSegmentsMax = 4;

const table: readonly Route[] = routes;

/** The paths of a function's routes without a `{…}`. */
function fullPaths(name: TargetName): UrlMatch[] {
  return pathsOf(name)
    .filter((path) => !path.includes('{'))
    .map((path) => ({ full_path: path }));
}

/** The other ones, for names of so many segments. */
function templates(name: TargetName): UrlMatch[] {
  return pathsOf(name)
    .filter((path) => path.includes('{name}'))
    .flatMap((path) =>
      Array.from({ length: nameSegmentsMax }, (_, at) =>
        path
          .replace(
            '{name}',
            Array(at + 1)
              .fill('*')
              .join('/'),
          )
          .replace(/\{\w+\}/g, '*'),
      ),
    )
    .map((path) => ({ path_template: path }));
}

function pathsOf(name: TargetName): string[] {
  const paths = table.filter((route) => functionOf(route) === name).map(({ path }) => path);
  return [...new Set(paths)];
}

const rules: readonly Omit<UrlRule, 'priority'>[] = [
  // The framework would inflate a body, up to 1 GiB, before anyone could refuse it. `uploads` refuses it unread, with 415,
  // whatever it was for (functions/match.ts). Before all others, so that no framework function is asked with one.
  { backend: 'uploads', matches: [{ prefix: '/', header_present: 'content-encoding' }] },
  // Its few paths, before the POSTs to them would be taken for uploads. Nobody else may sign.
  { backend: 'token', matches: fullPaths('token') },
  // Its bodies are JSON, which the framework would answer for by itself where they are none. All of /api/ is its own.
  { backend: 'admin', matches: [{ prefix: '/api/' }] },
  // What may carry a layer: all other POSTs and PATCHes there are, and what goes to an address that we gave. That ends with
  // a mark of its own, and has a parameter of its own: either is enough, for who has lost the other.
  {
    backend: 'uploads',
    matches: [
      { prefix: '/', method: 'POST' },
      { prefix: '/', method: 'PATCH' },
      { prefix: '/v2/', query_present: '_state' },
      { path_template: `/v2/**${sessionMark}` },
    ],
  },
  // Lists are large and slow, blobs are many and fast, and a manifest is what everybody waits for: each has instances of
  // its own, whatever else goes on. Whatever the method, since each answers for the other two.
  { backend: 'discovery', matches: [...fullPaths('discovery'), ...templates('discovery')] },
  { backend: 'blobs', matches: templates('blobs') },
  { backend: 'manifests', matches: [{ prefix: '/v2/' }] },
  // An image's name is its web address, so all else that is read is a page, or nothing: which of them is for `console` to
  // say, by what the client accepts.
  {
    backend: 'console',
    matches: [
      { prefix: '/', method: 'GET' },
      { prefix: '/', method: 'HEAD' },
    ],
  },
];

// Names that hold what the paths are told by, and the depths at which templates end.
const digest = `sha256:${'0123456789abcdef'.repeat(4)}`;
const session = `0b4c2c5e-0000-4000-8000-000000000000${sessionMark}`;

// The load balancer's own tests know no methods, so what a rule tells by the method cannot be among them; and each of the
// others must be needed for one of them.
const tests: readonly UrlTest[] = [
  {
    description: 'An encoded body is refused unread.',
    path: '/v2/token',
    headers: { 'Content-Encoding': 'gzip' },
    backend: 'uploads',
  },
  { description: 'Tokens are issued.', path: '/v2/token?service=a', backend: 'token' },
  { description: 'Refresh tokens are revoked.', path: '/v2/token/revoke', backend: 'token' },
  { description: 'Public keys are read.', path: '/.well-known/jwks.json', backend: 'token' },
  { description: 'The API is not the registry.', path: '/api/v1/whoami', backend: 'admin' },
  {
    description: 'An upload goes on at the address that it was given.',
    path: `/v2/a/b/blobs/uploads/${session}?_state=x&digest=${digest}`,
    backend: 'uploads',
  },
  {
    description: 'So it does where the query is lost, however deep the name.',
    path: `/v2/a/b/c/d/e/f/g/h/blobs/uploads/${session}`,
    backend: 'uploads',
  },
  {
    description: 'And where the mark was encoded.',
    path: `/v2/a/b/c/d/e/blobs/uploads/${session.replace(sessionMark, '%7E')}?_state=x`,
    backend: 'uploads',
  },
  { description: 'The version is asked for.', path: '/v2/', backend: 'discovery' },
  { description: 'Repositories are listed.', path: '/v2/_catalog?n=100', backend: 'discovery' },
  { description: 'Tags are listed.', path: '/v2/a/tags/list', backend: 'discovery' },
  { description: 'Of deeper names, too.', path: '/v2/a/b/c/d/tags/list', backend: 'discovery' },
  {
    description: 'Referrers are listed.',
    path: `/v2/a/b/c/referrers/${digest}`,
    backend: 'discovery',
  },
  { description: 'A blob is pulled.', path: `/v2/a/blobs/${digest}`, backend: 'blobs' },
  {
    description: 'So is one whose colon is encoded.',
    path: `/v2/a/b/c/d/blobs/${digest.replace(':', '%3A')}`,
    backend: 'blobs',
  },
  {
    description: 'One of a repository that is called as uploads are.',
    path: `/v2/a/blobs/uploads/blobs/${digest}`,
    backend: 'blobs',
  },
  {
    description: 'One of a name that is too deep for a template.',
    path: `/v2/a/b/c/d/e/blobs/${digest}`,
    backend: 'manifests',
  },
  { description: 'A manifest is pulled.', path: '/v2/a/manifests/latest', backend: 'manifests' },
  {
    description: 'One of a repository that is called as blobs are.',
    path: `/v2/a/blobs/manifests/${digest}`,
    backend: 'manifests',
  },
];

/** Of each location's hosts. */
export const urlMap: UrlMap = {
  rules: rules.map((rule, at) => ({ priority: (at + 1) * 10, ...rule })),
  // What is neither the registry's nor read: nobody answers it, and a server of our own says so without reading the body.
  default: 'admin',
  tests,
};
