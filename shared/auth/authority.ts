// What somebody may do in a project: its policy and the registry's settings, put before the one function that decides.

import type { Clock } from '../ports/clock.ts';
import type { Documents } from '../ports/documents.ts';
import type { AudiencesOf } from './audiences.ts';
import { type BucketPermission, policyOfBucket } from './bucket-policy.ts';
import type { Identity } from './identity.ts';
import type { Member } from './member.ts';
import { openPolicies } from './policies.ts';
import { emptyPolicy, isOperator, type ProjectPolicy, type Standing } from './policy.ts';
import type { Principal } from './principal.ts';

export interface AuthoritySettings {
  /** Projects that anyone may pull from, or all of them. */
  readonly anonymousPull: ReadonlySet<string> | '*';
  /** Who may do everything, beside the admin. */
  readonly operators: readonly Member[];
  /** Where IAM on a project's bucket is its policy: the bucket's name, and what anybody may do with it. */
  readonly buckets?: BucketRights | undefined;
  readonly audiencesOf: AudiencesOf;
}

export interface BucketRights {
  /** @param host the registry's, which stands for a location. `undefined` where the project can have none */
  nameOf(project: string, host: string): string | undefined;
  permissionsOfAnyone(bucket: string): Promise<readonly BucketPermission[]>;
}

/** All that decides about somebody in a project. */
export interface VersionedStanding extends Standing {
  /**
   * That of the project's policy, by which tokens remember it; `undefined` where that decided nothing: then no change of it
   * takes anything away.
   */
  readonly version: number | undefined;
}

export interface Authority extends Pick<AuthoritySettings, 'anonymousPull' | 'operators'> {
  /** Whether it is IAM on buckets that decides about somebody: of what that takes away nobody is told. */
  isByBucket(principal: Principal): boolean;
  /**
   * @param host the registry's, as the client calls it: issuers' tokens are made for it
   * @param options.fresh the policy as it is now, and not as it was within `recentSeconds`
   */
  standing(
    project: string,
    identity: Identity,
    host: string,
    options?: { readonly fresh?: boolean },
  ): Promise<VersionedStanding>;
  /** Whether a project deletes by gcr.io's rules, as it was decided `recentSeconds` ago at the latest: for operators too. */
  deletesAsGcr(project: string): Promise<boolean>;
}

type DecidingPolicy = ProjectPolicy & Pick<VersionedStanding, 'version'>;

const undecided: DecidingPolicy = { ...emptyPolicy, version: undefined };

export function openAuthority(
  { documents, clock }: { readonly documents: Documents; readonly clock: Clock },
  { anonymousPull, operators, buckets, audiencesOf }: AuthoritySettings,
): Authority {
  const policies = openPolicies(documents, clock);
  const ownPolicy = (project: string, fresh: boolean) =>
    fresh ? policies.read(project) : policies.recent(project);
  const policyFor = async (
    project: string,
    identity: Identity,
    host: string,
    fresh: boolean,
  ): Promise<DecidingPolicy> => {
    if (buckets === undefined) return ownPolicy(project, fresh);
    const bucket = buckets.nameOf(project, host);
    const { kind } = identity.principal;
    if (kind === 'google') return bucketPolicy(bucket, identity);
    const ofAnyone = await anyonesPolicy(buckets, bucket);
    if (kind === 'anonymous') return ofAnyone;
    // Our own accounts and issuers' are no members of the bucket; and what anyone may do, they may.
    const own = await ownPolicy(project, fresh);
    return { ...own, bindings: [...own.bindings, ...ofAnyone.bindings] };
  };
  return {
    anonymousPull,
    operators,
    isByBucket: ({ kind }) => buckets !== undefined && kind === 'google',
    standing: async (project, identity, host, { fresh = false } = {}) => {
      // Whom no policy can refuse anything needs none to be read.
      const { version, ...policy } = isOperator({ operators }, identity.principal)
        ? undecided
        : await policyFor(project, identity, host, fresh);
      const isOpen = anonymousPull === '*' || anonymousPull.has(project);
      return { project, policy, isOpen, operators, audiences: audiencesOf(host), version };
    },
    deletesAsGcr: async (project) => (await policies.recent(project)).gcrDeletes === true,
  };
}

async function bucketPolicy(
  bucket: string | undefined,
  identity: Identity,
): Promise<DecidingPolicy> {
  // Who comes by our own token cannot be asked about any more: that token says all that was granted.
  if (bucket === undefined || identity.permissionsOn === undefined) {
    return undecided;
  }
  return { ...policyOfBucket(await identity.permissionsOn(bucket)), version: undefined };
}

async function anyonesPolicy(
  buckets: BucketRights,
  bucket: string | undefined,
): Promise<DecidingPolicy> {
  const permissions = bucket === undefined ? [] : await buckets.permissionsOfAnyone(bucket);
  // Nobody changes anything who is not known, whatever the bucket allows.
  const reading = permissions.filter((one) => one === 'storage.objects.get');
  return { ...policyOfBucket(reading), version: undefined };
}
