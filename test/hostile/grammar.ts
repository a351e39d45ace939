// The registry's HTTP surface as a grammar. The routes are those of the table: a new one is covered the day it
// is there, by what every route has; what is particular to one stands in `particulars`.

import { METHODS } from 'node:http';
import { functionOf, type Route, routes } from '#functions/routes.ts';
import { digestOf } from '#shared/oci/digest.ts';
import { hostileHeaders, soundAuthorization } from './header-grammar.ts';
import { manifest } from './manifest-grammar.ts';
import { type Random, randomOf } from './random.ts';
import * as values from './values.ts';
import { hostileText, type Subject } from './values.ts';
import { mutated, type Request, written } from './written.ts';

export interface Input {
  /** A request that is well-formed by RFC 9112, or bytes that may be anything. */
  readonly kind: 'request' | 'bytes';
  readonly method: string;
  readonly bytes: Buffer;
}

/** The input of that number. */
export function inputAt(seed: string, at: number, subject: Subject): Input {
  const random = randomOf(seed, at);
  const request = requestOf(random, subject);
  const whole = written(random, request);
  if (random.chance(0.25)) {
    const other = written(random, requestOf(random, subject));
    return { kind: 'bytes', method: request.method, bytes: mutated(random, whole, other) };
  }
  return {
    kind: isWellFormed(request) ? 'request' : 'bytes',
    method: request.method,
    bytes: whole,
  };
}

/** CONNECT asks for a tunnel, and is not answered as others are. */
const methods = METHODS.filter((method) => method !== 'CONNECT');

function isWellFormed({ method, path, headers }: Request): boolean {
  return (
    methods.includes(method) &&
    /^\/[\x21-\x7e]*$/.test(path) &&
    headers.every(([name, value]) => /^[\w-]+$/.test(name) && /^[\x20-\x7e]*$/.test(value)) &&
    // Upgrade: what is sent behind such a request is another protocol's, if anyone's.
    !headers.some(([name]) => /^(?:content-length|transfer-encoding|upgrade)$/i.test(name)) &&
    headers.filter(([name]) => name === 'Host').length === 1 &&
    headers.every(([, value]) => value.length < 50_000)
  );
}

/** The more of a route's path is the client's, the more often; but for the admin API's, which are many. */
const weighted: readonly Route[] = routes.flatMap((route: Route) => {
  const parameters = functionOf(route) === 'admin' ? 0 : route.path.split('{').length - 1;
  return Array.from({ length: 1 + 2 * parameters }, () => route);
});

/** A request in which each place is sound, or perhaps not: most have one or two that are not. */
function requestOf(random: Random, subject: Subject): Request {
  const route: Route = random.pick(weighted);
  const soundness = random.pick([1, 1, 0.97, 0.9, 0.7]);
  const sound = () => random.chance(soundness);
  const method = sound()
    ? random.pick(route.methods)
    : random.pick([...methods, 'CONNECT', 'BREW', 'get']);
  const request: Request = { method, path: '', query: [], headers: [], body: Buffer.alloc(0) };
  request.path = pathOf(random, subject, route, sound, request);
  particulars[route.run]?.({ random, subject, request, sound });
  while (!sound()) request.query.push(hostileParameter(random, subject));
  const { host } = subject;
  request.headers.push([
    'Host',
    sound()
      ? host
      : random.pick(['elsewhere', '', 'a"b', '[::1]', `${host}.`, '..', 'x'.repeat(300)]),
  ]);
  const authorization = sound() ? soundAuthorization(random, subject) : undefined;
  if (authorization !== undefined) request.headers.push(['Authorization', authorization]);
  while (!sound()) request.headers.push(hostileHeaders(random, subject));
  return request;
}

function pathOf(
  random: Random,
  subject: Subject,
  { path }: Route,
  sound: () => boolean,
  request: Request,
): string {
  const filled = path.replace(/\{(\w+)\}/g, (_, parameter: string) => {
    if (parameter === 'name') return nameOf(random, subject, request, sound());
    if (parameter === 'digest') return values.digest(random, subject, sound());
    if (parameter === 'reference') return values.reference(random, subject, sound());
    if (parameter === 'project') return sound() ? random.pick(administered) : hostileText(random);
    if (parameter !== 'session') return sound() ? random.pick(called) : hostileText(random);
    const { id, state } = values.session(random, subject, sound());
    request.query.push(['_state', state]);
    return id;
  });
  // A session is its repository's: with another name the two do not fit, which is tried as well.
  const own = request.query.length > 0 && sound() ? ownAddress(subject, request) : undefined;
  if (own !== undefined) return own;
  return sound() ? filled : values.nearly(random, filled);
}

