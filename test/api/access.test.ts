// Who may do what: tokens, challenges, robots, anonymous pull, and what one repository shows of another.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { generateKeyPair, SignJWT } from 'jose';
import { createRobot, deleteRobot } from '#shared/auth/robots.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { itWhereClocksMove } from '#test/support/backend.ts';
import {
  type Answer,
  answered,
  type Call,
  type Expectation,
  missBlob,
  pullBlob,
  pullManifest,
  pushAll,
  pushBlob,
  pushManifest,
  type Row,
  sendAll,
  testCalls,
  useRegistry,
} from '#test/support/calls.ts';
import { imageManifest, randomBlob } from '#test/support/manifests.ts';
import { adminBasic, adminPassword, type TestRegistry } from '#test/support/registry.ts';

const [image, layer] = [imageManifest(), randomBlob()];
const name = 'team/app';
const at = (path: string) => `/v2/${name}/${path}`;

const basic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/** Makes a robot. @returns its Authorization header */
async function newRobot(
  { services }: TestRegistry,
  options: Parameters<typeof createRobot>[1],
): Promise<string> {
  const { username, secret } = await createRobot(services, options);
  return basic(username, secret.secret);
}

/** The words that stand for Authorization headers: the admin's, and those of robots. */
const words = new Map<string, string>([['admin', adminBasic]]);
const team = { project: 'team' };
const registry = useRegistry({}, async (started) => {
  const robots = {
    owner: { ...team, name: 'owner', role: 'owner' },
    writer: { ...team, name: 'writer', role: 'writer' },
    reader: { ...team, name: 'reader', role: 'reader' },
    prefixed: { ...team, name: 'prefixed', role: 'owner', prefix: 'team/app/web' },
    dotted: { project: 'example.com/team', name: 'ci', role: 'owner' },
  } as const;
  for (const [word, robot] of Object.entries(robots)) {
    words.set(word, await newRobot(started, robot));
  }
  await sendAll(started.url, [...pushAll(name, image, 'v1'), pushBlob(name, layer)]);
});

const row = (description: string, calls: Call[]): Row => ({ description, calls });
const table = (title: string, rows: Row[]) => testCalls(title, registry, rows, () => words);

/** The same call, by somebody else. */
const as = (authorization: string | null, call: Call): Call => ({ ...call, authorization });

const pull = pullManifest(name, image, 'v1');
const push = pushManifest(name, image, 'v1');
const remove: Call = { method: 'DELETE', path: at('manifests/gone'), expect: { status: 404 } };
const ping: Call = { method: 'GET', path: '/v2/', expect: { status: 200, json: {} } };
const catalog: Call = { method: 'GET', path: '/v2/_catalog', expect: { status: 200 } };

const denied: Expectation = {
  status: 403,
  code: 'DENIED',
  headers: { 'WWW-Authenticate': undefined },
};

/** 401, and how to do better. */
function challenge(scope?: string, error?: string): Expectation {
  const parts = [
    'realm="http://{host}/v2/token"',
    'service="{host}"',
    ...(scope === undefined ? [] : [`scope="${scope}"`]),
    ...(error === undefined ? [] : [`error="${error}"`]),
  ];
  return {
    status: 401,
    code: 'UNAUTHORIZED',
    headers: { 'WWW-Authenticate': `Bearer ${parts.join(',')}` },
  };
}

interface Claims {
  readonly access: { readonly type: string; readonly name: string; readonly actions: string[] }[];
}

const tokenOf = ({ body }: Answer): string => JSON.parse(String(body)).token;
const claimsOf = (token: string): Claims =>
  JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString());

/** Asks for a token, which later calls carry as `Bearer {token}`. @param granted what it must say */
function getToken(
  authorization: string | null,
  scopes: readonly string[],
  granted?: readonly string[],
): Call {
  const query = scopes.map((scope) => `&scope=${encodeURIComponent(scope)}`).join('');
  return {
    method: 'GET',
    path: `/v2/token?service={host}${query}`,
    authorization,
    expect: {
      status: 200,
      also: (answer) => {
        if (granted === undefined) return;
        const { access } = claimsOf(tokenOf(answer));
        assert.deepEqual(
          access.map(({ type, name, actions }) => `${type}:${name}:${actions.join(',')}`),
          granted,
        );
      },
    },
    keep: { token: tokenOf },
  };
}
const bearer = 'Bearer {token}';

