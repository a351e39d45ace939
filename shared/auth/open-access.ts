// Puts together what decides who may do what, from the registry's settings.

import type { JWK } from 'jose';
import type { Clock } from '../ports/clock.ts';
import type { Documents } from '../ports/documents.ts';
import type { AccessServices } from './access.ts';
import { type AuthoritySettings, openAuthority } from './authority.ts';
import { bucketOfProject } from './bucket-policy.ts';
import { openAuthenticator } from './credentials.ts';
import type { FailedLogins } from './failed-logins.ts';
import { openGoogleIdentities } from './google-identities.ts';
import { openOidcTokens } from './oidc-tokens.ts';
import { openRevocations } from './revocations.ts';
import { hasHash } from './secrets.ts';
import { createVerifier } from './token.ts';

export interface AccessSettings extends Pick<AuthoritySettings, 'anonymousPull' | 'operators'> {
  /** The SHA-256 of the admin's password, in hex; nobody is the admin without one. */
  readonly adminSha256: string | undefined;
  /** Public JWKs with their `kid`s, by which tokens are verified. */
  readonly tokenKeys: readonly JWK[];
  /** Issuers of ID tokens that may be plain HTTP and in a private network. */
  readonly privateIssuers: readonly string[];
  /** In place of all of Google's hosts, for tests. */
  readonly googleEndpoint: string | undefined;
  /** The name of a project's bucket, where IAM on it is the project's policy: see {@link bucketOfProject}. */
  readonly projectBucket: string | undefined;
  /** The location that a host stands for. */
  locationOf(host: string): string;
}

/** @throws Error when a key is none */
export async function openAccess(
  { documents, clock }: { readonly documents: Documents; readonly clock: Clock },
  settings: AccessSettings,
): Promise<AccessServices> {
  const { anonymousPull, operators, adminSha256, privateIssuers, projectBucket } = settings;
  const google = openGoogleIdentities({
    clock,
    endpoint: settings.googleEndpoint,
    bucketMode: projectBucket !== undefined,
  });
  const failedLogins: FailedLogins = {
    admit: async () => undefined,
    failed: async () => undefined,
    succeeded: () => undefined,
  };
  const buckets = projectBucket && {
    nameOf: (project: string, host: string) =>
      bucketOfProject(projectBucket, { project, location: settings.locationOf(host) }),
    permissionsOfAnyone: (bucket: string) => google.anonymousPermissionsOn(bucket),
  };
  return {
    authenticator: openAuthenticator({
      documents,
      clock,
      isAdmin: async (password) => adminSha256 !== undefined && hasHash(password, adminSha256),
      google,
      oidc: openOidcTokens({ documents, clock, privateIssuers }),
      failedLogins,
    }),
    authority: openAuthority(
      { documents, clock },
      { anonymousPull, operators, buckets: buckets || undefined },
    ),
    verifier: await createVerifier(settings.tokenKeys, clock),
    revocations: openRevocations(documents, clock),
    rates: { take: () => undefined },
    privateIssuers,
  };
}
