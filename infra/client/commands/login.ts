// `berth login`: a lasting login, where the registry gives one.

import type { Command } from 'commander';
import { type Address, isThisMachine, parseAddress } from '../address.ts';
import { readIdToken } from '../ci-token.ts';
import { exitCodes, Failure, wrongUsage } from '../failure.ts';
import { prompt, readSecret } from '../input.ts';
import { findChallenge, getToken } from '../registry.ts';
import { answer, type CommonOptions, chooseAddress, declare, type Session } from '../session.ts';
import { type Login, loginStore } from '../store.ts';

interface Options extends CommonOptions {
  readonly username?: string;
  readonly passwordStdin?: true;
  /** The token's file, `-` for standard input, or `true` for what the CI system provides. */
  readonly oidc?: string | true;
  readonly audience?: string;
}

/** What an ID token is the password of. */
const idTokenUser = '_oidc';

export function declareLogin(program: Command, session: Session): void {
  declare(
    program,
    'login [host]',
    'logs in, and keeps the login for docker and for berth',
    `berth login registry.example.com
berth login registry.example.com -u ci@my-project --password-stdin < secret
berth login registry.example.com --oidc`,
  )
    .option('-u, --username <name>', 'who logs in; asked for when left out')
    .option('--password-stdin', 'read the password from standard input')
    .option(
      '--oidc [file]',
      'log in with the ID token of a CI job: from a file, standard input (-), BERTH_ID_TOKEN, or GitHub Actions',
    )
    .option('--audience <audience>', 'of the ID token that GitHub Actions makes; else https://HOST')
    .action((host: string | undefined, options: Options) => run(session, host, options));
}

async function run(session: Session, host: string | undefined, options: Options): Promise<void> {
  const address =
    host === undefined
      ? await chooseAddress(session, options)
      : parseAddress(host, options.plainHttp === true);
  const login =
    options.oidc === undefined
      ? await withPassword(address, options)
      : await withIdToken(session, address, options, options.oidc);
  await loginStore(session.environment).save(login);
  const lasting = {
    refresh:
      login.username === idTokenUser
        ? 'until the registry ends it, and that is soon: a job has no lasting login'
        : 'a refresh token is kept, not the password',
    password:
      'the registry gave no refresh token, so the password is kept, for your user alone to read',
    'id-token': `until ${login.expiresAt}: a job has no lasting login`,
  };
  answer(
    options,
    {
      host: login.host,
      username: login.username,
      kind: login.kind,
      ...(login.expiresAt === undefined ? {} : { expiresAt: login.expiresAt }),
    },
    `Logged in to ${login.host} as ${login.username} (${lasting[login.kind]})`,
  );
}

async function withPassword(address: Address, options: Options): Promise<Login> {
  const isTerminal = process.stdin.isTTY;
  const { passwordStdin, username: given } = options;
  if (!isTerminal && !passwordStdin) {
    throw wrongUsage('no terminal to ask at: give the password to --password-stdin');
  }
  if (passwordStdin && given === undefined) {
    throw wrongUsage('whose password? -u USER --password-stdin');
  }
  const username = given ?? (await prompt(`Username for ${address.host}: `, true)).trim();
  if (!/^[^\0-\x20:\x7f]+$/.test(username))
    throw wrongUsage('a username has no spaces and no colon');
  const secret = passwordStdin
    ? await readSecret(process.stdin)
    : await prompt('Password: ', false);
  if (secret === '') throw wrongUsage('the password is empty');
  const credentials = { username, kind: 'password', secret } as const;
  const { refreshToken } = await proven(address, credentials);
  const login = { ...base(address), username };
  return refreshToken === undefined
    ? { ...login, kind: 'password', secret }
    : { ...login, kind: 'refresh', secret: refreshToken };
}

async function withIdToken(
  { environment }: Session,
  address: Address,
  { audience, username, passwordStdin }: Options,
  from: string | true,
): Promise<Login> {
  if (username !== undefined || passwordStdin) throw wrongUsage('either --oidc or a username');
  const file = from === true ? undefined : from;
  const { token, expiresAt } = await readIdToken(file, address, audience, environment);
  const credentials = { username: idTokenUser, kind: 'id-token', secret: token } as const;
  const { refreshToken } = await proven(address, credentials);
  const login = { ...base(address), username: idTokenUser };
  return refreshToken === undefined
    ? { ...login, kind: 'id-token', secret: token, expiresAt: expiresAt.toISOString() }
    : { ...login, kind: 'refresh', secret: refreshToken };
}

function base({ host, origin }: Address): Pick<Login, 'host' | 'serverUrl' | 'storedAt'> {
  return {
    host,
    // On this machine http is usual: that this registry speaks https has to be remembered.
    serverUrl: isThisMachine(host) && origin.startsWith('https:') ? origin : host,
    storedAt: new Date().toISOString(),
  };
}

/** A token for nothing, which the registry gives to whom it knows, and a refresh token where there are such. */
async function proven(address: Address, credentials: Pick<Login, 'username' | 'kind' | 'secret'>) {
  const challenge = await findChallenge(address);
  try {
    return await getToken(address, challenge, credentials, undefined, true);
  } catch (error) {
    if (!(error instanceof Failure) || error.exitCode !== exitCodes.noRight) throw error;
    throw new Failure(error.message.replace(/; log in again: berth login \S+/, ''), error.exitCode);
  }
}
