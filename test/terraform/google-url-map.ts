// Google's URL map, as the global external Application Load Balancer reads it: written from what Google documents (REST
// reference of `urlMaps`, "URL maps overview", "Quotas and limits"), and for path templates from Envoy, which it runs
// (source/extensions/path/uri_template_lib). It knows nothing of Berth.

export interface HeaderMatch {
  /** In any case; `:method` for the request's method. */
  readonly headerName: string;
  readonly exactMatch?: string;
  readonly prefixMatch?: string;
  readonly suffixMatch?: string;
  readonly presentMatch?: boolean;
  readonly invertMatch?: boolean;
}

export interface QueryParameterMatch {
  readonly name: string;
  readonly exactMatch?: string;
  readonly presentMatch?: boolean;
}

/** Exactly one of the ways to match a path, and any number of the others: all must hold. */
export interface MatchRule {
  readonly prefixMatch?: string;
  readonly fullPathMatch?: string;
  readonly pathTemplateMatch?: string;
  readonly headerMatches?: readonly HeaderMatch[];
  readonly queryParameterMatches?: readonly QueryParameterMatch[];
}

export interface RouteRule {
  readonly priority: number;
  readonly service: string;
  /** Any one of them is enough. */
  readonly matchRules: readonly MatchRule[];
}

export interface PathMatcher {
  readonly name: string;
  readonly defaultService: string;
  readonly routeRules: readonly RouteRule[];
}

export interface UrlMapTest {
  readonly host: string;
  /** With the query, if there is one. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly service: string;
}

export interface GoogleUrlMap {
  readonly defaultService: string;
  readonly hostRules: readonly {
    readonly hosts: readonly string[];
    readonly pathMatcher: string;
  }[];
  readonly pathMatchers: readonly PathMatcher[];
  readonly tests: readonly UrlMapTest[];
}

export interface UrlMapRequest {
  readonly host: string;
  /** With the query, if there is one. */
  readonly url: string;
  /** Names in lower case; the method as `:method`, where it is known. */
  readonly headers: Readonly<Record<string, string>>;
}

/** "Quotas and limits" of Cloud Load Balancing, for external load balancers: none of them can be raised. */
const limits = {
  pathMatchers: 1000,
  routeRules: 1000,
  hosts: 1000,
  predicates: 1000,
  pathTemplates: 100,
  backends: 2500,
  tests: 100,
  /** Of the map as JSON. It is 1 MB by now, and was 64 KB for long. */
  bytes: 64 * 1024,
};

/**
 * The service that a request is brought to.
 * @returns a function of the request
 * @throws Error that says why, when Google would not take the map
 */
export function routeBy(map: GoogleUrlMap): (request: UrlMapRequest) => string {
  requireLimits(map);
  const matchers = new Map(map.pathMatchers.map((one) => [one.name, compilePathMatcher(one)]));
  const hostRules = map.hostRules.map(({ hosts, pathMatcher }) => {
    const matcher = matchers.get(pathMatcher);
    if (matcher === undefined) throw new Error(`there is no path matcher ${pathMatcher}`);
    return { hosts, matcher };
  });
  return (request) => {
    const matcher = matcherOf(hostRules, request.host.toLowerCase());
    return matcher === undefined ? map.defaultService : matcher(request);
  };
}

type Matcher = (request: UrlMapRequest) => string;

/** An exact host before one with a wildcard, and of those the longest. */
function matcherOf(
  rules: readonly { readonly hosts: readonly string[]; readonly matcher: Matcher }[],
  host: string,
): Matcher | undefined {
  const fitting = rules.flatMap(({ hosts, matcher }) =>
    hosts.filter((pattern) => fitsHost(pattern, host)).map((pattern) => ({ pattern, matcher })),
  );
  const rank = (pattern: string) => (pattern.startsWith('*') ? pattern.length : Infinity);
  return fitting.sort((a, b) => rank(b.pattern) - rank(a.pattern))[0]?.matcher;
}

/** "* matches any string of ([a-z0-9-.]*)", and is the first character. */
function fitsHost(pattern: string, host: string): boolean {
  if (!pattern.startsWith('*')) return pattern === host;
  const end = pattern.slice(1);
  return host.endsWith(end) && /^[a-z0-9.-]*$/.test(host.slice(0, host.length - end.length));
}

function compilePathMatcher({ routeRules, defaultService }: PathMatcher): Matcher {
  const rules = routeRules
    .toSorted((a, b) => a.priority - b.priority)
    .map(({ service, matchRules }) => ({ service, fits: matchRules.map(compileMatchRule) }));
  return (request) =>
    rules.find(({ fits }) => fits.some((fit) => fit(request)))?.service ?? defaultService;
}

function compileMatchRule(rule: MatchRule): (request: UrlMapRequest) => boolean {
  const fitsPath = compilePath(rule);
  const { headerMatches = [], queryParameterMatches = [] } = rule;
  return ({ url, headers }) => {
    const mark = url.indexOf('?');
    const query = mark === -1 ? '' : url.slice(mark + 1);
    return (
      fitsPath(mark === -1 ? url : url.slice(0, mark)) &&
      headerMatches.every((match) => fitsHeader(match, headers)) &&
      queryParameterMatches.every((match) => fitsQuery(match, query))
    );
  };
}

function compilePath(rule: MatchRule): (path: string) => boolean {
  const { prefixMatch, fullPathMatch, pathTemplateMatch } = rule;
  const given = [prefixMatch, fullPathMatch, pathTemplateMatch].filter((one) => one !== undefined);
  if (given.length !== 1) throw new Error('a match rule has one way to match the path');
  if (given[0]?.startsWith('/') !== true) throw new Error('a path begins with a slash');
  if (given[0].length > 1024) throw new Error('a path has 1,024 characters at most');
  if (prefixMatch !== undefined) return (path) => path.startsWith(prefixMatch);
  if (fullPathMatch !== undefined) return (path) => path === fullPathMatch;
  const pattern = templatePattern(pathTemplateMatch ?? '');
  return (path) => pattern.test(path);
}

