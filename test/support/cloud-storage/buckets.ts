// Buckets: made, shown, changed and deleted; and what a caller may do in one.

import { forbidden, invalid, notFound, StorageError } from './errors.ts';
import { type Answer, type Call, json, readJson } from './exchange.ts';
import { checkPreconditions, preconditionsOf } from './preconditions.ts';
import { bucketResource } from './resources.ts';
import type { Bucket, Store } from './store.ts';

/** `buckets.insert` */
export async function insertBucket(store: Store, call: Call): Promise<Answer> {
  if (call.query.get('project') === null)
    throw new StorageError(400, 'required', 'Required parameter: project');
  const { name, ...settings } = await readJson(call.body);
  if (!store.mayMakeBuckets) throw forbidden('storage.buckets.create', 'Google Cloud project');
  return json(bucketResource(createBucket(store, name, settings)));
}

/** @throws StorageError 400 for what may not be, 409 for a name that is taken */
export function createBucket(
  store: Store,
  name: unknown,
  settings: Readonly<Record<string, unknown>>,
): Bucket {
  if (typeof name !== 'string' || !isBucketName(name))
    throw invalid(`Invalid bucket name: '${name}'`);
  const taken = store.buckets.get(name);
  if (taken !== undefined) {
    const message =
      taken.owner === 'us'
        ? 'Your previous request to create the named bucket succeeded and you already own it.'
        : 'The requested bucket name is not available. The bucket namespace is shared by all users of the system. Please select a different name and try again.';
    throw new StorageError(409, 'conflict', message);
  }
  checkSettings(settings);
  const location = String(settings['location'] ?? 'US').toUpperCase();
  const now = store.clock.now();
  const bucket: Bucket = {
    name,
    owner: 'us',
    metageneration: 1n,
    createdAt: now,
    updatedAt: now,
    settings: {
      iamConfiguration: {},
      storageClass: 'STANDARD',
      ...settings,
      location,
      locationType: multiRegions.includes(location) ? 'multi-region' : 'region',
    },
    objects: new Map(),
  };
  store.buckets.set(name, bucket);
  return bucket;
}

const multiRegions = ['US', 'EU', 'ASIA'];

/** What the reference's "Buckets" resource lets them be, of what a registry sets. */
function checkSettings({
  location = 'US',
  labels = {},
  iamConfiguration = {},
}: Readonly<Record<string, unknown>>): void {
  const place = String(location).toUpperCase();
  const isPlace = multiRegions.includes(place) || /^([A-Z]+-[A-Z]+\d+|[A-Z]{3}\d)$/.test(place);
  if (!isPlace) throw invalid('The specified location constraint is not valid.');
  const texts = Object.entries(labels as Record<string, unknown>).flat();
  if (!texts.every((text) => /^[a-z0-9_-]{0,63}$/.test(String(text))))
    throw invalid('Invalid label.');
  const { publicAccessPrevention = 'inherited' } = iamConfiguration as Record<string, unknown>;
  if (!['inherited', 'enforced'].includes(String(publicAccessPrevention)))
    throw invalid('Invalid value for publicAccessPrevention.');
}

/** `buckets.get` */
export async function getBucket(store: Store, call: Call): Promise<Answer> {
  const resource = bucketResource(checked(store, call));
  const fields = call.query.get('fields');
  if (fields === null) return json(resource);
  const wanted = fields.split(',').map((field) => [field, resource[field]]);
  return json(Object.fromEntries(wanted));
}

/** `buckets.patch` */
export async function patchBucket(store: Store, call: Call): Promise<Answer> {
  const changes = await readJson(call.body);
  const bucket = checked(store, call);
  const changed: Bucket = {
    ...bucket,
    settings: { ...bucket.settings, ...changes },
    metageneration: bucket.metageneration + 1n,
    updatedAt: store.clock.now(),
  };
  store.buckets.set(bucket.name, changed);
  return json(bucketResource(changed));
}

/** `buckets.delete` */
export async function deleteBucket(store: Store, call: Call): Promise<Answer> {
  const bucket = checked(store, call);
  if (bucket.objects.size > 0) {
    const message = 'The bucket you tried to delete is not empty.';
    throw new StorageError(409, 'conflict', message);
  }
  store.buckets.delete(bucket.name);
  return { status: 204 };
}

/** `buckets.testIamPermissions`: whoever got here may do all that is asked about. */
export async function testIamPermissions(store: Store, call: Call): Promise<Answer> {
  store.bucket(call.bucket);
  const permissions = call.query.getAll('permissions');
  if (permissions.length === 0)
    throw new StorageError(400, 'required', 'Required parameter: permissions');
  return json({ kind: 'storage#testIamPermissionsResponse', permissions });
}

function checked(store: Store, call: Call): Bucket {
  const bucket = store.buckets.get(call.bucket);
  if (bucket === undefined) throw notFound('The specified bucket does not exist.');
  const { metagenerationMatch, metagenerationNotMatch } = preconditionsOf(call.query);
  checkPreconditions(
    { metagenerationMatch, metagenerationNotMatch },
    { generation: 0n, metageneration: bucket.metageneration },
  );
  return bucket;
}

/** "Bucket names": lower-case letters, digits, `-`, `_` and `.`; 3 to 63 of them, or 222 with dots; not Google's. */
function isBucketName(name: string): boolean {
  if (!/^[a-z0-9][a-z0-9._-]+[a-z0-9]$/.test(name) || name.length > 222) return false;
  if (name.split('.').some((part) => part.length === 0 || part.length > 63)) return false;
  if (/^\d+\.\d+\.\d+\.\d+$/.test(name)) return false;
  return !name.startsWith('goog') && !/g[o0]{2}gle/.test(name);
}