/** Projects that only the admin API knows, so that what is decided there decides about nothing else. */
const administered = ['administered', 'example.com:administered', 'Not-One'];
/** What robots, secrets and rules are called. */
const called = ['ci', 'main', 'a.b-c'];

/** Reading goes everywhere; what is deleted is deleted in one place, so that there is something to the end. */
function nameOf(random: Random, subject: Subject, { method }: Request, sound: boolean): string {
  if (sound && method === 'DELETE') return subject.names[0] ?? '';
  const reads = method === 'GET' || method === 'HEAD';
  if (sound && reads && random.chance(0.4)) return random.pick(subject.foreignNames);
  return values.name(random, subject, sound);
}

function ownAddress({ sessions }: Subject, { query }: Request): string | undefined {
  const [[, state] = ['', '']] = query;
  return sessions.find((address) => address.endsWith(`_state=${state}`))?.split('?', 1)[0];
}

interface Particular {
  readonly random: Random;
  readonly subject: Subject;
  readonly request: Request;
  readonly sound: () => boolean;
}

/** What a route takes beside its path, by what answers it. */
const particulars: Partial<Record<string, (particular: Particular) => void>> = {
  'token/issue': ({ random, subject, request, sound }) => {
    const form: [string, string][] = Array.from({ length: random.below(4) }, () => [
      'scope',
      values.scope(random, subject, sound()),
    ]);
    form.push(['service', subject.host], ['account', random.pick(['a', '%00', '"'])]);
    if (request.method !== 'POST') {
      request.query.push(...form);
      return;
    }
    const [username = '', password = ''] = random.pick(subject.credentials).split(':');
    form.push(
      ['grant_type', sound() ? 'password' : random.pick(['refresh_token', '', 'x'])],
      ['username', username],
      ['password', sound() ? password : 'wrong'],
    );
    request.headers.push([
      'Content-Type',
      sound() ? 'application/x-www-form-urlencoded' : 'text/plain',
    ]);
    if (random.chance(0.05)) form.push(['x', 'x'.repeat(70_000)]);
    request.body = Buffer.from(new URLSearchParams(form).toString());
  },
  'discovery/catalog': page,
  'discovery/tags': page,
  'discovery/referrers': ({ random, request }) => {
    if (random.chance(0.5))
      request.query.push([
        'artifactType',
        random.pick(['application/vnd.example+type', '', 'x', '%00']),
      ]);
  },
  'manifests/put': ({ random, subject, request, sound }) => {
    const { bytes, mediaType } = manifest(random, subject, sound() ? 0 : 1 + random.below(3));
    request.body = bytes;
    if (random.chance(0.9)) request.headers.push(['Content-Type', mediaType]);
    const at = request.path.lastIndexOf('/') + 1;
    if (sound() && request.path.includes(':'))
      request.path = request.path.slice(0, at) + digestOf(bytes);
    for (let tags = random.pick([0, 0, 0, 1, 3, 101]); tags > 0; tags -= 1) {
      request.query.push(['tag', sound() ? values.tag(random) : hostileText(random)]);
    }
  },
  'manifests/get': conditional,
  'blobs/get': (particular) => {
    const { random, request } = particular;
    conditional(particular);
    if (random.chance(0.6))
      request.headers.push([
        'Range',
        random.chance(0.6) ? values.range(random) : values.hostileRange(random),
      ]);
  },
  'uploads/start': ({ random, subject, request, sound }) => {
    const bytes = random.bytes(random.pick([0, 1, 100, 5000]));
    const kind = random.below(4);
    if (kind === 0) request.query.push(['mount', values.digest(random, subject, sound())]);
    if (kind === 0 && random.chance(0.7))
      request.query.push(['from', values.name(random, subject, sound())]);
    if (kind === 1)
      request.query.push(['digest-algorithm', sound() ? 'sha512' : hostileText(random)]);
    if (kind !== 2) return;
    request.query.push([
      'digest',
      sound()
        ? digestOf(bytes, random.pick(['sha256', 'sha512']))
        : values.digest(random, subject, false),
    ]);
    request.body = bytes;
  },
  'admin/list-projects': page,
  'admin/list-audit': page,
  'admin/put-policy': (particular) => {
    const { random, sound } = particular;
    const role = sound() ? 'reader' : hostileText(random);
    const member = sound() ? 'user:ann@example.com' : hostileText(random);
    const prefix = sound() ? 'administered/app' : hostileText(random);
    json(particular, { bindings: [{ role, members: [member], prefix }], writersDelete: sound() });
  },
  'admin/create-robot': robot,
  'admin/change-robot': robot,
  'admin/create-secret': (particular) =>
    json(particular, { expiresAt: time(particular.random, particular.sound()) }),
  'admin/create-rule': rule,
  'admin/change-rule': rule,
  'admin/delete-rule': precondition,
  'uploads/append': chunk,
  'uploads/finish': (particular) => {
    const { random, subject, request, sound } = particular;
    chunk(particular);
    request.query.push([
      'digest',
      sound() ? digestOf(request.body) : values.digest(random, subject, sound()),
    ]);
  },
};

