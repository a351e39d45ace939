// Who may do what, as a truth table: every kind of principal, on every kind of repository, under every kind of policy.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { parseMember } from '#shared/auth/member.ts';
import type { FederationRule } from '#shared/auth/oidc/federation-rules.ts';
import { parseBindings } from '#shared/auth/policies.ts';
import {
  actionsOf,
  isOwner,
  mayList,
  mayPullBelow,
  type ProjectPolicy,
  roleIn,
  type Standing,
} from '#shared/auth/policy.ts';
import { anonymous, type Principal, type Role } from '#shared/auth/principal.ts';
import { parseRepositoryName, projectOf } from '#shared/oci/reference.ts';

const robot = (role: Role, project: string, prefix?: string): Principal => ({
  kind: 'robot',
  name: 'ci',
  project,
  role,
  prefix,
});
const user = (email: string, pullOnly?: boolean): Principal => ({
  kind: 'google',
  type: 'user',
  email,
  id: '1234567890',
  pullOnly,
});
const account = (email: string | undefined, id?: string): Principal => ({
  kind: 'google',
  type: 'serviceAccount',
  email,
  id,
});
const actions = 'https://actions.example';
const job = (claims: Record<string, string>, over: object = {}): Principal => ({
  kind: 'federated',
  issuer: actions,
  subject: 'repo:team/app:ref:refs/heads/main',
  audiences: ['https://registry.example'],
  claims,
  ...over,
});
const ofTeam = { repository_owner: 'team' };
const trust = (rule: Partial<FederationRule>): FederationRule => ({
  id: 'ci',
  issuer: actions,
  claims: ofTeam,
  ...rule,
});

interface Decided {
  readonly bindings?: readonly (readonly [role: string, member: string, prefix?: string])[];
  readonly writersDelete?: boolean;
  readonly federation?: readonly FederationRule[];
  readonly open?: boolean;
  readonly operators?: readonly string[];
}

function standingOf(project: string, decided: Decided): Standing {
  const { bindings = [], writersDelete = false, federation = [], open = false } = decided;
  const policy: ProjectPolicy = {
    bindings: parseBindings(
      bindings.map(([role, member, prefix]) => ({
        role:
          { 'roles/editor': 'writer', 'roles/viewer': 'reader', 'roles/owner': 'owner' }[role] ??
          (role as Role),
        members: [member],
        ...(prefix === undefined ? {} : { prefix }),
      })) as Parameters<typeof parseBindings>[0],
      project,
    ),
    writersDelete,
    federation,
  };
  const operators = (decided.operators ?? []).flatMap((text) => parseMember(text, '') ?? []);
  return { project, policy, isOpen: open, operators, audiences: ['https://registry.example'] };
}

const all = 'pull push delete';

