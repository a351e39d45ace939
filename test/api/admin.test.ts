// The admin API: who may administer a project, what is taken and what is refused, and that no change is lost.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import type { Role } from '#shared/auth/principal.ts';
import { createRobot } from '#shared/auth/robots.ts';
import { adminBodyBytesMax } from '#shared/oci/limits.ts';
import { isOnGoogle } from '#test/support/backend.ts';
import {
  type Answer,
  type Call,
  type Expectation,
  errorsOf,
  nextPage,
  pushAll,
  type Row,
  send,
  sendAll,
  testCalls,
  useRegistry,
} from '#test/support/calls.ts';
import { imageManifest } from '#test/support/manifests.ts';
import { adminBasic, type TestRegistry } from '#test/support/registry.ts';

const basic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/** Makes a robot. @returns its Authorization header */
async function newRobot(
  { services }: TestRegistry,
  project: string,
  name: string,
  role: Role,
  prefix?: string,
): Promise<string> {
  const made = await createRobot(services, { project, name, role, prefix });
  return basic(made.username, made.secret.secret);
}

/** The words that stand for Authorization headers. */
const words = new Map<string, string>([['admin', adminBasic]]);
const registry = useRegistry({ anonymousPull: new Set(['open']) }, async (started) => {
  words.set('owner', await newRobot(started, 'team', 'owner', 'owner'));
  words.set('writer', await newRobot(started, 'team', 'writer', 'writer'));
  words.set('reader', await newRobot(started, 'team', 'reader', 'reader'));
  words.set('part', await newRobot(started, 'team', 'part', 'owner', 'team/web'));
  words.set('elsewhere', await newRobot(started, 'other', 'owner', 'owner'));
  words.set('domain', await newRobot(started, 'example.com/team', 'owner', 'owner'));
});
const table = (title: string, rows: Row[]) => testCalls(title, registry, rows, () => words);
const row = (description: string, calls: Call[]): Row => ({ description, calls });

const at = (project: string, path: string) => `/api/v1/projects/${project}/${path}`;
const jsonType = { 'Content-Type': 'application/json' };
const bodyOf = ({ body }: Answer) => JSON.parse(String(body));

/** A call with a JSON body, if any. */
function call(method: string, path: string, body?: unknown, more: Partial<Call> = {}): Call {
  return {
    method,
    path,
    authorization: '{owner}',
    ...(body === undefined
      ? {}
      : { headers: jsonType, body: typeof body === 'string' ? body : JSON.stringify(body) }),
    expect: { status: 200 },
    ...more,
  };
}
const as = (authorization: string | null, one: Call): Call => ({ ...one, authorization });
const expecting = (expect: Expectation, one: Call): Call => ({ ...one, expect });

const challenge = (scope: string | undefined, error?: string): Expectation => ({
  status: 401,
  code: 'UNAUTHORIZED',
  headers: {
    'WWW-Authenticate': [
      'Bearer realm="http://{host}/v2/token"',
      'service="{host}"',
      ...(scope === undefined ? [] : [`scope="${scope}"`]),
      ...(error === undefined ? [] : [`error="${error}"`]),
    ].join(','),
  },
});
const denied: Expectation = { status: 403, code: 'DENIED', message: /administer team/ };
const missing: Expectation = { status: 404, code: 'NAME_UNKNOWN' };
const bad = (message: RegExp): Expectation => ({ status: 400, code: 'UNSUPPORTED', message });
const changed: Expectation = { status: 412, code: 'UNSUPPORTED', headers: { ETag: /^"\d+"$/ } };

/** Every call that is about a project, with what it needs to be good. */
const rule = { issuer: 'https://ci.example', claims: { repository: 'team/app' }, role: 'writer' };
const administering: readonly Call[] = [
  call('GET', at('team', 'policy')),
  call('PUT', at('team', 'policy'), { bindings: [], etag: '0' }, { path: at('team', 'policy') }),
  call('GET', at('team', 'robots')),
  call('POST', at('team', 'robots'), { name: 'x', role: 'owner' }),
  call('GET', at('team', 'robots/owner')),
  call('PATCH', at('team', 'robots/reader'), { role: 'owner' }),
  call('DELETE', at('team', 'robots/owner')),
  call('POST', at('team', 'robots/owner/secrets'), {}),
  call('DELETE', at('team', 'robots/owner/secrets/x')),
  call('GET', at('team', 'federation')),
  call('POST', at('team', 'federation'), rule),
  call('PUT', at('team', 'federation/x'), rule),
  call('DELETE', at('team', 'federation/x')),
  call('GET', at('team', 'audit')),
];

/** Asks for a token, which later calls carry as `Bearer {token}`. */
function getToken(authorization: string | null, ...scopes: string[]): Call {
  const query = scopes.map((scope) => `&scope=${scope}`).join('');
  return {
    method: 'GET',
    path: `/v2/token?service={host}${query}`,
    authorization,
    expect: { status: 200 },
    keep: { token: (answer) => bodyOf(answer).token },
  };
}
const bearer = 'Bearer {token}';
const scope = 'project:team:admin';

describe('who may not administer a project', () => {
  for (const [who, authorization, expect] of [
    ['nobody', null, challenge(scope)],
    ['a wrong password', basic('admin', 'guess'), challenge(scope)],
    ['a robot that nobody made', basic('nobody@team', 'guess'), challenge(scope)],
    ['a token that is forged', 'Bearer a.b.c', challenge(scope, 'invalid_token')],
    ['a reader', '{reader}', denied],
    ['a writer', '{writer}', denied],
    ['an owner of a part of it', '{part}', denied],
    ['an owner of another project', '{elsewhere}', denied],
    ['an owner of a domain’s project of that name', '{domain}', denied],
  ] as const) {
    table(
      who,
      administering.map((one) => ({
        description: `${one.method} ${one.path}`,
        ...as(authorization, expecting(expect, one)),
      })),
    );
  }

  const [anyCall] = administering;
  assert.ok(anyCall !== undefined);
  for (const [who, calls] of [
    ['a token without scopes', [getToken('{owner}'), challenge(scope, 'insufficient_scope')]],
    [
      'a token for its repositories',
      [
        getToken('{owner}', 'repository:team/app:pull,push,delete', 'registry:catalog:*'),
        challenge(scope, 'insufficient_scope'),
      ],
    ],
    [
      'a token for another project',
      [getToken('{admin}', 'project:other:admin'), challenge(scope, 'insufficient_scope')],
    ],
    ['a reader’s token', [getToken('{reader}', scope), denied]],
    ['a token of who owns a part', [getToken('{part}', scope), denied]],
    ['a token of an owner elsewhere', [getToken('{elsewhere}', scope), denied]],
    [
      'nobody’s token',
      [
        getToken(null, scope),
        { status: 403, code: 'DENIED', message: /log in to administer team/ } as Expectation,
      ],
    ],
  ] as const) {
    table(
      who,
      administering.map((one) => ({
        description: `${one.method} ${one.path}`,
        calls: [calls[0], as(bearer, expecting(calls[1], one))],
      })),
    );
  }

  table('and nothing of it was done', [
    {
      description: 'the policy is what it was',
      ...call('GET', at('team', 'policy'), undefined, {
        expect: {
          status: 200,
          json: { etag: '0', bindings: [], writersDelete: false, gcrDeletes: false },
        },
      }),
    },
    {
      description: 'there are no other robots and secrets, and no other roles',
      ...call('GET', at('team', 'robots'), undefined, {
        expect: {
          status: 200,
          also: (answer) =>
            assert.deepEqual(
              bodyOf(answer).robots.map(
                (one: { name: string; role: string; secrets: unknown[] }) => [
                  one.name,
                  one.role,
                  one.secrets.length,
                ],
              ),
              [
                ['owner', 'owner', 1],
                ['part', 'owner', 1],
                ['reader', 'reader', 1],
                ['writer', 'writer', 1],
              ],
            ),
        },
      }),
    },
  ]);
});

