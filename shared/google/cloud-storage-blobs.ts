// Blobs in Cloud Storage. Drawn, of one location, whose name is in no object's: its buckets are its own.
//
//   blobs bucket                                      or one for each project (project-buckets.ts), with the same names in it
//     project/blobs/sha256:ab12...
//     example.com%2Fproject/blobs/sha256:ab12...      an element with a slash
//   staging bucket                                    a lifecycle rule deletes what is older than a session may be
//     project/parts/session/part
//     project/parts/joined/uuid                       parts on their way to become one object (object-joins.ts)
//
// Elements are percent-encoded (object-places.ts). A generation is the service's own. Every object has a mark in its
// metadata, by which a write that was not answered finds out whether it was done (stored-objects.ts).
//
// Nothing here loads the SDK but its first call: who only signs URLs, with an HMAC key, goes without.

import type {
  Blobs,
  ByteRange,
  ComposeOptions,
  ListedObject,
  ObjectBytes,
  ObjectName,
  StoredObject,
  WriteOptions,
} from '../ports/blobs.ts';
import type { Clock } from '../ports/clock.ts';
import type { Meter } from '../ports/meter.ts';
import { StoreRefused } from '../ports/store-refused.ts';
import { ChunkBudget } from './object-chunks.ts';
import { joinObjects } from './object-joins.ts';
import { type BucketsOf, nameOf, type Place, placeOf, placesBelow } from './object-places.ts';
import { readObject } from './object-reads.ts';
import { writeObject } from './object-writes.ts';
import { type Making, ProjectBuckets, type Wanted } from './project-buckets.ts';
import { type HmacKey, SignedUrls, signByHmac, signBySdk } from './signed-urls.ts';
import { hasStatus } from './storage-failure.ts';
import { type Patience, patient } from './storage-retries.ts';
import { endpointOf, StorageService } from './storage-service.ts';
import { deleteObject, describedObject, findObject } from './stored-objects.ts';

const objectsPerPage = 1_000;

export interface CloudStorageBlobsOptions {
  readonly buckets: BucketsOf;
  /** Makes buckets of blobs that are not there, where each project has one; when left out, all are there. */
  readonly making?: Making | undefined;
  /** What signs the URLs that clients are sent to; without it the SDK does, by its credentials. */
  readonly signing?: HmacKey | undefined;
  readonly clock: Clock;
  readonly meter?: Meter | undefined;
  /** Where the service is, when it is neither Google's nor that of `STORAGE_EMULATOR_HOST`. */
  readonly apiEndpoint?: string | undefined;
  /** How long to wait and to retry, where it is to be something else than {@link patient}. */
  readonly patience?: Partial<Patience>;
}

/** Opens the store. It makes no call, and loads nothing, before the first operation. */
export function openCloudStorageBlobs(options: CloudStorageBlobsOptions): Blobs {
  return new CloudStorageBlobs(options);
}

class CloudStorageBlobs implements Blobs {
  /** There, to write over an object takes the right to delete it. */
  readonly replaces = false;
  readonly #buckets: BucketsOf;
  readonly #service: StorageService;
  readonly #urls: SignedUrls;
  readonly #budget = new ChunkBudget();
  readonly #made: ProjectBuckets | undefined;

