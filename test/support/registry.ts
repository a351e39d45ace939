// A whole registry inside the test's process: the real server, functions and embedded stores, in a
// directory of its own, with a clock that the test moves.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { exportJWK, generateKeyPair } from 'jose';
import type { AuditRecord } from '#functions/audit.ts';
import { openGoogleServices } from '#functions/google.ts';
import { locationsOf } from '#functions/locations.ts';
import { logRequests, type ServedRequest } from '#functions/observe.ts';
import type { Services } from '#functions/services.ts';
import { environmentFor } from '#infra/local/commands.ts';
import { createMetrics } from '#infra/local/metrics.ts';
import { loadSecretVariables } from '#infra/local/secrets.ts';
import { parseMember } from '#shared/auth/member.ts';
import { openAccess } from '#shared/auth/open-access.ts';
import { hashSecret } from '#shared/auth/passwords.ts';
import { newSecret } from '#shared/auth/secrets.ts';
import { createIssuer } from '#shared/auth/token.ts';
import { openFileBlobs } from '#shared/embedded/file-blobs.ts';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import type { Log, Severity } from '#shared/log.ts';
import { Mirror, type MirrorSettings } from '#shared/mirror/mirror.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { RecentListings } from '#shared/registry/recent-listings.ts';
import { RecentManifests } from '#shared/registry/recent-manifests.ts';
import { areTogether, backend, isOnGoogle } from './backend.ts';
import { startBerth } from './berth.ts';
import { type FakeClock, fakeClock } from './clock.ts';
import { startFunctionsTogether } from './functions-together.ts';
import { startHost } from './hosts.ts';

export interface AuditLogged {
  readonly severity: Severity;
  readonly audit: AuditRecord;
  readonly 'logging.googleapis.com/labels': Readonly<Record<string, string>>;
}

export interface TestRegistry {
  /** `http://127.0.0.1:port`, or `h2c://…` where it is to be called in HTTP/2. */
  readonly url: string;
  readonly services: Services;
  readonly clock: FakeClock;
  /** What was logged, but for the audit: a test that expects no failure can look. */
  readonly logged: readonly string[];
  /** The audit's lines: all that was logged with each. */
  readonly audits: readonly AuditLogged[];
  /** Every request that is over. */
  readonly served: readonly ServedRequest[];
  close(): Promise<void>;
}

export const adminPassword = 'correct horse battery staple';
/** The Authorization header of the admin. */
export const adminBasic = `Basic ${Buffer.from(`admin:${adminPassword}`).toString('base64')}`;

export interface TestRegistryOptions {
  readonly anonymousPull?: ReadonlySet<string> | '*';
  /** Of one principal; as many as come when left out. */
  readonly requestsPerSecond?: number;
  /** Failed logins that make nobody wait; when left out, none does. */
  readonly freeFailures?: number;
  /** Entries of X-Forwarded-For that are believed. */
  readonly proxies?: number;
  /** Members that may do everything. */
  readonly operators?: readonly string[];
  /** Issuers on this machine. */
  readonly privateIssuers?: readonly string[];
  /** What answers in place of Google about identities. */
  readonly googleStandIn?: string;
  /** Whether lists are told as gcr.io tells them; they are when it is left out. */
  readonly gcrListing?: boolean;
  /** IAM on such a bucket is the policy. */
  readonly projectBucket?: string;
  /** Hosts by which it is called → their locations; any, and `local`, when left out. */
  readonly hosts?: Readonly<Record<string, string>>;
  /** On Google's services: settings of functions beside these. */
  readonly functionSettings?: Readonly<Record<string, string>>;
  /** Hosts that are mirrors, and how. */
  readonly mirror?: MirrorSettings;
}

export function startTestRegistry(options: TestRegistryOptions = {}): Promise<TestRegistry> {
  if (!isOnGoogle()) return startInside(options);
  return areTogether() ? startTogether(options) : startOutside(options);
}

/** What a registry on Google's services is told by its environment. */
function settingsFrom(options: TestRegistryOptions): Record<string, string> {
  const { anonymousPull = new Set() } = options;
  return {
    BERTH_ADMIN_PASSWORD: adminPassword,
    BERTH_ANONYMOUS_PULL: anonymousPull === '*' ? '*' : [...anonymousPull].join(','),
    BERTH_REQUESTS_PER_SECOND: String(options.requestsPerSecond ?? 0),
    BERTH_FREE_FAILURES: String(options.freeFailures ?? 0),
    BERTH_PROXIES: String(options.proxies ?? 0),
    BERTH_OPERATORS: (options.operators ?? []).join(','),
    BERTH_PRIVATE_ISSUERS: (options.privateIssuers ?? []).join(','),
    BERTH_GOOGLE_STAND_IN: options.googleStandIn ?? '',
    BERTH_GCR_LISTING: options.gcrListing === false ? 'off' : 'on',
    ...(options.projectBucket === undefined
      ? {}
      : { BERTH_IAM: 'bucket', BERTH_PROJECT_BUCKET: options.projectBucket }),
    BERTH_HOSTS: Object.entries(options.hosts ?? {})
      .map((one) => one.join('='))
      .join(','),
    ...options.functionSettings,
  };
}