describe('nothing is carried', () => {
  table('the challenge', [
    {
      description: 'a ping is 401, with the challenge and nothing more in it',
      ...as(null, answered(ping, challenge())),
    },
    {
      description: 'the challenge names the host that was asked',
      ...as(
        null,
        answered(ping, {
          status: 401,
          headers: {
            'WWW-Authenticate':
              'Bearer realm="http://registry.example.com/v2/token",service="registry.example.com"',
          },
        }),
      ),
      headers: { Host: 'registry.example.com' },
    },
    {
      description: 'the realm is HTTPS where the client came by HTTPS',
      ...as(
        null,
        answered(ping, {
          status: 401,
          headers: { 'WWW-Authenticate': /^Bearer realm="https:\/\/[^"]+\/v2\/token",service="/ },
        }),
      ),
      headers: { 'X-Forwarded-Proto': 'https' },
    },
    ...(
      [
        ['GET', 'manifests/v1', 'pull'],
        ['HEAD', 'manifests/v1', 'pull'],
        ['PUT', 'manifests/v1', 'pull,push'],
        ['DELETE', 'manifests/v1', 'delete'],
        ['GET', `blobs/${layer.digest}`, 'pull'],
        ['HEAD', `blobs/${layer.digest}`, 'pull'],
        ['DELETE', `blobs/${layer.digest}`, 'delete'],
        ['POST', 'blobs/uploads/', 'pull,push'],
        ['GET', 'blobs/uploads/x?_state=y', 'pull,push'],
        ['PATCH', 'blobs/uploads/x?_state=y', 'pull,push'],
        ['PUT', 'blobs/uploads/x?_state=y', 'pull,push'],
        ['DELETE', 'blobs/uploads/x?_state=y', 'pull,push'],
        ['GET', 'tags/list', 'pull'],
        ['GET', `referrers/${image.digest}`, 'pull'],
      ] as const
    ).map(
      ([method, path, actions]): Row => ({
        description: `${method} ${path.slice(0, 24)} is 401, with the scope it needs`,
        ...as(null, { method, path: at(path), expect: challenge(`repository:${name}:${actions}`) }),
      }),
    ),
    {
      description: 'the catalog is 401, with its scope',
      ...as(null, answered(catalog, challenge('registry:catalog:*'))),
    },
    {
      description: 'what is there and what is not look the same',
      ...as(null, {
        method: 'GET',
        path: '/v2/never/was/manifests/latest',
        expect: challenge('repository:never/was:pull'),
      }),
    },
  ]);
});

const formType = { 'Content-Type': 'application/x-www-form-urlencoded' };
const form = (fields: Record<string, string>) => new URLSearchParams(fields).toString();
const adminForm = { grant_type: 'password', username: 'admin', password: adminPassword };
const pullScope = `repository:${name}:pull`;

function postToken(body: string | Uint8Array[], headers: Record<string, string> = formType): Call {
  return {
    method: 'POST',
    path: '/v2/token',
    authorization: null,
    headers,
    body,
    expect: { status: 200 },
    keep: { token: tokenOf },
  };
}

