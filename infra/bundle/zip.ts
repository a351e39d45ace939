// A directory as a zip: what the platform takes as a function's source.

import { readdir, readFile } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { type Zippable, zipSync } from 'fflate';

/** Read and written by its owner, read by all: files of Unix. */
const mode = { os: 3, attrs: 0o100644 << 16 } as const;

/**
 * Zips all files of a directory.
 * @returns the bytes, which are the same wherever and whenever the same files are zipped
 */
export async function zipDirectory(directory: string): Promise<Uint8Array> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true });
  const paths = entries
    .filter((entry) => entry.isFile())
    .map((entry) => relative(directory, join(entry.parentPath, entry.name)).replaceAll(sep, '/'))
    .sort();
  const files: Zippable = {};
  for (const path of paths) files[path] = [await readFile(join(directory, path)), mode];
  // The first time that a zip can tell. It tells no zone: whichever this machine is in, it is that.
  return zipSync(files, { level: 6, mtime: new Date(1980, 0, 1) });
}