/** What is decided, who asks, for which repository, and what it may do there; `owns` where it owns the project. */
const table: readonly (readonly [string, Decided, Principal, string, string])[] = [
  ['nobody, where nothing is decided', {}, anonymous, 'team/app', ''],
  ['nobody, where the registry is open', { open: true }, anonymous, 'team/app', 'pull'],
  ['the admin, anywhere', {}, { kind: 'admin' }, 'team/app', `${all} owns`],
  [
    'an operator, anywhere',
    { operators: ['user:a@x.example'] },
    user('a@x.example'),
    'team/app',
    `${all} owns`,
  ],
  [
    'somebody else than the operator',
    { operators: ['user:a@x.example'] },
    user('b@x.example'),
    'team/app',
    '',
  ],
  [
    'an operator by a credential that only reads',
    { operators: ['user:a@x.example'] },
    user('a@x.example', true),
    'team/app',
    'pull',
  ],

  ['a robot that owns', {}, robot('owner', 'team'), 'team/app', `${all}`],
  ['a robot that writes', {}, robot('writer', 'team'), 'team/app', 'pull push'],
  [
    'a robot that writes where writers delete',
    { writersDelete: true },
    robot('writer', 'team'),
    'team/app',
    all,
  ],
  [
    'a robot that reads where writers delete',
    { writersDelete: true },
    robot('reader', 'team'),
    'team/app',
    'pull',
  ],
  ['a robot that reads', {}, robot('reader', 'team'), 'team/app', 'pull'],
  ['a robot of another project', {}, robot('owner', 'other'), 'team/app', ''],
  ['a robot of a project whose name begins so', {}, robot('owner', 'tea'), 'team/app', ''],
  [
    'a robot of another project, where it is open',
    { open: true },
    robot('owner', 'other'),
    'team/app',
    'pull',
  ],
  ['a robot of its prefix', {}, robot('writer', 'team', 'team/web'), 'team/web/app', 'pull push'],
  [
    'a robot of its prefix itself',
    {},
    robot('writer', 'team', 'team/web'),
    'team/web',
    'pull push',
  ],
  ['a robot beside its prefix', {}, robot('writer', 'team', 'team/web'), 'team/website', ''],
  ['a robot above its prefix', {}, robot('owner', 'team', 'team/web'), 'team/app', ''],
  ['a robot whose prefix lies elsewhere', {}, robot('owner', 'team', 'other'), 'team/app', ''],
  [
    'a robot of a project of two segments',
    {},
    robot('owner', 'example.com/team'),
    'example.com/team/app',
    all,
  ],
  ['that robot in the domain itself', {}, robot('owner', 'example.com/team'), 'example.com', ''],
  [
    'a robot that a binding names',
    { bindings: [['writer', 'robot:ci@other']] },
    robot('reader', 'other'),
    'team/app',
    'pull push',
  ],
  [
    'a robot by its short name',
    { bindings: [['writer', 'robot:ci']] },
    robot('reader', 'team'),
    'team/app',
    'pull push',
  ],
  [
    'another project’s robot by a short name',
    { bindings: [['writer', 'robot:ci']] },
    robot('owner', 'other'),
    'team/app',
    '',
  ],

  [
    'an owner',
    { bindings: [['owner', 'user:a@x.example']] },
    user('a@x.example'),
    'team/app',
    `${all} owns`,
  ],
  [
    'a writer',
    { bindings: [['writer', 'user:a@x.example']] },
    user('a@x.example'),
    'team/app',
    'pull push',
  ],
  [
    'a writer where writers delete',
    { bindings: [['writer', 'user:a@x.example']], writersDelete: true },
    user('a@x.example'),
    'team/app',
    all,
  ],
  [
    'a reader',
    { bindings: [['reader', 'user:a@x.example']] },
    user('a@x.example'),
    'team/app',
    'pull',
  ],
  [
    'Google’s Owner of the project',
    { bindings: [['roles/owner', 'user:a@x.example']] },
    user('a@x.example'),
    'team/app',
    `${all} owns`,
  ],
  [
    'Google’s Editor of the project',
    { bindings: [['roles/editor', 'user:a@x.example']] },
    user('a@x.example'),
    'team/app',
    'pull push',
  ],
  [
    'Google’s Viewer of the project',
    { bindings: [['roles/viewer', 'user:a@x.example']] },
    user('a@x.example'),
    'team/app',
    'pull',
  ],
  [
    'a user whose address is written in capitals',
    { bindings: [['reader', 'user:A@X.example']] },
    user('a@x.example'),
    'team/app',
    'pull',
  ],
  [
    'a user who is nobody here',
    { bindings: [['owner', 'user:a@x.example']] },
    user('b@x.example'),
    'team/app',
    '',
  ],
  [
    'a user of another domain',
    { bindings: [['owner', 'user:a@x.example']] },
    user('a@y.example'),
    'team/app',
    '',
  ],
  [
    'a service account by a user’s name',
    { bindings: [['owner', 'user:a@x.example']] },
    account('a@x.example'),
    'team/app',
    '',
  ],
  [
    'a user by a service account’s name',
    { bindings: [['owner', 'serviceAccount:a@x.example']] },
    user('a@x.example'),
    'team/app',
    '',
  ],
  [
    'a service account',
    { bindings: [['writer', 'serviceAccount:b@p.iam.gserviceaccount.com']] },
    account('b@p.iam.gserviceaccount.com'),
    'team/app',
    'pull push',
  ],
  [
    'a service account by its number',
    { bindings: [['reader', 'serviceAccount:1234']] },
    account(undefined, '1234'),
    'team/app',
    'pull',
  ],
  [
    'a service account without name and number',
    { bindings: [['reader', 'serviceAccount:1234']] },
    account(undefined),
    'team/app',
    '',
  ],
  [
    'an owner by a credential that only reads',
    { bindings: [['owner', 'user:a@x.example']] },
    user('a@x.example', true),
    'team/app',
    'pull',
  ],
  ['an owner of another project’s policy', { bindings: [] }, user('a@x.example'), 'team/app', ''],
  [
    'several roles together',
    {
      bindings: [
        ['reader', 'allUsers'],
        ['writer', 'user:a@x.example'],
      ],
    },
    user('a@x.example'),
    'team/app',
    'pull push',
  ],

  [
    'an owner of a part, in it',
    { bindings: [['owner', 'user:a@x.example', 'team/web']] },
    user('a@x.example'),
    'team/web/app',
    all,
  ],
  [
    'an owner of a part, at it',
    { bindings: [['owner', 'user:a@x.example', 'team/web']] },
    user('a@x.example'),
    'team/web',
    all,
  ],
  [
    'an owner of a part, beside it',
    { bindings: [['owner', 'user:a@x.example', 'team/web']] },
    user('a@x.example'),
    'team/website',
    '',
  ],
  [
    'an owner of a part, above it',
    { bindings: [['owner', 'user:a@x.example', 'team/web']] },
    user('a@x.example'),
    'team/app',
    '',
  ],

  [
    'anyone, where a repository is public',
    { bindings: [['reader', 'allUsers']] },
    anonymous,
    'team/app',
    'pull',
  ],
  [
    'anyone, where a part is public',
    { bindings: [['reader', 'allUsers', 'team/public']] },
    anonymous,
    'team/public/x',
    'pull',
  ],
  [
    'anyone, beside what is public',
    { bindings: [['reader', 'allUsers', 'team/public']] },
    anonymous,
    'team/app',
    '',
  ],
  [
    'anyone by another project’s robot',
    { bindings: [['reader', 'allUsers']] },
    robot('owner', 'other'),
    'team/app',
    'pull',
  ],
  [
    'nobody, where who is known may read',
    { bindings: [['reader', 'allAuthenticatedUsers']] },
    anonymous,
    'team/app',
    '',
  ],
  [
    'somebody, where who is known may read',
    { bindings: [['reader', 'allAuthenticatedUsers']] },
    user('z@z.example'),
    'team/app',
    'pull',
  ],
  [
    'a robot, where who is known may read',
    { bindings: [['reader', 'allAuthenticatedUsers']] },
    robot('owner', 'other'),
    'team/app',
    'pull',
  ],
  [
    'a job of nobody’s, where who is known may read',
    { bindings: [['reader', 'allAuthenticatedUsers']] },
    job(ofTeam),
    'team/app',
    '',
  ],
  [
    'a job that is trusted, where who is known may read',
    { bindings: [['reader', 'allAuthenticatedUsers']], federation: [trust({})] },
    job(ofTeam),
    'team/app',
    'pull',
  ],
  [
    'a job of nobody’s, where all may read',
    { bindings: [['reader', 'allUsers']] },
    job(ofTeam),
    'team/app',
    'pull',
  ],

  [
    'a job by its rule',
    { federation: [trust({ role: 'writer' })] },
    job(ofTeam),
    'team/app',
    'pull push',
  ],
  [
    'a job by a rule of owners',
    { federation: [trust({ role: 'owner' })] },
    job(ofTeam),
    'team/app',
    `${all} owns`,
  ],
  [
    'a job by its rule, in its part',
    { federation: [trust({ role: 'writer', prefix: 'team/app' })] },
    job(ofTeam),
    'team/app',
    'pull push',
  ],
  [
    'a job by its rule, beside its part',
    { federation: [trust({ role: 'writer', prefix: 'team/app' })] },
    job(ofTeam),
    'team/apple',
    '',
  ],
  [
    'a job of another owner',
    { federation: [trust({ role: 'writer' })] },
    job({ repository_owner: 'mallory' }),
    'team/app',
    '',
  ],
  [
    'a job that does not say its owner',
    { federation: [trust({ role: 'writer' })] },
    job({}),
    'team/app',
    '',
  ],
  [
    'a job of another issuer',
    { federation: [trust({ role: 'writer' })] },
    job(ofTeam, { issuer: 'https://evil.example' }),
    'team/app',
    '',
  ],
  [
    'a job whose token was made for somebody else',
    { federation: [trust({ role: 'writer' })] },
    job(ofTeam, { audiences: ['https://other.example'] }),
    'team/app',
    '',
  ],
  [
    'a job whose rule names another audience',
    { federation: [trust({ role: 'writer', audience: 'berth' })] },
    job(ofTeam),
    'team/app',
    '',
  ],
  [
    'a job made for the audience that its rule names',
    { federation: [trust({ role: 'writer', audience: 'berth' })] },
    job(ofTeam, { audiences: ['berth'] }),
    'team/app',
    'pull push',
  ],
  ['a job by a rule without a role', { federation: [trust({})] }, job(ofTeam), 'team/app', ''],
  [
    'a job that a binding names',
    {
      federation: [trust({})],
      bindings: [['writer', 'principal://actions.example/repo:team/app:ref:refs/heads/main']],
    },
    job(ofTeam),
    'team/app',
    'pull push',
  ],
  [
    'a job that a binding names, and no rule trusts',
    { bindings: [['writer', 'principal://actions.example/repo:team/app:ref:refs/heads/main']] },
    job(ofTeam),
    'team/app',
    '',
  ],
  [
    'a job of another branch than a binding names',
    {
      federation: [trust({})],
      bindings: [['writer', 'principal://actions.example/repo:team/app:ref:refs/heads/main']],
    },
    job(ofTeam, { subject: 'repo:team/app:ref:refs/heads/x' }),
    'team/app',
    '',
  ],
  [
    'a job by a claim',
    {
      federation: [trust({})],
      bindings: [['writer', 'principalSet://actions.example/repository_owner.team']],
    },
    job(ofTeam),
    'team/app',
    'pull push',
  ],
  [
    'a job by a claim that it does not have',
    {
      federation: [trust({})],
      bindings: [['writer', 'principalSet://actions.example/repository.team/x']],
    },
    job(ofTeam),
    'team/app',
    '',
  ],
  [
    'a job whose subject begins as another trusted issuer does',
    {
      federation: [trust({}), trust({ id: 'b', issuer: `${actions}/b` })],
      bindings: [['writer', 'principal://actions.example/b/me']],
    },
    job(ofTeam, { subject: 'b/me' }),
    'team/app',
    '',
  ],
];