table('the token endpoint', [
  row('answers Basic with a token, under both of its names', [
    {
      ...getToken('{admin}', [pullScope]),
      expect: {
        status: 200,
        headers: { 'Content-Type': 'application/json', 'Cache-Control': 'no-store' },
        also: ({ body }) => {
          const answer = JSON.parse(String(body));
          assert.ok(answer.token.length > 100);
          assert.equal(answer.access_token, answer.token);
          assert.equal(answer.expires_in, 900);
          assert.match(answer.issued_at, /^2026-11-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z$/);
        },
      },
    },
    as(bearer, ping),
    as(bearer, pull),
  ]),
  row('grants repeated scopes', [
    getToken(
      '{admin}',
      [`repository:${name}:pull,push`, 'repository:other/app:pull'],
      // Push brings delete with it: crane and gcrane ask for no more.
      [`repository:${name}:pull,push,delete`, 'repository:other/app:pull'],
    ),
    as(bearer, push),
    as(bearer, { ...pullManifest('other/app', image, 'v1'), expect: { status: 404 } }),
  ]),
  row('grants scopes that are joined by spaces, as containerd asks', [
    getToken(
      '{admin}',
      [`repository:${name}:pull,push repository:other/app:pull`],
      [`repository:${name}:pull,push,delete`, 'repository:other/app:pull'],
    ),
    as(bearer, push),
  ]),
  row('grants all there is for *', [
    getToken('{admin}', [`repository:${name}:*`], [`repository:${name}:pull,push,delete`]),
    as(bearer, pull),
    as(bearer, push),
    as(bearer, remove),
  ]),
  row('grants * as far as the caller may go', [
    getToken('{writer}', [`repository:${name}:*`], [`repository:${name}:pull,push`]),
    as(bearer, push),
    as(bearer, answered(remove, denied)),
  ]),
  row('refuses nothing of a *: what it did not grant was never asked for', [
    getToken('{reader}', [`repository:${name}:*`], [pullScope]),
    as(bearer, pull),
    as(bearer, answered(push, challenge(`repository:${name}:pull,push`, 'insufficient_scope'))),
  ]),
  row('refuses a * of which it grants nothing', [
    getToken('{dotted}', [`repository:${name}:*`], []),
    as(bearer, answered(pull, denied)),
    as(bearer, answered(push, denied)),
  ]),
  row('gives a token without scopes to whoever logs in, good for a ping', [
    getToken('{reader}', [], []),
    as(bearer, ping),
    as(bearer, answered(pull, challenge(pullScope, 'insufficient_scope'))),
  ]),
  row('gives a token to nobody in particular, which opens nothing that is not public', [
    getToken(null, [pullScope], []),
    as(bearer, ping),
    as(bearer, answered(pull, denied)),
  ]),
  row('leaves out what is no scope, of no type it knows, or of no name', [
    getToken(
      '{admin}',
      [
        '',
        'repository',
        'repository:pull',
        'plugin:x:pull',
        'repository:Not/A/Name:pull',
        pullScope,
      ],
      [pullScope],
    ),
    as(bearer, pull),
  ]),
  row('refuses more than 100 scopes', [
    {
      ...answered(
        getToken(
          '{admin}',
          Array.from({ length: 101 }, (_, one) => `repository:a/${one}:pull`),
        ),
        { status: 400 },
      ),
    },
  ]),
  row('takes a form with the grant password', [
    postToken(form({ ...adminForm, service: 'x', client_id: 'docker', scope: pullScope })),
    as(bearer, pull),
    as(bearer, answered(push, challenge(`repository:${name}:pull,push`, 'insufficient_scope'))),
  ]),
  row('takes a form that is sent chunked', [
    postToken(
      form({ ...adminForm, scope: `repository:${name}:pull,push` })
        .match(/.{1,16}/g)
        ?.map((piece) => Buffer.from(piece)) ?? [],
    ),
    as(bearer, push),
  ]),
  row('takes repeated and joined scopes in a form too', [
    postToken(
      `${form({ ...adminForm, scope: `${pullScope} repository:other/app:push` })}&${form({ scope: `repository:${name}:push` })}`,
    ),
    as(bearer, push),
    as(bearer, pull),
  ]),
  row('refuses a form with another grant, with no password, or that is none', [
    answered(postToken(form({ ...adminForm, grant_type: 'magic' })), { status: 400 }),
    answered(postToken(form({ grant_type: 'password', username: 'admin' })), { status: 400 }),
    answered(postToken(''), { status: 400 }),
    answered(postToken(JSON.stringify(adminForm), { 'Content-Type': 'application/json' }), {
      status: 400,
    }),
  ]),
  row('wants credentials, not a token', [
    getToken('{admin}', [pullScope]),
    answered(getToken(bearer, [pullScope]), { status: 401 }),
  ]),
]);

const wrong = [
  ['a wrong password', basic('admin', 'wrong')],
  ['no password', basic('admin', '')],
  ['a user who does not exist', basic('nobody', adminPassword)],
  ['a robot that does not exist', basic('nobody@team', 'secret')],
  ["a robot's name with a wrong secret", basic('owner@team', 'secret')],
  ['credentials without a colon', `Basic ${Buffer.from('admin').toString('base64')}`],
  ['what is not base64', 'Basic ###'],
  ['another scheme', 'Digest username="admin"'],
] as const;
table('wrong credentials are 401, wherever they are sent', [
  ...wrong.map(([what, authorization]) =>
    row(what, [
      as(authorization, answered(ping, challenge())),
      as(authorization, answered(pull, challenge(pullScope))),
      answered(getToken(authorization, [pullScope]), { status: 401, code: 'UNAUTHORIZED' }),
    ]),
  ),
  row('in a form', [
    answered(postToken(form({ ...adminForm, password: 'wrong' })), {
      status: 401,
      code: 'UNAUTHORIZED',
    }),
    answered(postToken(form({ ...adminForm, username: 'nobody' })), {
      status: 401,
      code: 'UNAUTHORIZED',
    }),
  ]),
]);

