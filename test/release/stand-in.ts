// What both stand-ins have in common: where they keep things, how they refuse.

import { appendFileSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const directory = process.env['STAND_IN_DIRECTORY'] ?? end(2, 'STAND_IN_DIRECTORY is not set');

export const at = (...parts: string[]) => join(directory, ...parts);

/** What it was called with. */
export function called(name: string): readonly string[] {
  const parameters = process.argv.slice(2);
  appendFileSync(at('calls'), `${[name, ...parameters].join(' ')}\n`);
  return parameters;
}

/** Ends as a program does that failed. */
export function end(code: number, message: string): never {
  process.stderr.write(`${message}\n`);
  process.exit(code);
}

/** Whether this call is to go wrong. It is so once. */
export function isSpoilt(what: string): boolean {
  const file = at(`spoilt-${what}`);
  if (!existsSync(file)) return false;
  rmSync(file);
  return true;
}

/** Flags and the rest. Ends where there is a flag that is not known, or one that has to be is not there. */
export function parse(
  parameters: readonly string[],
  known: { readonly needed?: readonly string[]; readonly allowed?: readonly string[] },
): { readonly flags: ReadonlyMap<string, string>; readonly rest: readonly string[] } {
  const { needed = [], allowed = [] } = known;
  const flags = new Map<string, string>();
  const rest: string[] = [];
  for (const parameter of parameters) {
    const [, name, value] = /^(--?[a-z-]+)(?:=(.*))?$/s.exec(parameter) ?? [];
    if (name === undefined) rest.push(parameter);
    else if (![...needed, ...allowed].includes(name))
      end(2, `unrecognized arguments: ${parameter}`);
    else flags.set(name, value ?? '');
  }
  for (const name of needed) {
    if (!flags.has(name)) end(2, `argument ${name}: Must be specified.`);
  }
  return { flags, rest };
}
