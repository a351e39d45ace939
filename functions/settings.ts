// The settings of the functions as they are deployed: a table. Each function is given, and reads, only what it needs.

import * as v from 'valibot';
import { membersSchema } from '#shared/auth/member.ts';
import { parsePasswordHash } from '#shared/auth/passwords.ts';
import { mirrorSettings } from '#shared/mirror/settings.ts';
import { freeFailuresMax, proxiesMax, requestsPerSecondMax } from '#shared/oci/limits.ts';
import {
  bucketSchema,
  bucketTemplateSchema,
  countSchema,
  hostsSchema,
  issuersSchema,
  locationSchema,
  placesSchema,
  projectsSchema,
  type Setting,
  standInSchema,
  switchSchema,
} from '#shared/settings.ts';
import { type TargetName, targetNames } from './targets.ts';

/** The functions that answer for one another, and so have one and the same privilege. */
const readers = ['manifests', 'blobs', 'discovery'] as const;
const serving = ['token', ...readers, 'uploads', 'admin', 'console', 'mirror'] as const;
/** Who writes blobs: a large manifest is one. */
const writing = [...readers, 'uploads', 'mirror'] as const;
const storing = [...writing, 'collector'] as const;
/** Who knows what is in the registry: all but who makes its keys. */
const knowing = targetNames.filter((name) => name !== 'keys');

const id = v.pipe(v.string(), v.regex(/^[a-z0-9().-][a-z0-9().:_-]*$/, 'must be an id'));
/** The hash of a password, as `berth` writes it. Of 64 hexadecimal digits alone, it is taken for the SHA-256. */
const passwordHashSchema = v.pipe(
  v.string(),
  v.transform((text) => (/^[0-9a-f]{64}$/.test(text) ? `sha256:${text}` : text)),
  v.check(
    (text) => parsePasswordHash(text) !== undefined,
    'must be the hash of a password: scrypt:ln=…,r=…,p=…:SALT:HASH, or sha256:HEX of a random one',
  ),
);

const jwkSchema = v.looseObject({ kty: v.string(), kid: v.string() }, 'must be a key with a kid');

/** JSON of that shape. What is wrong with it is not told: it may be a secret. */
function json<T>(schema: v.GenericSchema<unknown, T>, what: string) {
  return v.pipe(
    v.string(),
    v.rawTransform<string, T>(({ dataset, addIssue, NEVER }) => {
      try {
        const result = v.safeParse(schema, JSON.parse(dataset.value));
        if (result.success) return result.output;
      } catch {
        // Not JSON: told below.
      }
      addIssue({ message: `must be ${what}` });
      return NEVER;
    }),
  );
}

interface FunctionSetting extends Setting {
  /** Who reads it: no other function is given it. */
  readonly readBy: readonly TargetName[];
  /** It is kept in Secret Manager. */
  readonly secret?: boolean;
}