table('a token opens what was granted, and nothing else', [
  row('what was asked for and refused is 403 DENIED; the rest of it is granted', [
    getToken('{reader}', [`repository:${name}:pull,push,delete`], [pullScope]),
    as(bearer, pull),
    as(bearer, answered(push, denied)),
    as(bearer, answered(remove, denied)),
  ]),
  row('one refused scope among granted ones is 403, and they are good', [
    getToken('{owner}', [pullScope, 'repository:other/app:pull'], [pullScope]),
    as(bearer, pull),
    as(bearer, { method: 'GET', path: '/v2/other/app/tags/list', expect: denied }),
  ]),
  row('what was never asked for is 401 insufficient_scope, also for the admin', [
    getToken('{admin}', [pullScope]),
    as(bearer, pull),
    as(bearer, answered(push, challenge(`repository:${name}:pull,push`, 'insufficient_scope'))),
    as(bearer, answered(remove, challenge(`repository:${name}:delete`, 'insufficient_scope'))),
    as(bearer, answered(catalog, challenge('registry:catalog:*', 'insufficient_scope'))),
    as(bearer, {
      method: 'GET',
      path: `/v2/${name}x/tags/list`,
      expect: challenge(`repository:${name}x:pull`, 'insufficient_scope'),
    }),
  ]),
  row('push alone does not pull', [
    getToken('{admin}', [`repository:${name}:push`]),
    as(bearer, push),
    as(bearer, answered(pull, challenge(pullScope, 'insufficient_scope'))),
  ]),
  row('push lets the admin and an owner delete, as crane asks only for that', [
    getToken('{admin}', [`repository:${name}:pull,push`]),
    as(bearer, remove),
    getToken('{owner}', [`repository:${name}:pull,push`]),
    as(bearer, remove),
    as(bearer, {
      method: 'DELETE',
      path: at(`blobs/${randomBlob().digest}`),
      expect: { status: 404, code: 'BLOB_UNKNOWN' },
    }),
  ]),
  row('push does not let a writer delete', [
    getToken('{writer}', [`repository:${name}:pull,push`]),
    as(bearer, push),
    as(bearer, answered(remove, denied)),
    as(bearer, { method: 'DELETE', path: at(`blobs/${layer.digest}`), expect: denied }),
    pullBlob(name, layer),
  ]),
  row('pull does not let an owner delete', [
    getToken('{owner}', [pullScope]),
    as(bearer, answered(remove, challenge(`repository:${name}:delete`, 'insufficient_scope'))),
  ]),
  row('push of one repository does not delete in another', [
    getToken('{owner}', ['repository:team/other:pull,push']),
    as(bearer, answered(remove, challenge(`repository:${name}:delete`, 'insufficient_scope'))),
  ]),
  row('delete, asked for by who may, deletes and does not push', [
    getToken('{owner}', [`repository:${name}:delete`]),
    as(bearer, remove),
    as(bearer, answered(push, challenge(`repository:${name}:pull,push`, 'insufficient_scope'))),
  ]),
]);

/** A part of a token, in another's place. */
const encode = (json: unknown) => Buffer.from(JSON.stringify(json)).toString('base64url');
const forgeries: [string, (token: string) => string][] = [
  [
    'its claims changed',
    (token) => {
      const [head, , signature] = token.split('.');
      const claims = { ...claimsOf(token), sub: 'user:admin', access: everything };
      return [head, encode(claims), signature].join('.');
    },
  ],
  [
    'alg none, and no signature',
    (token) => `${encode({ alg: 'none', typ: 'JWT', kid: 'test' })}.${token.split('.')[1]}.`,
  ],
  [
    'alg none, and its old signature',
    (token) => [encode({ alg: 'none', kid: 'test' }), ...token.split('.').slice(1)].join('.'),
  ],
  [
    'alg HS256',
    (token) => [encode({ alg: 'HS256', kid: 'test' }), ...token.split('.').slice(1)].join('.'),
  ],
  [
    'a key that does not exist',
    (token) => [encode({ alg: 'ES256', kid: 'other' }), ...token.split('.').slice(1)].join('.'),
  ],
  ['its signature cut off', (token) => token.split('.').slice(0, 2).join('.')],
  ['its signature shortened', (token) => token.slice(0, -4)],
  ['a letter of its claims changed', (token) => token.replace(/\.(..)./, (_, two) => `.${two}~`)],
  ['garbage', () => 'garbage'],
  ['three dots', () => '...'],
  ['very long garbage', () => 'A'.repeat(8000)],
];
const everything = [{ type: 'repository', name, actions: ['pull', 'push', 'delete'] }];

table('a token that is not one of ours is 401 invalid_token', [
  ...forgeries.map(([what, forge]) =>
    row(what, [
      {
        ...getToken('{reader}', [`repository:${name}:pull`]),
        keep: { good: tokenOf, forged: (answer) => forge(tokenOf(answer)) },
      },
      as('Bearer {good}', pull),
      as('Bearer {forged}', answered(pull, challenge(pullScope, 'invalid_token'))),
      as('Bearer {forged}', answered(ping, challenge(undefined, 'invalid_token'))),
      as(
        'Bearer {forged}',
        answered(push, challenge(`repository:${name}:pull,push`, 'invalid_token')),
      ),
    ]),
  ),
  row('one for another host', [
    {
      ...getToken('{admin}', [pullScope]),
      headers: { Host: 'registry.example.com' },
    },
    as(bearer, answered(pull, challenge(pullScope, 'invalid_token'))),
    { ...as(bearer, pull), headers: { Host: 'registry.example.com' } },
    // Verified there a moment ago, it is still not one for here.
    as(bearer, answered(pull, challenge(pullScope, 'invalid_token'))),
  ]),
]);

