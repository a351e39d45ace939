// One process to a data directory. The lock is the operating system's, held on an open file, and so goes with
// the process however it dies. (SQLite takes it: Node has no call for it.)

import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';

/**
 * Takes the directory for this process alone, until `release`.
 * @throws Error that names the directory, when another process has it
 */
export function lockDirectory(directory: string): { release(): void } {
  const database = new DatabaseSync(join(directory, 'lock.sqlite'), { timeout: 0 });
  try {
    database.exec('PRAGMA locking_mode = EXCLUSIVE; BEGIN EXCLUSIVE');
  } catch (error) {
    database.close();
    throw new Error(
      `another process is running on the data directory ${directory}: stop it first`,
      {
        cause: error,
      },
    );
  }
  return { release: () => database.close() };
}