describe('actionsOf', () => {
  for (const [title, decided, principal, text, expected] of table) {
    it(`tells what ${title} may do with ${text}: ${expected || 'nothing'}`, () => {
      const name = parseRepositoryName(text);
      assert.ok(name !== undefined);
      const standing = standingOf(projectOf(name), decided);
      const owns = isOwner(standing, principal);
      const may = actionsOf(standing, principal, name).join(' ');
      const isRobotOwner = principal.kind === 'robot' && principal.role === 'owner' && owns;
      assert.equal(owns && !isRobotOwner ? `${may} owns` : may, expected);
    });
  }
});

describe('isOwner', () => {
  it('is so of a robot that owns its project, and of none that owns a part of it', () => {
    const standing = standingOf('team', {});
    assert.equal(isOwner(standing, robot('owner', 'team')), true);
    assert.equal(isOwner(standing, robot('owner', 'team', 'team/web')), false);
    assert.equal(isOwner(standing, robot('writer', 'team')), false);
    assert.equal(isOwner(standing, robot('owner', 'other')), false);
  });
});

describe('roleIn', () => {
  it('is the greatest that somebody has somewhere in the project', () => {
    const decided: Decided = {
      bindings: [
        ['reader', 'user:a@x.example'],
        ['writer', 'user:a@x.example', 'team/web'],
      ],
      open: true,
    };
    const standing = standingOf('team', decided);
    assert.equal(roleIn(standing, user('a@x.example')), 'writer');
    assert.equal(roleIn(standing, user('b@x.example')), undefined);
    assert.equal(roleIn(standing, { kind: 'admin' }), 'owner');
  });
});

