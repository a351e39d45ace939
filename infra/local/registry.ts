// The composition root on one machine: settings → stores → services.

import { access, constants, mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { logRequests } from '#functions/observe.ts';
import type { Services } from '#functions/services.ts';
import { openAccess } from '#shared/auth/open-access.ts';
import { createIssuer } from '#shared/auth/token.ts';
import { openFileBlobs } from '#shared/embedded/file-blobs.ts';
import { lockDirectory } from '#shared/embedded/lock.ts';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { stderrLog } from '#shared/log.ts';
import { sessionSecondsMax } from '#shared/oci/limits.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { RecentListings } from '#shared/registry/recent-listings.ts';
import { RecentManifests } from '#shared/registry/recent-manifests.ts';
import { createMetrics } from './metrics.ts';
import { adminHashOf, loadSecrets, signingKey, verifyingKeys } from './secrets.ts';
import type { Settings } from './settings.ts';

/** The one location of a registry that knows no hosts. */
export const location = 'local';

export interface LocalRegistry {
  readonly services: Services;
  /** The admin's password, at the start that made it. */
  readonly newPassword: string | undefined;
  /** Reads all documents' structure. @returns what is wrong with it */
  checkDocuments(): readonly string[];
  close(): void;
}

/**
 * Opens a data directory, making it where there is none. What a crash left behind is cleared away.
 * @throws Error when another process has it open
 */
export async function openRegistry(settings: Settings): Promise<LocalRegistry> {
  const { dataDirectory, adminPassword, anonymousPull } = settings;
  const { operators, privateIssuers, googleEndpoint, freeFailures, requestsPerSecond } = settings;
  await mkdir(dataDirectory, { recursive: true, mode: 0o700 });
  await access(dataDirectory, constants.R_OK | constants.W_OK | constants.X_OK).catch(
    (cause: Error) => {
      const why = `the data directory ${dataDirectory} cannot be written to: ${cause.message}`;
      throw new Error(why, { cause });
    },
  );
  const lock = lockDirectory(dataDirectory);
  const clock = systemClock;
  const { secrets, newPassword } = await loadSecrets(dataDirectory);
  const documents = openSqliteDocuments({ file: join(dataDirectory, 'documents.sqlite'), clock });
  const blobs = await openFileBlobs({ directory: join(dataDirectory, 'blobs') });
  const expireParts = () => blobs.expireParts(clock.now() - sessionSecondsMax * 1000);
  await expireParts();
  const expiry = setInterval(
    () => {
      expireParts().catch((error: unknown) =>
        stderrLog('ERROR', 'parts were not expired', { error: String(error) }),
      );
    },
    60 * 60 * 1000,
  ).unref();
  const metrics = createMetrics();
  const logRequest = logRequests(stderrLog);
  const adminHash = await adminHashOf(dataDirectory, secrets, adminPassword);
  return {
    services: {
      documents,
      blobs,
      clock,
      recent: new RecentManifests(),
      listings: new RecentListings(),
      gcrListing: settings.gcrListing,
      locationOf: () => location,
      ...(await openAccess(
        { documents, clock, log: stderrLog },
        {
          ...{ adminHash, anonymousPull, operators, privateIssuers, googleEndpoint },
          ...{ freeFailures, requestsPerSecond },
          hosts: settings.hosts,
          projectBucket: undefined,
          tokenKeys: verifyingKeys(secrets),
          locationOf: () => location,
        },
      )),
      issuer: await createIssuer(signingKey(secrets), clock),
      stateKeys: secrets.stateKeys,
      proxies: settings.proxies,
      log: stderrLog,
      observe: (served) => {
        metrics.observe(served);
        logRequest(served);
      },
      metrics: metrics.text,
    },
    newPassword: adminPassword === '' ? newPassword : undefined,
    checkDocuments: () => documents.check(),
    close: () => {
      clearInterval(expiry);
      documents.close();
      lock.release();
    },
  };
}
