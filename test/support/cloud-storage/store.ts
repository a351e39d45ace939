// What is stored: buckets, and in each the live generation of every object. Only the bytes lie on the disk. Changes are
// made in one turn of the event loop, preconditions included: what is asked for happens whole, or not at all.

import { join } from 'node:path';
import type { Clock } from '#shared/ports/clock.ts';
import { type Content, Recording, release } from './contents.ts';
import { invalid, notFound } from './errors.ts';
import { checkPreconditions, type Preconditions, type Versions } from './preconditions.ts';

/** What a client may set on an object. */
export interface ObjectMetadata {
  readonly contentType?: string;
  readonly contentEncoding?: string;
  readonly contentDisposition?: string;
  readonly contentLanguage?: string;
  readonly cacheControl?: string;
  readonly customTime?: string;
  readonly metadata?: Readonly<Record<string, string>>;
}

export interface StoredObject extends Versions {
  readonly bucket: string;
  readonly name: string;
  readonly content: Content;
  readonly metadata: ObjectMetadata;
  /** Of how many objects that were uploaded it is composed; `undefined` when it was uploaded itself. */
  readonly componentCount: number | undefined;
  readonly storageClass: string;
  /** Milliseconds since 1970, as are all times here. */
  readonly createdAt: number;
  readonly updatedAt: number;
}

export interface Bucket {
  readonly name: string;
  /** Whose it is: the caller's, or somebody else's, who lets nobody in, or everybody. */
  readonly owner: 'us' | 'closed' | 'open';
  readonly metageneration: bigint;
  readonly createdAt: number;
  readonly updatedAt: number;
  /** As it was given: location, iamConfiguration, lifecycle, softDeletePolicy and so on. */
  readonly settings: Readonly<Record<string, unknown>>;
  readonly objects: Map<string, StoredObject>;
}

export class Store {
  readonly clock: Clock;
  readonly buckets = new Map<string, Bucket>();
  /** Whether the caller has the right `storage.buckets.create`. */
  mayMakeBuckets = true;
  /** Whether callers are held to the rights that they have. */
  holdsToRights = true;
  readonly #directory: string;
  readonly #recordings = new Set<Recording>();
  #lastGeneration = 0n;
  #files = 0;

  constructor(directory: string, clock: Clock) {
    this.#directory = directory;
    this.clock = clock;
  }

  bucket(name: string): Bucket {
    const bucket = this.buckets.get(name);
    if (bucket === undefined) throw notFound('The specified bucket does not exist.');
    return bucket;
  }

  /** The live object, which has to be of that generation when one is given. */
  object(bucketName: string, name: string, generation?: bigint): StoredObject {
    const object = this.find(bucketName, name);
    if (object === undefined || (generation ?? object.generation) !== object.generation)
      throw notFound(`No such object: ${bucketName}/${name}`);
    return object;
  }

  find(bucketName: string, name: string): StoredObject | undefined {
    return this.bucket(bucketName).objects.get(name);
  }

  async startRecording(): Promise<Recording> {
    this.#files += 1;
    const recording = await Recording.start(join(this.#directory, String(this.#files)), () => {
      this.#recordings.delete(recording);
    });
    this.#recordings.add(recording);
    return recording;
  }

  /** Closes the files of uploads that nobody brought to their end. */
  async close(): Promise<void> {
    for (const recording of this.#recordings) await recording.abandon();
  }

  /** A new generation, if the preconditions hold for the live one. The content is the store's now, or released. */
  put(
    target: { readonly bucket: string; readonly name: string },
    content: Content,
    options: {
      readonly metadata: ObjectMetadata;
      readonly preconditions: Preconditions;
      readonly componentCount?: number | undefined;
    },
  ): StoredObject {
    try {
      const bucket = this.bucket(target.bucket);
      const live = bucket.objects.get(target.name);
      checkPreconditions(options.preconditions, live);
      const now = this.clock.now();
      const object: StoredObject = {
        bucket: target.bucket,
        name: target.name,
        content,
        metadata: options.metadata,
        componentCount: options.componentCount,
        storageClass: String(bucket.settings['storageClass']),
        generation: this.#nextGeneration(now),
        metageneration: 1n,
        createdAt: now,
        updatedAt: now,
      };
      bucket.objects.set(target.name, object);
      if (live !== undefined) release(live.content);
      return object;
    } catch (error) {
      release(content);
      throw error;
    }
  }

  /** Another metageneration of the same generation. */
  update(object: StoredObject, metadata: ObjectMetadata): StoredObject {
    const updated = {
      ...object,
      metadata,
      metageneration: object.metageneration + 1n,
      updatedAt: this.clock.now(),
    };
    this.bucket(object.bucket).objects.set(object.name, updated);
    return updated;
  }

  remove(object: StoredObject): void {
    this.bucket(object.bucket).objects.delete(object.name);
    release(object.content);
  }

  /** Microseconds since 1970, as the service's look, and never one twice. */
  #nextGeneration(nowMs: number): bigint {
    const now = BigInt(Math.floor(nowMs)) * 1000n;
    this.#lastGeneration = now > this.#lastGeneration ? now : this.#lastGeneration + 1n;
    return this.#lastGeneration;
  }
}

/** "1-1024 bytes when UTF-8 encoded", no line ends, not `.` or `..`. */
export function checkObjectName(name: string): void {
  const bytes = Buffer.byteLength(name);
  if (bytes === 0) throw invalid('Required parameter: name');
  if (bytes > 1024 || /[\r\n]/.test(name) || name === '.' || name === '..')
    throw invalid('Invalid object name.');
}
