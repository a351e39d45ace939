// What functions-framework prints, as lines of our log.

/**
 * The framework and Express print the errors they meet as they are, over many lines, and an error about a body holds the
 * body: a password, it may be. From now on what they print is one line each, without what a client sent.
 */
export function keepBodiesOutOfLog(): void {
  console.error = (...said: unknown[]) => {
    for (const one of said) {
      const line = { severity: 'ERROR', time: new Date().toISOString(), message: describe(one) };
      // At once: the process may be about to end.
      process.stderr.write(`${JSON.stringify(line)}\n`);
    }
  };
}

function describe(said: unknown): string {
  if (!(said instanceof Error)) return String(said);
  // Errors that answer for a status are about a request, and their message quotes it.
  if (!('status' in said)) return said.stack ?? String(said);
  const type = 'type' in said ? `, ${said.type}` : '';
  return `functions-framework refused a request: ${said.status} ${said.name}${type}`;
}
