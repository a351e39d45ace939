// Blobs in Cloud Storage. Drawn, of one location, whose name is in no object's: its buckets are its own.
//
//   blobs bucket
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
import { ChunkBudget } from './object-chunks.ts';
import { joinObjects } from './object-joins.ts';
import { type Buckets, nameOf, type Place, placeOf, placesBelow } from './object-places.ts';
import { readObject } from './object-reads.ts';
import { writeObject } from './object-writes.ts';
import { type HmacKey, SignedUrls, signByHmac, signBySdk } from './signed-urls.ts';
import { type Patience, patient } from './storage-retries.ts';
import { endpointOf, StorageService } from './storage-service.ts';
import { deleteObject, describedObject, findObject } from './stored-objects.ts';

const objectsPerPage = 1_000;

export interface CloudStorageBlobsOptions {
  readonly buckets: (location: string) => Buckets;
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
  readonly #buckets: (location: string) => Buckets;
  readonly #service: StorageService;
  readonly #urls: SignedUrls;
  readonly #budget = new ChunkBudget();

  constructor({ buckets, signing, clock, meter, ...options }: CloudStorageBlobsOptions) {
    const apiEndpoint = endpointOf(options.apiEndpoint);
    const patience = { ...patient, ...options.patience };
    this.#buckets = buckets;
    this.#service = new StorageService({ apiEndpoint, patience, meter });
    const sign = signing ? signByHmac(apiEndpoint, signing) : signBySdk(this.#service);
    this.#urls = new SignedUrls(sign, clock);
  }

  async write(
    name: ObjectName,
    body: AsyncIterable<Uint8Array>,
    options: WriteOptions,
  ): Promise<StoredObject | undefined> {
    return writeObject(this.#service, this.#place(name), body, {
      ...options,
      budget: this.#budget,
    });
  }

  async compose(
    sources: readonly ObjectName[],
    name: ObjectName,
    options: ComposeOptions,
  ): Promise<StoredObject | undefined> {
    return joinObjects(
      this.#service,
      sources.map((source) => ({ name: source, place: this.#place(source) })),
      this.#place(name),
      { ...options, staging: this.#place([...name.slice(0, 2), 'parts', 'joined', '']) },
    );
  }

  async stat(name: ObjectName): Promise<StoredObject | undefined> {
    const found = await findObject(this.#service, this.#place(name));
    return found && { size: found.size, generation: found.generation };
  }

  async read(name: ObjectName, range?: ByteRange): Promise<ObjectBytes | undefined> {
    return readObject(this.#service, this.#place(name), range);
  }

  async readUrl(
    name: ObjectName,
    { mediaType }: { readonly mediaType: string },
  ): Promise<string | undefined> {
    return this.#urls.get(this.#place(name), mediaType);
  }

  async delete(
    name: ObjectName,
    { ifGeneration }: { readonly ifGeneration: string },
  ): Promise<boolean> {
    return deleteObject(this.#service, this.#place(name), ifGeneration);
  }

  async *list(prefix: ObjectName): AsyncGenerator<ListedObject> {
    const [location = ''] = prefix;
    for (const place of placesBelow(prefix, this.#buckets)) yield* this.#list(location, place);
  }

  async *#list(location: string, { bucket, object }: Place): AsyncGenerator<ListedObject> {
    let pageToken: string | undefined;
    do {
      const query = { prefix: object, maxResults: objectsPerPage, autoPaginate: false };
      const [files, next] = await this.#service.call('objectWrite', (storage) =>
        storage.bucket(bucket).getFiles({ ...query, ...(pageToken && { pageToken }) }),
      );
      for (const { name: listed, metadata } of files) {
        const name = nameOf(location, listed);
        const { size, generation } = describedObject(metadata);
        const createdAt = Date.parse(metadata.timeCreated ?? '');
        if (name !== undefined) yield { name, size, generation, createdAt };
      }
      pageToken = (next as { pageToken?: string } | null)?.pageToken;
    } while (pageToken !== undefined);
  }

  #place(name: ObjectName): Place {
    return placeOf(name, this.#buckets);
  }
}
