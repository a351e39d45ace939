// Keys as Firestore's paths, in the same order.
//
//   {location} / {project} / {kind} / {rest}       local/p/tags/a.Fb!latest!  <-  ['local', 'p', 'tags', 'a/b', 'latest']
//   collection / document  / collection / document
//
//   The project's document does not exist: it only holds the collections. All elements after the kind are one id, so
//   that a list is one range of ids. The kind is the collection's id, to which TTL, index exemptions and the
//   outbox's trigger are bound, whatever the location and the project.
//
// In an id each element is ended by `!`. What would sort below that mark, or could not be in an id, is escaped:
//
//   bytes below 0x26      %XX        so that `!` sorts below every byte of an element
//   `.` and `/`           .E .F      in the places they have in ASCII
//   0x7E and above        ~XX        so that ids are ASCII, whatever order a store has for the rest of Unicode
//   any other byte        itself
//
// So the order of ids is the order of tuples, each element by its bytes; no id is `.`, `..`, `__…__` or has a `/`.
// Location, project and kind are escaped the same way, but with ~XX in place of %XX, and have no mark.

import { strict as assert } from 'node:assert';
import { checkElements } from '../ports/document-encoding.ts';
import type { Key } from '../ports/documents.ts';

/** Firestore's own limit for an id. */
const idBytesMax = 1500;
const end = '!';
/** Above whatever follows in an id: `~` is never followed by `~`. */
const last = '~~';

export interface Path {
  /** `location/project/kind`. */
  readonly collection: string;
  readonly id: string;
}

/** @throws AssertionError when the key is none, has fewer than four elements, or is too long for an id */
export function pathOf(key: Key): Path {
  assert(key.length > 3, 'a key has a location, a project, a kind, and more');
  checkElements(key);
  const id = textOf(key.slice(3));
  assert(id.length <= idBytesMax, `an id of ${id.length} bytes; the most is ${idBytesMax}`);
  return { collection: collectionOf(key), id };
}

/** The key of the document at a path: `location/project/kind/id`, relative to the database's root. */
export function keyOf(path: string): Key {
  const [location = '', project = '', kind = '', id = '', ...more] = path.split('/');
  assert(id.endsWith(end) && more.length === 0, `not the path of a document: ${path}`);
  return [location, project, kind, ...id.slice(0, -1).split(end)].map(decode);
}

export interface IdRange {
  readonly collection: string;
  /** Ids above this one; `undefined` for all from the first. */
  readonly after: string | undefined;
  /** Ids below this one; `undefined` for all to the last. */
  readonly before: string | undefined;
}

/**
 * The ids of a list: of keys that begin with the prefix and go on, and come after `after`. `undefined` when there
 * can be none.
 */
export function rangeOf(prefix: Key, after: Key | undefined): IdRange | undefined {
  assert(prefix.length >= 3, 'a prefix has a location, a project and a kind');
  checkElements(prefix);
  const collection = collectionOf(prefix);
  const first = prefix.length === 3 ? undefined : textOf(prefix.slice(3));
  const before = first === undefined ? undefined : first + last;
  if (after === undefined) return { collection, after: first, before };
  checkElements(after);
  const order = compareKeys(after.slice(0, 3), prefix.slice(0, 3));
  if (order > 0) return undefined;
  const from = order < 0 || after.length <= 3 ? '' : cursorOf(after.slice(3));
  if (before !== undefined && from >= before) return undefined;
  return { collection, after: from > (first ?? '') ? from : first, before };
}

/** Element by element, each by its UTF-8 bytes; a tuple before the longer ones it begins. */
function compareKeys(one: Key, other: Key): number {
  for (const [at, element] of one.entries()) {
    const against = other[at];
    if (against === undefined) return 1;
    const order = Buffer.compare(Buffer.from(element), Buffer.from(against));
    if (order !== 0) return order;
  }
  return one.length - other.length;
}

function collectionOf(key: Key): string {
  return key.slice(0, 3).map(encodeName).join('/');
}

function textOf(elements: Key): string {
  return elements.map((element) => encode(element) + end).join('');
}

/** What a list begins after may come from a client, and be longer than any id: the same ids come after this one. */
function cursorOf(elements: Key): string {
  const text = textOf(elements);
  return text.length <= idBytesMax ? text : text.slice(0, idBytesMax - 1) + end;
}

/**
 * An element as an id of its own. Its order does not matter, and over REST it is part of a URL: there is no `%`. What
 * begins and ends with two underscores Firestore keeps for itself.
 */
function encodeName(element: string): string {
  const name = encode(element).replaceAll('%', '~');
  return /^__.*__$/.test(name) ? `~5F${name.slice(1)}` : name;
}

function encode(element: string): string {
  if (/^[&-\-0-}]*$/.test(element)) return element;
  let text = '';
  for (const byte of Buffer.from(element)) {
    if (byte < 0x26) text += `%${hex(byte)}`;
    else if (byte === 0x2e) text += '.E';
    else if (byte === 0x2f) text += '.F';
    else if (byte >= 0x7e) text += `~${hex(byte)}`;
    else text += String.fromCharCode(byte);
  }
  return text;
}

function decode(text: string): string {
  if (!/[%.~]/.test(text)) return text;
  const bytes: number[] = [];
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at];
    if (character === '%' || character === '~') {
      bytes.push(Number.parseInt(text.slice(at + 1, at + 3), 16));
      at += 2;
    } else if (character === '.') {
      bytes.push(text[at + 1] === 'E' ? 0x2e : 0x2f);
      at += 1;
    } else bytes.push(text.charCodeAt(at));
  }
  return Buffer.from(bytes).toString();
}

function hex(byte: number): string {
  return byte.toString(16).toUpperCase().padStart(2, '0');
}