table('who may', [
  ...(['{owner}', '{admin}'] as const).flatMap((who) => [
    { description: `${who}, by a password`, ...as(who, anyPolicy()) },
    row(`${who}, by a token`, [getToken(who, scope), as(bearer, anyPolicy())]),
    row(`${who}, by a token for all there is`, [
      getToken(who, 'project:team:*'),
      as(bearer, anyPolicy()),
    ]),
  ]),
  row('an owner of a domain’s project, which paths write with a colon', [
    as('{domain}', call('GET', at('example.com:team', 'policy'))),
    as('{domain}', call('GET', at('example.com%3Ateam', 'policy'))),
    getToken('{domain}', 'project:example.com:team:admin'),
    as(bearer, call('GET', at('example.com:team', 'policy'))),
    getToken('{domain}', 'project:example.com/team:admin'),
    as(bearer, call('GET', at('example.com:team', 'policy'))),
  ]),
  row('a robot of elsewhere that a binding makes an owner, and no longer once it is gone', [
    getPolicy('given'),
    as(
      '{admin}',
      putPolicy('given', { bindings: [{ role: 'owner', members: ['robot:ci@given'] }] }),
    ),
    as(
      '{elsewhere}',
      expecting({ status: 403, code: 'DENIED' }, call('GET', at('given', 'policy'))),
    ),
    getPolicy('given'),
    as(
      '{admin}',
      putPolicy('given', { bindings: [{ role: 'owner', members: ['robot:owner@other'] }] }),
    ),
    as('{elsewhere}', call('GET', at('given', 'policy'))),
  ]),
]);

function anyPolicy(): Call {
  return call('GET', at('team', 'policy'));
}

/** Reads a policy, whose etag is then `{etag}`. */
function getPolicy(project: string): Call {
  return {
    ...call('GET', at(project, 'policy')),
    authorization: '{admin}',
    keep: { etag: (answer) => bodyOf(answer).etag },
  };
}

/** Puts a policy in the place of the one that was read. */
function putPolicy(project: string, policy: object, more: Partial<Call> = {}): Call {
  return call('PUT', at(project, 'policy'), undefined, {
    headers: { ...jsonType, 'If-Match': '"{etag}"' },
    body: JSON.stringify(policy),
    authorization: '{admin}',
    ...more,
  });
}

const project400: Expectation = { status: 400, code: 'NAME_INVALID', message: /not a project/ };
table('what cannot be a project', [
  ...[
    '..',
    '.',
    '%2e%2e',
    'Team',
    'te am',
    'a%2fb',
    'a%2Fb',
    'example.com%2Fteam',
    'a:b',
    'a:b:c',
    'example.com:team:x',
    'example.com:',
    ':team',
    'a%00b',
    '%F0%9F%98%80',
    '%c0%ae',
    '-',
    '*',
    '-a',
    'a'.repeat(256),
    `example.com:${'a'.repeat(250)}`,
    'constructor%5B%5D',
  ].map(
    (project): Row => ({
      description: project.slice(0, 40),
      method: 'GET',
      path: encodeSpace(at(project, 'policy')),
      expect: project400,
    }),
  ),
  {
    description: 'nothing',
    method: 'GET',
    path: '/api/v1/projects//policy',
    expect: missing,
  },
  {
    description: 'a project with a slash',
    method: 'GET',
    path: '/api/v1/projects/example.com/team/policy',
    expect: missing,
  },
  { description: 'a path below', method: 'GET', path: at('team', 'policy/x'), expect: missing },
  { description: 'a path that is not there', method: 'GET', path: '/api/v1/x', expect: missing },
  {
    description: 'a method that is not there',
    method: 'DELETE',
    path: at('team', 'policy'),
    expect: { status: 405, code: 'UNSUPPORTED', headers: { Allow: 'GET, PUT' } },
  },
]);

function encodeSpace(path: string): string {
  return path.replaceAll(' ', '%20');
}

table('whoami', [
  {
    description: 'the admin, an operator',
    ...as(
      '{admin}',
      call('GET', '/api/v1/whoami', undefined, {
        expect: {
          status: 200,
          headers: { 'Cache-Control': 'no-store' },
          also: (answer) => {
            const { principal, operator } = bodyOf(answer);
            assert.deepEqual({ principal, operator }, { principal: 'user:admin', operator: true });
          },
        },
      }),
    ),
  },
  row('a robot, by its password and by a token of any scope', [
    ...[call('GET', '/api/v1/whoami')].map((one) =>
      as('{reader}', {
        ...one,
        expect: { status: 200, also: (answer) => assert.equal(bodyOf(answer).operator, false) },
      }),
    ),
    getToken('{reader}'),
    as(bearer, {
      ...call('GET', '/api/v1/whoami'),
      expect: {
        status: 200,
        also: (answer) => assert.equal(bodyOf(answer).principal, 'robot:reader@team'),
      },
    }),
  ]),
  {
    description: 'nobody',
    ...as(null, expecting(challenge(undefined), call('GET', '/api/v1/whoami'))),
  },
  row('nobody, with a token for nobody', [
    getToken(null),
    as(bearer, expecting(challenge(undefined), call('GET', '/api/v1/whoami'))),
  ]),
  {
    description: 'a wrong password',
    ...as(
      basic('reader@team', 'guess'),
      expecting(challenge(undefined), call('GET', '/api/v1/whoami')),
    ),
  },
]);

const projects = (who: string | null, query: string, json: readonly (readonly string[])[]): Call =>
  as(who, {
    ...call('GET', `/api/v1/projects${query}`),
    expect: {
      status: 200,
      json: { projects: json.map(([project, role]) => ({ project, role })) },
    },
  });
const catalogScope = 'registry:catalog:*';