describe('a token and a robot in time', () => {
  it('a token that anyone signed with a key of their own is 401', async () => {
    const { privateKey } = await generateKeyPair('ES256');
    const { clock, url } = registry();
    const now = Math.floor(clock.now() / 1000);
    const signed = await new SignJWT({ access: everything, refused: [] })
      .setProtectedHeader({ alg: 'ES256', typ: 'JWT', kid: 'test' })
      .setIssuer('berth')
      .setSubject('user:admin')
      .setAudience(new URL(url).host)
      .setIssuedAt(now)
      .setNotBefore(now)
      .setExpirationTime(now + 900)
      .sign(privateKey);
    await sendAll(url, [
      as(`Bearer ${signed}`, answered(pull, challenge(pullScope, 'invalid_token'))),
    ]);
  });

  itWhereClocksMove(
    'a token is good until it expires, 15 minutes after it was issued',
    async () => {
      const { clock, url } = registry();
      const kept = await sendAll(url, [getToken('{admin}', [pullScope]), as(bearer, pull)], words);
      clock.advance(14 * 60 * 1000);
      await sendAll(url, [as(bearer, pull)], kept);
      clock.advance(60 * 1000 + 1000);
      await sendAll(url, [as(bearer, answered(pull, challenge(pullScope, 'invalid_token')))], kept);
    },
  );

  itWhereClocksMove(
    'a robot is good until it expires, and its token deletes nothing after that',
    async () => {
      const { clock, url } = registry();
      const expiresAt = clock.now() + 60_000;
      const temporary = await newRobot(registry(), {
        project: 'team',
        name: 'temporary',
        role: 'owner',
        expiresAt,
      });
      const [scope, granted] = [
        `repository:${name}:pull,push`,
        `repository:${name}:pull,push,delete`,
      ];
      const kept = await sendAll(url, [
        as(temporary, ping),
        as(temporary, pull),
        getToken(temporary, [scope], [granted]),
        as(bearer, remove),
      ]);
      clock.advance(60_000);
      await sendAll(
        url,
        [
          as(temporary, answered(ping, challenge())),
          as(temporary, answered(pull, challenge(pullScope))),
          answered(getToken(temporary, [pullScope]), { status: 401, code: 'UNAUTHORIZED' }),
          as(bearer, answered(remove, challenge(`repository:${name}:delete`, 'invalid_token'))),
        ],
        kept,
      );
    },
  );

  it('a token that no client could send is not made: fewer scopes are to be asked for', async () => {
    const robot = { project: 'team', name: 'greedy', role: 'reader' } as const;
    const { username, secret } = await createRobot(registry().services, robot);
    const ask = (count: number): Call => {
      const scopes = Array.from(
        { length: count },
        (_, one) => `repository:team/${`${one}`.padStart(250, 'x')}:pull,push,delete`,
      );
      const fields = { grant_type: 'password', username, password: secret.secret };
      return postToken(form({ ...fields, scope: scopes.join(' ') }));
    };
    const tooLong: Expectation = { status: 400, code: 'DENIED', message: /fewer scopes/ };
    await sendAll(registry().url, [ask(50), as(bearer, ping), answered(ask(100), tooLong)]);
  });

  it('a robot that is made anew has a new secret, and the old one is 401', async () => {
    const robot = { project: 'team', name: 'renewed', role: 'reader' } as const;
    const before = await newRobot(registry(), robot);
    await deleteRobot(registry().services, { ...robot, author: { by: 'user:admin' } });
    const after = await newRobot(registry(), robot);
    await sendAll(registry().url, [
      as(after, pull),
      as(before, answered(pull, challenge(pullScope))),
    ]);
  });
});

