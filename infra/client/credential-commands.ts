// The commands of `docker-credential-berth` that people call.

import { Command } from 'commander';
import { declareConfig } from './commands/config.ts';
import { declareConfigureDocker } from './commands/configure-docker.ts';
import { protocolHelp } from './docker-protocol.ts';
import type { Environment } from './environment.ts';
import { exitCodesHelp } from './failure.ts';
import { runProgram } from './run.ts';
import { version } from './version.ts';

/** Runs the command that the arguments name. @returns what the process is to end with */
export function runCommand(
  parameters: readonly string[],
  environment: Environment,
): Promise<number> {
  const program = new Command('docker-credential-berth')
    .description('Gives Docker, and what asks like it, credentials for a Berth container registry.')
    .version(version)
    .addHelpText('after', `\n${protocolHelp}\n\n${exitCodesHelp}`);
  declareConfigureDocker(program, { environment });
  declareConfig(program, { environment });
  return runProgram(program, parameters, (line) => {
    process.stderr.write(`docker-credential-berth: ${line}\n`);
  });
}