describe('projects', () => {
  before(() =>
    sendAll(
      registry().url,
      [
        'zoo/a',
        'zoo/b/c',
        'zoo-x/a',
        'bare',
        'bare-x/y',
        'example.org/p/q',
        'example.org',
        'team/a',
      ].flatMap((name) => pushAll(name, imageManifest(), 'v1')),
    ),
  );

  table('are listed', [
    { description: 'to a robot of one', ...projects('{reader}', '', [['team', 'reader']]) },
    { description: 'to a robot of a part', ...projects('{part}', '', [['team', 'owner']]) },
    {
      description: 'to a member of another',
      ...projects('{elsewhere}', '', [
        ['given', 'owner'],
        ['other', 'owner'],
      ]),
    },
    {
      description: 'to a robot of a domain’s project, as paths write it',
      ...projects('{domain}', '', [['example.com:team', 'owner']]),
    },
    {
      description: 'to no one else, although undecided ones are asked for',
      ...projects('{reader}', '?undecided=true', [['team', 'reader']]),
    },
    row('on pages', [
      {
        ...projects('{elsewhere}', '?n=1', [['given', 'owner']]),
        keep: { next: nextPage },
      },
      { ...projects('{elsewhere}', '', [['other', 'owner']]), path: '{next}' },
      projects('{elsewhere}', '?n=0', []),
      projects('{domain}', '?last=example.com:team', []),
      projects('{domain}', '?last=example.com/team', []),
      projects('{domain}', '?last=%F0%9F%98%80', []),
    ]),
    row('by a token for the catalog', [
      getToken('{reader}', catalogScope),
      projects(bearer, '', [['team', 'reader']]),
    ]),
    {
      description: 'not to nobody, although there is an open project',
      ...as(null, expecting(challenge(catalogScope), call('GET', '/api/v1/projects'))),
    },
    row('not by a token for nobody', [
      getToken(null, catalogScope),
      as(bearer, expecting(challenge(catalogScope), call('GET', '/api/v1/projects'))),
    ]),
    row('not by a token for something else', [
      getToken('{reader}', 'repository:team/app:pull'),
      as(
        bearer,
        expecting(challenge(catalogScope, 'insufficient_scope'), call('GET', '/api/v1/projects')),
      ),
    ]),
    {
      description: 'not where n is none',
      ...expecting(bad(/n must be/), call('GET', '/api/v1/projects?n=x')),
    },
    {
      description: 'not where what they are to come after is no name',
      ...expecting(bad(/last must be/), call('GET', '/api/v1/projects?last=%00')),
    },
    { description: 'all, after nothing', ...call('GET', '/api/v1/projects?last=') },
    {
      description: 'not where undecided is neither true nor false',
      ...expecting(bad(/undecided must be/), call('GET', '/api/v1/projects?undecided=1')),
    },
  ]);

  for (const n of [1, 2, 3, 1000]) {
    it(`are all listed to an operator, each once, ${n} on a page`, async () => {
      const seen: string[] = [];
      let path: string | undefined = `/api/v1/projects?n=${n}`;
      while (path !== undefined) {
        const answer: Answer = await send(registry().url, { method: 'GET', path });
        assert.equal(answer.status, 200);
        const page = bodyOf(answer).projects as { project: string; role: string }[];
        assert.ok(page.length <= n);
        for (const { project, role } of page) {
          assert.equal(role, 'owner');
          seen.push(project);
        }
        path = answer.headers['link'] === undefined ? undefined : nextPage(answer);
      }
      assert.deepEqual(seen, [
        ...['example.com:team', 'given', 'other', 'team'],
        ...['bare', 'bare-x', 'example.org', 'example.org:p', 'zoo-x', 'zoo'],
      ]);
    });
  }
});

const binding = (role: string, ...members: string[]) => ({ role, members });

table('a policy', [
  row('is put in the place of the one that was read, and read again', [
    getPolicy('put'),
    {
      ...putPolicy('put', {
        bindings: [
          binding('writer', 'user:Ann@Example.com'),
          { ...binding('roles/viewer', 'allUsers', 'robot:ci'), prefix: 'put/web/*' },
          binding('writer', 'user:ann@example.com', 'serviceAccount:12345'),
        ],
        writersDelete: true,
      }),
      keep: { etag: (answer) => bodyOf(answer).etag, header: 'ETag' },
    },
    as('{admin}', {
      ...call('GET', at('put', 'policy')),
      expect: {
        status: 200,
        headers: { ETag: '{header}', 'Cache-Control': 'no-store' },
        also: (answer) => {
          const { etag, ...policy } = bodyOf(answer);
          assert.equal(`"${etag}"`, answer.headers['etag']);
          assert.deepEqual(policy, {
            bindings: [
              { role: 'writer', members: ['user:ann@example.com', 'serviceAccount:12345'] },
              { role: 'reader', members: ['allUsers', 'robot:ci@put'], prefix: 'put/web' },
            ],
            writersDelete: true,
            gcrDeletes: false,
          });
        },
      },
    }),
    // What was read is taken as it is.
    putPolicy('put', { bindings: [], writersDelete: false }),
    expecting(changed, putPolicy('put', { bindings: [] })),
  ]),
  row('is what its etag in the body says, with quotes and without', [
    getPolicy('etag'),
    putPolicy('etag', {}, { headers: jsonType, body: '{"bindings":[],"etag":"{etag}"}' }),
    getPolicy('etag'),
    putPolicy('etag', {}, { headers: jsonType, body: '{"bindings":[],"etag":"\\"{etag}\\""}' }),
    getPolicy('etag'),
    putPolicy('etag', {}, { body: '{"bindings":[],"etag":"{etag}"}' }),
  ]),
  row('is any for *, and one of several', [
    putPolicy('star', { bindings: [] }, { headers: { ...jsonType, 'If-Match': '*' } }),
    getPolicy('star'),
    putPolicy(
      'star',
      { bindings: [] },
      { headers: { ...jsonType, 'If-Match': '"1", W/"2" ,"{etag}"' } },
    ),
  ]),
  ...(
    [
      ['another etag', { 'If-Match': '"1"' }, '{"bindings":[]}'],
      ['a weak one', { 'If-Match': 'W/"{etag}"' }, '{"bindings":[]}'],
      ['one without quotes in the header', { 'If-Match': '{etag}' }, '{"bindings":[]}'],
      ['another in the body', {}, '{"bindings":[],"etag":"1"}'],
      ['an empty one', {}, '{"bindings":[],"etag":""}'],
      [
        'one that is right in the header only',
        { 'If-Match': '"{etag}"' },
        '{"bindings":[],"etag":"1"}',
      ],
      [
        'one that is right in the body only',
        { 'If-Match': '"1"' },
        '{"bindings":[],"etag":"{etag}"}',
      ],
      ['one that looks like it', {}, '{"bindings":[],"etag":" {etag}"}'],
    ] as const
  ).map(([what, headers, body]) =>
    row(`is not replaced by ${what}`, [
      getPolicy('wrong'),
      expecting(changed, putPolicy('wrong', {}, { headers: { ...jsonType, ...headers }, body })),
      { ...getPolicy('wrong'), keep: {} },
    ]),
  ),
  row('is not replaced without an etag', [
    expecting(bad(/etag/), putPolicy('wrong', { bindings: [] }, { headers: jsonType })),
  ]),
]);

/** Hostile bodies of a policy, and what is said of each. */
const many = (count: number, one: (at: number) => unknown) =>
  Array.from({ length: count }, (_, n) => one(n));
