// Where an object lies: its bucket, and its name there. cloud-storage-blobs.ts draws the layout.

import assert from 'node:assert/strict';
import type { ObjectName } from '../ports/blobs.ts';

/** The buckets of a location, both in the same place: then a rewrite from one to the other moves no bytes. */
export interface Buckets {
  /** Content-addressed blobs, kept until they are deleted. */
  readonly blobs: string;
  /** Parts, and what they are joined in. A lifecycle rule deletes all of it when it is older than a session may be. */
  readonly staging: string;
}

export interface Place {
  readonly bucket: string;
  /** The object's whole name in its bucket. */
  readonly object: string;
}

/** @throws URIError when an element is not well-formed Unicode */
export function placeOf(name: ObjectName, bucketsOf: (location: string) => Buckets): Place {
  const [location, , kind] = name;
  assert(location !== undefined, 'an object name begins with its location');
  const buckets = bucketsOf(location);
  return {
    bucket: kind === 'parts' ? buckets.staging : buckets.blobs,
    object: encode(name.slice(1)),
  };
}

/** The buckets where names that begin so may lie, and how they begin there. */
export function placesBelow(prefix: ObjectName, bucketsOf: (location: string) => Buckets): Place[] {
  const [location, project, kind] = prefix;
  assert(location !== undefined, 'a list is of one location');
  const { blobs, staging } = bucketsOf(location);
  const both = kind === undefined ? [blobs, staging] : [kind === 'parts' ? staging : blobs];
  const object = project === undefined ? '' : `${encode(prefix.slice(1))}/`;
  return [...new Set(both)].map((bucket) => ({ bucket, object }));
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
