// Buckets that are made when something is first written into them, one for each project and location, as gcr.io's were.
//
// All names of buckets are one namespace, and who knows how ours are made may take one before us, and let everybody write
// there. So a bucket is looked at before this process first writes into it: it has to belong to the Google Cloud project
// that the location's staging bucket belongs to. One that is not there is made, here and now.

import { StoreRefused } from '../ports/store-refused.ts';
import { hasStatus, StorageFailure } from './storage-failure.ts';
import { retried } from './storage-retries.ts';
import type { StorageService } from './storage-service.ts';

/** That a bucket is there is remembered of so many, and then of none: each is looked at again. */
const bucketsKnownMax = 10_000;

/** Where buckets are made. */
export interface Making {
  /** The Google Cloud project that they belong to, and are billed to. */
  readonly projectId: string;
  /** The place of Cloud Storage that a location's buckets are in: `US`, `EUROPE-WEST1`. */
  placeOf(location: string): string;
}

/** What a bucket is made for. */
export interface Wanted {
  readonly bucket: string;
  readonly location: string;
  /** The registry's project, for what the client is told. */
  readonly project: string;
  /** The location's staging bucket. */
  readonly staging: string;
}

export class ProjectBuckets {
  readonly #service: StorageService;
  readonly #making: Making;
  /** Those that are there and ours, or that are being looked at or made; forgotten when that fails. */
  readonly #ready = new Map<string, Promise<void>>();
  /** The number of the Google Cloud project, by staging bucket. */
  readonly #owners = new Map<string, Promise<string>>();

  constructor(service: StorageService, making: Making) {
    this.#service = service;
    this.#making = making;
  }

  /**
   * Does something that writes into a bucket, which is there then. It is done again when the bucket has gone since it was
   * looked at: what is written is to be repeatable.
   * @throws StoreRefused when the bucket is not ours, or may not be made; and what `write` throws
   */
  async writing<T>(wanted: Wanted, write: () => Promise<T>): Promise<T> {
    const { bucket } = wanted;
    try {
      await this.#prepared(wanted);
      return await write();
    } catch (error) {
      if (hasStatus(error, 403)) throw notOurs(wanted);
      if (!hasStatus(error, 404)) throw error;
    }
    this.#ready.delete(bucket);
    await this.#prepared(wanted);
    // One that was just made is not known everywhere at once.
    return retried(this.#service.patience, async () => {
      try {
        return await write();
      } catch (error) {
        if (!hasStatus(error, 404)) throw error;
        throw new StorageFailure(`Cloud Storage does not know the bucket ${bucket} yet`, {
          status: 404,
          isPassing: true,
        });
      }
    });
  }

  /** Makes the bucket where there is none. @throws StoreRefused, or StorageFailure */
  prepare(wanted: Wanted): Promise<void> {
    return this.#prepared(wanted);
  }

  #prepared(wanted: Wanted): Promise<void> {
    if (this.#ready.size >= bucketsKnownMax) this.#ready.clear();
    return kept(this.#ready, wanted.bucket, () => this.#prepareOnce(wanted));
  }

  async #prepareOnce(wanted: Wanted): Promise<void> {
    const [found, owner] = await Promise.all([
      this.#ownerOf(wanted.bucket),
      kept(this.#owners, wanted.staging, () => this.#owner(wanted)),
    ]).catch((error: unknown) => {
      throw hasStatus(error, 403) ? notOurs(wanted) : error;
    });
    // Another instance may have made it at the same time, and somebody else, too.
    const made = found ?? (await this.#insert(wanted)) ?? (await this.#ownerOf(wanted.bucket));
    if (made !== owner) throw notOurs(wanted);
  }

  async #owner({ staging }: Wanted): Promise<string> {
    const owner = await this.#ownerOf(staging);
    if (owner !== undefined) return owner;
    throw new StorageFailure(`there is no bucket ${staging} for parts`, {});
  }

  /** @returns the number of the Google Cloud project that has the bucket; `undefined` where there is none */
  async #ownerOf(bucket: string): Promise<string | undefined> {
    const { status, data } = await retried(this.#service.patience, () =>
      this.#service.send({
        operation: 'objectRead',
        method: 'GET',
        url: `/storage/v1/b/${bucket}`,
        query: { fields: 'projectNumber' },
        expected: [200, 404],
      }),
    );
    return status === 404 ? undefined : numberIn(data);
  }

  /** @returns the number of the project that it was made in; `undefined` when the name was taken meanwhile */
  async #insert(wanted: Wanted): Promise<string | undefined> {
    const { bucket, location } = wanted;
    const { projectId } = this.#making;
    const { status, data } = await retried(this.#service.patience, () =>
      this.#service.send({
        operation: 'objectWrite',
        method: 'POST',
        url: '/storage/v1/b',
        query: { project: projectId },
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({
          name: bucket,
          location: this.#making.placeOf(location),
          iamConfiguration: {
            uniformBucketLevelAccess: { enabled: true },
            // Not enforced: to make a project's images public is to let allUsers read its bucket.
            publicAccessPrevention: 'inherited',
          },
          labels: { 'managed-by': 'berth' },
        }),
        expected: [200, 400, 403, 409],
      }),
    );
    if (status === 400) throw notMade(wanted, 'Cloud Storage does not take it');
    if (status === 403) throw mayNotMake(wanted);
    return status === 409 ? undefined : numberIn(data);
  }
}

/** What was found before, or finds it now; what fails is forgotten. */
function kept<T>(map: Map<string, Promise<T>>, key: string, find: () => Promise<T>): Promise<T> {
  const known = map.get(key);
  if (known !== undefined) return known;
  const finding = find();
  map.set(key, finding);
  finding.catch(() => {
    if (map.get(key) === finding) map.delete(key);
  });
  return finding;
}

function numberIn(data: unknown): string {
  const { projectNumber } = data as { readonly projectNumber?: unknown };
  if (projectNumber !== undefined) return String(projectNumber);
  throw new StorageFailure('Cloud Storage answered with something that is not a bucket', {});
}

function mayNotMake({ bucket, project }: Wanted): StoreRefused {
  return new StoreRefused(
    'right',
    `the project '${project}' has no bucket ${bucket} yet, and the registry does not have permission 'storage.buckets.create': give its service account roles/storage.admin, or make the bucket`,
  );
}

function notOurs({ bucket, project }: Wanted): StoreRefused {
  return new StoreRefused(
    'right',
    `the bucket ${bucket} of the project '${project}' is somebody else's, or the registry does not have permissions 'storage.buckets.get' and 'storage.objects.create' there: have whoever runs the registry look at it, or choose other names by BERTH_PROJECT_BUCKET`,
  );
}

function notMade({ bucket, project }: Wanted, why: string): StoreRefused {
  return new StoreRefused('name', `no bucket ${bucket} can be made for '${project}': ${why}`);
}
