// What a command is given by its surroundings. Only the two programs read `process.env`, and hand it on.

import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable, `undefined` also where it is empty: that is how shells take one away for a single command. */
export function variable(environment: Environment, name: string): string | undefined {
  const value = environment[name];
  return value === '' ? undefined : value;
}

/** Where Berth's own files lie: `$BERTH_CONFIG`, or the place that the system has for such. */
export function berthDirectory(environment: Environment): string {
  const told = variable(environment, 'BERTH_CONFIG');
  return told === undefined ? join(systemDirectory(environment), 'berth') : resolve(told);
}

/** Where gcloud keeps its files: `$CLOUDSDK_CONFIG`, or its place in the system's. */
export function gcloudDirectory(environment: Environment): string {
  const told = variable(environment, 'CLOUDSDK_CONFIG');
  if (told !== undefined) return resolve(told);
  // gcloud does not look at XDG_CONFIG_HOME.
  return process.platform === 'win32'
    ? join(systemDirectory(environment), 'gcloud')
    : join(home(environment), '.config', 'gcloud');
}

/** Docker's: `$DOCKER_CONFIG` or `~/.docker`. */
export function dockerDirectory(environment: Environment): string {
  const told = variable(environment, 'DOCKER_CONFIG');
  return told === undefined ? join(home(environment), '.docker') : resolve(told);
}

function systemDirectory(environment: Environment): string {
  if (process.platform === 'win32') {
    return variable(environment, 'APPDATA') ?? join(home(environment), 'AppData', 'Roaming');
  }
  return variable(environment, 'XDG_CONFIG_HOME') ?? join(home(environment), '.config');
}

function home(environment: Environment): string {
  const name = process.platform === 'win32' ? 'USERPROFILE' : 'HOME';
  return variable(environment, name) ?? homedir();
}
