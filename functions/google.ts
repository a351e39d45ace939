// The composition root in the cloud: settings → Google's services → what actions may use. Each SDK is loaded when a
// request first needs it: an instance that starts answers at once what needs none of them.

import { openAccess } from '#shared/auth/open-access.ts';
import { createIssuer, type TokenIssuer } from '#shared/auth/token.ts';
import { stderrLog } from '#shared/log.ts';
import type { Mirror } from '#shared/mirror/mirror.ts';
import type { Blobs } from '#shared/ports/blobs.ts';
import { type Clock, systemClock } from '#shared/ports/clock.ts';
import type { Documents } from '#shared/ports/documents.ts';
import type { Events } from '#shared/ports/events.ts';
import type { Meter } from '#shared/ports/meter.ts';
import { RecentListings } from '#shared/registry/recent-listings.ts';
import { RecentManifests } from '#shared/registry/recent-manifests.ts';
import { type Environment, settingsReader, type ValueOf } from '#shared/settings.ts';
import { type BucketSettings, bucketsOf, checkBuckets, checkProjectBucket } from './buckets.ts';
import { type Locations, locationsOf } from './locations.ts';
import { logRequests } from './observe.ts';
import type { Services } from './services.ts';
import { functionSettings } from './settings.ts';
import type { TargetName } from './targets.ts';
import { traceReader } from './trace.ts';

type SettingName = keyof typeof functionSettings;
/** What a function was given; `undefined` is what others read. */
type Given = { readonly [N in SettingName]?: ValueOf<(typeof functionSettings)[N]> };

/**
 * Opens what a function needs of Google's services, or of their emulators where the environment names them.
 * Nothing is asked of them before a request needs it.
 * @param meter is told what is asked of them
 * @throws Error that names the setting that is missing or wrong
 */
export async function openGoogleServices(
  name: TargetName,
  environment: Environment,
  meter?: Meter,
): Promise<Services> {
  const given = readGiven(name, environment);
  const clock = systemClock;
  const locations = locationsIn(given);
  const documents = lazyDocuments(() => openDocuments(given, clock, meter));
  const blobs = lazyBlobs(
    () => openBlobs(given, environment, { clock, meter }),
    given.BERTH_BUCKETS === 'per-project',
  );
  return {
    documents,
    blobs,
    mirror: await openMirror(given, { documents, blobs, clock }),
    mirrorKeepDays: given.BERTH_MIRROR_KEEP_DAYS ?? 0,
    ...eventsOf(given, meter),
    ...(await keyStoresOf(given, clock)),
    clock,
    recent: new RecentManifests(),
    ...locations,
    listings: new RecentListings(),
    gcrListing: given.BERTH_GCR_LISTING ?? true,
    ...(await openAccess(
      { documents, clock, log: stderrLog },
      {
        adminHash: given.BERTH_ADMIN_HASH,
        freeFailures: given.BERTH_FREE_FAILURES ?? 0,
        requestsPerSecond: given.BERTH_REQUESTS_PER_SECOND ?? 0,
        anonymousPull: given.BERTH_ANONYMOUS_PULL ?? new Set(),
        operators: given.BERTH_OPERATORS ?? [],
        privateIssuers: given.BERTH_PRIVATE_ISSUERS ?? [],
        googleEndpoint: given.BERTH_GOOGLE_STAND_IN,
        projectBucket: projectBucketOf(given),
        locationOf: locations.locationOf,
        hosts: given.BERTH_HOSTS ?? new Map(),
        tokenKeys: given.BERTH_TOKEN_PUBLIC_KEYS ?? [],
      },
    )),
    issuer: await issuerOf(given, clock),
    stateKeys: given.BERTH_STATE_KEYS ?? [],
    proxies: given.BERTH_PROXIES ?? 0,
    log: stderrLog,
    traceOf: traceReader(given.GOOGLE_CLOUD_PROJECT ?? ''),
    observe: logRequests(stderrLog),
    metrics: undefined,
  };
}

/**
 * Reads what a function is given.
 * @throws Error that names the setting that is missing or wrong
 */
