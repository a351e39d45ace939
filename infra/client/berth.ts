// `berth`: logs in to a registry, administers its projects, and shows what changes there.

import { Command } from 'commander';
import { declareAudit } from './commands/audit.ts';
import { declareEvents } from './commands/events.ts';
import { declareFederation } from './commands/federation.ts';
import { declareLogin } from './commands/login.ts';
import { declareLogout } from './commands/logout.ts';
import { declarePolicy } from './commands/policy.ts';
import { declareProject } from './commands/project.ts';
import { declareRobot } from './commands/robot.ts';
import { declareWhoami } from './commands/whoami.ts';
import { exitCodesHelp } from './failure.ts';
import { runProgram } from './run.ts';
import { version } from './version.ts';

const session = { environment: process.env };
const program = new Command('berth')
  .description(
    'Logs in to a Berth container registry, administers its projects, and shows what changes.',
  )
  .version(version)
  .addHelpText(
    'after',
    `\nExample:\n  berth login registry.example.com\n  berth policy get my-project\n\n${exitCodesHelp}`,
  );
declareLogin(program, session);
declareLogout(program, session);
declareWhoami(program, session);
declareProject(program, session);
declarePolicy(program, session);
declareRobot(program, session);
declareFederation(program, session);
declareAudit(program, session);
declareEvents(program, session);

process.exitCode = await runProgram(program, process.argv.slice(2), (line) => {
  process.stderr.write(`berth: ${line}\n`);
});
