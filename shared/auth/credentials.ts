// Credentials: who a username and a password are.

import type { Documents } from '../ports/documents.ts';
import { anonymous, type Principal } from './principal.ts';
import { findRobot, hasHash, sha256 } from './robots.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

export interface Directory {
  /** The principal, or `undefined` when the name or the password is wrong: which of both is not told. */
  authenticate(credentials: Credentials): Promise<Principal | undefined>;
  /** The principal that a token names, as it is now; `undefined` when it is gone. */
  find(principalName: string): Promise<Principal | undefined>;
}

/** @param adminSha256 the SHA-256 of the admin's password, in hex */
export function createDirectory(documents: Documents, adminSha256: string): Directory {
  const nobody = sha256('');
  return {
    authenticate: async ({ username, password }) => {
      if (username === 'admin') {
        return hasHash(password, adminSha256) ? { kind: 'admin' } : undefined;
      }
      const found = await findRobot(documents, username);
      // Compared even where there is no robot, so that a name that exists takes no longer.
      const matches = hasHash(password, found?.secretSha256 ?? nobody);
      return found !== undefined && matches ? found.robot : undefined;
    },
    find: async (principalName) => {
      if (principalName === 'user:admin') return { kind: 'admin' };
      if (principalName === 'anonymous') return anonymous;
      if (!principalName.startsWith('robot:')) return undefined;
      return (await findRobot(documents, principalName.slice('robot:'.length)))?.robot;
    },
  };
}

/** The username and password of a `Basic` header, split at the first colon; `undefined` when it is none. */
export function parseBasic(authorization: string): Credentials | undefined {
  const match = /^basic +([A-Za-z0-9+/_=-]+)$/i.exec(authorization);
  const [, encoded] = match ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon === -1 || text.includes('\0')) return undefined;
  return { username: text.slice(0, colon), password: text.slice(colon + 1) };
}
