// Objects made of others, on the service's side: compose, rewrite, copy and move.

import { randomBytes } from 'node:crypto';
import { type Content, hold, joinContents } from './contents.ts';
import { invalid, StorageError } from './errors.ts';
import { type Answer, type Call, isRecord, json, readJson } from './exchange.ts';
import { metadataOf } from './metadata.ts';
import {
  checkPreconditions,
  generationOf,
  type Preconditions,
  parseVersion,
  preconditionsOf,
} from './preconditions.ts';
import { objectAnswer, objectResource } from './resources.ts';
import { checkOverwriting } from './rights.ts';
import { checkObjectName, type ObjectMetadata, type Store, type StoredObject } from './store.ts';

/** "You can compose between 1 and 32 objects in a single request." */
const sourcesMax = 32;

/** `objects.compose` */
export async function composeObject(store: Store, call: Call): Promise<Answer> {
  const { sourceObjects, destination = {} } = await readJson(call.body);
  checkObjectName(call.object);
  checkOverwriting(store, call, call.bucket, call.object);
  if (!Array.isArray(sourceObjects) || sourceObjects.length === 0)
    throw new StorageError(400, 'required', 'You must provide at least one source component.');
  if (sourceObjects.length > sourcesMax) {
    const provided = `The number of source components provided (${sourceObjects.length})`;
    throw invalid(`${provided} exceeds the maximum (${sourcesMax})`);
  }
  if (!isRecord(destination)) throw invalid('Invalid value for destination.');
  const metadata = metadataOf(destination);
  const preconditions = preconditionsOf(call.query);
  const sources = sourceObjects.map((source: unknown) => composeSource(store, call.bucket, source));
  const object = store.put(
    { bucket: call.bucket, name: call.object },
    joinContents(sources.map(({ content }) => content)),
    {
      metadata,
      preconditions,
      componentCount: sources.reduce((sum, source) => sum + (source.componentCount ?? 1), 0),
    },
  );
  return objectAnswer(object);
}

function composeSource(store: Store, bucket: string, source: unknown): StoredObject {
  if (!isRecord(source) || typeof source['name'] !== 'string')
    throw new StorageError(400, 'required', 'Required parameter: sourceObjects[].name');
  const version = (value: unknown) =>
    parseVersion('generation', value === undefined || value === null ? null : String(value));
  const object = store.object(bucket, source['name'], version(source['generation']));
  const { objectPreconditions } = source;
  if (isRecord(objectPreconditions)) {
    const generationMatch = version(objectPreconditions['ifGenerationMatch']);
    checkPreconditions({ generationMatch }, object);
  }
  return object;
}

/** A copy that is under way, by its token. */
interface Rewrite {
  readonly source: StoredObject;
  readonly toBucket: string;
  readonly toObject: string;
  readonly metadata: ObjectMetadata;
  readonly preconditions: Preconditions;
  rewritten: number;
}

export class Rewrites {
  readonly #store: Store;
  readonly #stepBytes: number;
  readonly #started = new Map<string, Rewrite>();

  /** @param stepBytes how much one call copies */
  constructor(store: Store, stepBytes: number) {
    this.#store = store;
    this.#stepBytes = stepBytes;
  }