/** By Basic, what one may do: the first of these calls pulls, the second pushes, the third deletes. */
const may: [string, 'pull' | 'push' | 'delete' | 'nothing'][] = [
  ['admin', 'delete'],
  ['owner', 'delete'],
  ['writer', 'push'],
  ['reader', 'pull'],
  ['prefixed', 'nothing'],
  ['dotted', 'nothing'],
];
const order = ['nothing', 'pull', 'push', 'delete'];
table('roles, by Basic', [
  ...may.map(([who, most]) =>
    row(`${who} may do as much as ${most} in a repository of the project`, [
      ...[pull, push, remove].map((call, at) => {
        const allowed = at < order.indexOf(most);
        return as(`{${who}}`, allowed ? call : answered(call, denied));
      }),
      as(`{${who}}`, ping),
    ]),
  ),
  row('in another project none of them may do anything', [
    ...['owner', 'writer', 'reader', 'prefixed', 'dotted'].flatMap((who) =>
      ['teams/app', 'tea/app', 'other/team', 'team.example/app'].map((other) =>
        as(`{${who}}`, { method: 'GET', path: `/v2/${other}/tags/list`, expect: denied }),
      ),
    ),
  ]),
  row('a bare name is a repository of its project', [
    as('{reader}', {
      method: 'GET',
      path: '/v2/team/manifests/v1',
      expect: { status: 404, code: 'MANIFEST_UNKNOWN' },
    }),
  ]),
  row('a prefix holds inside the project, and nowhere else', [
    ...pushAll('team/app/web', image, 'v1').map((call) => as('{prefixed}', call)),
    as('{prefixed}', pullManifest('team/app/web', image, 'v1')),
    as('{prefixed}', {
      method: 'DELETE',
      path: '/v2/team/app/web/manifests/v1',
      expect: { status: 202 },
    }),
    as('{prefixed}', { method: 'GET', path: '/v2/team/application/tags/list', expect: denied }),
    as('{prefixed}', { method: 'GET', path: '/v2/other/team/app/web/tags/list', expect: denied }),
    getToken(
      '{prefixed}',
      ['repository:team/app/web:pull', pullScope],
      ['repository:team/app/web:pull'],
    ),
    as(bearer, answered(pull, denied)),
  ]),
  row('a project of two segments is not the project of its first', [
    ...pushAll('example.com/team/app', image, 'v1').map((call) => as('{dotted}', call)),
    as('{dotted}', pullManifest('example.com/team/app', image, 'v1')),
    as('{dotted}', { method: 'GET', path: '/v2/example.com/other/tags/list', expect: denied }),
    as('{owner}', { method: 'GET', path: '/v2/example.com/team/app/tags/list', expect: denied }),
  ]),
]);

const repositoriesOf = (repositories: readonly string[]): Expectation => ({
  status: 200,
  json: { repositories },
});
describe('the catalog', () => {
  const callers = new Map<string, string>();
  const names = ['open/b', 'open/a', 'other/a', 'team/app', 'team/web', 'team/web/x', 'teams/a'];
  const own = useRegistry({ anonymousPull: new Set(['open']) }, async (started) => {
    const prefixed = { ...team, name: 'web', role: 'reader', prefix: 'team/web' } as const;
    callers.set('team', await newRobot(started, { ...team, name: 'ci', role: 'reader' }));
    callers.set('prefixed', await newRobot(started, prefixed));
    await sendAll(
      started.url,
      names.flatMap((each) => pushAll(each, image, 'v1')),
    );
  });
  const open = ['open/a', 'open/b'];
  testCalls(
    'shows a caller what it may pull',
    own,
    [
      row('the admin: everything', [
        answered(
          catalog,
          repositoriesOf([...open, 'other/a', 'team/app', 'team/web', 'team/web/x', 'teams/a']),
        ),
      ]),
      row('a robot: its project, and what is public', [
        as(
          '{team}',
          answered(catalog, repositoriesOf([...open, 'team/app', 'team/web', 'team/web/x'])),
        ),
      ]),
      row('a robot with a prefix: what begins so', [
        as('{prefixed}', answered(catalog, repositoriesOf([...open, 'team/web', 'team/web/x']))),
      ]),
      row('nobody in particular: what is public', [
        as(null, answered(catalog, repositoriesOf(open))),
      ]),
      row('a token: what its principal may pull', [
        getToken('{team}', ['registry:catalog:*'], ['registry:catalog:*']),
        as(
          bearer,
          answered(catalog, repositoriesOf([...open, 'team/app', 'team/web', 'team/web/x'])),
        ),
      ]),
      row('a token that did not ask for it: 401', [
        getToken('{team}', ['repository:team/app:pull']),
        as(bearer, answered(catalog, challenge('registry:catalog:*', 'insufficient_scope'))),
      ]),
      row('pages are filled with what is seen, and Links skip what is not', [
        {
          ...as(
            '{prefixed}',
            answered(catalog, {
              ...repositoriesOf(['open/a', 'open/b', 'team/web']),
              headers: { Link: '</v2/_catalog?n=3&last=team%2Fweb>; rel="next"' },
            }),
          ),
          path: '/v2/_catalog?n=3',
        },
        {
          ...as(
            '{prefixed}',
            answered(catalog, {
              ...repositoriesOf(['team/web/x']),
              headers: { Link: undefined },
            }),
          ),
          path: '/v2/_catalog?n=3&last=team%2Fweb',
        },
      ]),
    ],
    () => callers,
  );
  it('is closed to nobody in particular where nothing is public', async () => {
    await sendAll(registry().url, [
      getToken(null, ['registry:catalog:*'], []),
      as(bearer, answered(catalog, denied)),
    ]);
  });
});