/** Of what is inside, only the documents can be reached, and its clock is the machine's. */
async function onGoogle(
  dataDirectory: string,
  registry: Pick<TestRegistry, 'url' | 'logged' | 'audits' | 'close'>,
): Promise<TestRegistry> {
  const { environment } = backend(dataDirectory);
  const { openFirestoreDocuments } = await import('#shared/google/firestore-documents.ts');
  const documents = openFirestoreDocuments({
    projectId: environment['GOOGLE_CLOUD_PROJECT'] ?? '',
    clock: systemClock,
  });
  return {
    url: registry.url,
    services: new Proxy({ documents, clock: systemClock } as Partial<Services> as Services, {
      get: (services, name: keyof Services) => {
        assert.ok(name in services, `nobody reaches ${name} from outside`);
        return services[name];
      },
    }),
    clock: {
      ...systemClock,
      advance: () => {
        throw new Error('nobody moves the machine’s clock');
      },
    },
    get logged() {
      return registry.logged;
    },
    get audits() {
      return registry.audits;
    },
    served: [],
    close: async () => {
      await documents.close();
      await registry.close();
    },
  };
}

/** Processes of its own. */
async function startOutside(options: TestRegistryOptions): Promise<TestRegistry> {
  const berth = await startBerth({ environment: settingsFrom(options) });
  return onGoogle(berth.dataDirectory, {
    url: berth.url,
    get logged() {
      const lines = berth.output().split('\n');
      return lines.filter((line) => line.includes('"severity":"ERROR"'));
    },
    get audits() {
      return auditsIn(berth.output());
    },
    close: () => berth.remove(),
  });
}

/** The functions as in the cloud, but for the processes. */
async function startTogether(options: TestRegistryOptions): Promise<TestRegistry> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-test-'));
  const { variables } = await loadSecretVariables(directory, '');
  const logged: string[] = [];
  const audits: AuditLogged[] = [];
  const environment = {
    ...variables,
    BERTH_ADMIN_HASH: hashSecret(adminPassword),
    ...backend(directory).environment,
    ...settingsFrom(options),
  };
  const log: Log = (severity, message, fields) => {
    const line = JSON.stringify(fields ?? {});
    if (message === 'audit') audits.push({ severity, ...JSON.parse(line) });
    else if (severity === 'ERROR') logged.push(`${severity} ${message} ${line}`);
  };
  const functions = await startFunctionsTogether(async (name) => ({
    ...(await openGoogleServices(name, environmentFor(name, environment))),
    log,
    observe: logRequests(log),
  }));
  return onGoogle(directory, {
    url: functions.url,
    logged,
    audits,
    close: async () => {
      await functions.close();
      await rm(directory, { recursive: true, force: true });
    },
  });
}

/** The audit's lines in what a process printed. */
export function auditsIn(output: string): AuditLogged[] {
  return output.split('\n').flatMap((line) => {
    if (!line.includes('"message":"audit"')) return [];
    const { time: _time, message: _message, ...logged } = JSON.parse(line);
    return [logged];
  });
}

const parseMembers = (texts: readonly string[] = []) =>
  texts.map((text) => parseMember(text, '') ?? assert.fail(`no member: ${text}`));

async function startInside(options: TestRegistryOptions): Promise<TestRegistry> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-test-'));
  const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
  const documents = openSqliteDocuments({
    file: join(directory, 'documents.sqlite'),
    clock,
    durable: false,
  });
  const blobs = await openFileBlobs({ directory: join(directory, 'blobs'), durable: false });
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const logged: string[] = [];
  const audits: AuditLogged[] = [];
  const served: ServedRequest[] = [];
  const metrics = createMetrics();
  const hosts = new Map(Object.entries(options.hosts ?? {}));
  const locations = locationsOf(hosts, 'local');
  const log: Log = (severity, message, fields) => {
    const line = JSON.stringify(fields ?? {});
    if (message === 'audit') audits.push({ severity, ...JSON.parse(line) });
    else logged.push(`${severity} ${message} ${line}`);
  };
  const store = { documents, blobs, clock };
  const services: Services = {
    documents,
    blobs,
    clock,
    recent: new RecentManifests(),
    ...locations,
    listings: new RecentListings(),
    gcrListing: options.gcrListing ?? true,
    ...(await openAccess(
      { documents, clock },
      {
        adminHash: hashSecret(adminPassword),
        requestsPerSecond: options.requestsPerSecond ?? 0,
        freeFailures: options.freeFailures ?? 0,
        anonymousPull: options.anonymousPull ?? new Set(),
        operators: parseMembers(options.operators),
        privateIssuers: options.privateIssuers ?? [],
        googleEndpoint: options.googleStandIn,
        projectBucket: options.projectBucket,
        hosts,
        locationOf: locations.locationOf,
        tokenKeys: [{ ...(await exportJWK(publicKey)), kid: 'test' }],
      },
    )),
    issuer: await createIssuer({ ...(await exportJWK(privateKey)), kid: 'test' }, clock),
    proxies: options.proxies ?? 0,
    stateKeys: [{ id: 'test', secret: newSecret() }],
    mirror:
      options.mirror &&
      new Mirror({ settings: options.mirror, store, log, figures: metrics.mirror }),
    mirrorKeepDays: options.mirror?.keepDays ?? 30,
    log,
    observe: (request) => {
      served.push(request);
      metrics.observe(request);
    },
    metrics: metrics.text,
  };
  const host = await startHost(services);
  return {
    url: host.url,
    services,
    clock,
    logged,
    audits,
    served,
    close: async () => {
      await host.stop();
      documents.close();
      await rm(directory, { recursive: true, force: true });
    },
  };
}
