// Files that others may not read, or may not find half written.

import { randomBytes } from 'node:crypto';
import { chmod, mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { Failure } from './failure.ts';

/** Reads a file. @returns `undefined` when there is none @throws Failure when it is larger than that, or not readable */
export async function readSmallFile(path: string, bytesMax: number): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > bytesMax) throw new Failure(`${path} is larger than ${bytesMax} bytes`);
    return await readFile(path, 'utf8');
  } catch (error) {
    const code = errorCode(error);
    if (code === 'ENOENT' || code === 'ENOTDIR') return undefined;
    throw error instanceof Failure ? error : new Failure(`${path} cannot be read: ${code}`);
  }
}

/**
 * Writes a file in one step: whoever reads it finds what was there before, or all of this.
 * @param owner who it is to belong to; who writes it, when left out or not allowed
 * @throws Failure when it cannot be written; what was there before then stays
 */
export async function replaceFile(
  path: string,
  text: string,
  mode: number,
  owner?: { readonly uid: number; readonly gid: number },
): Promise<void> {
  const draft = join(dirname(path), `.berth-${randomBytes(8).toString('hex')}.tmp`);
  try {
    const file = await open(draft, 'wx', mode);
    try {
      // What open is told is narrowed by the umask.
      await file.chmod(mode);
      if (owner !== undefined) await file.chown(owner.uid, owner.gid).catch(() => {});
      await file.writeFile(text);
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, path);
  } catch (error) {
    await rm(draft, { force: true });
    throw new Failure(`${path} cannot be written: ${errorCode(error)}`);
  }
}

/** Makes a directory, with those above it, that only its owner may enter; one that is there is made so. */
export async function makePrivateDirectory(path: string): Promise<void> {
  try {
    await mkdir(path, { recursive: true, mode: 0o700 });
    await chmod(path, 0o700);
  } catch (error) {
    throw new Failure(`${path} cannot be made: ${errorCode(error)}`);
  }
}

/** The system's word for an error, as `ENOENT`. */
export function errorCode(error: unknown): string {
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? code : String(error);
}
