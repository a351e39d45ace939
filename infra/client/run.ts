// Runs a program: its arguments, what it prints when it fails, and the number it ends with.

import { type Command, CommanderError } from 'commander';
import { endOf, exitCodes, wrongUsage } from './failure.ts';

/**
 * Runs the command that the arguments name.
 * @param tell says why it failed, in one line
 * @returns what the process is to end with
 */
export async function runProgram(
  program: Command,
  parameters: readonly string[],
  tell: (line: string) => void,
): Promise<number> {
  for (const command of withDescendants(program)) {
    command.configureOutput({ outputError: () => {} }).exitOverride((error) => {
      if (error.exitCode === 0 || error.code === 'commander.help') throw error;
      const message = error.message.replace(/^error: /, '');
      throw wrongUsage(`${message}; see ${nameOf(command)} --help`);
    });
  }
  try {
    await program.parseAsync(parameters, { from: 'user' });
    return exitCodes.done;
  } catch (error) {
    // Help and the version were asked for, or shown since nothing was.
    if (error instanceof CommanderError) {
      return error.exitCode === 0 ? exitCodes.done : exitCodes.usage;
    }
    return endOf(error, tell);
  }
}

function withDescendants(command: Command): Command[] {
  return [command, ...command.commands.flatMap(withDescendants)];
}

function nameOf(command: Command): string {
  return command.parent === null ? command.name() : `${nameOf(command.parent)} ${command.name()}`;
}