function page({ random, request }: Particular): void {
  if (random.chance(0.6))
    request.query.push(['n', random.chance(0.6) ? String(random.below(20)) : hostileText(random)]);
  if (random.chance(0.3))
    request.query.push(['last', random.pick(['a', '%00', hostileText(random)])]);
}

function robot(particular: Particular): void {
  const { random, sound } = particular;
  json(particular, {
    ...(random.chance(0.5) ? { name: sound() ? random.pick(called) : hostileText(random) } : {}),
    ...(random.chance(0.7) ? { role: sound() ? 'writer' : hostileText(random) } : {}),
    ...(random.chance(0.5) ? { prefix: sound() ? null : hostileText(random) } : {}),
    ...(random.chance(0.5) ? { expiresAt: time(random, sound()) } : {}),
  });
}

function rule(particular: Particular): void {
  const { random, sound } = particular;
  const issuer = 'https://token.actions.githubusercontent.com';
  json(particular, {
    ...(random.chance(0.7) ? { id: sound() ? random.pick(called) : hostileText(random) } : {}),
    issuer: sound() ? issuer : hostileText(random),
    claims: {
      [sound() ? 'repository' : hostileText(random)]: sound() ? 'a/b' : hostileText(random),
    },
    ...(random.chance(0.5) ? { role: sound() ? 'reader' : hostileText(random) } : {}),
  });
}

function time(random: Random, sound: boolean): string {
  return sound ? '2099-01-01T00:00:00Z' : hostileText(random);
}

/** A body of JSON, or nearly. */
function json(particular: Particular, body: object): void {
  const { random, request, sound } = particular;
  precondition(particular);
  const text = JSON.stringify(body);
  request.body = Buffer.from(sound() ? text : values.nearly(random, text));
  request.headers.push(['Content-Type', sound() ? 'application/json' : 'text/plain']);
}

function precondition({ random, request, sound }: Particular): void {
  if (random.chance(0.6)) {
    request.headers.push(['If-Match', sound() ? '*' : random.pick(['"0"', 'W/"0"', ',', '"'])]);
  }
}

function chunk({ random, request, sound }: Particular): void {
  request.body = random.bytes(random.pick([0, 1, 10, 3000]));
  if (random.chance(0.05)) request.headers.push(['Content-Encoding', 'gzip']);
  if (random.chance(0.5)) return;
  const start = sound() ? 0 : random.below(20_000);
  const end = start + request.body.length - (sound() ? 1 : random.below(3));
  request.headers.push([
    'Content-Range',
    sound() ? `${start}-${end}` : values.hostileRange(random),
  ]);
}

function conditional({ random, subject, request }: Particular): void {
  const validators = [
    `"${random.pick([...subject.blobs, ...subject.manifests]).digest}"`,
    '*',
    '"x"',
    'W/"x", "y"',
    ',',
  ];
  if (random.chance(0.2)) request.headers.push(['If-None-Match', random.pick(validators)]);
  if (random.chance(0.1)) request.headers.push(['If-Range', random.pick(validators)]);
}

const parameterNames = [
  ...[
    'n',
    'last',
    'mount',
    'from',
    'origin',
    'digest',
    'digest-algorithm',
    'tag',
    'artifactType',
    '_state',
  ],
  ...[
    'service',
    'scope',
    'account',
    'offline_token',
    '__proto__',
    'constructor',
    '',
    'n%00',
    'a[b]',
  ],
];

function hostileParameter(random: Random, subject: Subject): [string, string] {
  const value = random.pick([
    () => hostileText(random),
    () => values.digest(random, subject, random.chance(0.5)),
    () => values.name(random, subject, random.chance(0.5)),
    () => values.scope(random, subject, false),
    () => values.session(random, subject, false).state,
  ])();
  return [random.pick(parameterNames), value];
}
