// The system's error codes, as node:fs reports them.

/** Whether it is an error of the system with one of these codes, such as `ENOENT`. */
export function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code));
}

/** What the promise resolves to, or `undefined` when the file or directory it is about does not exist. */
export async function ifThere<R>(promise: Promise<R>): Promise<R | undefined> {
  try {
    return await promise;
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined;
    throw error;
  }
}
