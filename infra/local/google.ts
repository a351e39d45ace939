// `npm run start:google`: the registry on Google's services, or their emulators, by environment. Each function is a
// process of its own behind the gateway, hosted as in the cloud and given the settings that it is given there.

import { mkdir } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { readGiven } from '#functions/google.ts';
import { functionSettings } from '#functions/settings.ts';
import { type TargetName, targetNames, targets } from '#functions/targets.ts';
import { sha256 } from '#shared/auth/robots.ts';
import { startServer } from '#shared/http/server.ts';
import { stderrLog } from '#shared/log.ts';
import { headerBytesMax } from '#shared/oci/limits.ts';
import type { Environment } from '#shared/settings.ts';
import { prepareTopic } from './emulators.ts';
import { type FunctionProcess, startProcesses } from './processes.ts';
import { createProxy } from './proxy.ts';
import { startSchedule } from './schedule.ts';
import { loadSecrets, publicPart } from './secrets.ts';
import { greet, told, untilStopped } from './serving.ts';
import { readSettings, type Settings } from './settings.ts';

const root = join(import.meta.dirname, '../..');

/** How long requests in flight may go on once the gateway is told to stop. */
const stopMs = 60 * 1000;

/** Of the environment, what is every process's, whatever it does. */
const passedOn = /^(PATH|HOME|TMPDIR|GOOGLE_APPLICATION_CREDENTIALS|METADATA_.*|.*_EMULATOR_HOST)$/;

/** Starts; on failure says why on standard error and ends with 1. */
export async function main(): Promise<void> {
  await told(async () => {
    const settings = readSettings(process.env);
    const { variables, newPassword } = await prepareSecrets(settings);
    const environment = { ...variables, ...process.env };
    // What is missing or wrong is told here, and not by each process.
    for (const name of targetNames) readGiven(name, environment);
    await prepareTopic(environment);
    const processes = await startProcesses(commandsFor(environment), stderrLog);
    const schedule = startSchedule(processes.portOf, stderrLog);
    const proxy = createProxy(processes.portOf, schedule.answered);
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
    greet(settings.host, gateway.port, newPassword);
  });
}

/** The secrets that Secret Manager keeps in the cloud, as variables: made at the first start, and kept in the data directory. */
async function prepareSecrets({ dataDirectory, adminPassword }: Settings) {
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  const { secrets, newPassword } = await loadSecrets(dataDirectory);
  return {
    variables: {
      BERTH_TOKEN_KEY: JSON.stringify(secrets.tokenKey),
      BERTH_TOKEN_PUBLIC_KEYS: JSON.stringify([publicPart(secrets.tokenKey)]),
      BERTH_STATE_KEYS: JSON.stringify(secrets.stateKeys),
      BERTH_ADMIN_SHA256: adminPassword === '' ? secrets.adminSha256 : sha256(adminPassword),
    },
    newPassword: adminPassword === '' ? newPassword : undefined,
  };
}

function commandsFor(environment: Environment): Readonly<Record<string, FunctionProcess>> {
  return Object.fromEntries(
    targetNames.map((name) => [
      name,
      { arguments: argumentsFor(name), environment: environmentFor(name, environment) },
    ]),
  );
}

function argumentsFor(name: TargetName): readonly string[] {
  if (targets[name].host === 'streaming') {
    return ['--max-semi-space-size=2', join(root, `functions/${name}/main.ts`)];
  }
  const framework = createRequire(import.meta.url).resolve('@google-cloud/functions-framework');
  return [join(framework, '../main.js'), `--target=${name}`, `--source=${root}`];
}

/** What the function is given in the cloud, and no other function's secrets. */
function environmentFor(name: TargetName, environment: Environment): Record<string, string> {
  const given: Record<string, string> = {
    FUNCTION_TARGET: name,
    NODE_ENV: 'production',
    NODE_OPTIONS: `--max-http-header-size=${headerBytesMax}`,
    NODE_COMPILE_CACHE: join(root, 'node_modules/.cache/compiled'),
  };
  for (const [variable, value] of Object.entries(environment)) {
    if (value !== undefined && passedOn.test(variable)) given[variable] = value;
  }
  for (const [variable, { readBy }] of Object.entries(functionSettings)) {
    const value = environment[variable];
    if (value !== undefined && readBy.some((one) => one === name)) given[variable] = value;
  }
  return given;
}
