// Objects as they lie: shown, listed, changed and deleted.

import { invalid } from './errors.ts';
import { type Answer, type Call, json, readJson } from './exchange.ts';
import { metadataOf } from './metadata.ts';
import { checkPreconditions, generationOf, preconditionsOf } from './preconditions.ts';
import { objectAnswer, objectResource } from './resources.ts';
import type { Store, StoredObject } from './store.ts';

/** The object that a call names, if its preconditions hold. */
export function wantedObject(store: Store, call: Call): StoredObject {
  const object = store.object(call.bucket, call.object, generationOf(call.query));
  checkPreconditions(preconditionsOf(call.query), object);
  return object;
}

/** `objects.get` */
export async function getObject(store: Store, call: Call): Promise<Answer> {
  return objectAnswer(wantedObject(store, call));
}

/** `objects.patch` */
export async function patchObject(store: Store, call: Call): Promise<Answer> {
  const changes = metadataOf(await readJson(call.body));
  const object = wantedObject(store, call);
  return objectAnswer(store.update(object, { ...object.metadata, ...changes }));
}

/** `objects.delete` */
export async function deleteObject(store: Store, call: Call): Promise<Answer> {
  store.remove(wantedObject(store, call));
  return { status: 204 };
}

/** The most that one page of a list shows. */
const pageMax = 1000;

/**
 * `objects.list`: by name, in the order of UTF-8. With a delimiter, names that have it after the prefix are shown
 * once, as what they have up to it.
 */
export async function listObjects(store: Store, call: Call): Promise<Answer> {
  const { query } = call;
  const objects = store.bucket(call.bucket).objects;
  const delimiter = query.get('delimiter') ?? '';
  const prefix = query.get('prefix') ?? '';
  const after = Buffer.from(query.get('pageToken') ?? '', 'base64').toString();
  const limit = pageLimit(query.get('maxResults'));
  const items: Record<string, unknown>[] = [];
  const prefixes: string[] = [];
  let last: string | undefined;
  let hasMore = false;
  for (const name of namesInOrder(objects.keys(), query)) {
    const cut = delimiter === '' ? -1 : name.indexOf(delimiter, prefix.length);
    const shown = cut === -1 ? name : name.slice(0, cut + delimiter.length);
    // A page goes on behind what the last one showed.
    if (shown === last || compare(shown, after) <= 0) continue;
    hasMore = items.length + prefixes.length === limit;
    if (hasMore) break;
    last = shown;
    if (cut !== -1) prefixes.push(shown);
    else items.push(objectResource(store.object(call.bucket, name)));
  }
  return json({
    kind: 'storage#objects',
    ...(hasMore && last !== undefined && { nextPageToken: Buffer.from(last).toString('base64') }),
    ...(prefixes.length > 0 && { prefixes }),
    ...(items.length > 0 && { items }),
  });
}

function namesInOrder(names: Iterable<string>, query: URLSearchParams): string[] {
  const prefix = query.get('prefix') ?? '';
  const start = query.get('startOffset') ?? '';
  const end = query.get('endOffset');
  return [...names]
    .filter((name) => name.startsWith(prefix) && compare(name, start) >= 0)
    .filter((name) => end === null || compare(name, end) < 0)
    .sort(compare);
}

/** The order of UTF-8, which is not that of JavaScript's strings. */
function compare(a: string, b: string): number {
  return Buffer.compare(Buffer.from(a), Buffer.from(b));
}

function pageLimit(text: string | null): number {
  if (text === null) return pageMax;
  if (!/^\d{1,9}$/.test(text) || Number(text) === 0)
    throw invalid(`Invalid value '${text}' for maxResults.`);
  return Math.min(Number(text), pageMax);
}
