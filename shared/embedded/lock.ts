// One process per data directory: the stores in it keep state in memory and would overwrite one another.

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

const sqliteBusy = 5;

/**
 * Takes the directory, which must exist, for this process alone until `release`, or until the
 * process ends in whatever way: the system itself gives the lock free then, so none is ever stale.
 *
 * Throws at once, naming the directory, when it is taken (by this process too) or cannot be written.
 */
export function lockDirectory(dir: string): { release(): void } {
  // Node has no file locks of its own; SQLite has, and they are the system's. Nothing is ever written to
  // the file. Nothing else in this process may open it, either: POSIX drops a process's locks on a file
  // when it closes any descriptor of that file.
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(join(dir, 'lock'), { timeout: 0 });
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (cause) {
    database?.close();
    const busy = cause instanceof Error && 'errcode' in cause && cause.errcode === sqliteBusy;
    const message = busy
      ? `the data directory ${dir} is in use by another process`
      : `the data directory ${dir} cannot be locked`;
    throw new Error(message, { cause });
  }
  const held = database;
  return {
    release() {
      if (held.isOpen) held.close();
    },
  };
}
