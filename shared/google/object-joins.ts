// Joining objects on the service's side. One is rewritten to its new name. Many are composed in staging, at most 32 a
// call and so as a tree, and what they became is rewritten: composing needs one bucket, and cannot be told a size that
// must come out. What is made on the way lies in staging too, under `project/parts/joined/`, and is deleted at the end;
// what a crash leaves goes with the bucket's lifecycle rule.

import { randomUUID } from 'node:crypto';
import { ObjectMissing, type ObjectName, type StoredObject } from '../ports/blobs.ts';
import type { Place } from './object-places.ts';
import { hasStatus, StorageFailure } from './storage-failure.ts';
import { retried } from './storage-retries.ts';
import type { StorageService } from './storage-service.ts';
import {
  type DescribedObject,
  deleteObject,
  describedObject,
  findObject,
  findOwn,
  markedBy,
  pathOf,
  sendWriting,
} from './stored-objects.ts';

/** What one compose call takes. */
const sourcesPerCallMax = 32;

/** Calls under way at once, for one join. */
const callsAtOnceMax = 8;

/** An object to be joined. */
export interface Source {
  readonly name: ObjectName;
  /** `undefined` where nothing can lie. */
  readonly place: Place | undefined;
}

export interface JoinOptions {
  readonly ifGeneration: string;
  /** What the sources must have together. */
  readonly size: number;
  /** Where to put what is made on the way: a bucket, and how its names begin there. */
  readonly staging: Place;
  /** Does what begins to write the target, again if its bucket was not there; when left out, it is there. */
  readonly beginning?: (<T>(begin: () => Promise<T>) => Promise<T>) | undefined;
}

/** An object that is known to be there, at that generation. */
interface Found {
  readonly place: Place;
  readonly object: DescribedObject;
}

/** As {@link Blobs.compose} has it. @throws ObjectMissing; Error when the size is another; StorageFailure */
export async function joinObjects(
  service: StorageService,
  sources: readonly Source[],
  target: Place,
  options: JoinOptions,
): Promise<StoredObject | undefined> {
  const temporary: Found[] = [];
  try {
    const joined = await new Join(service, options.staging, temporary).join(sources);
    const { size } = joined.object;
    if (size !== options.size) {
      throw new Error(`the parts of ${target.object} have ${size} bytes, not ${options.size}`);
    }
    const stored = await rewriteWhole(service, joined, target, options);
    return stored && { size: stored.size, generation: stored.generation };
  } catch (error) {
    throw hasStatus(error, 404, 410) ? ((await missingOf(service, sources)) ?? error) : error;
  } finally {
    // Best effort: what stays expires.
    await atOnce(temporary, ({ place, object }) =>
      deleteObject(service, place, object.generation).catch(() => false),
    );
  }
}

class Join {
  readonly #service: StorageService;
  readonly #staging: Place;
  /** Everything that was made on the way. */
  readonly #temporary: Found[];

  constructor(service: StorageService, staging: Place, temporary: Found[]) {
    this.#service = service;
    this.#staging = staging;
    this.#temporary = temporary;
  }

  /** One object with the bytes of all: the only source itself, or a new one in staging. */
  async join(sources: readonly Source[]): Promise<Found> {
    const [only] = sources;
    if (only !== undefined && sources.length === 1) return this.#find(only);
    let level: readonly Place[] = await atOnce(sources, (source) => this.#staged(source));
    for (;;) {
      const composed = await atOnce(groupsOf(level), (group) => this.#compose(group));
      const [whole] = composed;
      if (whole !== undefined && composed.length === 1) return whole;
      level = composed.map(({ place }) => place);
    }
  }

  async #find({ name, place }: Source): Promise<Found> {
    const object = place && (await findObject(this.#service, place));
    if (place === undefined || object === undefined) throw new ObjectMissing(name);
    return { place, object };
  }

  /** The source, or a copy of it where it lies in another bucket. */
  async #staged(source: Source): Promise<Place> {
    if (source.place?.bucket === this.#staging.bucket) return source.place;
    const place = this.#newPlace();
    const copy = await rewrite(this.#service, await this.#find(source), place, undefined);
    if (copy !== undefined) this.#temporary.push({ place, object: copy });
    return place;
  }

  /** Its name is new: made again after an answer was lost, it is only overwritten. */
  async #compose(sources: readonly Place[]): Promise<Found> {
    const place = this.#newPlace();
    const [, json] = await this.#service.call('objectWrite', (storage) => {
      const bucket = storage.bucket(place.bucket);
      return bucket.combine(
        sources.map(({ object }) => object),
        bucket.file(place.object),
      );
    });
    const found = { place, object: describedObject(json) };
    this.#temporary.push(found);
    return found;
  }

  #newPlace(): Place {
    const { bucket, object } = this.#staging;
    return { bucket, object: `${object}${randomUUID()}` };
  }
}

