// The operations' table: what answers each.

import {
  deleteBucket,
  getBucket,
  insertBucket,
  patchBucket,
  testIamPermissions,
} from './buckets.ts';
import { composeObject, copyObject, moveObject, Rewrites } from './copies.ts';
import { getMedia } from './downloads.ts';
import type { Answer, Call } from './exchange.ts';
import { deleteObject, getObject, listObjects, patchObject } from './objects.ts';
import { ResumableUploads } from './resumable.ts';
import { getSigned, type SigningKeys } from './signed-urls.ts';
import type { Store } from './store.ts';
import { uploadMedia, uploadMultipart } from './uploads.ts';

export type Handler = (call: Call) => Promise<Answer>;

/** Operation, as routes.ts names it → its handler. */
export function handlersOf(
  store: Store,
  options: { readonly keys: SigningKeys; readonly rewriteStepBytes: number },
): ReadonlyMap<string, Handler> {
  const resumable = new ResumableUploads(store);
  const rewrites = new Rewrites(store, options.rewriteStepBytes);
  const on = (handler: (store: Store, call: Call) => Promise<Answer>): Handler => {
    return (call) => handler(store, call);
  };
  return new Map<string, Handler>([
    ['buckets.insert', on(insertBucket)],
    ['buckets.get', on(getBucket)],
    ['buckets.patch', on(patchBucket)],
    ['buckets.delete', on(deleteBucket)],
    ['buckets.testIamPermissions', on(testIamPermissions)],
    ['objects.list', on(listObjects)],
    ['objects.get', on(getObject)],
    ['objects.getMedia', on(getMedia)],
    ['objects.patch', on(patchObject)],
    ['objects.delete', on(deleteObject)],
    ['objects.compose', on(composeObject)],
    ['objects.rewrite', (call) => rewrites.rewrite(call)],
    ['objects.copy', on(copyObject)],
    ['objects.move', on(moveObject)],
    ['objects.insert', on(uploadMedia)],
    ['objects.insert.multipart', on(uploadMultipart)],
    ['uploads.start', (call) => resumable.start(call)],
    ['uploads.put', (call) => resumable.put(call)],
    ['uploads.cancel', (call) => resumable.cancel(call)],
    ['xml.getObject', (call) => getSigned(store, options.keys, call)],
  ]);
}
