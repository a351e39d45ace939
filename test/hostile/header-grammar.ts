// Headers: who asks, in every form there is, and what else a request may say.

import type { Random } from './random.ts';
import { hostileText, nearly, type Subject } from './values.ts';

/** Credentials that are good for something; none at all for one who reads what is public. */
export function soundAuthorization(random: Random, subject: Subject): string | undefined {
  if (random.chance(0.05)) return undefined;
  return random.chance(0.5)
    ? `Bearer ${firstOrAny(random, subject.tokens)}`
    : basic(firstOrAny(random, subject.credentials));
}

/** Mostly the first, which may do the most: else most would be refused before anything is looked at. */
function firstOrAny(random: Random, list: readonly string[]): string {
  return random.chance(0.7) ? (list[0] ?? '') : random.pick(list);
}

export function basic(credentials: string): string {
  return `Basic ${Buffer.from(credentials).toString('base64')}`;
}

export function hostileAuthorization(random: Random, subject: Subject): string {
  const token = random.pick(subject.tokens);
  const [head = '', claims = '', signature = ''] = token.split('.');
  const credentials = random.pick(subject.credentials);
  const [username = ''] = credentials.split(':');
  return random.pick([
    () => `Bearer ${nearly(random, token)}`,
    () => `Bearer ${reheaded(random, head)}.${claims}.${signature}`,
    () => `Bearer ${reheaded(random, head)}.${claims}.`,
    () => `Bearer ${head}.${reclaimed(random, claims)}.${signature}`,
    () =>
      `Bearer ${head}.${claims}.${random.pick(['', 'AA', Buffer.alloc(64).toString('base64url')])}`,
    () => `Bearer ${token}.${signature}`,
    () => `bearer   ${token}`,
    () => `Bearer ${token}, Bearer ${token}`,
    () => `Bearer ${hostileText(random)}`,
    () => basic(nearly(random, credentials)),
    () => basic(`${username}:${random.pick(['', ':', 'wrong', '\0', 'é', 'x'.repeat(10_000)])}`),
    () =>
      basic(
        `${random.pick(['admin', 'admin\0', '@', 'owner@', '@fuzz', 'a@b@c', 'owner@fuzz/..', '\ud800@x', `a@${'x'.repeat(2000)}`])}:password`,
      ),
    () => basic(''),
    () => `Basic ${random.pick(['', '=', '====', 'YQ', '%%%', 'x'.repeat(9000)])}`,
    () => random.pick(['', 'Bearer', 'Basic', 'Digest username="a"', 'Negotiate x', token, 'null']),
  ])();
}

/** The claims of another's, under the signature of this. */
function reclaimed(random: Random, claims: string): string {
  const read = JSON.parse(Buffer.from(claims, 'base64url').toString());
  const everything = [
    { type: 'repository', name: 'kept/image', actions: ['pull', 'push', 'delete'] },
  ];
  const changed = random.pick<object>([
    { ...read, access: everything },
    { ...read, sub: 'user:admin' },
    { ...read, exp: 2 ** 40 },
    { ...read, access: 'all' },
    { ...read, access: [{ __proto__: null, name: 1 }] },
    { exp: read.exp },
    [],
  ]);
  return Buffer.from(JSON.stringify(changed)).toString('base64url');
}

function reheaded(random: Random, head: string): string {
  const read = JSON.parse(Buffer.from(head, 'base64url').toString());
  const changed = random.pick<object>([
    { ...read, alg: 'none' },
    { ...read, alg: 'HS256' },
    { ...read, alg: 'ES512' },
    { ...read, kid: random.pick(['', '../..', '__proto__', 'x'.repeat(1000)]) },
    { ...read, crit: ['exp'] },
    { ...read, jwk: {}, jku: 'http://127.0.0.1:1/', x5u: 'http://127.0.0.1:1/' },
    { ...read, b64: false, crit: ['b64'] },
    { ...read, zip: 'DEF' },
    {},
  ]);
  return Buffer.from(JSON.stringify(changed)).toString('base64url');
}

