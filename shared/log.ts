// What happened, one JSON object a line, as Cloud Logging reads it. Never a token, a password or a whole header.

/** Of LogSeverity's; `NOTICE` is "normal but significant". */
export type Severity = 'INFO' | 'NOTICE' | 'WARNING' | 'ERROR';

export type Log = (severity: Severity, message: string, fields?: Record<string, unknown>) => void;

/** So much text waits at most to be written together with what comes in the same turn of the event loop. */
const gatheredCharactersMax = 64 * 1024;

/**
 * Writes to standard error: standard output is the person's. A write stops the process until the system has
 * taken it, so the lines of one turn of the event loop, of requests that ran side by side, are one write.
 */
export const stderrLog: Log = (severity, message, fields = {}) => {
  if (gathered === '') setImmediate(writeGathered);
  gathered += `${JSON.stringify({ severity, time: new Date().toISOString(), message, ...fields })}\n`;
  if (gathered.length >= gatheredCharactersMax) writeGathered();
};

let gathered = '';

function writeGathered(): void {
  if (gathered === '') return;
  process.stderr.write(gathered);
  gathered = '';
}
