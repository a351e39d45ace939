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