const half = '\\ud800';
const badPolicies: readonly (readonly [what: string, body: unknown, message: RegExp])[] = [
  ['no JSON', '{', /not JSON/],
  ['nothing', '', /bindings must be there/],
  ['no object: a list', '[]', /must be a JSON object/],
  ['no object: null', 'null', /must be a JSON object/],
  ['no object: text', '"bindings"', /must be a JSON object/],
  ['JSON and more', '{"bindings":[]} x', /not JSON/],
  [
    'JSON that is nested deeply',
    `{"bindings":${'['.repeat(50_000)}${']'.repeat(50_000)}}`,
    /nests/,
  ],
  ['bindings that are none', { bindings: 'all' }, /^bindings must be array/],
  ['bindings that are an object', { bindings: { 0: {} } }, /^bindings must be array/],
  ['a binding that is none', { bindings: [null] }, /^bindings\.0 must be object/],
  ['a binding without a role', { bindings: [{ members: ['allUsers'] }] }, /^bindings\.0\.role/],
  [
    'a role that is none',
    { bindings: [binding('god', 'allUsers')] },
    /^bindings\.0\.role must be owner/,
  ],
  ['a role from birth', { bindings: [binding('constructor', 'allUsers')] }, /^bindings\.0\.role/],
  ['a role that is no text', { bindings: [{ role: 1, members: [] }] }, /^bindings\.0\.role/],
  ['a binding without members', { bindings: [{ role: 'reader' }] }, /^bindings\.0\.members/],
  [
    'a binding with no members',
    { bindings: [{ role: 'reader', members: [] }] },
    /a member at least/,
  ],
  [
    'a member that is no text',
    { bindings: [{ role: 'reader', members: [{}] }] },
    /^bindings\.0\.members\.0/,
  ],
  ['a name nobody knows', { bindings: [], owner: 'me' }, /^owner is not known/],
  [
    'a name nobody knows in a binding',
    { bindings: [{ ...binding('reader', 'allUsers'), condition: {} }] },
    /^bindings\.0\.condition is not known/,
  ],
  [
    'the name __proto__',
    '{"bindings":[],"__proto__":{"writersDelete":true}}',
    /^__proto__ is not known/,
  ],
  ['the name constructor', '{"bindings":[],"constructor":1}', /^constructor is not known/],
  [
    'writersDelete that is text',
    { bindings: [], writersDelete: 'false' },
    /^writersDelete must be boolean/,
  ],
  [
    'federation, which has its own path',
    { bindings: [], federation: [] },
    /^federation is not known/,
  ],
  [
    'half a character',
    `{"bindings":[{"role":"reader","members":["user:${half}@a.example"]}]}`,
    /not JSON/,
  ],
  ['half a character in a name', `{"bindings":[],"${half}":1}`, /not JSON/],
  ['bytes that are no UTF-8', Buffer.from('{"bindings":[],"\xff":1}', 'latin1'), /not JSON/],
  ['UTF-16', Buffer.from('{"bindings":[]}', 'utf16le'), /not JSON/],
  [
    'too many bindings',
    { bindings: many(501, (n) => binding('reader', `user:a${n}@a.example`)) },
    /^bindings must be at most 500/,
  ],
  [
    'too many members',
    { bindings: [binding('reader', ...(many(1501, (n) => `user:a${n}@a.example`) as string[]))] },
    /at most 1500/,
  ],
  [
    'too many members in all',
    {
      bindings: many(2, (b) =>
        binding('reader', ...(many(751, (n) => `user:a${n}@b${b}.example`) as string[])),
      ),
    },
    /at most 1500/,
  ],
  [
    'more than a document may have',
    {
      bindings: [
        binding(
          'reader',
          ...(many(700, (n) => `principal://ci.example/${n}${'x'.repeat(900)}`) as string[]),
        ),
      ],
    },
    /524288 bytes/,
  ],
  ...(
    [
      '',
      'ann@example.com',
      'user:',
      'user:ann',
      'user:@example.com',
      'user:a b@example.com',
      'user:a\n@example.com',
      'user:a\0@example.com',
      'user:a\u001b[2J@example.com',
      'user:a\u202e@example.com',
      'user:a\u200b@example.com',
      'user:ann@example.com,user:eve@example.com',
      'User:ann@example.com',
      'group:all@example.com',
      'domain:example.com',
      'allusers',
      'robot:',
      'robot:..',
      'robot:CI',
      'robot:ci@',
      'robot:ci@Team',
      'robot:ci@team@other',
      'robot:ci@example.com:team:x',
      'principal://',
      'principal://issuer',
      'principal:///x',
      'principal://https://issuer/x',
      'principal://issuer/a b',
      'principal://issuer/a\u0007',
      'principalSet://',
      `user:${'a'.repeat(65)}@example.com`,
      'serviceAccount:-1',
      '__proto__',
    ] as const
  ).map(
    (member) =>
      [
        `the member ${JSON.stringify(member).slice(0, 50)}`,
        { bindings: [binding('reader', member)] },
        /not a member/,
      ] as const,
  ),
  [
    'a member that is long',
    { bindings: [binding('reader', `user:${'a'.repeat(2000)}@a.example`)] },
    /at most 1024/,
  ],
  ...(
    [
      '',
      '/',
      'bad',
      'bad/',
      'bad/*',
      'other/web',
      'badly/web',
      'bad/../other',
      'bad//web',
      'Bad/web',
      'bad/web\n',
      'bad/w*b',
      '/bad/web',
      'bad/wéb',
    ] as const
  ).map(
    (prefix) =>
      [
        `the prefix ${JSON.stringify(prefix)}`,
        { bindings: [{ ...binding('reader', 'allUsers'), prefix }] },
        /a prefix begins with the project/,
      ] as const,
  ),
  [
    'a prefix that is long',
    { bindings: [{ ...binding('reader', 'allUsers'), prefix: `bad/${'a'.repeat(300)}` }] },
    /^bindings\.0\.prefix must be at most/,
  ],
];

table('a policy is refused with', [
  ...badPolicies.map(
    ([what, body, message]): Row => ({
      description: what,
      ...putPolicy(
        'bad',
        {},
        {
          headers: { ...jsonType, 'If-Match': '*' },
          body:
            typeof body === 'string' || body instanceof Uint8Array ? body : JSON.stringify(body),
          expect: { ...bad(message), also: short },
        },
      ),
    }),
  ),
  {
    description: 'a body that is too large',
    ...putPolicy(
      'bad',
      {},
      {
        headers: { ...jsonType, 'If-Match': '*' },
        body: `{"bindings":[]${' '.repeat(adminBodyBytesMax)}}`,
        expect: { status: 413, code: 'SIZE_INVALID' },
      },
    ),
  },
  // The local proxy may find the connection closed under what it still sends, before it has read why.
  ...(isOnGoogle() ? [] : [tooLargeInChunks()]),
  ...[
    'text/plain',
    'application/x-www-form-urlencoded',
    'application/jsonx',
    'multipart/form-data; boundary=x',
  ].map(
    (type): Row => ({
      description: `a body that is ${type}`,
      ...putPolicy(
        'bad',
        { bindings: [] },
        {
          headers: { 'Content-Type': type, 'If-Match': '*' },
          expect: { status: 415, code: 'UNSUPPORTED' },
        },
      ),
    }),
  ),
  {
    description: 'a body that is compressed',
    ...putPolicy(
      'bad',
      { bindings: [] },
      {
        headers: { ...jsonType, 'Content-Encoding': 'gzip', 'If-Match': '*' },
        expect: { status: 415, code: 'UNSUPPORTED' },
      },
    ),
  },
  row('all of that, and nothing came of it', [
    as('{admin}', {
      ...call('GET', at('bad', 'policy')),
      expect: {
        status: 200,
        json: { etag: '0', bindings: [], writersDelete: false, gcrDeletes: false },
      },
    }),
    putPolicy('typed', { bindings: [] }, { headers: { 'If-Match': '*' } }),
    putPolicy(
      'typed',
      { bindings: [] },
      {
        headers: { 'Content-Type': 'Application/JSON; charset=utf-8', 'If-Match': '*' },
      },
    ),
  ]),
]);