describe('anonymous pull', () => {
  const repositories = ['open/app', 'open', 'example.com/open/app'];
  const closed = ['opened/app', 'closed/open', 'example.com/openly/app'];
  const projects = new Set(['open', 'example.com/open']);
  const open = useRegistry({ anonymousPull: projects }, ({ url }) =>
    sendAll(
      url,
      [...repositories, ...closed].flatMap((each) => pushAll(each, image, 'v1')),
    ),
  );
  testCalls(
    'of the projects that are open',
    open,
    [
      ...repositories.map((each) =>
        row(`${each}: everything is read, and nothing written, with no credentials`, [
          as(null, pullManifest(each, image, 'v1')),
          ...image.blobs.map((blob) => as(null, pullBlob(each, blob))),
          as(null, {
            method: 'GET',
            path: `/v2/${each}/tags/list`,
            expect: { status: 200, has: { name: each, tags: ['v1'] } },
          }),
          as(null, {
            method: 'GET',
            path: `/v2/${each}/referrers/${image.digest}`,
            expect: { status: 200, headers: { 'Content-Type': mediaTypes.ociIndex } },
          }),
          as(
            null,
            answered(pushManifest(each, image, 'v2'), challenge(`repository:${each}:pull,push`)),
          ),
          as(null, answered(pushBlob(each, layer), challenge(`repository:${each}:pull,push`))),
          as(null, {
            method: 'DELETE',
            path: `/v2/${each}/manifests/v1`,
            expect: challenge(`repository:${each}:delete`),
          }),
        ]),
      ),
      ...closed.map((each) =>
        row(`${each} is not`, [
          as(null, answered(pullManifest(each, image, 'v1'), challenge(`repository:${each}:pull`))),
          getToken(null, [`repository:${each}:pull`], []),
          as(bearer, answered(pullManifest(each, image, 'v1'), denied)),
        ]),
      ),
      row('a ping still asks who is there, and a token for nobody answers it', [
        as(null, answered(ping, challenge())),
        getToken(null, ['repository:open/app:pull,push'], ['repository:open/app:pull']),
        as(bearer, ping),
        as(bearer, pullManifest('open/app', image, 'v1')),
        as(bearer, answered(pushManifest('open/app', image, 'v2'), denied)),
      ]),
      row('a token for something else reads what is public', [
        getToken('{admin}', ['repository:closed/open:pull']),
        as(bearer, pullManifest('open/app', image, 'v1')),
      ]),
      row('wrong credentials are 401 all the same', [
        as(
          basic('admin', 'wrong'),
          answered(pullManifest('open/app', image, 'v1'), challenge('repository:open/app:pull')),
        ),
      ]),
    ],
    () => words,
  );

  const all = useRegistry({ anonymousPull: '*' });
  testCalls('of every project, when all are open', all, [
    row('everything is read, and nothing written', [
      ...pushAll('any/app', image, 'v1'),
      as(null, pullManifest('any/app', image, 'v1')),
      as(
        null,
        answered(pushManifest('any/app', image, 'v2'), challenge('repository:any/app:pull,push')),
      ),
      as(null, answered(catalog, repositoriesOf(['any/app']))),
    ]),
  ]);
});

/** A mount that is not: an upload begins instead. */
const mountRefused = (into: string, digest: string, from?: string): Call => ({
  method: 'POST',
  path: `/v2/${into}/blobs/uploads/?mount=${digest}${from === undefined ? '' : `&from=${from}`}`,
  expect: { status: 202, headers: { Location: new RegExp(`^/v2/${into}/blobs/uploads/`) } },
});
const mounted = (into: string, digest: string, from?: string): Call => ({
  ...mountRefused(into, digest, from),
  expect: { status: 201 },
});
const [secret, shared, foreign] = [randomBlob(), randomBlob(), randomBlob()];

