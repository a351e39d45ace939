// The admin: the one account that is not among the documents.

import type { Directory } from './credentials.ts';

/** A directory that knows the admin, too. @param isAdmin whether a password is the admin's */
export function withAdmin(
  directory: Directory,
  isAdmin: (password: string) => Promise<boolean>,
): Directory {
  return {
    ...directory,
    authenticate: async (credentials) => {
      if (credentials.username !== 'admin') return directory.authenticate(credentials);
      return (await isAdmin(credentials.password)) ? { kind: 'admin' } : undefined;
    },
  };
}
