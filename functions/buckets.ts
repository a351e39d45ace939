// Which bucket of Cloud Storage keeps what: a location's for all its projects, or one for each project, as in gcr.io.

import { bucketOfProject } from '#shared/auth/bucket-policy.ts';
import { isBucketName } from '#shared/auth/google/buckets.ts';

export interface BucketSettings {
  /** A name with `{location}` in it, where there are several; `undefined` where each project has a bucket. */
  readonly blobs: string | undefined;
  /** As `blobs`. */
  readonly staging: string;
  /** A name with `{project}` in it; `undefined` where projects share. */
  readonly projects: string | undefined;
}

/** Names of buckets. `blobs` is `undefined` for a project that can have none. */
export interface BucketNames {
  readonly staging: string;
  readonly blobs: string | undefined;
}

/** The buckets of a project's blobs and parts in a location. */
export function bucketsOf(
  { blobs, staging, projects }: BucketSettings,
  { location, project }: { readonly location: string; readonly project: string },
): BucketNames {
  const ofLocation = (template: string) => template.replaceAll('{location}', location);
  const own = projects && bucketOfProject(projects, { project, location });
  return {
    staging: ofLocation(staging),
    blobs:
      projects === undefined
        ? blobs && ofLocation(blobs)
        : own && isBucketName(own)
          ? own
          : undefined,
  };
}

/**
 * Looks whether what is to be apart has buckets apart, whatever projects there will be.
 * @throws Error that names the setting that leads two locations, or parts and blobs, into one bucket
 */
export function checkBuckets(settings: BucketSettings, locations: readonly string[]): void {
  const { blobs, staging, projects } = settings;
  checkApart('BERTH_STAGING_BUCKET', staging, locations);
  if (blobs !== undefined) checkApart('BERTH_BLOBS_BUCKET', blobs, locations);
  if (projects !== undefined) checkProjectBucket(settings.projects ?? '', locations, staging);
}

/**
 * Looks whether the template gives each location buckets of its own: `us` and `us-east` share some by
 * `{location}-{project}`, and none by `{location}-images-{project}`.
 * @param staging of parts, which expire there, as blobs in it would
 * @throws Error that names the setting
 */
export function checkProjectBucket(
  template: string,
  locations: readonly string[],
  staging?: string,
): void {
  const name = 'BERTH_PROJECT_BUCKET';
  const around = locations.map((location) => {
    const [before = '', after = ''] = template
      .replaceAll('{location}', location)
      .split('{project}');
    return { location, before, after };
  });
  for (const [at, one] of around.entries()) {
    for (const other of around.slice(at + 1)) {
      if (!mayMeet(one, other)) continue;
      throw new Error(
        `${name} must tell the buckets of the locations ${one.location} and ${other.location} apart: put {location} in it, and a word between that and {project}`,
      );
    }
    for (const location of staging === undefined ? [] : locations) {
      const whole = staging?.replaceAll('{location}', location) ?? '';
      const { before, after } = one;
      const isLongEnough = whole.length > before.length + after.length;
      if (!isLongEnough || !whole.startsWith(before) || !whole.endsWith(after)) continue;
      if (!/^[a-z0-9_-]+$/.test(whole.slice(before.length, whole.length - after.length))) continue;
      throw new Error(
        `BERTH_STAGING_BUCKET must not be ${whole}: by ${name} a project may have that bucket`,
      );
    }
  }
}

/** @throws Error when two locations would have one bucket */
function checkApart(name: string, template: string, locations: readonly string[]): void {
  if (locations.length === 1 || template.includes('{location}')) return;
  throw new Error(
    `${name} must have {location} in it: the locations ${locations.join(', ')} may not share a bucket`,
  );
}

interface Around {
  readonly before: string;
  readonly after: string;
}

/** Whether some project's bucket of the one may be some project's of the other: what they differ by is part of a name. */
function mayMeet(one: Around, other: Around): boolean {
  const befores = [one.before, other.before].sort((a, b) => a.length - b.length);
  const afters = [one.after, other.after].sort((a, b) => a.length - b.length);
  const [[before = '', longBefore = ''], [after = '', longAfter = '']] = [befores, afters];
  if (!longBefore.startsWith(before) || !longAfter.endsWith(after)) return false;
  const differences = [
    longBefore.slice(before.length),
    longAfter.slice(0, longAfter.length - after.length),
  ];
  return differences.every((text) => /^[a-z0-9_-]*$/.test(text));
}