  /**
   * `objects.rewrite`: as much of a copy as fits into a call, and a token for the rest. The service does any size in one
   * call inside a location and storage class; here `stepBytes` rules everywhere, so that tests see tokens.
   */
  async rewrite(call: Call): Promise<Answer> {
    const resource = await readJson(call.body);
    const step = this.#step(call.query.get('maxBytesRewrittenPerCall'));
    const token = call.query.get('rewriteToken');
    const rewrite = token === null ? this.#start(call, resource) : this.#goOn(call, token);
    const { size } = rewrite.source.content;
    rewrite.rewritten = Math.min(rewrite.rewritten + step, size);
    const progress = {
      kind: 'storage#rewriteResponse',
      totalBytesRewritten: String(rewrite.rewritten),
      objectSize: String(size),
    };
    if (rewrite.rewritten < size) {
      const rewriteToken = token ?? randomBytes(32).toString('base64url');
      this.#started.set(rewriteToken, rewrite);
      return json({ ...progress, done: false, rewriteToken });
    }
    if (token !== null) this.#started.delete(token);
    const object = putCopy(this.#store, rewrite);
    return json({ ...progress, done: true, resource: objectResource(object) });
  }

  #start(call: Call, resource: Record<string, unknown>): Rewrite {
    checkObjectName(call.toObject);
    checkOverwriting(this.#store, call, call.toBucket, call.toObject);
    const source = copySource(this.#store, call);
    const preconditions = preconditionsOf(call.query);
    checkPreconditions(preconditions, this.#store.find(call.toBucket, call.toObject));
    const { toBucket, toObject } = call;
    const metadata = copiedMetadata(source, resource);
    return { source, toBucket, toObject, metadata, preconditions, rewritten: 0 };
  }

  /** "Calls that provide a rewriteToken can omit all source and destination request fields"; the copy is that of the start. */
  #goOn(call: Call, token: string): Rewrite {
    const rewrite = this.#started.get(token);
    if (rewrite === undefined)
      throw new StorageError(410, 'gone', 'The rewrite token is no longer available.');
    if (
      rewrite.source.bucket !== call.bucket ||
      rewrite.source.name !== call.object ||
      rewrite.toBucket !== call.toBucket ||
      rewrite.toObject !== call.toObject
    )
      throw invalid('Invalid rewriteToken.');
    // The source as it was at the start; what became of it since ends the rewrite.
    this.#store.object(call.bucket, call.object, rewrite.source.generation);
    checkPreconditions(preconditionsOf(call.query), this.#store.find(call.toBucket, call.toObject));
    return rewrite;
  }

  #step(text: string | null): number {
    if (text === null) return this.#stepBytes;
    const bytes = Number(text);
    // "A positive integral multiple of 1 MiB"
    if (!/^\d+$/.test(text) || bytes === 0 || bytes % 1_048_576 !== 0)
      throw invalid(`Invalid value '${text}' for maxBytesRewrittenPerCall.`);
    return Math.min(bytes, this.#stepBytes);
  }
}

/** `objects.copy` */
export async function copyObject(store: Store, call: Call): Promise<Answer> {
  const resource = await readJson(call.body);
  checkObjectName(call.toObject);
  checkOverwriting(store, call, call.toBucket, call.toObject);
  const source = copySource(store, call);
  const { toBucket, toObject } = call;
  const preconditions = preconditionsOf(call.query);
  const metadata = copiedMetadata(source, resource);
  return objectAnswer(putCopy(store, { source, toBucket, toObject, metadata, preconditions }));
}

/** `objects.move`: a copy inside a bucket and the deletion of its source, as one. */
export async function moveObject(store: Store, call: Call): Promise<Answer> {
  const source = copySource(store, call);
  checkObjectName(call.toObject);
  if (call.toObject === source.name)
    throw invalid('Source and destination object names must differ.');
  const { metadata } = source;
  const preconditions = preconditionsOf(call.query);
  const target = { toBucket: call.bucket, toObject: call.toObject };
  const object = putCopy(store, { source, ...target, metadata, preconditions });
  store.remove(source);
  return objectAnswer(object);
}

function copySource(store: Store, call: Call): StoredObject {
  const generation = generationOf(call.query, 'sourceGeneration');
  const source = store.object(call.bucket, call.object, generation);
  checkPreconditions(preconditionsOf(call.query, 'Source'), source);
  return source;
}

/** "If the request has no body, the source's metadata is copied"; otherwise it is as the body says. */
function copiedMetadata(source: StoredObject, resource: Record<string, unknown>): ObjectMetadata {
  const given = metadataOf(resource);
  return Object.keys(given).length === 0 ? source.metadata : given;
}

function putCopy(
  store: Store,
  copy: Pick<Rewrite, 'source' | 'toBucket' | 'toObject' | 'metadata' | 'preconditions'>,
): StoredObject {
  const { source, metadata, preconditions } = copy;
  const content: Content = hold(source.content);
  return store.put({ bucket: copy.toBucket, name: copy.toObject }, content, {
    metadata,
    preconditions,
    componentCount: source.componentCount,
  });
}
