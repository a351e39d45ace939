// What happened, one JSON object a line, as Cloud Logging reads it. Never a token, a password or a whole header.

export type Severity = 'INFO' | 'WARNING' | 'ERROR';

export type Log = (severity: Severity, message: string, fields?: Record<string, unknown>) => void;

/** Writes to standard error: standard output is the person's. */
export const stderrLog: Log = (severity, message, fields = {}) => {
  process.stderr.write(`${JSON.stringify({ severity, message, ...fields })}\n`);
};
