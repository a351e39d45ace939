// What the load balancer is told, judged by an independent reading of Google's rules (google-url-map.ts): whatever is asked
// reaches a function that answers it as the whole registry would.

import assert from 'node:assert/strict';
import { cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { type MatchRoute, routeMatcher } from '#functions/match.ts';
import { functionOf, routes } from '#functions/routes.ts';
import { type TargetName, targetNames, targets } from '#functions/targets.ts';
import { backendOf } from '#infra/url-map/backend-of.ts';
import { type UrlMap, type UrlMatch, urlMap } from '#infra/url-map/rules.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import { type GoogleUrlMap, type MatchRule, routeBy, templatePattern } from './google-url-map.ts';
import { terraformRoot } from './hcl.ts';
import { computed, withoutTerraform } from './terraform.ts';

const moduleDirectory = join(terraformRoot, 'modules/load-balancer');

/** The module's variables, as far as they say where requests go. */
interface Layout {
  readonly domains: Readonly<Record<string, string>>;
  readonly mirror_domains: readonly string[];
}

const two: Layout = {
  domains: { 'eu.example.com': 'eu', 'example.com': 'us', 'us.example.com': 'us' },
  mirror_domains: ['hub.example.com'],
};

/** What Terraform makes of the rules for those hosts (routing.tf). */
interface LaidOut {
  readonly services: Readonly<Record<string, { name: string; region: string }>>;
  readonly path_matchers: Readonly<
    Record<
      string,
      {
        readonly hosts: readonly string[];
        readonly default: string;
        readonly rules: readonly {
          readonly priority: number;
          readonly backend: string;
          readonly matches: readonly UrlMatch[];
        }[];
      }
    >
  >;
  readonly tests: readonly {
    readonly description: string;
    readonly host: string;
    readonly path: string;
    readonly headers: Readonly<Record<string, string>>;
    readonly backend: string;
  }[];
}

/** The same as routing.tf, said again. */
function layOut({ rules, default: fallback, tests }: UrlMap, layout: Layout): LaidOut {
  const { domains, mirror_domains: mirrors } = layout;
  const locations = [...new Set(Object.values(domains))];
  const at = (backend: string, location: string) =>
    backend === 'uploads' ? `uploads-${location}` : backend;
  const hosts = (names: readonly string[]) => names.flatMap((name) => [name, `${name}:443`]);
  const registries = locations.map((location) => {
    const own = Object.keys(domains).filter((domain) => domains[domain] === location);
    const ruled = rules.map((rule) => ({ ...rule, backend: at(rule.backend, location) }));
    return [location, { hosts: hosts(own), default: fallback, rules: ruled }] as const;
  });
  const mirror = { hosts: hosts(mirrors), default: 'mirror', rules: [] };
  const [[first, home] = ['', '']] = Object.entries(domains);
  const upload = tests.find(({ backend, headers }) => backend === 'uploads' && !headers)?.path;
  const all = [
    ...tests.map((test) => ({
      headers: {},
      ...test,
      host: first,
      backend: at(test.backend, home),
    })),
    ...Object.entries(domains).map(([host, location]) => ({
      description: 'Uploads are received where they are kept.',
      ...{ host, path: upload ?? '', headers: {}, backend: `uploads-${location}` },
    })),
    ...mirrors.map((host) => ({
      description: 'A mirror is a mirror.',
      ...{ host, path: '/v2/', headers: {}, backend: 'mirror' },
    })),
  ];
  const functions = ['token', 'manifests', 'blobs', 'discovery', 'console'];
  const service = (name: string, region: string) => [name, { name, region }] as const;
  return {
    services: Object.fromEntries([
      ...functions.map((name) => service(name, 'us-central1')),
      ...locations.map((location) => service(`uploads-${location}`, `${location}-region`)),
      service('admin', 'us-central1'),
      ...(mirrors.length === 0 ? [] : [service('mirror', 'us-central1')]),
    ]),
    path_matchers: Object.fromEntries([
      ...registries,
      ...(mirrors.length === 0 ? [] : [['mirror', mirror] as const]),
    ]),
    tests: all.slice(0, 100),
  };
}

/** As the API is given it; services as long as their real addresses are. */
function googleMap({ path_matchers: matchers, tests }: LaidOut): GoogleUrlMap {
  return {
    defaultService: addressOf(urlMap.default),
    hostRules: Object.entries(matchers).map(([pathMatcher, { hosts }]) => ({ hosts, pathMatcher })),
    pathMatchers: Object.entries(matchers).map(([name, { rules, default: fallback }]) => ({
      name,
      defaultService: addressOf(fallback),
      routeRules: rules.map(({ priority, backend, matches }) => ({
        priority,
        service: addressOf(backend),
        matchRules: matches.map(googleMatch),
      })),
    })),
    tests: tests.map(({ backend, ...test }) => ({ ...test, service: addressOf(backend) })),
  };
}

function googleMatch(match: UrlMatch): MatchRule {
  const { full_path, prefix, path_template, method, header_present, query_present } = match;
  const headers = [
    ...(method === undefined ? [] : [{ headerName: ':method', exactMatch: method }]),
    ...(header_present === undefined ? [] : [{ headerName: header_present, presentMatch: true }]),
  ];
  const queries = query_present === undefined ? [] : [{ name: query_present, presentMatch: true }];
  return {
    ...(full_path === undefined ? {} : { fullPathMatch: full_path }),
    ...(prefix === undefined ? {} : { prefixMatch: prefix }),
    ...(path_template === undefined ? {} : { pathTemplateMatch: path_template }),
    headerMatches: headers,
    queryParameterMatches: queries,
  };
}

const services =
  'https://www.googleapis.com/compute/v1/projects/a-project-with-a-long-name-indeed/global/backendServices/berth-';

function addressOf(backend: string): string {
  return `${services}${backend}`;
}

interface Asked {
  readonly method: string;
  readonly url: string;
  readonly headers?: Readonly<Record<string, string>>;
}

const route = routeBy(googleMap(layOut(urlMap, two)));

/** The target that answers, of the host in `us`. */
function reached({ method, url, headers = {} }: Asked, host = 'example.com'): TargetName {
  const service = route({ host, url, headers: { ...headers, ':method': method } });
  const backend = service.slice(services.length).replace(/^uploads-us$/, 'uploads');
  const target = targetNames.find((name) => name === backend);
  assert.ok(target !== undefined, `${method} ${url} reaches ${service}`);
  return target;
}

const whole = routeMatcher();
const own = new Map(targetNames.map((name) => [name, routeMatcher(targets[name].serves)]));
const nowhere = '404 NAME_UNKNOWN';

/** The route's id and action and what stands for its parameters; or what is wrong. */
function outcome(match: MatchRoute | undefined, { method, url, headers = {} }: Asked): string {
  assert.ok(match !== undefined);
  try {
    const found = match(method, url.split('?', 1)[0] ?? '', headers);
    return `${found.route.id} ${found.route.run} ${JSON.stringify(found.params)}`;
  } catch (error) {
    assert.ok(error instanceof RegistryError, String(error));
    const allowed = (error.headers['Allow'] ?? '').toString().split(', ').sort().join(' ');
    return `${error.status} ${error.code} ${allowed}`.trim();
  }
}

const session = '0b4c2c5e-0000-4000-8000-000000000000';
const ours = (url: string) => /~$/.test(url.split('?', 1)[0] ?? '') || url.includes('?_state=');

/** What the whole registry says, but of what is for one process alone, and of an upload's address that we never gave. */
function expected(asked: Asked): string {
  const said = outcome(whole, asked);
  if (/ operator\//.test(said)) return nowhere;
  const isSession = / uploads\/(status|finish|cancel) /.test(said);
  return isSession && !ours(asked.url) ? '404 BLOB_UPLOAD_UNKNOWN' : said;
}

const markers = ['blobs', 'manifests', 'tags', 'uploads', 'list', 'referrers', 'token', 'v2'];
const segment = fc.oneof(
  fc.constantFrom(...markers),
  fc.stringMatching(/^[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}$/),
);
const name = fc
  .array(segment, { minLength: 1, maxLength: 8 })
  .map((segments) => segments.join('/'));
const digest = fc
  .tuple(
    fc.constantFrom(['sha256', 64] as const, ['sha512', 128] as const),
    fc.constantFrom(':', '%3A', '%3a'),
    fc.constantFrom('a', '0', 'f'),
  )
  .map(([[algorithm, length], colon, digit]) => `${algorithm}${colon}${digit.repeat(length)}`);
const tag = fc.oneof(fc.constantFrom('latest', 'list', '_', 'A.b-C'), segment);
const word = fc.constantFrom('ci', 'robots', 'example.com:project', 'policy');
const parameters: Readonly<Record<string, fc.Arbitrary<string>>> = {
  name,
  digest,
  reference: fc.oneof(tag, digest),
  session: fc.constantFrom(
    `${session}~`,
    `${session}~?_state=x.y.z`,
    `${session}%7E?_state=x&digest=sha256:0`,
    `${session}?_state=x`,
  ),
  page: fc
    .tuple(name, fc.constantFrom('', ':latest', '@sha256:aa', '/'))
    .map((two) => two.join(''))
    // What the registry itself has is no page.
    .filter((text) => !/^v2(\/|$)/.test(text)),
  project: word,
  robot: word,
  secret: word,
  rule: word,
};
const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'PROPFIND', 'get'];
const method = fc.constantFrom(...methods);
const headers = fc.constantFrom({}, { accept: '*/*' }, { accept: 'text/html,*/*;q=0.8' });

/** A path of that pattern. */
function filled(pattern: string): fc.Arbitrary<string> {
  const holes = [...pattern.matchAll(/\{(\w+)\}/g)].map(([, key = '']) => {
    const values = parameters[key];
    assert.ok(values !== undefined, key);
    return values;
  });
  return fc.tuple(...holes).map((values) => {
    let at = 0;
    return pattern.replace(/\{\w+\}/g, () => values[at++] ?? '');
  });
}

/** Any path at all: of what routes are made of, and of what no name has. */
const odd = fc.constantFrom(
  '',
  '.',
  '..',
  'a=b',
  '*',
  'a%2Fb',
  '%61',
  'A',
  'é',
  '_catalog',
  ' ',
  'a~b',
);
const first = fc.constantFrom('v2', 'api', 'healthz', 'metrics', '.well-known', 'V2', 'v2x', 'v1');
const anyUrl = fc
  .tuple(
    fc.oneof({ weight: 3, arbitrary: fc.constant('v2') }, { weight: 1, arbitrary: first }),
    fc.array(fc.oneof({ weight: 4, arbitrary: segment }, digest, odd), { maxLength: 8 }),
    fc.constantFrom('', '', '', '/', '?n=1', '?x=_state', '?state=_state&a'),
  )
  .map(([begin, rest, end]) => `/${[begin, ...rest].join('/')}${end}`);

/** Framework's own paths: no more than a form of a client's. */
const tokenPaths = routes.filter((one) => functionOf(one) === 'token').map(({ path }) => path);

const generated = 'url-map.json';

describe('the URL map', () => {
  it('is made of the route table as it is now: `npm run terraform` writes it', () => {
    const written: unknown = JSON.parse(readFileSync(join(moduleDirectory, generated), 'utf8'));
    assert.deepEqual(written, JSON.parse(JSON.stringify(urlMap)));
  });

  it('brings each route, for each method and each name, to a function that answers the very same route', () => {
    const served = routes.filter((one) => functionOf(one) !== 'operator');
    for (const one of served) {
      fc.assert(
        fc.property(filled(one.path), method, headers, (url, how, accepts) => {
          const asked = { method: how, url, headers: accepts };
          assert.equal(outcome(own.get(reached(asked)), asked), expected(asked));
        }),
        { numRuns: 200 },
      );
      const accept = 'accepts' in one ? { accept: one.accepts } : {};
      for (const how of one.methods) {
        fc.assert(
          fc.property(filled(one.path), (url) => {
            const asked = { method: how, url, headers: accept };
            assert.doesNotMatch(outcome(own.get(reached(asked)), asked), /^\d/);
          }),
          { numRuns: 30 },
        );
      }
    }
  });

  it('brings all else to a function that refuses it as the whole registry would', () => {
    fc.assert(
      fc.property(anyUrl, method, headers, (url, how, accepts) => {
        const asked = { method: how, url, headers: accepts };
        assert.equal(outcome(own.get(reached(asked)), asked), expected(asked));
      }),
      { numRuns: 5000 },
    );
  });

  it('is what a request goes by before functions on one machine, too', () => {
    const asked = fc.record({
      method,
      url: fc.oneof(anyUrl, ...routes.map(({ path }) => filled(path))),
      headers: fc.oneof(headers, fc.constant({ 'content-encoding': 'gzip' })),
    });
    fc.assert(
      fc.property(asked, (one) => {
        assert.equal(backendOf(one), reached(one));
      }),
      { numRuns: 3000 },
    );
  });

  it('brings nothing that may carry a layer to the framework', () => {
    const upload = filled('/v2/{name}/blobs/uploads/{session}');
    fc.assert(
      fc.property(upload, method, (url, how) => {
        assert.equal(reached({ method: how, url }), 'uploads');
      }),
    );
    fc.assert(
      fc.property(anyUrl, fc.constantFrom('POST', 'PATCH'), (url, how) => {
        const target = reached({ method: how, url });
        const isToken = tokenPaths.some((path) => path === url.split('?', 1)[0]);
        if (!isToken) assert.equal(targets[target].host, 'streaming', `${how} ${url}`);
      }),
      { numRuns: 2000 },
    );
    for (const how of methods) {
      for (const url of ['/v2', '/v2/', '/', '/a', '/healthz', '/api/', '/v2/_catalog']) {
        const isRead = how === 'GET' || how === 'HEAD';
        const inRegistry = url.startsWith('/v2') && how !== 'POST' && how !== 'PATCH';
        if (isRead || inRegistry) continue;
        assert.equal(targets[reached({ method: how, url })].host, 'streaming', `${how} ${url}`);
      }
    }
  });

  it('brings nothing that is encoded to the framework, and to one that tells so', () => {
    fc.assert(
      fc.property(
        fc.oneof(anyUrl, ...routes.map(({ path }) => filled(path))),
        method,
        fc.constantFrom('gzip', 'br', 'GZIP', 'identity', ''),
        (url, how, encoding) => {
          const asked = { method: how, url, headers: { 'content-encoding': encoding } };
          const target = reached(asked);
          assert.equal(target, 'uploads');
          const said = outcome(own.get(target), asked);
          const otherwise = outcome(whole, asked);
          const isRefusal = /^\d/.test(otherwise);
          if (isRefusal || / uploads\//.test(otherwise)) assert.equal(said, otherwise);
          else assert.equal(said, '415 UNSUPPORTED');
        },
      ),
      { numRuns: 2000 },
    );
  });

  it('knows no function that is not for clients', () => {
    const backends = new Set([urlMap.default, ...urlMap.rules.map(({ backend }) => backend)]);
    const forClients = targetNames.filter((one) =>
      routes.some((known) =>
        (targets[one].serves as readonly string[]).includes(functionOf(known)),
      ),
    );
    assert.deepEqual(backends, new Set(forClients));
  });

  it('is decided by the host: a location’s uploads, a mirror, and a name that is nobody’s', () => {
    const upload = { url: `/v2/a/blobs/uploads/${session}~`, headers: { ':method': 'PUT' } };
    const version = { url: '/v2/', headers: { ':method': 'GET' } };
    for (const [host, asked, backend] of [
      ['example.com', upload, 'uploads-us'],
      ['us.example.com', upload, 'uploads-us'],
      ['eu.example.com', upload, 'uploads-eu'],
      ['EU.example.com:443', upload, 'uploads-eu'],
      ['eu.example.com', version, 'discovery'],
      ['hub.example.com', version, 'mirror'],
      ['hub.example.com:443', upload, 'mirror'],
      ['198.51.100.7', version, 'admin'],
      ['other.example.com', upload, 'admin'],
    ] as const) {
      assert.equal(route({ host, ...asked }), addressOf(backend), host);
    }
  });

  it('holds what its own tests say, whether they have a method or none', () => {
    const map = googleMap(layOut(urlMap, two));
    for (const { host, path, headers: sent, service } of map.tests) {
      const lower = Object.entries(sent).map(([key, value]) => [key.toLowerCase(), value] as const);
      for (const known of [{}, { ':method': 'GET' }]) {
        const asked = { host, url: path, headers: { ...Object.fromEntries(lower), ...known } };
        assert.equal(route(asked), service, path);
      }
    }
  });

  it('has no rule that none of its tests needs, but the one that is told by the method alone', () => {
    for (const [at, rule] of urlMap.rules.entries()) {
      if (rule.matches.every(({ prefix, method: told }) => prefix === '/' && told)) continue;
      const without = { ...urlMap, rules: urlMap.rules.toSpliced(at, 1) };
      const map = googleMap(layOut(without, two));
      const decide = routeBy({ ...map, tests: [] });
      const isNeeded = map.tests.some(({ host, path, headers: sent, service }) => {
        const encoded = 'Content-Encoding' in sent ? { 'content-encoding': 'gzip' } : {};
        const known = { ':method': 'GET', ...encoded };
        return decide({ host, url: path, headers: known }) !== service;
      });
      assert.ok(isNeeded, `the rule of priority ${rule.priority}`);
    }
  });

  it('keeps to Google’s limits with many hosts, and in many locations', () => {
    const domains = (count: number, locations: number) =>
      Object.fromEntries(
        Array.from({ length: count }, (_, at) => [
          `registry-${at}.a-domain-of-some-length.example.com`,
          `northamerica-northeast${at % locations}`,
        ]),
      );
    routeBy(googleMap(layOut(urlMap, { domains: domains(100, 1), mirror_domains: [] })));
    routeBy(googleMap(layOut(urlMap, { domains: domains(4, 4), mirror_domains: ['hub.example'] })));
  });

  const skip = withoutTerraform();
  it('is laid over the hosts by Terraform as it is here', { skip }, async () => {
    for (const layout of [
      two,
      { domains: { 'a.example.com': 'europe-west1' }, mirror_domains: [] },
    ]) {
      const laidOut = layOut(urlMap, layout);
      assert.deepEqual(await evaluate(layout, laidOut), JSON.parse(JSON.stringify(laidOut)));
    }
  });
});

/** The values of routing.tf, as Terraform itself works them out: that file needs no provider. */
async function evaluate(layout: Layout, { services: given }: LaidOut): Promise<unknown> {
  const directory = mkdtempSync(join(tmpdir(), 'berth-url-map-'));
  try {
    for (const file of ['routing.tf', 'variables.tf', generated]) {
      cpSync(join(moduleDirectory, file), join(directory, file));
    }
    const uploads = Object.entries(given).filter(([key]) => key.startsWith('uploads-'));
    const functions = targetNames.filter((one) => targets[one].host === 'framework');
    const variables = {
      ...layout,
      ...{ project: 'a-project', region: 'us-central1' },
      functions: Object.fromEntries(functions.map((one) => [one, one])),
      uploads: Object.fromEntries(uploads.map(([key, value]) => [key.slice(8), value])),
      admin: given['admin'],
      mirror: given['mirror'] ?? null,
    };
    writeFileSync(join(directory, 'terraform.tfvars.json'), JSON.stringify(variables));
    return await computed(
      directory,
      '{ services = local.services, path_matchers = local.path_matchers, tests = local.tests }',
    );
  } finally {
    rmSync(directory, { recursive: true });
  }
}

describe('Google’s rules, as they are read here', () => {
  const templates: readonly (readonly [string, readonly string[], readonly string[]])[] = [
    // "URL maps overview", Envoy's reference of UriTemplateMatchConfig, and its own tests.
    ['/videos/*/*/*.m4s', ['/videos/123414/hls/1080p5000_00001.m4s'], ['/videos/a/b.m4s']],
    ['/videos/{file}', ['/videos/1080p5000_00001.m4s'], ['/videos/', '/videos/a/b']],
    ['/**.mpd', ['/content/123/india/dash/55/manifest.mpd', '/.mpd'], ['/a.mpd/b', '/ampd']],
    ['/**.m3u8', ['/content/en-GB/13/51491/manifest_193193.m3u8'], ['/manifest.m3u']],
    ['/api/*/v1/**', ['/api/a/v1/', '/api/a/v1/b/c'], ['/api/a/v1', '/api//v1/a']],
    ['/api/*/1234/', ['/api/a/1234/'], ['/api/a/1234']],
    ['/media/{id=*}/*', ['/media/a/b'], ['/media/a', '/media/a/b/c']],
    [
      '/xyz/users/{username=*}/carts/{cartid=**}',
      ['/xyz/users/me/carts/1/2'],
      ['/xyz/users//carts/1'],
    ],
    ['/v2/*', ['/v2/%41', "/v2/-._~!$&'()+,;:@"], ['/v2/a=b', '/v2/*', '/v2/é', '/v2/a b']],
    ['/a/**/z', ['/a/b/c/z', '/a//z'], ['/a/z', '/a/b/z/c']],
    ['/a.b', ['/a.b'], ['/axb']],
    ['/', ['/'], ['/a']],
  ];
  for (const [template, fitting, others] of templates) {
    it(`a template is what it says: ${template}`, () => {
      const pattern = templatePattern(template);
      for (const path of fitting) assert.match(path, pattern);
      for (const path of others) assert.doesNotMatch(path, pattern);
    });
  }

  for (const template of [
    ...[
      '',
      'a',
      '/a b',
      '/a//b',
      '/a*',
      '/***',
      '/*a/b',
      '/{a',
      '/{1}',
      '/{}',
      '/{a=}',
      '/{a}/{a}',
    ],
    ...[
      '/**/*',
      '/**/**',
      '/{a=**}/{b}',
      '/**/a/*',
      '/*/*/*/*/*/*',
      '/a=b',
      '/{seventeenletters1}',
    ],
    `/${'a'.repeat(255)}`,
  ]) {
    it(`is no template: ${template.slice(0, 20)}`, () => {
      assert.throws(() => templatePattern(template));
    });
  }

  const decide = (matchRules: readonly MatchRule[], request: Asked) =>
    routeBy({
      defaultService: 'nobody',
      hostRules: [{ hosts: ['*'], pathMatcher: 'all' }],
      pathMatchers: [
        {
          name: 'all',
          defaultService: 'none',
          routeRules: [{ priority: 1, service: 'one', matchRules }],
        },
      ],
      tests: [],
    })({
      host: 'a',
      url: request.url,
      headers: { ...request.headers, ':method': request.method },
    });
  const path = { prefixMatch: '/' };
  const matches: readonly (readonly [string, MatchRule, Partial<Asked>, boolean])[] = [
    ['a prefix fits', { prefixMatch: '/a/' }, { url: '/a/b' }, true],
    ['a prefix is all of what it says', { prefixMatch: '/a/' }, { url: '/a' }, false],
    ['a prefix may end within a segment', { prefixMatch: '/a' }, { url: '/ab' }, true],
    ['case matters', { prefixMatch: '/a' }, { url: '/A' }, false],
    ['a whole path is whole', { fullPathMatch: '/a' }, { url: '/a/' }, false],
    ['a path has no query', { fullPathMatch: '/a' }, { url: '/a?b=/c' }, true],
    ['a template has none either', { pathTemplateMatch: '/**~' }, { url: '/a~?b' }, true],
    [
      'a method fits',
      withHeader({ headerName: ':method', exactMatch: 'PUT' }),
      { method: 'PUT' },
      true,
    ],
    [
      'a method is as it is written',
      withHeader({ headerName: ':method', exactMatch: 'PUT' }),
      { method: 'put' },
      false,
    ],
    [
      'a header’s name has no case',
      withHeader({ headerName: 'X-A', presentMatch: true }),
      { headers: { 'x-a': '' } },
      true,
    ],
    ['a header must be there', withHeader({ headerName: 'x-a', presentMatch: true }), {}, false],
    [
      'a header begins so',
      withHeader({ headerName: 'x-a', prefixMatch: 'b' }),
      { headers: { 'x-a': 'bc' } },
      true,
    ],
    [
      'a header ends so',
      withHeader({ headerName: 'x-a', suffixMatch: 'b' }),
      { headers: { 'x-a': 'bc' } },
      false,
    ],
    [
      'what is inverted fits where nothing is',
      withHeader({ headerName: 'x-a', presentMatch: true, invertMatch: true }),
      {},
      true,
    ],
    [
      'a parameter is there',
      withQuery({ name: '_a', presentMatch: true }),
      { url: '/?b=1&_a' },
      true,
    ],
    [
      'a value is no parameter',
      withQuery({ name: '_a', presentMatch: true }),
      { url: '/?b=_a' },
      false,
    ],
    [
      'a parameter in the path is none',
      withQuery({ name: '_a', presentMatch: true }),
      { url: '/_a=1' },
      false,
    ],
    [
      'a parameter’s value fits',
      withQuery({ name: '_a', exactMatch: '1' }),
      { url: '/?_a=2' },
      false,
    ],
    [
      'all must hold',
      { ...withQuery({ name: 'a', presentMatch: true }), prefixMatch: '/b' },
      { url: '/?a' },
      false,
    ],
  ];
  function withHeader(match: NonNullable<MatchRule['headerMatches']>[number]): MatchRule {
    return { ...path, headerMatches: [match] };
  }
  function withQuery(match: NonNullable<MatchRule['queryParameterMatches']>[number]): MatchRule {
    return { ...path, queryParameterMatches: [match] };
  }
  for (const [what, match, asked, fits] of matches) {
    it(what, () => {
      const request = { method: 'GET', url: '/', ...asked };
      assert.equal(decide([match], request), fits ? 'one' : 'none');
      // Any one of a rule's matches is enough.
      assert.equal(
        decide([{ fullPathMatch: '/nobody/asks' }, match], request),
        fits ? 'one' : 'none',
      );
    });
  }

  it('the rule of the lowest number that fits decides, and an exact host before a wildcard', () => {
    const matcher = (of: string, priorities: readonly number[]) => ({
      name: of,
      defaultService: `${of}-default`,
      routeRules: priorities.map((priority) => ({
        priority,
        service: `${of}-${priority}`,
        matchRules: [priority === 5 ? { prefixMatch: '/five' } : path],
      })),
    });
    const decided = routeBy({
      defaultService: 'default',
      hostRules: [
        { hosts: ['*.example.com'], pathMatcher: 'any' },
        { hosts: ['a.example.com'], pathMatcher: 'one' },
        { hosts: ['*-b.example.com'], pathMatcher: 'none' },
      ],
      pathMatchers: [matcher('any', [20, 10, 5]), matcher('one', [7]), matcher('none', [])],
      tests: [],
    });
    const at = (host: string, url = '/') => decided({ host, url, headers: {} });
    assert.equal(at('x.example.com'), 'any-10');
    assert.equal(at('x.example.com', '/five'), 'any-5');
    assert.equal(at('a.example.com'), 'one-7');
    assert.equal(at('a-b.example.com'), 'none-default');
    assert.equal(at('example.com'), 'default');
    assert.equal(at('a.example.com:8443'), 'default');
  });

  it('a name that every test makes is one', () => {
    fc.assert(
      fc.property(name, (text) => assert.ok(parseRepositoryName(text) !== undefined, text)),
    );
  });
});
