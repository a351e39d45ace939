// `docker-credential-berth`: what Docker asks for credentials, with docker-credential-gcr's commands beside.

import { Command } from 'commander';
import { declareConfig } from './commands/config.ts';
import { declareConfigureDocker } from './commands/configure-docker.ts';
import { answerDocker, isDockers, protocolHelp } from './docker-protocol.ts';
import { exitCodesHelp } from './failure.ts';
import { runProgram } from './run.ts';
import { version } from './version.ts';

const session = { environment: process.env };
const parameters = process.argv.slice(2);
const [action = ''] = parameters;

if (isDockers(action) && parameters.length === 1) {
  process.exitCode = await answerDocker(action, session.environment);
} else {
  const program = new Command('docker-credential-berth')
    .description('Gives Docker, and what asks like it, credentials for a Berth container registry.')
    .version(version)
    .addHelpText('after', `\n${protocolHelp}\n\n${exitCodesHelp}`);
  declareConfigureDocker(program, session);
  declareConfig(program, session);
  process.exitCode = await runProgram(program, parameters, (line) => {
    process.stderr.write(`docker-credential-berth: ${line}\n`);
  });
}
