// Who may do what, as a truth table: every principal, on every kind of repository, under every policy.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { actionsOf, mayList, type Policy } from '#shared/auth/policy.ts';
import { anonymous, type Principal, type Role } from '#shared/auth/principal.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';

const robot = (role: Role, project: string, prefix?: string): Principal => ({
  kind: 'robot',
  name: 'ci',
  project,
  role,
  prefix,
});
const everything = 'pull push delete';
const policies: Record<string, Policy> = {
  closed: { anonymousPull: new Set() },
  'open: team': { anonymousPull: new Set(['team']) },
  'open: *': { anonymousPull: '*' },
};

/** Principal → repository → its actions under each policy, in their order above. */
const table: readonly (readonly [string, Principal, Record<string, readonly string[]>])[] = [
  [
    'anonymous',
    anonymous,
    {
      team: ['', 'pull', 'pull'],
      'team/image': ['', 'pull', 'pull'],
      'team/deep/image': ['', 'pull', 'pull'],
      // A project's name is a whole segment.
      'teams/image': ['', '', 'pull'],
      'other/team': ['', '', 'pull'],
      'example.com/team': ['', '', 'pull'],
    },
  ],
  [
    'the admin',
    { kind: 'admin' },
    {
      team: [everything, everything, everything],
      'other/image': [everything, everything, everything],
      'example.com/team/image': [everything, everything, everything],
    },
  ],
  [
    'a project’s owner',
    robot('owner', 'team'),
    {
      team: [everything, everything, everything],
      'team/image': [everything, everything, everything],
      'teams/image': ['', '', 'pull'],
      'other/image': ['', '', 'pull'],
      'other/team/image': ['', '', 'pull'],
    },
  ],
  [
    'a project’s writer',
    robot('writer', 'team'),
    {
      'team/image': ['pull push', 'pull push', 'pull push'],
      'other/image': ['', '', 'pull'],
    },
  ],
  [
    'a project’s reader',
    robot('reader', 'team'),
    {
      'team/image': ['pull', 'pull', 'pull'],
      'other/image': ['', '', 'pull'],
    },
  ],
  [
    'a writer of another project',
    robot('writer', 'other'),
    { 'team/image': ['', 'pull', 'pull'], 'other/image': ['pull push', 'pull push', 'pull push'] },
  ],
  [
    'a writer of a part of a project',
    robot('writer', 'team', 'team/web/'),
    {
      'team/web/app': ['pull push', 'pull push', 'pull push'],
      'team/web': ['', 'pull', 'pull'],
      'team/website': ['', 'pull', 'pull'],
      'team/image': ['', 'pull', 'pull'],
      'other/team/web/app': ['', '', 'pull'],
    },
  ],
  [
    'an owner whose prefix lies outside of its project',
    robot('owner', 'team', 'other/'),
    { 'team/image': ['', 'pull', 'pull'], 'other/image': ['', '', 'pull'] },
  ],
  [
    'an owner of a project of two segments',
    robot('owner', 'example.com/team'),
    {
      'example.com/team': [everything, everything, everything],
      'example.com/team/image': [everything, everything, everything],
      'example.com/teams/image': ['', '', 'pull'],
      'example.com': ['', '', 'pull'],
      'team/image': ['', 'pull', 'pull'],
    },
  ],
];

describe('actionsOf', () => {
  for (const [title, principal, repositories] of table) {
    for (const [text, expected] of Object.entries(repositories)) {
      it(`tells what ${title} may do with ${text}`, () => {
        const name = parseRepositoryName(text);
        assert.ok(name !== undefined);
        const actual = Object.values(policies).map((policy) =>
          actionsOf(policy, principal, name).join(' '),
        );
        assert.deepEqual(actual, expected);
      });
    }
  }
});

describe('mayList', () => {
  it('lets all but anonymous list, and anonymous where there is something to see', () => {
    const lists = (principal: Principal) =>
      Object.values(policies).map((policy) => mayList(policy, principal));
    assert.deepEqual(lists(anonymous), [false, true, true]);
    assert.deepEqual(lists({ kind: 'admin' }), [true, true, true]);
    assert.deepEqual(lists(robot('reader', 'team')), [true, true, true]);
  });
});