/** Variable → what it may be, what it is when it is not set, what it means and who reads it. */
export const functionSettings = {
  GOOGLE_CLOUD_PROJECT: {
    schema: id,
    meaning: 'the project of the database, the buckets and the topic',
    readBy: targetNames,
  },
  BERTH_LOCATION: {
    schema: locationSchema,
    fallback: 'local',
    meaning: 'the location of hosts for which `BERTH_HOSTS` names none',
    readBy: targetNames,
  },
  BERTH_DATABASE: {
    schema: id,
    fallback: '(default)',
    meaning: 'the Firestore database',
    readBy: knowing,
  },
  BERTH_BUCKETS: {
    schema: v.picklist(['shared', 'per-project'], 'must be shared or per-project'),
    fallback: 'shared',
    meaning:
      'where blobs lie: `shared`, in one bucket for all projects of a location; `per-project`, in one for each project and location, which is made at the first push',
    readBy: storing,
  },
  BERTH_BLOBS_BUCKET: {
    schema: bucketSchema,
    fallback: '',
    meaning:
      'the bucket of blobs, where they share one; with `{location}` in it, where there are several',
    readBy: storing,
  },
  BERTH_STAGING_BUCKET: {
    schema: v.pipe(bucketSchema, v.string('must be a bucket’s name')),
    meaning:
      'the bucket of parts that uploads received, in the same place as that of blobs; with `{location}` in it, where there are several',
    readBy: storing,
  },
  BERTH_BUCKET_PLACES: {
    schema: placesSchema,
    fallback: '',
    meaning:
      'where a location’s buckets are made, for `BERTH_BUCKETS=per-project`: `us=US,eu=EU,asia=ASIA`, each a location of Cloud Storage, which that of the staging bucket must be, too',
    readBy: writing,
  },
  BERTH_URL_KEY: {
    schema: v.pipe(
      v.string(),
      v.regex(/^([A-Z0-9]+:[A-Za-z0-9/+=]+)?$/, 'must be an HMAC key, <access id>:<secret>'),
      v.transform((text) => {
        const colon = text.indexOf(':');
        if (colon === -1) return undefined;
        const [accessId, secret] = [text.slice(0, colon), text.slice(colon + 1)];
        return { kind: 'hmac' as const, accessId, secret };
      }),
    ),
    fallback: '',
    meaning:
      'the HMAC key of Cloud Storage that signs the addresses of blobs; without one, IAM is asked to sign each',
    readBy: [...readers, 'mirror'],
    secret: true,
  },
  BERTH_URL_ACCOUNT: {
    schema: v.pipe(v.string(), v.regex(/^[^@\s/]+@[^@\s/]+$/, 'must be an e-mail address')),
    meaning: 'the service account whose HMAC key that is: it may read the blobs, and nothing else',
    readBy: ['keys'],
  },
  BERTH_TOKEN_KEY: {
    schema: json(jwkSchema, 'a private ES256 key as a JWK with a kid'),
    meaning: 'signs tokens',
    readBy: ['token'],
    secret: true,
  },
  BERTH_TOKEN_PUBLIC_KEYS: {
    schema: json(v.array(jwkSchema), 'a list of public ES256 keys as JWKs, each with a kid'),
    meaning:
      'what tokens are verified by: the key in use, and, where keys rotate, the one before it and the one after it',
    readBy: serving,
  },
  BERTH_STATE_KEYS: {
    schema: json(
      v.pipe(
        v.array(v.object({ id: v.string(), secret: v.pipe(v.string(), v.minLength(32)) })),
        v.minLength(1),
      ),
      'a list of {id, secret}',
    ),
    meaning: 'sign upload sessions: the first signs, all verify',
    readBy: ['uploads'],
    secret: true,
  },
  BERTH_ADMIN_HASH: {
    schema: passwordHashSchema,
    meaning:
      'the hash of the password of the user `admin`: `scrypt:ln=15,r=8,p=1:SALT:HASH`, or `sha256:HEX` of one that is random',
    readBy: serving,
    secret: true,
  },
  BERTH_ANONYMOUS_PULL: {
    schema: projectsSchema,
    fallback: '',
    meaning: 'projects that anyone may pull from, separated by commas, or `*` for all',
    readBy: serving,
  },
  BERTH_PROXIES: {
    schema: countSchema(proxiesMax + 1),
    fallback: '2',
    meaning:
      'how many entries of `X-Forwarded-For` trusted proxies append: two, by Google’s external load balancer; the leftmost of those is taken for the client',
    readBy: serving,
  },
  BERTH_FREE_FAILURES: {
    schema: countSchema(freeFailuresMax),
    fallback: '5',
    meaning:
      'logins that may fail for one name from one address before the next have to wait, longer each time; 0 for no limit',
    readBy: serving,
  },
  BERTH_REQUESTS_PER_SECOND: {
    schema: countSchema(requestsPerSecondMax),
    fallback: '1000',
    meaning:
      'requests that one account, or one address that is not logged in, may make a second of one instance, and ten times as many at once; 0 for no limit',
    readBy: serving,
  },
  BERTH_OPERATORS: {
    schema: membersSchema,
    fallback: '',
    meaning:
      'who may do everything beside the user `admin`: members as policies name them, separated by commas',
    readBy: serving,
  },
  BERTH_HOSTS: {
    schema: hostsSchema,
    fallback: '',
    meaning:
      'the hosts by which clients call the registry, separated by commas, each with its location if it has one of its own: `HOST=LOCATION` (see below); when not set, any host is taken, and tokens of Google and of issuers only for those of this machine',
    readBy: targetNames,
  },
  BERTH_IAM: {
    schema: v.picklist(['policy', 'bucket'], 'must be policy or bucket'),
    fallback: 'policy',
    meaning:
      'where it is decided what Google’s identities may do: `policy`, in Berth’s own policies; `bucket`, by IAM on the project’s bucket',
    readBy: serving,
  },
  BERTH_PROJECT_BUCKET: {
    schema: bucketTemplateSchema,
    fallback: '',
    meaning:
      'the name of a project’s bucket, with `{project}` in it, and `{location}`, where there are several: needed for `BERTH_IAM=bucket` and `BERTH_BUCKETS=per-project`. With the former it must be one that nobody else can make, as names that end in a domain of yours are: whoever owns the bucket owns the project',
    readBy: [...serving, 'collector'],
  },
  BERTH_GCR_LISTING: {
    schema: switchSchema,
    fallback: 'on',
    meaning:
      'whether lists of tags tell of manifests and of what lies below too, as gcr.io’s do: `on` or `off`',
    readBy: ['discovery'],
  },
  BERTH_PRIVATE_ISSUERS: {
    schema: issuersSchema,
    fallback: '',
    meaning:
      'issuers of ID tokens that may be in a private network and speak plain HTTP, separated by commas; all others must be public and HTTPS',
    readBy: serving,
  },
  BERTH_GOOGLE_STAND_IN: {
    schema: standInSchema,
    fallback: '',
    meaning:
      'for tests: what answers in place of Google about identities, and in place of Secret Manager; only on this machine',
    readBy: [...serving, 'keys'],
  },
  BERTH_MIRRORS: { ...mirrorSettings.BERTH_MIRRORS, readBy: ['mirror'] },
  BERTH_MIRROR_UPSTREAMS: { ...mirrorSettings.BERTH_MIRROR_UPSTREAMS, readBy: ['mirror'] },
  BERTH_MIRROR_CREDENTIALS: {
    ...mirrorSettings.BERTH_MIRROR_CREDENTIALS,
    readBy: ['mirror'],
    secret: true,
  },
  BERTH_MIRROR_LOGIN: { ...mirrorSettings.BERTH_MIRROR_LOGIN, readBy: ['mirror'] },
  BERTH_MIRROR_FRESH_SECONDS: { ...mirrorSettings.BERTH_MIRROR_FRESH_SECONDS, readBy: ['mirror'] },
  BERTH_MIRROR_KEEP_DAYS: {
    ...mirrorSettings.BERTH_MIRROR_KEEP_DAYS,
    readBy: ['mirror', 'collector'],
  },
  BERTH_MIRROR_BYTES_PER_HOUR: {
    ...mirrorSettings.BERTH_MIRROR_BYTES_PER_HOUR,
    readBy: ['mirror'],
  },
  BERTH_TOPIC: {
    schema: id,
    fallback: 'gcr',
    meaning: 'the Pub/Sub topic that changes are published on',
    readBy: ['events'],
  },
} as const satisfies Readonly<Record<string, FunctionSetting>>;