export function readGiven(name: TargetName, environment: Environment): Given {
  const read = settingsReader(functionSettings, environment);
  const names = Object.keys(functionSettings) as SettingName[];
  const readBy = names.filter((one) =>
    (functionSettings[one].readBy as readonly TargetName[]).includes(name),
  );
  const given = Object.fromEntries(readBy.map((one) => [one, read(one)])) as Given;
  const { locations } = locationsIn(given);
  const template = projectBucketOf(given);
  if (template !== undefined) checkProjectBucket(template, locations);
  if (given.BERTH_STAGING_BUCKET !== undefined) checkBuckets(bucketsIn(given), locations);
  for (const location of makesBuckets(given) ? locations : []) placeOf(given, location);
  return given;
}

function locationsIn(given: Given): Locations {
  return locationsOf(given.BERTH_HOSTS ?? new Map(), required(given, 'BERTH_LOCATION'));
}

/** @throws Error when the setting that names the buckets of blobs is missing */
function bucketsIn(given: Given): BucketSettings {
  const isOwn = given.BERTH_BUCKETS === 'per-project';
  const name = isOwn ? 'BERTH_PROJECT_BUCKET' : 'BERTH_BLOBS_BUCKET';
  if (given[name] === undefined) {
    throw new Error(`${name} must be set where BERTH_BUCKETS is ${given.BERTH_BUCKETS}`);
  }
  return {
    staging: required(given, 'BERTH_STAGING_BUCKET'),
    blobs: isOwn ? undefined : given.BERTH_BLOBS_BUCKET,
    projects: isOwn ? given.BERTH_PROJECT_BUCKET : undefined,
  };
}

/** Whether the function is one that makes buckets. */
function makesBuckets(given: Given): boolean {
  return given.BERTH_BUCKETS === 'per-project' && given.BERTH_BUCKET_PLACES !== undefined;
}

/** @throws Error when nothing says where a location's buckets are */
function placeOf(given: Given, location: string): string {
  const place = given.BERTH_BUCKET_PLACES?.get(location);
  if (place !== undefined) return place;
  throw new Error(`BERTH_BUCKET_PLACES must say where the buckets of the location ${location} are`);
}

/** @throws Error when IAM on buckets is the policy, and nothing says on which */
function projectBucketOf(given: Given): string | undefined {
  if (given.BERTH_IAM !== 'bucket') return undefined;
  if (given.BERTH_PROJECT_BUCKET !== undefined) return given.BERTH_PROJECT_BUCKET;
  throw new Error('BERTH_PROJECT_BUCKET must be set where BERTH_IAM is bucket');
}

function required<N extends SettingName>(given: Given, name: N): NonNullable<Given[N]> {
  const value = given[name];
  if (value === undefined || value === null) throw new Error(`this function is not given ${name}`);
  return value;
}

async function issuerOf(given: Given, clock: Clock): Promise<TokenIssuer> {
  if (given.BERTH_TOKEN_KEY !== undefined) return createIssuer(given.BERTH_TOKEN_KEY, clock);
  return {
    issue: async () => {
      throw new Error('this function does not sign tokens');
    },
  };
}

async function openMirror(
  given: Given,
  store: Pick<Services, 'documents' | 'blobs' | 'clock'>,
): Promise<Mirror | undefined> {
  if (given.BERTH_MIRRORS === undefined) return undefined;
  const { Mirror } = await import('#shared/mirror/mirror.ts');
  const settings = {
    hosts: given.BERTH_MIRRORS,
    allowed: required(given, 'BERTH_MIRROR_UPSTREAMS'),
    credentials: required(given, 'BERTH_MIRROR_CREDENTIALS'),
    login: required(given, 'BERTH_MIRROR_LOGIN'),
    freshSeconds: required(given, 'BERTH_MIRROR_FRESH_SECONDS'),
    keepDays: required(given, 'BERTH_MIRROR_KEEP_DAYS'),
    bytesPerHour: required(given, 'BERTH_MIRROR_BYTES_PER_HOUR'),
  };
  return new Mirror({ settings, store, log: stderrLog });
}

