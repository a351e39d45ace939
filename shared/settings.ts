// Settings as a table: what each variable of the environment may be, what it is when it is not set, and what it
// means. Read once, failing loudly.

import * as v from 'valibot';

export interface Setting {
  readonly schema: v.GenericSchema<string, unknown>;
  /** What it is when it is not set; without one it must be. */
  readonly fallback?: string;
  /** For the documents. */
  readonly meaning: string;
}

export type Environment = Readonly<Record<string, string | undefined>>;

export type ValueOf<S extends Setting> = v.InferOutput<S['schema']>;

/**
 * Answers what a setting is.
 * @throws Error that names the variable and says what it must be. It never tells what it is: that may be a secret
 */
export function settingsReader<T extends Readonly<Record<string, Setting>>>(
  table: T,
  environment: Environment,
): <N extends keyof T & string>(name: N) => ValueOf<T[N]> {
  return <N extends keyof T & string>(name: N) => {
    const { schema, fallback, meaning } = table[name] as Setting;
    const text = environment[name] ?? fallback;
    if (text === undefined) throw new Error(`${name} must be set: ${meaning}`);
    const result = v.safeParse(schema, text);
    if (result.success) return result.output as ValueOf<T[N]>;
    throw new Error(`${name} ${result.issues[0].message}`);
  };
}

/** Projects whose images anyone may pull, or `*`. */
export const projectsSchema = v.pipe(
  v.string(),
  v.regex(
    /^(\*|[a-z0-9][a-z0-9._/:-]*(\s*,\s*[a-z0-9][a-z0-9._/:-]*)*)?$/,
    'must be project names separated by commas, or *',
  ),
  v.transform((text) =>
    text === '*'
      ? ('*' as const)
      : // As Google writes a project of a domain, or as names begin with it.
        new Set(listed(text).map((part) => part.replace(':', '/'))),
  ),
);

/** Something that is either used or not. */
export const switchSchema = v.pipe(
  v.picklist(['on', 'off'], 'must be on or off'),
  v.transform((text) => text === 'on'),
);

export const portSchema = v.pipe(
  v.string(),
  v.regex(/^\d{1,5}$/, 'must be a port number'),
  v.transform(Number),
  v.maxValue(65_535, 'must be at most 65535'),
);

/** A whole number from 0 to `max`. */
export function countSchema(max: number) {
  const must = `must be a whole number from 0 to ${max}`;
  return v.pipe(v.string(), v.regex(/^\d{1,9}$/, must), v.transform(Number), v.maxValue(max, must));
}

/** Issuers of ID tokens, as their tokens name them. */
export const issuersSchema = v.pipe(
  v.string(),
  v.transform(listed),
  v.check(
    (issuers) => issuers.every((issuer) => /^https?:\/\/[^\s?#@]+$/.test(issuer)),
    'must be URLs separated by commas',
  ),
);

/** The base URL of something that answers in place of a service, for tests; empty for the service itself. */
export const standInSchema = v.pipe(
  v.string(),
  v.regex(/^(http:\/\/(127\.0\.0\.1|localhost)(:\d{1,5})?)?$/, 'must be a URL on this machine'),
  v.transform((text) => (text === '' ? undefined : text)),
);

/** A bucket's name, which may have `{location}` in it. */
export const bucketSchema = v.pipe(
  v.string(),
  v.regex(
    /^(?:[a-z0-9._-]|\{location\})*$/,
    'must be a bucket’s name, with {location} in it where there are several',
  ),
  v.transform((text) => (text === '' ? undefined : text)),
);

/** A bucket's name, with `{project}` in it, where each project has one. */
export const bucketTemplateSchema = v.pipe(
  v.string(),
  v.regex(
    /^([a-z0-9._-]|\{location\})*\{project\}([a-z0-9._-]|\{location\})*$|^$/,
    'must be a bucket’s name with {project} in it, and {location} if you like',
  ),
  v.transform((text) => (text === '' ? undefined : text)),
);

/** What a location may be called: it begins documents' keys and objects' names, and stands in buckets' names. */
const location = /^[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?$/;

export const locationSchema = v.pipe(
  v.string(),
  v.regex(location, 'must be a location: lower-case letters and digits, with - between them'),
);

/**
 * Hosts as clients write them before an image's name, with a port where they need one, each with the location it stands
 * for; `undefined` where none is named. A host with the port 80 or 443 is the one without, as in requests.
 */
export const hostsSchema = v.pipe(
  v.string(),
  v.transform((text) =>
    listed(text).map((part) => {
      const [host = '', place, ...more] = part.split('=').map((one) => one.trim());
      const isOne = more.length === 0;
      return { host: host.toLowerCase().replace(/:(?:80|443)$/, ''), location: place, isOne };
    }),
  ),
  v.check(
    (hosts) =>
      hosts.every(
        ({ host, isOne }) =>
          isOne && /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/.test(host),
      ),
    'must be host names separated by commas, each with = and its location if it has one',
  ),
  v.check(
    (hosts) => hosts.every((one) => one.location === undefined || location.test(one.location)),
    'must be hosts with locations of lower-case letters and digits, with - between them',
  ),
  v.check(
    (hosts) => new Set(hosts.map(({ host }) => host)).size === hosts.length,
    'must be hosts that are each named once',
  ),
  v.transform(
    (hosts): ReadonlyMap<string, string | undefined> =>
      new Map(hosts.map((one) => [one.host, one.location])),
  ),
);

/** A place of Cloud Storage for each location: `us=US,eu=EU`. */
export const placesSchema = v.pipe(
  v.string(),
  v.regex(
    /^(?:[a-z0-9-]+=[A-Za-z0-9-]+(?:\s*,\s*[a-z0-9-]+=[A-Za-z0-9-]+)*)?$/,
    'must be locations, each with = and its place in Cloud Storage, separated by commas',
  ),
  v.transform(
    (text): ReadonlyMap<string, string> =>
      new Map(
        listed(text).map((part) => {
          const [one = '', place = ''] = part.split('=');
          return [one, place.toUpperCase()];
        }),
      ),
  ),
);

/** What stands between commas, but for nothing. */
function listed(text: string): string[] {
  return text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);
}
