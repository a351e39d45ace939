// What a caller may do. By itself the stand-in lets everybody do everything; a caller that it was told the rights of has an
// address of its own, and is held to them ("IAM permissions for JSON methods").

import { forbidden } from './errors.ts';
import type { Call } from './exchange.ts';
import type { Store } from './store.ts';

/** Bucket → permissions, `storage.objects.get` and so on. In a bucket that is not named, everything is allowed. */
export type Rights = Readonly<Record<string, readonly string[]>>;

/** Operation → what it takes in the bucket that it names; what is not here takes nothing, or is looked at where it is done. */
const needed: Readonly<Record<string, readonly string[]>> = {
  'buckets.get': ['storage.buckets.get'],
  'buckets.patch': ['storage.buckets.update'],
  'buckets.delete': ['storage.buckets.delete'],
  'objects.list': ['storage.objects.list'],
  'objects.get': ['storage.objects.get'],
  'objects.getMedia': ['storage.objects.get'],
  'objects.patch': ['storage.objects.get', 'storage.objects.update'],
  'objects.delete': ['storage.objects.delete'],
  'objects.compose': ['storage.objects.get', 'storage.objects.create'],
  'objects.rewrite': ['storage.objects.get'],
  'objects.copy': ['storage.objects.get'],
  'objects.move': ['storage.objects.get', 'storage.objects.create', 'storage.objects.delete'],
  'objects.insert': ['storage.objects.create'],
  'objects.insert.multipart': ['storage.objects.create'],
  'uploads.start': ['storage.objects.create'],
};

/** The operations that tell of an object whether it is there. */
const looking = ['objects.get', 'objects.getMedia', 'objects.delete', 'objects.rewrite'];

/** @throws StorageError 403 */
export function checkRights(store: Store, call: Call): void {
  const { operation, bucket, object, toBucket } = call;
  if (!store.holdsToRights) return;
  for (const permission of needed[operation] ?? []) check(call, permission, bucket);
  if (toBucket !== '') check(call, 'storage.objects.create', toBucket);
  // Who may not list is not told what there is not.
  const isHidden = looking.includes(operation) && store.find(bucket, object) === undefined;
  if (isHidden) check(call, 'storage.objects.list', bucket);
}

/**
 * "storage.objects.delete is only required if the object has the same name as an existing object in the bucket." Nobody
 * knows whether that or the preconditions are looked at first: here this is, since it tells the caller less.
 * @throws StorageError 403
 */
export function checkOverwriting(store: Store, call: Call, bucket: string, name: string): void {
  if (!store.holdsToRights || store.find(bucket, name) === undefined) return;
  check(call, 'storage.objects.delete', bucket);
}

export function may({ rights }: Call, permission: string, bucket: string): boolean {
  const allowed = rights?.[bucket];
  return allowed === undefined || allowed.includes(permission);
}

function check(call: Call, permission: string, bucket: string): void {
  if (may(call, permission, bucket)) return;
  throw forbidden(permission, 'Google Cloud Storage object');
}
