// `npm run start:google`: the registry on Google's services, or their emulators, by environment. Each function is a
// process of its own behind the gateway, hosted as in the cloud and given the settings that it is given there.
//
//   npm run start:google -- --bundle dist    runs what `npm run bundle` made

import { parseArgs } from 'node:util';
import { readGiven } from '#functions/google.ts';
import { type TargetName, targetNames } from '#functions/targets.ts';
import { startServer } from '#shared/http/server.ts';
import { stderrLog } from '#shared/log.ts';
import type { Environment } from '#shared/settings.ts';
import { told } from '../told.ts';
import { commandsFor } from './commands.ts';
import { prepareTopic } from './emulators.ts';
import { type FunctionProcess, startProcesses } from './processes.ts';
import { createProxy } from './proxy.ts';
import { startSchedule } from './schedule.ts';
import { loadSecretVariables } from './secrets.ts';
import { greet, untilStopped } from './serving.ts';
import { readSettings } from './settings.ts';

/** How long requests in flight may go on once the gateway is told to stop. */
const stopMs = 60 * 1000;

/** Keys are kept on this machine, where `npm run rotate-keys` makes new ones: nothing runs for them. */
const here = targetNames.filter((name) => name !== 'keys');

/** Starts; on failure says why on standard error and ends with 1. */
export async function main(): Promise<void> {
  await told(async () => {
    const { bundle } = parseArgs({
      args: process.argv.slice(3),
      options: { bundle: { type: 'string' } },
    }).values;
    await serveFunctions((name, environment) => commandsFor(environment, bundle)[name]);
  });
}

/**
 * Serves what runs as processes, until SIGINT or SIGTERM.
 * @param commandOf how a function is run, by the settings of all
 */
export async function serveFunctions(
  commandOf: (name: TargetName, environment: Environment) => FunctionProcess,
): Promise<void> {
  const settings = readSettings(process.env);
  const { dataDirectory, adminPassword } = settings;
  const { variables, newPassword } = await loadSecretVariables(dataDirectory, adminPassword);
  // Before the functions stands one proxy more than before this process: its own.
  const proxies = { BERTH_PROXIES: String(settings.proxies + 1) };
  const environment = { ...variables, ...process.env, ...proxies };
  // What is missing or wrong is told here, and not by each process.
  for (const name of here) readGiven(name, environment);
  await prepareTopic(environment);
  const commands = Object.fromEntries(here.map((name) => [name, commandOf(name, environment)]));
  const processes = await startProcesses(commands, stderrLog);
  const schedule = startSchedule(processes.portOf, stderrLog);
  const isMirror = (host: string) => settings.mirror.hosts.has(host);
  const proxy = createProxy(processes.portOf, schedule.answered, stderrLog, isMirror);
  const gateway = await startServer(proxy.handler, {
    host: settings.host,
    port: settings.port,
    http2: false,
    stopMs,
  });
  untilStopped(async () => {
    await gateway.stop();
    schedule.stop();
    proxy.close();
    await processes.stop();
  });
  greet(settings, gateway.port, newPassword);
}
