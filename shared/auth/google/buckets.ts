// What Cloud Storage lets a caller do on a bucket, by the caller's own credential.

import * as v from 'valibot';
import { googlePermissionsSecondsMax, googleRefusalSeconds } from '../../oci/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import { bucketPermissions as asked, type BucketPermission } from '../bucket-policy.ts';
import type { KeptAnswer } from './answers.ts';
import type { Google } from './requests.ts';

/** Those that change nothing. */
export const readingPermissions: readonly BucketPermission[] = [
  'storage.objects.get',
  'storage.objects.list',
];

/**
 * Whether Cloud Storage takes a text as a bucket's name ("Bucket names"): 3 to 63 characters, or 222 with dots; letters in
 * lower case, digits, `-`, `_` and `.`; no IP address. Names with `google` are Google's, and are there.
 */
export function isBucketName(text: string): boolean {
  if (text.length < 3 || text.length > (text.includes('.') ? 222 : 63)) return false;
  if (/^\d{1,3}(?:\.\d{1,3}){3}$/.test(text)) return false;
  return text.split('.').every((part) => /^[a-z0-9](?:[a-z0-9_-]{0,61}[a-z0-9])?$/.test(part));
}

const permissionsSchema = v.object({ permissions: v.optional(v.array(v.string()), []) });

/**
 * Asks `buckets.testIamPermissions` (Cloud Storage JSON API). None when the bucket is not there or the credential is wrong.
 * @param bucket a name that was checked
 * @param bearer nobody's, when left out
 * @throws GoogleSilent
 */
export async function askPermissions(
  google: Google,
  clock: Clock,
  { bucket, bearer }: { readonly bucket: string; readonly bearer?: string | undefined },
): Promise<KeptAnswer<readonly BucketPermission[]>> {
  const query = asked.map((permission) => `permissions=${permission}`).join('&');
  const { status, body } = await google.ask(
    'storage',
    `/storage/v1/b/${bucket}/iam/testPermissions?${query}`,
    { bearer },
  );
  const answer = status === 200 ? permissionsOf(google, body) : [];
  if (status !== 200 && ![400, 401, 403, 404].includes(status))
    throw google.silence('storage', `status ${status}`);
  const refused = answer.length === 0;
  const seconds = refused ? googleRefusalSeconds : googlePermissionsSecondsMax;
  return { answer, refused, until: clock.now() + seconds * 1000 };
}

/** Nobody can have a bucket of this name: names that begin with `goog` are Google's. */
const noBucket = 'goog-berth-asks-who-is-there';

/**
 * Whether Cloud Storage takes a token for one at all: it looks at who asks before it looks for the bucket.
 * @throws GoogleSilent
 */
export async function knowsToken(google: Google, bearer: string): Promise<boolean> {
  const { status } = await google.ask(
    'storage',
    `/storage/v1/b/${noBucket}/iam/testPermissions?permissions=storage.objects.get`,
    { bearer },
  );
  if (status === 200 || status === 403 || status === 404) return true;
  if (status === 400 || status === 401) return false;
  throw google.silence('storage', `status ${status}`);
}

function permissionsOf(google: Google, body: unknown): BucketPermission[] {
  const parsed = v.safeParse(permissionsSchema, body);
  if (!parsed.success) throw google.silence('storage', 'not a list of permissions');
  return asked.filter((permission) => parsed.output.permissions.includes(permission));
}
