// Where IAM on a bucket is the policy: which bucket, and what its permissions mean.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import {
  type BucketPermission,
  bucketOfProject,
  bucketPermissions,
  policyOfBucket,
} from '#shared/auth/bucket-policy.ts';
import { actionsOf, isOwner } from '#shared/auth/policy.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';

const name = parseRepositoryName('my-project/app') ?? assert.fail();
const user = { kind: 'google', type: 'user', email: 'a@x.example' } as const;
const standing = (permissions: readonly BucketPermission[]) => ({
  project: 'my-project',
  policy: policyOfBucket(permissions),
  isOpen: false,
  operators: [],
  audiences: [],
});

/** Permissions by their last words → what they allow. */
const table: readonly (readonly [string, string])[] = [
  ['', ''],
  ['list', ''],
  ['create', ''],
  ['delete', ''],
  ['setIamPolicy', ''],
  ['create delete setIamPolicy', ''],
  ['get', 'pull'],
  ['get list', 'pull'],
  ['get delete', 'pull'],
  ['get create', 'pull push'],
  ['get list create', 'pull push'],
  ['get list create delete', 'pull push delete'],
  ['get list create delete setIamPolicy', 'pull push delete owns'],
];

describe('what IAM allows on a bucket', () => {
  for (const [words, expected] of table) {
    it(`allows ${expected || 'nothing'} by ${words || 'nothing'}`, () => {
      const permissions = bucketPermissions.filter((one) =>
        words.split(' ').includes(one.split('.').at(-1) ?? ''),
      );
      const at = standing(permissions);
      const owns = isOwner(at, user) ? ' owns' : '';
      assert.equal(`${actionsOf(at, user, name).join(' ')}${owns}`, expected);
    });
  }
});

describe('the bucket of a project', () => {
  const bucketOf = (project: string) =>
    bucketOfProject('acme-{location}-{project}', { project, location: 'eu' });

  it('is named by the template', () => {
    assert.equal(bucketOf('my-project'), 'acme-eu-my-project');
    assert.equal(bucketOf('example.com/my-project'), 'acme-eu-example_com__my-project');
  });

  it('is none where the name is not one of Google’s projects', () => {
    for (const project of [
      '',
      'short',
      'my_project',
      'my.project',
      'my-project-',
      '1-project',
      'a'.repeat(31),
      'x/my-project',
      'example.com/a/b',
      '../my-project',
      'my-project/../x',
    ]) {
      assert.equal(bucketOf(project), undefined, project);
    }
  });

  it('is never another project’s', () => {
    const project = fc.stringMatching(/^([a-z]{1,3}(\.|-|_)){0,2}[a-z]{1,2}(\/[a-z-]{6,8})?$/);
    fc.assert(
      fc.property(project, project, (one, other) => {
        const [first, second] = [bucketOf(one), bucketOf(other)];
        assert.ok(first === undefined || first !== second || one === other);
      }),
      { numRuns: 2000 },
    );
  });
});
