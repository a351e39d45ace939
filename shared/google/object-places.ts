// Where an object lies: its bucket, and its name there. cloud-storage-blobs.ts draws the layout.

import assert from 'node:assert/strict';
import type { ObjectName } from '../ports/blobs.ts';

/** The buckets of a location and project, both in the same place: then a rewrite from one to the other moves no bytes. */
export interface Buckets {
  /** Content-addressed blobs, kept until they are deleted. `undefined` for a project that can have no bucket. */
  readonly blobs: string | undefined;
  /** Parts, and what they are joined in. A lifecycle rule deletes all of it when it is older than a session may be. */
  readonly staging: string;
}

export interface Place {
  readonly bucket: string;
  /** The object's whole name in its bucket. */
  readonly object: string;
}

export type BucketsOf = (location: string, project: string) => Buckets;

/**
 * @returns `undefined` where nothing can lie: the project has no bucket
 * @throws URIError when an element is not well-formed Unicode
 */
export function placeOf(name: ObjectName, bucketsOf: BucketsOf): Place | undefined {
  const [location, project, kind] = name;
  assert(location !== undefined && project !== undefined, 'an object name begins with both');
  const { staging, blobs } = bucketsOf(location, project);
  const bucket = kind === 'parts' ? staging : blobs;
  return bucket === undefined ? undefined : { bucket, object: encode(name.slice(1)) };
}

/**
 * The buckets where names that begin so may lie, and how they begin there. The prefix names a project, but where all
 * projects share their buckets.
 */
export function placesBelow(prefix: ObjectName, bucketsOf: BucketsOf): Place[] {
  const [location, project, kind] = prefix;
  assert(location !== undefined, 'a list is of one location');
  const { blobs, staging } = bucketsOf(location, project ?? '');
  const both = kind === undefined ? [blobs, staging] : [kind === 'parts' ? staging : blobs];
  const object = project === undefined ? '' : `${encode(prefix.slice(1))}/`;
  const buckets = new Set(both.filter((bucket) => bucket !== undefined));
  return [...buckets].map((bucket) => ({ bucket, object }));
}

/** The object's name, or `undefined` where the text is no name of ours. */
export function nameOf(location: string, object: string): ObjectName | undefined {
  try {
    const elements = object.split('/').map(decodeURIComponent);
    return encode(elements) === object ? [location, ...elements] : undefined;
  } catch {
    return undefined;
  }
}

function encode(elements: readonly string[]): string {
  return elements.map(encodeElement).join('/');
}

/**
 * An element keeps letters, digits and `-._~:`. Its other characters are percent-encoded, and so are the dots of `.`
 * and `..`: in the path of a signed URL every client would resolve them.
 */
function encodeElement(element: string): string {
  if (element === '.' || element === '..') return element.replaceAll('.', '%2E');
  return percentEncoded(element).replaceAll('%3A', ':');
}

/** As RFC 3986 and the signatures of Cloud Storage have it: all but letters, digits and `-._~`. */
export function percentEncoded(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
