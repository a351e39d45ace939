// Where IAM on a project's bucket is its policy, as it was in gcr.io: what Cloud Storage lets somebody do with the bucket,
// as a role in the project.

import type { Member } from './member.ts';
import { emptyPolicy, type ProjectPolicy } from './policy.ts';
import type { Role } from './principal.ts';

/** What is asked about (cloud.google.com/storage/docs/access-control/iam-permissions). */
export const bucketPermissions = [
  'storage.objects.get',
  'storage.objects.list',
  'storage.objects.create',
  'storage.objects.delete',
  'storage.buckets.setIamPolicy',
] as const;

export type BucketPermission = (typeof bucketPermissions)[number];

/**
 * The policy that stands for what one principal may do with the bucket. Reading objects is pulling, creating them is
 * pushing, deleting them is deleting; who may change the bucket's policy owns the project.
 */
export function policyOfBucket(permissions: readonly BucketPermission[]): ProjectPolicy {
  const may = (permission: BucketPermission) => permissions.includes(permission);
  if (!may('storage.objects.get')) return emptyPolicy;
  const role: Role = may('storage.buckets.setIamPolicy')
    ? 'owner'
    : may('storage.objects.create')
      ? 'writer'
      : 'reader';
  return {
    ...emptyPolicy,
    bindings: [{ role, members: ['allUsers' as Member] }],
    writersDelete: may('storage.objects.delete'),
  };
}

/** A project's id as Google gives them, which has no dot and no underscore, behind a domain where it belongs to one. */
const googleProject = /^(?:([a-z0-9-]+(?:\.[a-z0-9-]+)+)\/)?([a-z][a-z0-9-]{4,28}[a-z0-9])$/;

/**
 * The name of a project's bucket, by a template with `{project}` and `{location}` in it; `undefined` for a project whose
 * name is none of Google's. A domain's dots become `_` and its slash `__`, which no other project has: two projects
 * never share a bucket.
 */
export function bucketOfProject(
  template: string,
  { project, location }: { readonly project: string; readonly location: string },
): string | undefined {
  const [, domain, id] = googleProject.exec(project) ?? [];
  if (id === undefined) return undefined;
  const name = domain === undefined ? id : `${domain.replaceAll('.', '_')}__${id}`;
  return template.replaceAll('{project}', name).replaceAll('{location}', location);
}
