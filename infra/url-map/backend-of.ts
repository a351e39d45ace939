// Which function the load balancer hands a request to, by the rules that it is given: what stands before functions on one
// machine goes by them, too, so that every client that is tested there tests them.

import type { IncomingHttpHeaders } from 'node:http';
import type { TargetName } from '#functions/targets.ts';
import { type UrlMatch, urlMap } from './rules.ts';

export interface RoutedRequest {
  readonly method?: string | undefined;
  /** Path and query, as they were sent. */
  readonly url?: string | undefined;
  readonly headers: IncomingHttpHeaders;
}

type Fits = (path: string, query: URLSearchParams, request: RoutedRequest) => boolean;

/** What the operators of a template take of a path: RFC 3986's `pchar` but for `=` and `*`. */
const taken = "A-Za-z0-9\\-._~%!$&'()+,;:@";

const rules = urlMap.rules.map(({ backend, matches }) => ({ backend, fits: matches.map(fitsOf) }));

/** The function that answers: that of the first rule which fits. */
export function backendOf(request: RoutedRequest): TargetName {
  const [path = '', ...rest] = (request.url ?? '/').split('?');
  const query = new URLSearchParams(rest.join('?'));
  const rule = rules.find(({ fits }) => fits.some((one) => one(path, query, request)));
  return rule?.backend ?? urlMap.default;
}

function fitsOf(match: UrlMatch): Fits {
  const { full_path: whole, prefix = '', path_template: template } = match;
  const pattern = template === undefined ? undefined : templatePattern(template);
  return (path, query, { method, headers }) =>
    (whole === undefined || path === whole) &&
    path.startsWith(prefix) &&
    (pattern === undefined || pattern.test(path)) &&
    (match.method === undefined || match.method === method) &&
    (match.query_present === undefined || query.has(match.query_present)) &&
    (match.header_present === undefined || headers[match.header_present] !== undefined);
}

/** `*` is one segment, and `**` any number of them. */
function templatePattern(template: string): RegExp {
  const source = template
    .replace(/[.+?^${}()|[\]\\]/g, '\\$&')
    .replace(/\*\*?/g, (operator) => (operator === '*' ? `[${taken}]+` : `[${taken}/]*`));
  return new RegExp(`^${source}$`);
}
