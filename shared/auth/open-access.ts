// Puts together what decides who may do what, from the registry's settings.

import type { JWK } from 'jose';
import type { Clock } from '../ports/clock.ts';
import type { Documents } from '../ports/documents.ts';
import type { AccessServices } from './access.ts';
import { type AuthoritySettings, openAuthority } from './authority.ts';
import { openAuthenticator } from './credentials.ts';
import type { FailedLogins } from './failed-logins.ts';
import { openRevocations } from './revocations.ts';
import { hasHash, sha256 } from './secrets.ts';
import { createVerifier } from './token.ts';

export interface AccessSettings extends Pick<AuthoritySettings, 'anonymousPull' | 'operators'> {
  /** The SHA-256 of the admin's password, in hex; nobody is the admin without one. */
  readonly adminSha256: string | undefined;
  /** Public JWKs with their `kid`s, by which tokens are verified. */
  readonly tokenKeys: readonly JWK[];
}

/** @throws Error when a key is none */
export async function openAccess(
  { documents, clock }: { readonly documents: Documents; readonly clock: Clock },
  settings: AccessSettings,
): Promise<AccessServices> {
  const { anonymousPull, operators, adminSha256 } = settings;
  const failedLogins: FailedLogins = {
    admit: async () => undefined,
    failed: async () => undefined,
    succeeded: () => undefined,
  };
  return {
    authenticator: openAuthenticator({
      documents,
      clock,
      isAdmin: async (password) => adminSha256 !== undefined && hasHash(password, adminSha256),
      adminCredential: adminSha256 === undefined ? undefined : sha256(adminSha256),
      google: undefined,
      oidc: { verify: async () => undefined },
      failedLogins,
    }),
    authority: openAuthority({ documents, clock }, { anonymousPull, operators }),
    verifier: await createVerifier(settings.tokenKeys, clock),
    revocations: openRevocations(documents, clock),
    rates: { take: () => undefined },
  };
}