describe('mayList', () => {
  it('lets all but anonymous list, and anonymous where there is something to see', () => {
    const lists = (principal: Principal) =>
      [new Set<string>(), new Set(['team']), '*' as const].map((open) => mayList(principal, open));
    assert.deepEqual(lists(anonymous), [false, true, true]);
    assert.deepEqual(lists({ kind: 'admin' }), [true, true, true]);
    assert.deepEqual(lists(robot('reader', 'team')), [true, true, true]);
  });
});

describe('mayPullBelow', () => {
  const standing = standingOf('team', {
    bindings: [
      ['reader', 'user:a@x.example', 'team/web/shop'],
      ['writer', 'user:b@x.example'],
    ],
  });
  for (const [who, name, expected] of [
    ['a', 'team', true],
    ['a', 'team/web', true],
    ['a', 'team/web/shop', true],
    ['a', 'team/web/shop/api', true],
    ['a', 'team/we', false],
    ['a', 'team/web/sho', false],
    ['a', 'team/website', false],
    ['b', 'team', true],
    ['b', 'team/anything', true],
    ['c', 'team', false],
  ] as const) {
    it(`is ${expected} of ${who} for ${name}`, () => {
      const repository = parseRepositoryName(name) ?? assert.fail(name);
      assert.equal(mayPullBelow(standing, user(`${who}@x.example`), repository), expected);
    });
  }

  it('is of robots by their prefix, and of anyone where the project is open', () => {
    const [team, web] = ['team', 'team/web'].map(
      (one) => parseRepositoryName(one) ?? assert.fail(),
    );
    const part = robot('reader', 'team', 'team/api');
    assert.ok(team !== undefined && web !== undefined);
    assert.deepEqual(
      [mayPullBelow(standing, part, team), mayPullBelow(standing, part, web)],
      [true, false],
    );
    assert.equal(mayPullBelow(standing, anonymous, team), false);
    assert.equal(mayPullBelow(standingOf('team', { open: true }), anonymous, team), true);
  });
});

it('a prefix holds in no repository because of how that is called', () => {
  const standing = standingOf('anywhere', {
    bindings: [['owner', 'user:a@x.example', 'anywhere/web']],
  });
  const name = parseRepositoryName('anywhere') ?? assert.fail();
  assert.deepEqual(actionsOf(standing, user('a@x.example'), name), []);
});
