// The settings of the registry on one machine: a table, read once, failing loudly at start.

import * as v from 'valibot';
import { type Member, membersSchema } from '#shared/auth/member.ts';
import {
  freeFailuresMax,
  passwordBytesMax,
  proxiesMax,
  requestsPerSecondMax,
} from '#shared/oci/limits.ts';
import {
  countSchema,
  type Environment,
  hostsSchema,
  issuersSchema,
  portSchema,
  projectsSchema,
  type Setting,
  settingsReader,
  standInSchema,
  switchSchema,
} from '#shared/settings.ts';

/** More subscribers than this are better served by one that passes on what it gets. */
const endpointsMax = 20;

const isEndpoint = (text: string): boolean => {
  const url = URL.parse(text);
  if (url === null || !['http:', 'https:'].includes(url.protocol)) return false;
  return url.username === '' && url.password === '' && url.hash === '';
};

const endpoints = v.pipe(
  v.string(),
  v.transform((text) => (text === '' ? [] : text.split(',').map((part) => part.trim()))),
  v.check(
    (addresses) => addresses.every(isEndpoint),
    'must be URLs that begin with http:// or https:// and name no user, separated by commas',
  ),
  v.maxLength(endpointsMax, `must be at most ${endpointsMax} URLs`),
);

/** Variable → what it may be, what it is when it is not set, and what it means (the README's table). */
export const settings = {
  PORT: {
    schema: portSchema,
    fallback: '5000',
    meaning: 'the port; 0 takes any that is free',
  },
  HOST: {
    schema: v.pipe(v.string(), v.regex(/^[0-9A-Za-z.:-]+$/, 'must be an address or a host name')),
    fallback: '127.0.0.1',
    meaning: 'the address to listen on; `0.0.0.0` for all',
  },
  BERTH_DATA: {
    schema: v.pipe(v.string(), v.minLength(1, 'must be a directory')),
    fallback: '.data',
    meaning: 'the directory everything is kept in',
  },
  BERTH_ADMIN_PASSWORD: {
    schema: v.pipe(
      v.string(),
      v.check((text) => text === '' || text.length >= 8, 'must have 8 characters or more'),
      v.maxBytes(passwordBytesMax, `must have at most ${passwordBytesMax} bytes`),
    ),
    fallback: '',
    meaning:
      'the password of the user `admin`; when not set, one is made, kept with the data and printed once',
  },
  BERTH_ANONYMOUS_PULL: {
    schema: projectsSchema,
    fallback: '',
    meaning: 'projects that anyone may pull from, separated by commas, or `*` for all',
  },
  BERTH_OPERATORS: {
    schema: membersSchema,
    fallback: '',
    meaning:
      'who may do everything beside the user `admin`: members as policies name them, separated by commas',
  },
  BERTH_HOSTS: {
    schema: hostsSchema,
    fallback: '',
    meaning:
      'the hosts by which clients call the registry, separated by commas: tokens of Google and of issuers are good here that were made for one of them; when not set, those of this machine',
  },
  BERTH_GCR_LISTING: {
    schema: switchSchema,
    fallback: 'on',
    meaning:
      'whether lists of tags tell of manifests and of what lies below too, as gcr.io’s do: `on` or `off`',
  },
  BERTH_PRIVATE_ISSUERS: {
    schema: issuersSchema,
    fallback: '',
    meaning:
      'issuers of ID tokens that may be in a private network and speak plain HTTP, separated by commas; all others must be public and HTTPS',
  },
  BERTH_GOOGLE_STAND_IN: {
    schema: standInSchema,
    fallback: '',
    meaning: 'for tests: what answers in place of Google about identities; only on this machine',
  },
  BERTH_PUSH_ENDPOINTS: {
    schema: endpoints,
    fallback: '',
    meaning:
      'URLs that are told of changes, separated by commas; each gets what Pub/Sub would push (see below)',
  },
  BERTH_PROXIES: {
    schema: countSchema(proxiesMax),
    fallback: '0',
    meaning:
      'how many entries of `X-Forwarded-For` are appended by proxies that stand in front, past which nobody comes; the leftmost of those is taken for the client',
  },
  BERTH_FREE_FAILURES: {
    schema: countSchema(freeFailuresMax),
    fallback: '5',
    meaning:
      'logins that may fail for one name from one address before the next have to wait, longer each time; 0 for no limit',
  },
  BERTH_REQUESTS_PER_SECOND: {
    schema: countSchema(requestsPerSecondMax),
    fallback: '1000',
    meaning:
      'requests that one account, or one address that is not logged in, may make a second, and ten times as many at once; 0 for no limit',
  },
} as const satisfies Readonly<Record<string, Setting>>;

export interface Settings {
  readonly port: number;
  readonly host: string;
  readonly dataDirectory: string;
  /** Empty when none was set. */
  readonly adminPassword: string;
  readonly anonymousPull: ReadonlySet<string> | '*';
  readonly operators: readonly Member[];
  readonly hosts: ReadonlySet<string>;
  /** Whether lists are told as gcr.io tells them. */
  readonly gcrListing: boolean;
  readonly privateIssuers: readonly string[];
  readonly googleEndpoint: string | undefined;
  /** Addresses that events are pushed to. */
  readonly pushEndpoints: readonly string[];
  /** Entries of X-Forwarded-For that trusted proxies append. */
  readonly proxies: number;
  /** Failed logins of one name from one address; 0 where none makes anybody wait. */
  readonly freeFailures: number;
  /** Of one principal; 0 for no limit. */
  readonly requestsPerSecond: number;
}

/** Reads the settings. @throws Error that names the variable and says what it must be */
export function readSettings(environment: Environment): Settings {
  const value = settingsReader(settings, environment);
  return {
    port: value('PORT'),
    host: value('HOST'),
    dataDirectory: value('BERTH_DATA'),
    adminPassword: value('BERTH_ADMIN_PASSWORD'),
    anonymousPull: value('BERTH_ANONYMOUS_PULL'),
    operators: value('BERTH_OPERATORS'),
    hosts: value('BERTH_HOSTS'),
    gcrListing: value('BERTH_GCR_LISTING'),
    privateIssuers: value('BERTH_PRIVATE_ISSUERS'),
    googleEndpoint: value('BERTH_GOOGLE_STAND_IN'),
    pushEndpoints: value('BERTH_PUSH_ENDPOINTS'),
    proxies: value('BERTH_PROXIES'),
    freeFailures: value('BERTH_FREE_FAILURES'),
    requestsPerSecond: value('BERTH_REQUESTS_PER_SECOND'),
  };
}
