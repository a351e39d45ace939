// Google's services for a whole registry: its own emulators of Firestore and Pub/Sub, and the stand-in for Cloud
// Storage. A registry keeps apart from others by a project of its own.

import { randomUUID } from 'node:crypto';
import { targetNames } from '#functions/targets.ts';
import { bucketRights } from '#test/terraform/rights.ts';
import type { Rights } from './cloud-storage/rights.ts';
import { type CloudStorage, startCloudStorage } from './cloud-storage/server.ts';
import { startEmulator } from './emulators.ts';

export interface GoogleServices {
  readonly skip: false;
  /** What is stored, and what tests do to it. */
  readonly storage: CloudStorage;
  /** The settings of a registry that has them to itself: a project goes with a data directory. */
  environment(dataDirectory: string): Readonly<Record<string, string>>;
  close(): Promise<void>;
}

const hmacKey = { accessId: 'GOOGTESTACCESSID', secret: 'c2VjcmV0LW9mLXRoZS10ZXN0cw==' };

/** The buckets that are there, as Terraform makes them: those that tests make themselves are open to every function. */
const locations = ['local', 'us', 'eu', 'mirror'];
const templates = { blobs: 'blobs-{location}', staging: 'staging-{location}' };
const bucketOf = (kind: 'blobs' | 'staging', location: string) =>
  templates[kind].replace('{location}', location);

/** What an account may do in each of these buckets. */
export function rightsOf(account: string): Rights {
  const rights: Record<string, readonly string[]> = {};
  for (const location of locations) {
    const blobs = bucketRights[location === 'mirror' ? 'mirror' : 'blobs'][account] ?? [];
    // Mirrors have no uploads, and nobody has rights where those would be.
    const staging = location === 'mirror' ? [] : (bucketRights.staging[account] ?? []);
    rights[bucketOf('blobs', location)] = blobs.map((right) => `storage.objects.${right}`);
    rights[bucketOf('staging', location)] = staging.map((right) => `storage.objects.${right}`);
  }
  return rights;
}

/** Starts them, or tells why they cannot be, as the `skip` of a suite. */
export async function startGoogle(): Promise<GoogleServices | { readonly skip: string }> {
  const [firestore, pubsub] = [await startEmulator('firestore'), await startEmulator('pubsub')];
  if (firestore.skip !== false) return firestore;
  if (pubsub.skip !== false) return pubsub;
  const storage = await startCloudStorage({
    buckets: Object.fromEntries(
      locations.flatMap((location) => [
        [bucketOf('blobs', location), {}],
        [bucketOf('staging', location), {}],
      ]),
    ),
    callers: Object.fromEntries([...targetNames, 'urls'].map((name) => [name, rightsOf(name)])),
    signer: 'urls',
    keys: { hmac: { [hmacKey.accessId]: hmacKey.secret } },
  });
  const projects = new Map<string, string>();
  const projectOf = (dataDirectory: string) => {
    const project = projects.get(dataDirectory) ?? `test-${randomUUID().slice(0, 18)}`;
    projects.set(dataDirectory, project);
    return project;
  };
  return {
    skip: false,
    storage,
    environment: (dataDirectory) => ({
      GOOGLE_CLOUD_PROJECT: projectOf(dataDirectory),
      FIRESTORE_EMULATOR_HOST: firestore.host,
      PUBSUB_EMULATOR_HOST: pubsub.host,
      STORAGE_EMULATOR_HOST: storage.url,
      ...Object.fromEntries(
        targetNames.map((name) => [`STORAGE_EMULATOR_HOST_${name}`, storage.urlOf(name)]),
      ),
      METADATA_SERVER_DETECTION: 'none',
      BERTH_BLOBS_BUCKET: templates.blobs,
      BERTH_STAGING_BUCKET: templates.staging,
      BERTH_URL_KEY: `${hmacKey.accessId}:${hmacKey.secret}`,
    }),
    close: () => storage.close(),
  };
}