function fitsHeader(match: HeaderMatch, headers: Readonly<Record<string, string>>): boolean {
  const value = headers[match.headerName.toLowerCase()];
  const { exactMatch, prefixMatch, suffixMatch, presentMatch, invertMatch = false } = match;
  const fits =
    value !== undefined &&
    (presentMatch === true ||
      (exactMatch !== undefined && value === exactMatch) ||
      (prefixMatch !== undefined && value.startsWith(prefixMatch)) ||
      (suffixMatch !== undefined && value.endsWith(suffixMatch)));
  return fits !== invertMatch;
}

/** Names and values are compared as they were sent. */
function fitsQuery({ name, exactMatch }: QueryParameterMatch, query: string): boolean {
  const pairs = query.split('&').map((pair) => {
    const equals = pair.indexOf('=');
    return equals === -1 ? [pair, ''] : [pair.slice(0, equals), pair.slice(equals + 1)];
  });
  const found = pairs.find(([key]) => key === name);
  return found !== undefined && (exactMatch === undefined || found[1] === exactMatch);
}

// RFC 3986's pchar without `*` and `=`.
const literal = "a-zA-Z0-9\\-._~%!$&'()+,;:@";
const operators: Readonly<Record<string, string>> = {
  '*': `[${literal}]+`,
  '**': `[${literal}/]*`,
};

/**
 * The regular expression that a path template is: `*` is one segment, `**` any number, `{name}` and `{name=…}` capture;
 * after the last segment's operator there may be a suffix. Captures of several segments are not read here.
 * @throws Error that says why, when it is none
 */
export function templatePattern(template: string): RegExp {
  if (template.length > 255) throw new Error('a template has 255 characters at most');
  if (!/^\/[\x21-\x7e]*$/.test(template)) throw new Error('a template begins with a slash');
  const segments = template.slice(1).split('/');
  const parts = segments.map((segment, at) => readSegment(segment, at === segments.length - 1));
  const seen = parts.flatMap((part) => part.operators);
  if (seen.length > 5) throw new Error('a template has five operators at most');
  if (seen.slice(0, -1).includes('**')) throw new Error('no operator may follow **');
  const names = parts.flatMap((part) => part.names);
  if (names.length > 5) throw new Error('a template has five variables at most');
  if (new Set(names).size < names.length) throw new Error('a variable is there twice');
  return new RegExp(`^/${parts.map((part) => part.source).join('/')}$`);
}

interface Segment {
  readonly source: string;
  readonly operators: readonly string[];
  readonly names: readonly string[];
}

function readSegment(text: string, isLast: boolean): Segment {
  if (text === '' && isLast) return { source: '', operators: [], names: [] };
  const variable = /^\{([a-zA-Z][a-zA-Z0-9_]{0,15})(?:=([^{}/]+))?\}/.exec(text);
  const operator = /^\*\*?/.exec(text);
  const begin = variable?.[0] ?? operator?.[0] ?? '';
  const suffix = text.slice(begin.length);
  if (suffix !== '' && begin !== '' && !isLast) throw new Error('a suffix ends a template');
  const end = suffix === '' && begin !== '' ? '' : literalSource(suffix);
  if (begin === '') return { source: end, operators: [], names: [] };
  const inner = variable === null ? begin : (variable[2] ?? '*');
  const source = operators[inner] ?? literalSource(inner);
  return {
    source: `${source}${end}`,
    operators: inner in operators ? [inner] : [],
    names: variable?.[1] === undefined ? [] : [variable[1]],
  };
}

function literalSource(text: string): string {
  if (!new RegExp(`^[${literal}]+$`).test(text)) throw new Error(`"${text}" is no literal`);
  return text.replace(/[$().+]/g, '\\$&');
}

function requireLimits(map: GoogleUrlMap): void {
  const require = (what: keyof typeof limits, count: number) => {
    if (count > limits[what]) throw new Error(`${count} ${what}; there may be ${limits[what]}`);
  };
  require('pathMatchers', map.pathMatchers.length);
  require('tests', map.tests.length);
  require('bytes', JSON.stringify(map).length);
  for (const { hosts } of map.hostRules) require('hosts', hosts.length);
  const all = map.pathMatchers.flatMap(({ routeRules, defaultService }) => [
    defaultService,
    ...routeRules.map(({ service }) => service),
  ]);
  require('backends', new Set(all).size);
  for (const { name, routeRules } of map.pathMatchers) {
    if (!/^[a-z]([a-z0-9-]*[a-z0-9])?$/.test(name)) throw new Error(`"${name}" is no name`);
    const priorities = new Set(routeRules.map(({ priority }) => priority));
    if (priorities.size < routeRules.length) throw new Error('a priority is there twice');
    const matches = routeRules.flatMap(({ matchRules }) => matchRules);
    if (routeRules.some(({ matchRules }) => matchRules.length === 0))
      throw new Error('a rule that matches nothing');
    require('routeRules', routeRules.length);
    require('predicates', matches.map(predicates).reduce((sum, count) => sum + count, 0));
    const isTemplate = (match: MatchRule) => match.pathTemplateMatch !== undefined;
    require('pathTemplates', matches.filter(isTemplate).length);
  }
}

/** One for the path, and one for each header and each parameter. */
function predicates({ headerMatches = [], queryParameterMatches = [] }: MatchRule): number {
  return 1 + headerMatches.length + queryParameterMatches.length;
}
