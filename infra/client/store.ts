// Logins, each in a file of its own, so that two that are made at the same time never overwrite one another:
//
//   $BERTH_CONFIG, ~/.config/berth or %APPDATA%\berth
//     logins/registry.example.com.json    mode 0600 in a directory of mode 0700
//     settings.json                       see settings.ts

import { readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { hostOf } from './address.ts';
import { berthDirectory, type Environment } from './environment.ts';
import { Failure } from './failure.ts';
import { asRecord, asText, parseJson } from './json-values.ts';
import { printableJson } from './printable.ts';
import { errorCode, makePrivateDirectory, readSmallFile, replaceFile } from './private-file.ts';

/** What a login's secret is: a password for Basic, a refresh token, or a CI job's ID token. */
export type LoginKind = 'password' | 'refresh' | 'id-token';

export interface Login {
  readonly host: string;
  /** As the client that stored it named the registry: it lists them so. */
  readonly serverUrl: string;
  readonly username: string;
  readonly kind: LoginKind;
  readonly secret: string;
  /** RFC 3339. */
  readonly storedAt: string;
  /** RFC 3339, where it is known. */
  readonly expiresAt?: string;
}

export interface LoginStore {
  /** The login at a registry; `undefined` when there is none that is still good. */
  find(host: string): Promise<Login | undefined>;
  save(login: Login): Promise<void>;
  /** Forgets a login. @returns whether there was one */
  remove(host: string): Promise<boolean>;
  /** All that are still good, the latest first. */
  list(): Promise<Login[]>;
}

/** A password may be a service account's key. */
const loginBytesMax = 256 * 1024;
const kinds: readonly string[] = ['password', 'refresh', 'id-token'] satisfies LoginKind[];

export function loginStore(environment: Environment): LoginStore {
  const directory = join(berthDirectory(environment), 'logins');
  const pathOf = (host: string) => join(directory, `${encodeURIComponent(host)}.json`);
  const find = async (host: string) => {
    const login = readLogin(parseJson((await readSmallFile(pathOf(host), loginBytesMax)) ?? ''));
    return login?.host === host && isGood(login) ? login : undefined;
  };
  return {
    find,
    save: async (login) => {
      const text = `${printableJson(login)}\n`;
      if (text.length > loginBytesMax) throw new Failure('the secret is too long to be kept');
      await makePrivateDirectory(directory);
      await replaceFile(pathOf(login.host), text, 0o600);
    },
    remove: async (host) => {
      try {
        await rm(pathOf(host));
        return true;
      } catch (error) {
        const code = errorCode(error);
        if (code === 'ENOENT' || code === 'ENOTDIR') return false;
        throw new Failure(`the login at ${host} cannot be removed: ${code}`);
      }
    },
    list: async () => {
      const names = await readdir(directory).catch(() => []);
      const hosts = names.flatMap((name) => {
        const [, host = ''] = /^([^.].*)\.json$/.exec(name) ?? [];
        return hostOf(host.replaceAll(/%(3A|5B|5D)/g, decodeURIComponent)) ?? [];
      });
      const logins = await Promise.all(hosts.map(find));
      return logins
        .filter((login) => login !== undefined)
        .sort((a, b) => (a.storedAt < b.storedAt ? 1 : -1));
    },
  };
}

function readLogin(value: unknown): Login | undefined {
  const read = asRecord(value);
  const [host, username, secret] = ['host', 'username', 'secret'].map((name) => asText(read[name]));
  const kind = asText(read['kind']);
  const expiresAt = asText(read['expiresAt']);
  if (host === undefined || username === undefined || secret === undefined) return undefined;
  if (kind === undefined || !kinds.includes(kind)) return undefined;
  return {
    host,
    serverUrl: asText(read['serverUrl']) ?? host,
    username,
    kind: kind as LoginKind,
    secret,
    storedAt: asText(read['storedAt']) ?? '',
    ...(expiresAt === undefined ? {} : { expiresAt }),
  };
}

function isGood({ expiresAt }: Login): boolean {
  // A time that cannot be read is not over.
  return expiresAt === undefined || !(Date.parse(expiresAt) <= Date.now());
}
