// Docker's protocol for credential helpers: an action as the only argument, its subject on standard input, and the
// answer, also where it is an error, on standard output.

import { hostOf } from './address.ts';
import { findCredentials } from './credentials.ts';
import type { Environment } from './environment.ts';
import { endOf, exitCodes, Failure } from './failure.ts';
import { readInput } from './input.ts';
import { asRecord, asText, parseJson } from './json-values.ts';
import { loginStore } from './store.ts';
import { version } from './version.ts';

type DockerAction = 'get' | 'store' | 'erase' | 'list' | 'version';

const actions: Readonly<Record<DockerAction, (environment: Environment) => Promise<string>>> = {
  get,
  store,
  erase,
  list,
  version: async () => `docker-credential-berth ${version}`,
};

export const protocolHelp = `Docker's commands:
  get                          the credentials for the registry on standard input
  store                        keeps the credentials on standard input
  erase                        forgets those for the registry on standard input
  list                         the registries that credentials are kept for
  version                      the version`;

/** Whom Docker takes a secret for a refresh token of. */
const refreshTokenUser = '<token>';
/** What Docker goes on without credentials upon. */
const notFound = 'credentials not found in native keychain';
const noServerUrl = 'no credentials server URL';
const noUsername = 'no credentials username';

/** Whether an argument is an action of the protocol. */
export function isDockers(action: string): action is DockerAction {
  return Object.hasOwn(actions, action);
}

/** Answers Docker. @returns what the process is to end with */
export async function answerDocker(
  action: DockerAction,
  environment: Environment,
): Promise<number> {
  const print = (line: string) => {
    if (line !== '') process.stdout.write(`${line}\n`);
  };
  try {
    print(await actions[action](environment));
    return exitCodes.done;
  } catch (error) {
    endOf(error, print);
    return exitCodes.failed;
  }
}

async function get(environment: Environment): Promise<string> {
  const serverUrl = await readServerUrl();
  const host = hostOf(serverUrl);
  const found = host === undefined ? undefined : await findCredentials(host, environment);
  if (found === undefined) throw new Failure(notFound);
  return JSON.stringify({
    ServerURL: serverUrl,
    Username: found.kind === 'refresh' ? refreshTokenUser : found.username,
    Secret: found.secret,
  });
}

async function store(environment: Environment): Promise<string> {
  const given = asRecord(parseJson(await readInput(process.stdin)));
  const [serverUrl, username, secret] = ['ServerURL', 'Username', 'Secret'].map((name) =>
    asText(given[name]),
  );
  if (serverUrl === undefined) throw new Failure(noServerUrl);
  if (username === undefined) throw new Failure(noUsername);
  const host = hostOf(serverUrl);
  if (host === undefined) throw new Failure('the server URL names no registry');
  // Docker asks for it again, and finds nothing.
  if (secret === undefined) throw new Failure('no credentials secret');
  await loginStore(environment).save({
    host,
    serverUrl,
    username,
    kind: username === refreshTokenUser ? 'refresh' : 'password',
    secret,
    storedAt: new Date().toISOString(),
  });
  return '';
}

async function erase(environment: Environment): Promise<string> {
  const host = hostOf(await readServerUrl());
  if (host !== undefined) await loginStore(environment).remove(host);
  return '';
}

async function list(environment: Environment): Promise<string> {
  const logins = await loginStore(environment).list();
  const entries = logins.map(({ serverUrl, username, kind }) => [
    serverUrl,
    kind === 'refresh' ? refreshTokenUser : username,
  ]);
  return JSON.stringify(Object.fromEntries(entries));
}

async function readServerUrl(): Promise<string> {
  const text = (await readInput(process.stdin)).trim();
  if (text === '') throw new Failure(noServerUrl);
  return text;
}
