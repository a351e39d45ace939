// What every command here does about its failure.

/** Runs a command's body; on failure says why on standard error and ends with 1. */
export async function told(body: () => Promise<void>): Promise<void> {
  // Whoever read the log has gone: no reason to stop.
  process.stderr.on('error', () => undefined);
  try {
    await body();
  } catch (error) {
    process.stderr.write(`berth: ${error instanceof Error ? error.message : String(error)}\n`);
    process.exitCode = 1;
  }
}