async function openDocuments(given: Given, clock: Clock, meter: Meter | undefined) {
  const { openFirestoreDocuments } = await import('#shared/google/firestore-documents.ts');
  return openFirestoreDocuments({
    projectId: required(given, 'GOOGLE_CLOUD_PROJECT'),
    databaseId: required(given, 'BERTH_DATABASE'),
    clock,
    meter,
  });
}

async function openBlobs(
  given: Given,
  { STORAGE_EMULATOR_HOST: apiEndpoint }: Environment,
  { clock, meter }: { readonly clock: Clock; readonly meter: Meter | undefined },
) {
  const { openCloudStorageBlobs } = await import('#shared/google/cloud-storage-blobs.ts');
  const buckets = bucketsIn(given);
  return openCloudStorageBlobs({
    apiEndpoint,
    buckets: (location, project) => bucketsOf(buckets, { location, project }),
    making: makesBuckets(given)
      ? {
          projectId: required(given, 'GOOGLE_CLOUD_PROJECT'),
          placeOf: (location) => placeOf(given, location),
        }
      : undefined,
    signing: given.BERTH_URL_KEY,
    clock,
    meter,
  });
}

function eventsOf(given: Given, meter: Meter | undefined): Pick<Services, 'events'> {
  if (given.BERTH_TOPIC === undefined) return {};
  const publisher = lazyEvents(() => openEvents(given, meter));
  return { events: { publisher, topic: given.BERTH_TOPIC } };
}

async function openEvents(given: Given, meter: Meter | undefined) {
  const { openPubSubEvents } = await import('#shared/google/pubsub-events.ts');
  return openPubSubEvents({ projectId: required(given, 'GOOGLE_CLOUD_PROJECT'), meter });
}

async function keyStoresOf(given: Given, clock: Clock): Promise<Pick<Services, 'keyStores'>> {
  const account = given.BERTH_URL_ACCOUNT;
  if (account === undefined) return {};
  const [{ openSecretManager }, { openAccountHmacKeys }] = await Promise.all([
    import('#shared/google/secret-manager.ts'),
    import('#shared/google/account-hmac-keys.ts'),
  ]);
  const options = {
    projectId: required(given, 'GOOGLE_CLOUD_PROJECT'),
    standIn: given.BERTH_GOOGLE_STAND_IN,
    clock,
  };
  const secrets = openSecretManager(options);
  return {
    keyStores: { secrets, urlKeys: openAccountHmacKeys({ ...options, account }), clock },
  };
}

/** Opens once, when it is first needed, and anew after it failed. */
function once<T>(open: () => Promise<T>): () => Promise<T> {
  let opened: Promise<T> | undefined;
  return () => {
    opened ??= open().catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
}

function lazyDocuments(open: () => Promise<Documents>): Documents {
  const documents = once(open);
  return {
    get: async (key) => (await documents()).get(key),
    list: async (options) => (await documents()).list(options),
    names: async (options) => (await documents()).names(options),
    transact: async (body) => (await documents()).transact(body),
  };
}

/** @param prepares whether there is something to see to before blobs are written */
function lazyBlobs(open: () => Promise<Blobs>, prepares: boolean): Blobs {
  const blobs = once(open);
  return {
    replaces: false,
    ...(prepares && { prepare: async (prefix) => (await blobs()).prepare?.(prefix) }),
    write: async (...call) => (await blobs()).write(...call),
    compose: async (...call) => (await blobs()).compose(...call),
    stat: async (name) => (await blobs()).stat(name),
    read: async (...call) => (await blobs()).read(...call),
    readUrl: async (...call) => (await blobs()).readUrl(...call),
    delete: async (...call) => (await blobs()).delete(...call),
    list: async function* (prefix) {
      yield* (await blobs()).list(prefix);
    },
  };
}

function lazyEvents(open: () => Promise<Events>): Events {
  const events = once(open);
  return { publish: async (...call) => (await events()).publish(...call) };
}
