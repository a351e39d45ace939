// What a command ends with when it could not do what it was asked: one line that says what to do, and a number for
// programs.

import { printable } from './printable.ts';

/** What a command ends with. They stand in every `--help`. */
export const exitCodes = {
  done: 0,
  /** Refused by the registry, not reached, or failed in another way. */
  failed: 1,
  usage: 2,
  /** Not logged in, or no right to it: 401 and 403. */
  noRight: 3,
  notThere: 4,
  /** Somebody else changed it: 409 and 412. */
  changed: 5,
} as const;

export const exitCodesHelp = `Exit codes:
  0 done                          3 not logged in, or no right to it
  1 refused or failed             4 not there
  2 wrong usage                   5 it exists already, or somebody else changed it`;

/** An end that a person is told in one line. */
export class Failure extends Error {
  override readonly name = 'Failure';
  readonly exitCode: number;

  /** @param message what happened and what to do about it; no secrets */
  constructor(message: string, exitCode: number = exitCodes.failed) {
    super(message);
    this.exitCode = exitCode;
  }
}

/** A {@link Failure} of how the command was called. */
export function wrongUsage(message: string): Failure {
  return new Failure(message, exitCodes.usage);
}

/** What a program ends with that failed. @param tell says why, in one line */
export function endOf(error: unknown, tell: (line: string) => void): number {
  tell(printable(error instanceof Error ? error.message : String(error)));
  return error instanceof Failure ? error.exitCode : exitCodes.failed;
}
