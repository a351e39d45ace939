// Puts together what decides who may do what, from the registry's settings.

import type { JWK } from 'jose';
import type { Clock } from '../ports/clock.ts';
import type { Documents } from '../ports/documents.ts';
import type { AccessServices } from './access.ts';
import { audiencesFor } from './audiences.ts';
import { type AuthoritySettings, openAuthority } from './authority.ts';
import { bucketOfProject } from './bucket-policy.ts';
import { openAuthenticator } from './credentials.ts';
import { openFailedLogins } from './failed-logins.ts';
import { openGoogleIdentities } from './google/identities.ts';
import type { GoogleLog } from './google/requests.ts';
import { openOidcTokens } from './oidc/id-tokens.ts';
import { openPasswords } from './passwords.ts';
import { openRequestRates } from './request-rates.ts';
import { openRevocations } from './revocations.ts';
import { sha256 } from './secrets.ts';
import { createVerifier } from './token.ts';

export interface AccessSettings extends Pick<AuthoritySettings, 'anonymousPull' | 'operators'> {
  /** The hash of the admin's password (passwords.ts); nobody is the admin without one. */
  readonly adminHash: string | undefined;
  /** Failed logins of a name from an address that make nobody wait; 0 where none does. */
  readonly freeFailures: number;
  /** Requests that one principal may make, for long; 0 for no limit. */
  readonly requestsPerSecond: number;
  /** Public JWKs with their `kid`s, by which tokens are verified. */
  readonly tokenKeys: readonly JWK[];
  /** Issuers of ID tokens that may be plain HTTP and in a private network. */
  readonly privateIssuers: readonly string[];
  /** In place of all of Google's hosts, for tests. */
  readonly googleEndpoint: string | undefined;
  /** The name of a project's bucket, where IAM on it is the project's policy: see {@link bucketOfProject}. */
  readonly projectBucket: string | undefined;
  /** The hosts by which clients call the registry, for which tokens of others are made: see {@link audiencesFor}. */
  readonly hosts: Parameters<typeof audiencesFor>[0];
  /** The location that a host stands for; `undefined` where it is none of the registry's. */
  locationOf(host: string): string | undefined;
}

export interface AccessGround {
  readonly documents: Documents;
  readonly clock: Clock;
  /** Is told when Google or an issuer does not answer. */
  readonly log?: GoogleLog | undefined;
}

/** @throws Error when a key is none */
export async function openAccess(
  { documents, clock, log }: AccessGround,
  settings: AccessSettings,
): Promise<AccessServices> {
  const { anonymousPull, operators, adminHash, privateIssuers, projectBucket } = settings;
  const { freeFailures, requestsPerSecond } = settings;
  const google = openGoogleIdentities({
    clock,
    log,
    endpoint: settings.googleEndpoint,
    bucketMode: projectBucket !== undefined,
  });
  const passwords = openPasswords(clock);
  const audiencesOf = audiencesFor(settings.hosts);
  const buckets = projectBucket && {
    nameOf: (project: string, host: string) => {
      const location = settings.locationOf(host);
      return location && bucketOfProject(projectBucket, { project, location });
    },
    permissionsOfAnyone: (bucket: string) => google.anonymousPermissionsOn(bucket),
  };
  const adminCredential = adminHash === undefined ? undefined : sha256(adminHash);
  return {
    adminCredential,
    authenticator: openAuthenticator({
      documents,
      clock,
      isAdmin: (password) => passwords.verify(adminHash ?? '', password),
      adminCredential,
      google,
      audiencesOf,
      oidc: openOidcTokens({ documents, clock, log, privateIssuers }),
      failedLogins: openFailedLogins({ documents, clock, freeFailures }),
    }),
    authority: openAuthority(
      { documents, clock },
      { anonymousPull, operators, buckets: buckets || undefined, audiencesOf },
    ),
    verifier: await createVerifier(settings.tokenKeys, clock),
    revocations: openRevocations(documents, clock),
    rates: openRequestRates(requestsPerSecond, clock),
    privateIssuers,
  };
}