/** Rewrites to the target, whose bucket may not be there. A 404 does not say which of the two is missing. */
async function rewriteWhole(
  service: StorageService,
  joined: Found,
  target: Place,
  { ifGeneration, beginning }: JoinOptions,
): Promise<DescribedObject | undefined> {
  if (beginning === undefined) return rewrite(service, joined, target, ifGeneration);
  return beginning(async () => {
    try {
      return await rewrite(service, joined, target, ifGeneration);
    } catch (error) {
      if (!hasStatus(error, 404)) throw error;
      const source = await findObject(service, joined.place);
      if (source?.generation === joined.object.generation) throw error;
      throw new StorageFailure(`${joined.place.object} has gone`, { status: 410 });
    }
  });
}

/**
 * Copies that generation; within a location no bytes are moved. A large object may need several calls.
 * @param ifGeneration of the target; `undefined` for whatever is there
 * @returns `undefined` when the precondition did not hold
 */
async function rewrite(
  service: StorageService,
  { place, object }: Found,
  target: Place,
  ifGeneration: string | undefined,
): Promise<DescribedObject | undefined> {
  const mark = randomUUID();
  let progress: Progress = { done: false, rewriteToken: undefined, totalBytesRewritten: -1 };
  for (;;) {
    const { rewriteToken } = progress;
    const answer = await retried(service.patience, async (attempt) => {
      const done = await sendWriting(service, target, {
        operation: 'objectWrite',
        method: 'POST',
        url: `${pathOf(place)}/rewriteTo/b/${target.bucket}/o/${encodeURIComponent(target.object)}`,
        // The source's generation is named, not a precondition: 412 speaks of the target then, and 404 of the source.
        query: {
          sourceGeneration: object.generation,
          ifGenerationMatch: ifGeneration,
          rewriteToken,
        },
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify(markedBy(mark)),
        expected: [200],
      });
      if (done !== undefined) return done.data as Progress;
      // An earlier attempt that was not answered may have done it.
      return attempt > 1 ? findOwn(service, target, mark) : undefined;
    });
    if (answer === undefined || !('done' in answer)) return answer;
    if (answer.done) return describedObject(answer.resource);
    if (Number(answer.totalBytesRewritten) <= Number(progress.totalBytesRewritten)) {
      throw new StorageFailure(`Cloud Storage does not get on with rewriting ${place.object}`, {});
    }
    progress = answer;
  }
}

/** What a call of a rewrite answers. */
interface Progress {
  readonly done: boolean;
  readonly rewriteToken: string | undefined;
  readonly totalBytesRewritten: string | number;
  readonly resource?: unknown;
}

/** Which source is not there, after a call that did not say. */
async function missingOf(
  service: StorageService,
  sources: readonly Source[],
): Promise<ObjectMissing | undefined> {
  const found = await atOnce(sources, async ({ place }) => place && findObject(service, place));
  const missing = sources[found.indexOf(undefined)];
  return missing && new ObjectMissing(missing.name);
}

function groupsOf(places: readonly Place[]): Place[][] {
  const groups: Place[][] = [];
  for (let at = 0; at < places.length; at += sourcesPerCallMax) {
    groups.push(places.slice(at, at + sourcesPerCallMax));
  }
  return groups;
}

/** What the calls answer, in order, a few of them at once. When one fails, no more begin, and none is left under way. */
async function atOnce<Item, Result>(
  items: readonly Item[],
  call: (item: Item) => Promise<Result>,
): Promise<Result[]> {
  const results: Result[] = [];
  for (let at = 0; at < items.length; at += callsAtOnceMax) {
    const calls = items.slice(at, at + callsAtOnceMax).map(call);
    await Promise.allSettled(calls);
    results.push(...(await Promise.all(calls)));
  }
  return results;
}