const fixed: readonly (readonly [string, readonly string[]])[] = [
  [
    'Content-Type',
    [
      '',
      ';',
      'x',
      'text/html',
      'application/json; charset=utf-8',
      `${'x'.repeat(4000)}/y`,
      'a/b/c',
      '__proto__',
    ],
  ],
  ['Content-Encoding', ['gzip', 'identity', 'br, gzip', '']],
  [
    'Accept',
    ['', '*/*', 'x', 'application/vnd.oci.image.manifest.v1+json;q=0', `${'a/b,'.repeat(2000)}`],
  ],
  ['Accept-Encoding', ['gzip', 'identity;q=0', '*']],
  ['Expect', ['100-continue', 'x', '', '200-ok']],
  ['Connection', ['close', 'keep-alive', 'Upgrade', 'x', 'close, keep-alive', 'Content-Length']],
  ['Upgrade', ['h2c', 'websocket', 'TLS/1.0']],
  ['HTTP2-Settings', ['AAMAAABkAARAAAAAAAIAAAAA']],
  ['X-Forwarded-Proto', ['https', 'javascript', 'https, http', '"']],
  ['X-Forwarded-For', ['127.0.0.1', '::1, x', '"']],
  ['X-Forwarded-Host', ['elsewhere', '"><script>', 'localhost']],
  ['Forwarded', ['host=elsewhere;proto=https', ';;;']],
  ['X-HTTP-Method-Override', ['DELETE', 'PUT']],
  ['X-Original-URL', ['/v2/kept/image/tags/list']],
  ['X-Request-Id', ['mine', 'x'.repeat(5000)]],
  ['Date', ['x', 'Thu, 01 Jan 1970 00:00:00 GMT']],
  ['Cookie', ['a=b', ';'.repeat(3000)]],
  ['Trailer', ['Content-Length', 'x']],
  ['TE', ['trailers', 'gzip']],
  ['Range', ['bytes=0-0', 'bytes=0-,-1', 'bytes=9-1', 'none']],
  ['If-Match', ['*', '"x"', 'W/"x", "y"', '"', '*, "x"', `"x",${','.repeat(3000)}"y"`, '"a,"b"']],
  ['If-None-Match', ['*', '"x"', 'W/"x"', 'x', '', ' , "x" , ', '"x""y"']],
  ['If-Modified-Since', ['Thu, 01 Jan 1970 00:00:00 GMT', 'x']],
  ['If-Unmodified-Since', ['Thu, 01 Jan 1970 00:00:00 GMT']],
  ['__proto__', ['x']],
  ['constructor', ['x']],
  ['Docker-Upload-UUID', ['../..']],
  ['OCI-Chunk-Min-Length', ['-1']],
];

/** One header, of those that proxies, browsers and attackers send. */
export function hostileHeaders(random: Random, subject: Subject): [string, string] {
  const kind = random.below(8);
  if (kind < 3) return ['Authorization', hostileAuthorization(random, subject)];
  if (kind === 3) return ['Host', random.pick([subject.host, 'elsewhere'])];
  // What would leave the end of the body open: such a request is bytes that may be anything.
  if (kind === 4 && random.chance(0.3)) {
    return random.pick<[string, string]>([
      ['Content-Length', random.pick(['0', '5', '-1', '0x5', '99999999999999999999', '5, 6', ''])],
      ['Transfer-Encoding', random.pick(['chunked', 'identity', 'gzip, chunked', 'xchunked', ''])],
    ]);
  }
  if (kind === 5 && random.chance(0.1))
    return ['X-Many', 'x'.repeat(random.pick([10_000, 60_000, 70_000]))];
  const [name, choices] = random.pick(fixed);
  return [name, random.pick(choices)];
}
