// Processes that end when the tests do, also when these are cut short.

import type { ChildProcess } from 'node:child_process';

// Without a listener a signal ends the process and nothing at `exit` is run. The runner sends SIGTERM to a file that
// takes too long; SIGINT is what a person presses.
process.once('SIGTERM', () => process.exit(143));
process.once('SIGINT', () => process.exit(130));

/** Sends a signal to a child when this process exits before the child does. */
export function endsWithTests(child: ChildProcess, signal: NodeJS.Signals): void {
  const end = () => child.kill(signal);
  process.once('exit', end);
  child.once('exit', () => process.off('exit', end));
}
