// `docker-credential-berth`: what Docker asks for credentials, with docker-credential-gcr's commands beside.

import { answerDocker, isDockers } from './docker-protocol.ts';

const parameters = process.argv.slice(2);
const [action = ''] = parameters;

if (isDockers(action) && parameters.length === 1) {
  process.exitCode = await answerDocker(action, process.env);
} else {
  // Docker waits for what is loaded, and needs none of this.
  const { runCommand } = await import('./credential-commands.ts');
  process.exitCode = await runCommand(parameters, process.env);
}