table('a digest alone opens nothing', [
  row(
    'a blob is 404 through another repository, of its project and of another, also for the admin',
    [
      pushBlob('team/holder', secret),
      ...['team/app', 'team/holder/x', 'other/app'].flatMap((each): Call[] => [
        missBlob(each, secret),
        { method: 'HEAD', path: `/v2/${each}/blobs/${secret.digest}`, expect: { status: 404 } },
        {
          method: 'GET',
          path: `/v2/${each}/blobs/${secret.digest}`,
          headers: { Range: 'bytes=0-0', 'If-None-Match': '*' },
          expect: { status: 404, code: 'BLOB_UNKNOWN' },
        },
        {
          method: 'DELETE',
          path: `/v2/${each}/blobs/${secret.digest}`,
          expect: { status: 404, code: 'BLOB_UNKNOWN' },
        },
      ]),
      pullBlob('team/holder', secret),
    ],
  ),
  row('a manifest is 404 through another repository', [
    {
      method: 'GET',
      path: `/v2/team/holder/manifests/${image.digest}`,
      expect: { status: 404, code: 'MANIFEST_UNKNOWN' },
    },
  ]),
  row('a manifest that names a blob of another repository is refused', [
    pushBlob('team/holder', secret),
    pushBlob('team/borrower', image.blobs[0] ?? secret),
    {
      ...pushManifest(
        'team/borrower',
        imageManifest({ config: image.blobs[0] ?? secret, layers: [secret] }),
      ),
      expect: { status: 404, code: 'MANIFEST_BLOB_UNKNOWN' },
    },
  ]),
  row('a mount by who may pull the source is one: with a token that names it, or without any', [
    pushBlob('team/holder', shared),
    getToken('{writer}', ['repository:team/target:pull,push', 'repository:team/holder:pull']),
    as(bearer, mounted('team/target', shared.digest, 'team/holder')),
    as(bearer, pullBlob('team/target', shared)),
    getToken('{writer}', ['repository:team/second:pull,push', 'repository:team/holder:pull']),
    as(bearer, mounted('team/second', shared.digest)),
    as(bearer, pullBlob('team/second', shared)),
    as('{writer}', mounted('team/third', shared.digest)),
    as('{writer}', pullBlob('team/third', shared)),
  ]),
  row('a token for a repository opens no other of the project: a mount by it is an upload', [
    pushBlob('team/holder', shared),
    getToken('{writer}', ['repository:team/fourth:pull,push']),
    as(bearer, mountRefused('team/fourth', shared.digest, 'team/holder')),
    as(bearer, mountRefused('team/fourth', shared.digest)),
    as(bearer, missBlob('team/fourth', shared)),
  ]),
  row('a mount by who may not pull the source is an upload: 202, and no bytes', [
    pushBlob('team/holder', secret),
    as('{prefixed}', mountRefused('team/app/web', secret.digest, 'team/holder')),
    as('{prefixed}', mountRefused('team/app/web', secret.digest)),
    as('{prefixed}', missBlob('team/app/web', secret)),
    as('{dotted}', mountRefused('example.com/team/app', secret.digest, 'team/holder')),
    as('{dotted}', missBlob('example.com/team/app', secret)),
  ]),
  row('a mount from another project needs the right to pull there, in the token too', [
    pushBlob('other/holder', foreign),
    as('{writer}', mountRefused('team/target', foreign.digest, 'other/holder')),
    getToken('{writer}', ['repository:team/target:pull,push', 'repository:other/holder:pull']),
    as(bearer, mountRefused('team/target', foreign.digest, 'other/holder')),
    getToken('{admin}', ['repository:team/target:pull,push']),
    as(bearer, mountRefused('team/target', foreign.digest, 'other/holder')),
    missBlob('team/target', foreign),
    getToken('{admin}', ['repository:team/target:pull,push', 'repository:other/holder:pull']),
    as(bearer, mounted('team/target', foreign.digest, 'other/holder')),
    pullBlob('team/target', foreign),
  ]),
  row('a mount needs the right to push to the target', [
    pushBlob('team/holder', shared),
    as('{reader}', answered(mounted('team/target', shared.digest, 'team/holder'), denied)),
    as(
      null,
      answered(
        mounted('team/target', shared.digest, 'team/holder'),
        challenge('repository:team/target:pull,push'),
      ),
    ),
  ]),
  row('a push of bytes that another project holds must bring the bytes', [
    pushBlob('team/holder', secret),
    as('{dotted}', {
      ...pushBlob('example.com/team/app', secret),
      body: 'not those bytes',
      expect: { status: 400, code: 'DIGEST_INVALID' },
    }),
    as('{dotted}', missBlob('example.com/team/app', secret)),
  ]),
]);

describe('a HEAD of a blob in an open project', () => {
  const blob = randomBlob();
  const registry = useRegistry({ anonymousPull: new Set(['open']) }, ({ url }) =>
    sendAll(url, [pushBlob('open/promised', blob)]),
  );
  const path = `/v2/open/promised/blobs/${blob.digest}`;
  const scope = 'repository:open/promised:pull';

  testCalls('answers', registry, [
    {
      description: 'nobody with a challenge: containerd 1.6 hangs when the first comes later',
      method: 'HEAD',
      path,
      authorization: null,
      expect: {
        status: 401,
        headers: { 'www-authenticate': new RegExp(`^Bearer .*scope="${scope}"`) },
      },
    },
    {
      description: 'an anonymous token',
      calls: [
        {
          method: 'GET',
          path: `/v2/token?scope=${scope}`,
          authorization: null,
          expect: { status: 200 },
          keep: { token: ({ body }) => JSON.parse(String(body)).token },
        },
        { method: 'HEAD', path, authorization: 'Bearer {token}', expect: { status: 200 } },
      ],
    },
    {
      description: 'nobody who gets its bytes',
      method: 'GET',
      path,
      authorization: null,
      expect: { status: 200, body: blob.bytes },
    },
  ]);
});