/** An error is for a person to read, however much was sent. */
function short(answer: Answer): void {
  assert.ok(answer.body.length < 2000, `${answer.body.length} bytes`);
}

const owning = (...members: string[]) => ({ bindings: [binding('owner', ...members)] });
const asElsewhere = (one: Call) => as('{elsewhere}', one);
table('who owns a project', [
  row('does not lose it by mistake, but by force', [
    getPolicy('mine'),
    putPolicy('mine', owning('robot:owner@other', 'user:ann@example.com')),
    getPolicy('mine'),
    asElsewhere(expecting(bad(/force=true/), putPolicy('mine', { bindings: [] }))),
    asElsewhere(expecting(bad(/force=true/), putPolicy('mine', owning('user:ann@example.com')))),
    asElsewhere(
      expecting(
        bad(/force=true/),
        putPolicy('mine', {
          bindings: [{ ...binding('owner', 'robot:owner@other'), prefix: 'mine/app' }],
        }),
      ),
    ),
    asElsewhere(
      expecting(
        bad(/force must be/),
        putPolicy('mine', { bindings: [] }, { path: `${at('mine', 'policy')}?force=yes` }),
      ),
    ),
    asElsewhere(putPolicy('mine', owning('robot:owner@other'))),
    getPolicy('mine'),
    asElsewhere(
      putPolicy('mine', { bindings: [] }, { path: `${at('mine', 'policy')}?force=true` }),
    ),
  ]),
  row('keeps it by the robot’s own role, whatever the bindings are', [
    { ...getPolicy('team'), authorization: '{owner}' },
    as('{owner}', putPolicy('team', { bindings: [] })),
  ]),
  row('may be nobody, where an operator says so', [
    getPolicy('mine2'),
    putPolicy('mine2', owning('user:ann@example.com')),
    getPolicy('mine2'),
    putPolicy('mine2', { bindings: [] }),
  ]),
]);

it('no change of a policy is lost, however many come at once', async () => {
  const url = registry().url;
  const add = async (member: string) => {
    for (;;) {
      const read = await send(url, { method: 'GET', path: at('crowd', 'policy') });
      const { etag, bindings } = bodyOf(read) as {
        etag: string;
        bindings: { role: string; members: string[] }[];
      };
      const members = [...(bindings[0]?.members ?? []), member];
      const put = await send(url, {
        method: 'PUT',
        path: at('crowd', 'policy'),
        headers: jsonType,
        body: JSON.stringify({ bindings: [{ role: 'reader', members }], etag }),
      });
      if (put.status === 200) return;
      assert.equal(put.status, 412, String(put.body));
    }
  };
  const members = Array.from({ length: 20 }, (_, n) => `user:n${n}@example.com`);
  await Promise.all(members.map(add));
  const answer = await send(url, { method: 'GET', path: at('crowd', 'policy') });
  assert.deepEqual(new Set(bodyOf(answer).bindings[0].members), new Set(members));
});

const robots = (name = '') => at('robots', `robots${name === '' ? '' : `/${name}`}`);
const asAdmin = (method: string, path: string, body?: unknown, expect?: Expectation): Call =>
  as('{admin}', call(method, path, body, expect === undefined ? {} : { expect }));
const secretOf = ({ body }: Answer): string => JSON.parse(String(body)).secret.secret;
const login = (word: string): Call => ({
  method: 'GET',
  path: '/api/v1/whoami',
  authorization: word,
  expect: { status: 200 },
});
const basicOf = (username: string) => (answer: Answer) => basic(username, secretOf(answer));