  constructor({ buckets, making, signing, clock, meter, ...options }: CloudStorageBlobsOptions) {
    const apiEndpoint = endpointOf(options.apiEndpoint);
    const patience = { ...patient, ...options.patience };
    this.#buckets = buckets;
    this.#service = new StorageService({ apiEndpoint, patience, meter });
    this.#made = making && new ProjectBuckets(this.#service, making);
    const sign = signing ? signByHmac(apiEndpoint, signing) : signBySdk(this.#service);
    this.#urls = new SignedUrls(sign, clock);
  }

  async write(
    name: ObjectName,
    body: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<StoredObject | undefined> {
    const place = this.#requirePlace(name);
    return writeObject(this.#service, place, body, {
      ...options,
      budget: this.#budget,
      beginning: (begin) => this.#writing(name, place, begin),
    });
  }

  async compose(
    sources: readonly ObjectName[],
    name: ObjectName,
    options: ComposeOptions,
  ): Promise<StoredObject | undefined> {
    const place = this.#requirePlace(name);
    return joinObjects(
      this.#service,
      sources.map((source) => ({ name: source, place: this.#place(source) })),
      place,
      {
        ...options,
        staging: this.#requirePlace([...name.slice(0, 2), 'parts', 'joined', '']),
        ...(this.#made && { beginning: (begin) => this.#writing(name, place, begin) }),
      },
    );
  }

  async stat(name: ObjectName): Promise<StoredObject | undefined> {
    const place = this.#place(name);
    const found = place && (await findObject(this.#service, place));
    return found && { size: found.size, generation: found.generation };
  }

  async read(name: ObjectName, range?: ByteRange): Promise<ObjectBytes | undefined> {
    const place = this.#place(name);
    return place && readObject(this.#service, place, range);
  }

  async readUrl(
    name: ObjectName,
    { mediaType }: { readonly mediaType: string },
  ): Promise<string | undefined> {
    const place = this.#place(name);
    return place && this.#urls.get(place, mediaType);
  }

  async delete(
    name: ObjectName,
    { ifGeneration }: { readonly ifGeneration: string },
  ): Promise<boolean> {
    const place = this.#place(name);
    return place !== undefined && deleteObject(this.#service, place, ifGeneration);
  }

  async prepare(prefix: ObjectName): Promise<void> {
    const name = [...prefix.slice(0, 2), 'blobs', ''];
    const place = this.#requirePlace(name);
    await this.#made?.prepare(this.#wanted(name, place));
  }

  /** Of a location where each project has a bucket, the list is of one project. */
  async *list(prefix: ObjectName): AsyncGenerator<ListedObject> {
    const [location = ''] = prefix;
    for (const place of placesBelow(prefix, this.#buckets)) yield* this.#list(location, place);
  }

  async *#list(location: string, { bucket, object }: Place): AsyncGenerator<ListedObject> {
    let pageToken: string | undefined;
    do {
      const query = { prefix: object, maxResults: objectsPerPage, autoPaginate: false };
      const answer = await this.#service
        .call('objectWrite', (storage) =>
          storage.bucket(bucket).getFiles({ ...query, ...(pageToken && { pageToken }) }),
        )
        .catch((error: unknown) => {
          if (this.#made !== undefined && hasStatus(error, 404)) return undefined;
          throw error;
        });
      const [files, next] = answer ?? [[], null];
      for (const { name: listed, metadata } of files) {
        const name = nameOf(location, listed);
        const { size, generation } = describedObject(metadata);
        const createdAt = Date.parse(metadata.timeCreated ?? '');
        if (name !== undefined) yield { name, size, generation, createdAt };
      }
      pageToken = (next as { pageToken?: string } | null)?.pageToken;
    } while (pageToken !== undefined);
  }

  #place(name: ObjectName): Place | undefined {
    return placeOf(name, this.#buckets);
  }

  /** @throws StoreRefused for a project that can have no bucket */
  #requirePlace(name: ObjectName): Place {
    const place = this.#place(name);
    if (place !== undefined) return place;
    throw new StoreRefused(
      'name',
      `the project '${name[1]}' can have no bucket, and here each project has its own: push to a project that is called as one of Google's (6 to 30 lower-case letters, digits and -)`,
    );
  }

  /** Does what begins to write an object, with its bucket there. */
  #writing<T>(name: ObjectName, place: Place, begin: () => Promise<T>): Promise<T> {
    const isMade = this.#made !== undefined && name[2] !== 'parts';
    return isMade ? this.#made.writing(this.#wanted(name, place), begin) : begin();
  }

  #wanted([location = '', project = '']: ObjectName, { bucket }: Place): Wanted {
    return { bucket, location, project, staging: this.#buckets(location, project).staging };
  }
}
