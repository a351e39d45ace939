// Object names as paths, and back. file-blobs.ts draws the tree that comes of it.
//
// An element keeps the characters a-z 0-9 . _ - and has its other bytes percent-encoded, upper case
// too, because some file systems fold case. A leading dot is encoded as well, so that no path has
// `.`, `..` or a hidden file. The marks below are outside of that alphabet: an object and a directory
// of one name can stand side by side, and the walk can tell what each directory entry is.

import { opendir } from 'node:fs/promises';
import { join } from 'node:path';
import type { ObjectName } from '../ports/blobs.ts';
import { ifThere } from './errno.ts';

const objectMark = '=';
/** A directory that is the first part of a long element; what is in it goes on with the element. */
const continuesMark = '+';
/** A directory that is no part of the name: digests are spread over 256 of them. */
const spreadMark = '@';

/** File systems take 255 bytes; the rest is room for a mark and for a dot that is encoded. */
const pieceCharactersMax = 200;

const digestPattern = /^[a-z0-9]+:([0-9a-f]{2})[0-9a-f]+$/;

/**
 * The object's path, relative to the root of the tree.
 * @throws TypeError when the name has no elements, or one that is empty or not well-formed Unicode.
 */
export function objectPath(name: ObjectName): string {
  const last = name.at(-1);
  if (last === undefined) throw new TypeError('an object name has at least one element');
  const spread = digestPattern.exec(last)?.[1];
  return join(
    directoryPath(name.slice(0, -1)),
    spread === undefined ? '' : spread + spreadMark,
    elementPath(last) + objectMark,
  );
}

/** The path of the directory that holds all objects whose names begin with the prefix and are longer. */
function directoryPath(prefix: ObjectName): string {
  return join(...prefix.map(elementPath));
}

function elementPath(element: string): string {
  if (element === '' || !element.isWellFormed()) {
    throw new TypeError(`not an element of an object name: ${JSON.stringify(element)}`);
  }
  const encoded = element.replace(/[^a-z0-9._-]+/g, (text) =>
    Buffer.from(text).toString('hex').replace(/../g, '%$&'),
  );
  const pieces: string[] = [];
  for (let start = 0; start < encoded.length; start += pieceCharactersMax) {
    pieces.push(encoded.slice(start, start + pieceCharactersMax).replace(/^\./, '%2e'));
  }
  return pieces.join(`${continuesMark}/`);
}

/** The element, or `undefined` when the text was not made by {@link elementPath}. */
function decodeElement(text: string): string | undefined {
  if (!/^[a-z0-9%_-][a-z0-9%._-]*$/.test(text)) return undefined;
  try {
    return decodeURIComponent(text);
  } catch {
    return undefined;
  }
}

export interface WalkOptions {
  /** Only objects whose names begin with this and are longer. */
  readonly prefix: ObjectName;
  /** Asked before a directory is entered, with the elements so far; without it all are. */
  readonly enter?: (elements: ObjectName) => boolean;
  /** Called with the path of a directory below the prefix when all that is in it was walked. */
  readonly leave?: (directory: string) => Promise<void>;
}

/**
 * The objects under a tree's root: their names and full paths, in no particular order. Files that
 * are not ours are passed over, and so are directories that disappear meanwhile. Memory does not
 * grow with the number of objects.
 */
export async function* walkObjects(
  root: string,
  options: WalkOptions,
): AsyncGenerator<{ name: ObjectName; path: string }> {
  yield* walk(join(root, directoryPath(options.prefix)), options.prefix, '', options);
}

async function* walk(
  directory: string,
  elements: ObjectName,
  /** The beginning, still encoded, of an element that goes on in this directory. */
  begun: string,
  options: WalkOptions,
): AsyncGenerator<{ name: ObjectName; path: string }> {
  const entries = await ifThere(opendir(directory, { bufferSize: 256 }));
  if (entries === undefined) return;
  for await (const entry of entries) {
    const path = join(directory, entry.name);
    const unmarked = entry.name.slice(0, -1);
    if (entry.isFile()) {
      const last = entry.name.endsWith(objectMark) ? decodeElement(begun + unmarked) : undefined;
      if (last !== undefined) yield { name: [...elements, last], path };
      continue;
    }
    if (!entry.isDirectory()) continue;
    if (entry.name.endsWith(continuesMark)) {
      yield* walk(path, elements, begun + unmarked, options);
    } else if (entry.name.endsWith(spreadMark)) {
      yield* walk(path, elements, begun, options);
    } else {
      const element = decodeElement(begun + entry.name);
      const within = element === undefined ? undefined : [...elements, element];
      if (within === undefined || options.enter?.(within) === false) continue;
      yield* walk(path, within, '', options);
    }
    await options.leave?.(path);
  }
}