table('a robot', [
  row('is made, shown and listed, and its secret is shown once', [
    {
      ...asAdmin('POST', robots(), {
        name: 'ci',
        role: 'writer',
        prefix: 'robots/web/',
        expiresAt: '2030-01-02T03:04:05Z',
        secretExpiresAt: '2029-01-02T03:04:05.5+01:00',
      }),
      expect: {
        status: 201,
        headers: { Location: robots('ci'), 'Cache-Control': 'no-store' },
        also: (answer) => {
          const { robot, username, secret } = bodyOf(answer);
          assert.equal(username, 'ci@robots');
          assert.match(secret.secret, /^\w[\w-]{40,}$/);
          const { created, ...told } = robot;
          const { created: secretCreated } = robot.secrets[0];
          assert.match(created, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
          assert.deepEqual(told, {
            name: 'ci',
            username: 'ci@robots',
            role: 'writer',
            prefix: 'robots/web',
            expiresAt: '2030-01-02T03:04:05.000Z',
            disabled: false,
            secrets: [
              { id: secret.id, created: secretCreated, expiresAt: '2029-01-02T02:04:05.500Z' },
            ],
          });
        },
      },
      keep: { ci: basicOf('ci@robots'), secret: secretOf },
    },
    login('{ci}'),
    asAdmin('GET', robots('ci'), undefined, { status: 200, also: hidesSecrets }),
    asAdmin('GET', robots(), undefined, { status: 200, also: hidesSecrets }),
    asAdmin('GET', at('robots', 'audit'), undefined, { status: 200, also: hidesSecrets }),
    asAdmin('POST', robots(), { name: 'ci', role: 'owner' }, { status: 409, code: 'UNSUPPORTED' }),
    asAdmin('GET', robots('ci'), undefined, {
      status: 200,
      also: (answer) => assert.equal(bodyOf(answer).role, 'writer'),
    }),
  ]),
  row('is changed in part, and what is taken away is gone', [
    asAdmin('POST', robots(), { name: 'part', role: 'reader' }, { status: 201 }),
    asAdmin(
      'PATCH',
      robots('part'),
      { prefix: 'robots/a', expiresAt: '2030-01-01T00:00:00Z' },
      {
        status: 200,
        also: told({ role: 'reader', prefix: 'robots/a', expiresAt: '2030-01-01T00:00:00.000Z' }),
      },
    ),
    asAdmin(
      'PATCH',
      robots('part'),
      { role: 'owner' },
      {
        status: 200,
        also: told({ role: 'owner', prefix: 'robots/a', expiresAt: '2030-01-01T00:00:00.000Z' }),
      },
    ),
    asAdmin(
      'PATCH',
      robots('part'),
      { prefix: null, expiresAt: null },
      {
        status: 200,
        also: told({ role: 'owner', prefix: undefined, expiresAt: undefined }),
      },
    ),
    asAdmin('PATCH', robots('part'), {}, { status: 200, also: told({ role: 'owner' }) }),
    asAdmin(
      'PATCH',
      robots('part'),
      { disabled: true },
      { status: 200, also: told({ disabled: true }) },
    ),
    asAdmin(
      'PATCH',
      robots('part'),
      { disabled: false },
      { status: 200, also: told({ disabled: false }) },
    ),
  ]),
  row('has several secrets, each good until it is revoked', [
    {
      ...asAdmin('POST', robots(), { name: 'rotates', role: 'reader' }, { status: 201 }),
      keep: { first: basicOf('rotates@robots'), id: (answer) => bodyOf(answer).secret.id },
    },
    {
      ...asAdmin('POST', `${robots('rotates')}/secrets`, undefined, {
        status: 201,
        headers: { Location: /\/robots\/rotates\/secrets\/\w+$/, 'Cache-Control': 'no-store' },
      }),
      keep: { second: (answer) => basic('rotates@robots', bodyOf(answer).secret) },
    },
    login('{first}'),
    login('{second}'),
    asAdmin('DELETE', `${robots('rotates')}/secrets/{id}`, undefined, { status: 204, body: '' }),
    asAdmin('DELETE', `${robots('rotates')}/secrets/{id}`, undefined, missing),
    login('{second}'),
    ...(many(9, () =>
      asAdmin('POST', `${robots('rotates')}/secrets`, {}, { status: 201 }),
    ) as Call[]),
    asAdmin('POST', `${robots('rotates')}/secrets`, {}, { status: 409, code: 'UNSUPPORTED' }),
  ]),
  row('is gone when it was deleted', [
    asAdmin('POST', robots(), { name: 'gone', role: 'reader' }, { status: 201 }),
    asAdmin('DELETE', robots('gone'), undefined, { status: 204, body: '' }),
    asAdmin('DELETE', robots('gone'), undefined, missing),
    asAdmin('GET', robots('gone'), undefined, missing),
    asAdmin('PATCH', robots('gone'), { role: 'owner' }, missing),
    asAdmin('POST', `${robots('gone')}/secrets`, {}, missing),
    asAdmin('DELETE', `${robots('gone')}/secrets/first`, undefined, missing),
  ]),
  row('of one project is none of another', [
    asAdmin('POST', robots(), { name: 'here', role: 'reader' }, { status: 201 }),
    asAdmin('GET', at('robots2', 'robots/here'), undefined, missing),
    asAdmin('DELETE', at('robots2', 'robots/here'), undefined, missing),
    asAdmin('GET', at('robots2', 'robots'), undefined, { status: 200, json: { robots: [] } }),
  ]),
  ...[
    '..',
    '.',
    '%2e%2e',
    'CI',
    'a%2fb',
    'a@robots',
    'a%00',
    'a'.repeat(3000),
    '%F0%9F%98%80',
    '*',
    '-',
  ].flatMap((name): Row[] =>
    (['GET', 'DELETE'] as const).map((method) => ({
      description: `that cannot be is not there: ${method} ${name.slice(0, 20)}`,
      ...asAdmin(method, robots(name), undefined, { ...missing, also: short }),
    })),
  ),
  ...(
    [
      [{ role: 'reader' }, /^name must be there/],
      [{ name: 'x' }, /^role must be there/],
      [{ name: 'x', role: 'admin' }, /^role must be owner/],
      [{ name: '', role: 'reader' }, /^name must be/],
      [{ name: 'X', role: 'reader' }, /^name must be/],
      [{ name: 'a b', role: 'reader' }, /^name must be/],
      [{ name: 'a@b', role: 'reader' }, /^name must be/],
      [{ name: '../x', role: 'reader' }, /^name must be/],
      [{ name: 'x\n', role: 'reader' }, /^name must be/],
      [{ name: 'é', role: 'reader' }, /^name must be/],
      [{ name: 'a'.repeat(256), role: 'reader' }, /^name must be at most/],
      [{ name: 7, role: 'reader' }, /^name must be/],
      [{ name: 'x', role: 'reader', project: 'other' }, /^project is not known/],
      [{ name: 'x', role: 'reader', secret: 'hunter2' }, /^secret is not known/],
      [{ name: 'x', role: 'reader', disabled: false }, /^disabled is not known/],
      [{ name: 'x', role: 'reader', prefix: 'other/x' }, /a prefix begins/],
      [{ name: 'x', role: 'reader', prefix: null }, /^prefix must be/],
      [{ name: 'x', role: 'reader', expiresAt: null }, /^expiresAt must be/],
      ...[
        1_900_000_000,
        'tomorrow',
        '2030-01-01',
        '2030-01-01 00:00:00Z',
        '2030-01-01T00:00:00',
        '2030-01-01T00:00Z',
        '2030-02-30T00:00:00Z',
        '2030-13-01T00:00:00Z',
        '2030-01-01T24:00:00Z',
        '2030-01-01T00:00:00+0100',
        '+012030-01-01T00:00:00Z',
        '9999-12-31T23:59:59-23:59',
        '2030-01-01T00:00:00Z\n',
      ].map(
        (expiresAt) => [{ name: 'x', role: 'reader', expiresAt }, /^expiresAt must be/] as const,
      ),
      [{ name: 'x', role: 'reader', expiresAt: '2020-01-01T00:00:00Z' }, /still to come/],
      [{ name: 'x', role: 'reader', secretExpiresAt: '2020-01-01T00:00:00Z' }, /still to come/],
    ] as const
  ).map(
    ([body, message]): Row => ({
      description: `is not made of ${JSON.stringify(body).slice(0, 80)}`,
      ...asAdmin('POST', robots(), body, { ...bad(message), also: echoesNothing }),
    }),
  ),
  ...(
    [
      [{ name: 'y' }, /^name is not known/],
      [{ role: null }, /^role must be/],
      [{ disabled: 'yes' }, /^disabled must be boolean/],
      [{ disabled: null }, /^disabled must be boolean/],
      [{ prefix: 'other/x' }, /a prefix begins/],
      [{ prefix: 7 }, /^prefix must be/],
      [{ expiresAt: '2020-01-01T00:00:00Z' }, /still to come/],
      [{ expiresAt: 0 }, /^expiresAt must be/],
      [{ secrets: [] }, /^secrets is not known/],
    ] as const
  ).map(
    ([body, message]): Row => ({
      description: `is not changed to ${JSON.stringify(body)}`,
      ...asAdmin('PATCH', robots('ci'), body, bad(message)),
    }),
  ),
  ...(
    [
      ['[]', /JSON object/],
      ['{"expiresAt":"2020-01-01T00:00:00Z"}', /still to come/],
      ['{"expiresAt":1}', /^expiresAt/],
      ['{"secret":"hunter2"}', /^secret is not known/],
      ['{"id":"first"}', /^id is not known/],
    ] as const
  ).map(
    ([body, message]): Row => ({
      description: `gets no secret of ${body}`,
      ...asAdmin('POST', `${robots('ci')}/secrets`, body, { ...bad(message), also: echoesNothing }),
    }),
  ),
  row('has after all of that the one secret that it had', [
    asAdmin('GET', robots('ci'), undefined, {
      status: 200,
      also: (answer) => assert.equal(bodyOf(answer).secrets.length, 1),
    }),
  ]),
]);

function told(expected: Readonly<Record<string, unknown>>): (answer: Answer) => void {
  return (answer) => {
    const body = bodyOf(answer);
    for (const [name, value] of Object.entries(expected)) assert.equal(body[name], value, name);
  };
}

function hidesSecrets({ body }: Answer): void {
  assert.doesNotMatch(String(body), /berth_robot_|[0-9a-f]{64}|"sha256"|"secret"/);
}

function echoesNothing(answer: Answer): void {
  assert.doesNotMatch(String(answer.body), /hunter2/);
  short(answer);
}

it('of robots that are made at once under one name there is one', async () => {
  const made = await Promise.all(
    Array.from({ length: 8 }, () =>
      send(registry().url, {
        method: 'POST',
        path: robots(),
        headers: jsonType,
        body: JSON.stringify({ name: 'once', role: 'reader' }),
      }),
    ),
  );
  const statuses = made.map(({ status }) => status);
  assert.equal(statuses.filter((status) => status === 201).length, 1);
  assert.equal(statuses.filter((status) => status === 409).length, 7);
});

const rules = (id = '') => at('ci', `federation${id === '' ? '' : `/${id}`}`);
const github = {
  issuer: 'https://token.actions.githubusercontent.com',
  claims: { repository: 'acme/app', ref: 'refs/heads/*' },
  role: 'writer',
  prefix: 'ci/app',
};

table('a federation rule', [
  row('is added, listed, changed and removed', [
    {
      ...asAdmin(
        'POST',
        rules(),
        { id: 'main', ...github },
        {
          status: 201,
          headers: { Location: rules('main'), ETag: /^"\d+"$/ },
          json: { id: 'main', ...github },
        },
      ),
      keep: { etag: 'ETag' },
    },
    asAdmin('GET', rules(), undefined, {
      status: 200,
      headers: { ETag: '{etag}' },
      also: (answer) => {
        const { etag, rules: listed } = bodyOf(answer);
        assert.equal(`"${etag}"`, answer.headers['etag']);
        assert.deepEqual(listed, [{ id: 'main', ...github }]);
      },
    }),
    asAdmin('POST', rules(), { id: 'main', ...github }, { status: 409, code: 'UNSUPPORTED' }),
    asAdmin(
      'PUT',
      rules('main'),
      { ...github, role: 'reader' },
      {
        status: 200,
        json: { id: 'main', ...github, role: 'reader' },
      },
    ),
    asAdmin(
      'PUT',
      rules('main'),
      { id: 'main', issuer: github.issuer, claims: github.claims },
      {
        status: 200,
        json: { id: 'main', issuer: github.issuer, claims: github.claims },
      },
    ),
    asAdmin('PUT', rules('main'), { id: 'other', ...github }, bad(/id must be/)),
    asAdmin('PUT', rules('other'), github, missing),
    asAdmin('DELETE', rules('other'), undefined, missing),
    asAdmin('DELETE', rules('main'), undefined, { status: 204, body: '' }),
    asAdmin('DELETE', rules('main'), undefined, missing),
  ]),
  row('has an id, whether it was given one or not', [
    {
      ...asAdmin('POST', rules(), github, { status: 201 }),
      keep: { id: (answer) => bodyOf(answer).id },
    },
    asAdmin('POST', rules(), github, { status: 409 }),
    asAdmin('DELETE', rules('{id}'), undefined, { status: 204 }),
  ]),
  row('is changed only as it was read, where the client says so', [
    {
      ...asAdmin('POST', rules(), { id: 'etag', ...github }, { status: 201 }),
      keep: { etag: 'ETag' },
    },
    {
      ...asAdmin('PUT', rules('etag'), github, changed),
      headers: { ...jsonType, 'If-Match': '"1"' },
    },
    { ...asAdmin('DELETE', rules('etag'), undefined, changed), headers: { 'If-Match': '"1"' } },
    {
      ...asAdmin('POST', rules(), { id: 'b', ...github }, changed),
      headers: { ...jsonType, 'If-Match': '"1"' },
    },
    {
      ...asAdmin('PUT', rules('etag'), github),
      headers: { ...jsonType, 'If-Match': '{etag}' },
      keep: { next: 'ETag' },
    },
    { ...asAdmin('DELETE', rules('etag'), undefined, changed), headers: { 'If-Match': '{etag}' } },
    {
      ...asAdmin('DELETE', rules('etag'), undefined, { status: 204 }),
      headers: { 'If-Match': '{next}' },
    },
  ]),
  row('is left alone by a policy that is put, and leaves it alone', [
    asAdmin('POST', rules(), { id: 'stays', ...github }, { status: 201 }),
    getPolicy('ci'),
    putPolicy('ci', { bindings: [binding('reader', 'allUsers')] }),
    asAdmin('PUT', rules('stays'), { ...github, role: 'reader' }),
    asAdmin('GET', rules(), undefined, {
      status: 200,
      also: (answer) =>
        assert.deepEqual(bodyOf(answer).rules, [{ id: 'stays', ...github, role: 'reader' }]),
    }),
    asAdmin('GET', at('ci', 'policy'), undefined, {
      status: 200,
      also: (answer) => assert.deepEqual(bodyOf(answer).bindings, [binding('reader', 'allUsers')]),
    }),
    asAdmin('DELETE', rules('stays'), undefined, { status: 204 }),
  ]),
  ...(
    [
      [[], /JSON object/],
      ['x', /not JSON/],
      [{}, /issuer/],
      [{ ...github, issuer: 'http://ci.example' }, /issuer/],
      [{ ...github, issuer: 'https://127.0.0.1' }, /issuer/],
      [{ ...github, issuer: 'https://metadata.google.internal' }, /issuer/],
      [{ ...github, issuer: 'file:///etc/passwd' }, /issuer/],
      [{ ...github, claims: {} }, /./],
      [{ ...github, claims: { aud: 'x' } }, /aud/],
      [{ ...github, claims: { repository: 7 } }, /claims/],
      [{ ...github, role: 'admin' }, /role/],
      [{ ...github, prefix: 'other/app' }, /prefix/],
      [{ ...github, id: '../x' }, /id/],
      [{ ...github, secret: 'hunter2' }, /secret/],
    ] as const
  ).map(
    ([body, message]): Row => ({
      description: `is not made of ${JSON.stringify(body).slice(0, 100)}`,
      ...asAdmin('POST', rules(), body, { ...bad(message), also: echoesNothing }),
    }),
  ),
]);

// (An emulator takes half a minute for these that meet. That none is lost is tested there by the policies above.)
const itWhereManyMeet = isOnGoogle() ? () => undefined : it;
itWhereManyMeet(
  'a project has at most 100 federation rules, and of those that come at once none is lost',
  async () => {
    const post = (n: number) =>
      send(registry().url, {
        method: 'POST',
        path: at('many', 'federation'),
        headers: jsonType,
        body: JSON.stringify({ id: `r${n}`, ...github, prefix: 'many/app' }),
      });
    for (let n = 0; n < 100; n += 10) {
      const answers = await Promise.all(Array.from({ length: 10 }, (_, k) => post(n + k)));
      assert.deepEqual(
        answers.map(({ status }) => status),
        Array.from({ length: 10 }, () => 201),
      );
    }
    const one = await post(100);
    assert.equal(one.status, 400);
    assert.match(errorsOf(one)[0]?.message ?? '', /at most 100/);
  },
);

interface Entry {
  readonly id: string;
  readonly action: string;
  readonly actor: string;
  readonly detail?: string;
  readonly address?: string;
  readonly requestId?: string;
  readonly at: string;
}
const entriesOf = (answer: Answer): readonly Entry[] => bodyOf(answer).entries;

describe('the audit', () => {
  table('tells', [
    row('who changed what, from where and by which request, the latest first', [
      getPolicy('seen'),
      {
        ...putPolicy('seen', {
          bindings: [{ ...binding('writer', 'user:ann@example.com'), prefix: 'seen/app' }],
          writersDelete: true,
        }),
        keep: { etag: (answer) => bodyOf(answer).etag, request: 'X-Request-Id' },
      },
      putPolicy('seen', owning('robot:owner@other')),
      as(
        '{elsewhere}',
        call(
          'POST',
          at('seen', 'robots'),
          { name: 'ci', role: 'reader' },
          { expect: { status: 201 } },
        ),
      ),
      asAdmin('PATCH', at('seen', 'robots/ci'), { disabled: true }),
      asAdmin('POST', at('seen', 'robots/ci/secrets'), {}, { status: 201 }),
      asAdmin('DELETE', at('seen', 'robots/ci'), undefined, { status: 204 }),
      asAdmin('POST', at('seen', 'federation'), { id: 'r', ...rule }, { status: 201 }),
      asAdmin('PUT', at('seen', 'federation/r'), rule),
      asAdmin('DELETE', at('seen', 'federation/r'), undefined, { status: 204 }),
      as('{elsewhere}', {
        ...call('GET', at('seen', 'audit')),
        expect: {
          status: 200,
          also: (answer) => {
            const entries = entriesOf(answer);
            assert.deepEqual(
              // Those of one millisecond stand in any order.
              entries.map(({ action, actor }) => `${action} ${actor}`).sort(),
              [
                'federation.change user:admin',
                'federation.create user:admin',
                'federation.delete user:admin',
                'policy.change user:admin',
                'policy.change user:admin',
                'robot.change user:admin',
                'robot.create robot:owner@other',
                'robot.delete user:admin',
                'robot.secret.create user:admin',
              ],
            );
            for (const { at: time, address, requestId } of entries) {
              assert.match(time, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
              assert.match(address ?? '', /127\.0\.0\.1$|^::1$/);
              assert.match(requestId ?? '', /^[0-9a-f-]{36}$/);
            }
            const details = entries.filter(({ action }) => action === 'policy.change');
            assert.deepEqual(details.map(({ detail }) => detail).sort(), [
              '+ owner robot:owner@other; - writer user:ann@example.com of seen/app; - writers delete',
              '+ writer user:ann@example.com of seen/app; + writers delete',
            ]);
          },
        },
      }),
      asAdmin('GET', `${at('seen', 'audit')}?action=robot.create`, undefined, {
        status: 200,
        also: (answer) => assert.equal(entriesOf(answer).length, 1),
      }),
      asAdmin('GET', `${at('seen', 'audit')}?n=0`, undefined, {
        status: 200,
        json: { entries: [] },
      }),
      asAdmin('GET', `${at('seen', 'audit')}?repository=seen/none`, undefined, {
        status: 200,
        json: { entries: [] },
      }),
    ]),
    ...(
      [
        ['n=x', /n must be/],
        ['n=-1', /n must be/],
        ['after=x', /after must be/],
        ['after=../../x', /after must be/],
        [`after=${'a'.repeat(2000)}`, /after must be/],
        ['after=%00', /after must be/],
        ['repository=other/app', /repository must be/],
        ['repository=seen/../x', /repository must be/],
        ['repository=', /repository must be/],
        ['action=', /action must be/],
        ['action=login', /action must be/],
        ['action=__proto__', /action must be/],
      ] as const
    ).map(
      ([query, message]): Row => ({
        description: `nothing for ${query.slice(0, 40)}`,
        ...asAdmin('GET', `${at('seen', 'audit')}?${query}`, undefined, {
          ...bad(message),
          also: short,
        }),
      }),
    ),
    row('nothing of what was refused', [
      expecting(
        denied,
        as('{writer}', call('POST', at('team', 'robots'), { name: 'z', role: 'owner' })),
      ),
      getPolicy('quiet'),
      expecting(
        changed,
        putPolicy('quiet', { bindings: [] }, { headers: { ...jsonType, 'If-Match': '"1"' } }),
      ),
      expecting(bad(/./), putPolicy('quiet', { bindings: 7 })),
      asAdmin('DELETE', at('quiet', 'robots/x'), undefined, missing),
      asAdmin('DELETE', at('quiet', 'federation/x'), undefined, missing),
      asAdmin('GET', at('quiet', 'audit'), undefined, { status: 200, json: { entries: [] } }),
    ]),
  ]);

  it('is read on pages, each entry once', async () => {
    for (let n = 0; n < 7; n += 1) {
      const body = JSON.stringify({ name: `r${n}`, role: 'reader' });
      const path = at('pages', 'robots');
      await send(registry().url, { method: 'POST', path, headers: jsonType, body });
    }
    const seen: string[] = [];
    let path = `${at('pages', 'audit')}?n=3&action=robot.create`;
    for (;;) {
      const answer = await send(registry().url, { method: 'GET', path });
      assert.equal(answer.status, 200);
      seen.push(...entriesOf(answer).map(({ id }) => id));
      if (answer.headers['link'] === undefined) break;
      path = nextPage(answer);
    }
    assert.equal(seen.length, 7);
    assert.ok(seen.every((id, n) => n === 0 || (seen[n - 1] ?? '') < id));
  });

  it('cannot be written into by what somebody sends: an entry is one, and its fields are its own', async () => {
    const path = at('forged', 'federation');
    const claims = {
      repository: '","actor":"user:eve","action":"x\n{"severity":"ERROR"}\u001b[2J',
    };
    const body = JSON.stringify({ id: 'r', ...rule, claims });
    const made = await send(registry().url, { method: 'POST', path, headers: jsonType, body });
    assert.ok(made.status === 201 || made.status === 400, String(made.body));
    const answer = await send(registry().url, { method: 'GET', path: at('forged', 'audit') });
    const entries = entriesOf(answer);
    assert.equal(entries.length, made.status === 201 ? 1 : 0);
    for (const { actor, action, detail = '' } of entries) {
      assert.deepEqual([actor, action], ['user:admin', 'federation.create']);
      // biome-ignore lint/suspicious/noControlCharactersInRegex: that there are none
      assert.doesNotMatch(detail, /[\u0000-\u001f]/);
    }
  });
});

function tooLargeInChunks(): Row {
  return {
    description: 'a body that is too large, sent in chunks',
    ...putPolicy(
      'bad',
      {},
      {
        headers: { ...jsonType, 'If-Match': '*' },
        body: many(20, () => Buffer.alloc(64 * 1024, ' ')) as Uint8Array[],
        expect: { status: 413, code: 'SIZE_INVALID' },
      },
    ),
  };
}
