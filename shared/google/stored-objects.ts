// Objects as Cloud Storage describes them, and whose writing they are.

import { absent, type StoredObject } from '../ports/blobs.ts';
import type { Place } from './object-places.ts';
import { hasStatus, StorageFailure } from './storage-failure.ts';
import type { StorageAnswer, StorageRequest, StorageService } from './storage-service.ts';

/** What is known of an object, of what its JSON says. */
export interface DescribedObject extends StoredObject {
  /** In base64. */
  readonly crc32c: string;
  /** The mark of the write that made it, where it has one. */
  readonly mark: string | undefined;
}

/**
 * The metadata that every object is written with: a mark, which no other write has. A write whose answer was lost is
 * made again, and then fails because the object is there; by its mark it knows whether it is its own.
 */
export function markedBy(mark: string) {
  return { contentType: 'application/octet-stream', metadata: { write: mark } };
}

/** @throws StorageFailure when the text is no object's JSON */
export function describedObject(json: unknown): DescribedObject {
  const { size, generation, crc32c, metadata } = json as Record<string, unknown>;
  if (size === undefined || generation === undefined) {
    throw new StorageFailure('Cloud Storage answered with something that is not an object', {});
  }
  const mark = (metadata as Record<string, unknown> | undefined)?.['write'];
  return {
    size: Number(size),
    generation: String(generation),
    crc32c: String(crc32c),
    mark: typeof mark === 'string' ? mark : undefined,
  };
}

/** The path of an object's JSON. */
export function pathOf({ bucket, object }: Place): string {
  return `/storage/v1/b/${bucket}/o/${encodeURIComponent(object)}`;
}

export async function findObject(
  service: StorageService,
  { bucket, object }: Place,
): Promise<DescribedObject | undefined> {
  try {
    const [metadata] = await service.call('objectRead', (storage) =>
      storage.bucket(bucket).file(object).getMetadata(),
    );
    return describedObject(metadata);
  } catch (error) {
    if (hasStatus(error, 404)) return undefined;
    throw error;
  }
}

/**
 * Sends, once, what makes an object, by the precondition that its query names. Where something is to be made and is there
 * already, who may not write over it is told 412, or 403: the reference does not say which of the two is looked at first.
 * @returns the answer; `undefined` when the precondition did not hold
 */
export async function sendWriting(
  service: StorageService,
  target: Place,
  request: StorageRequest,
): Promise<StorageAnswer<unknown> | undefined> {
  try {
    const answer = await service.send({ ...request, expected: [...request.expected, 412] });
    return answer.status === 412 ? undefined : answer;
  } catch (error) {
    if (request.query?.['ifGenerationMatch'] !== absent || !hasStatus(error, 403)) throw error;
    if ((await findObject(service, target)) !== undefined) return undefined;
    throw error;
  }
}

/** The object that is there, if it is the one of that write. */
export async function findOwn(
  service: StorageService,
  place: Place,
  mark: string,
): Promise<DescribedObject | undefined> {
  const found = await findObject(service, place);
  return found?.mark === mark ? found : undefined;
}

/** Deletes that generation. @returns whether it was this call that did, as far as can be told */
export async function deleteObject(
  service: StorageService,
  { bucket, object }: Place,
  generation: string,
): Promise<boolean> {
  let attempts = 0;
  try {
    await service.call('objectDelete', (storage, attempt) => {
      attempts = attempt;
      return storage.bucket(bucket).file(object).delete({ ifGenerationMatch: generation });
    });
    return true;
  } catch (error) {
    // What is gone after an attempt that was not answered, that attempt has most likely deleted.
    if (hasStatus(error, 404)) return attempts > 1;
    if (hasStatus(error, 412)) return false;
    throw error;
  }
}
