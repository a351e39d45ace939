// The registries that are mirrored: what the settings say of them, and which one a request means.

import * as v from 'valibot';
import { isPublicHostname } from '../http/public-addresses.ts';
import type { RepositoryName } from '../oci/reference.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
  /** The origin of the token service that may see them, where it is not the upstream's own host. */
  readonly realm?: string | undefined;
}

export interface Upstream {
  /** As images name it: `docker.io`, `quay.io`, `registry.example:5000`. */
  readonly name: string;
  readonly url: URL;
  /** The operator named it, so it may be in a private network. Its tokens and its blobs may be at that very host, too. */
  readonly isNamed: boolean;
  readonly credentials?: Credentials | undefined;
}

/** Host → the URL of the registry that it mirrors. */
export type MirrorHosts = ReadonlyMap<string, URL>;

/** Registries that `?ns=` may name, beside Docker Hub: `any` public one, or these by name. */
export interface AllowedUpstreams {
  readonly any: boolean;
  readonly named: ReadonlyMap<string, URL>;
}

const dockerHub = 'docker.io';
const dockerHubUrl = 'https://registry-1.docker.io';
/** The names that Docker Hub has or had. */
const dockerHubs = new Set([dockerHub, 'index.docker.io', 'registry-1.docker.io']);
/** The token service of Docker Hub. */
const dockerHubRealm = 'https://auth.docker.io';

const host = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;

const parts = (text: string): string[] =>
  text
    .split(',')
    .map((part) => part.trim())
    .filter(Boolean);

/** A registry's URL, or its host alone, for https; `undefined` where it is neither. */
function registryUrl(text: string): URL | undefined {
  const url = URL.parse(host.test(text) ? `https://${text}` : text);
  const isBare = url?.pathname === '/' && `${url.search}${url.hash}${url.username}` === '';
  if (!isBare || url === null || !['http:', 'https:'].includes(url.protocol)) return undefined;
  return dockerHubs.has(url.host) ? new URL(dockerHubUrl) : url;
}

/** `HOST[=UPSTREAM]`, separated by commas. */
export const mirrorsSchema = v.pipe(
  v.string(),
  v.rawTransform<string, MirrorHosts>(({ dataset, addIssue, NEVER }) => {
    const hosts = new Map<string, URL>();
    for (const part of parts(dataset.value)) {
      const [name = '', upstream = dockerHubUrl] = part.toLowerCase().split('=', 2);
      const url = registryUrl(upstream);
      if (!host.test(name) || url === undefined) {
        addIssue({ message: 'must be HOST or HOST=URL of a registry, separated by commas' });
        return NEVER;
      }
      hosts.set(name, url);
    }
    return hosts;
  }),
);

/** `HOST`, `URL` or `HOST=URL` of registries, separated by commas, and `*` for any public one. */
export const upstreamsSchema = v.pipe(
  v.string(),
  v.rawTransform<string, AllowedUpstreams>(({ dataset, addIssue, NEVER }) => {
    const all = parts(dataset.value.toLowerCase());
    const named = new Map<string, URL>();
    for (const part of all.filter((one) => one !== '*')) {
      const [name, at = name] = part.split('=', 2);
      const url = registryUrl(at ?? '');
      if (url === undefined || (at !== name && !host.test(name ?? ''))) {
        addIssue({
          message: 'must be HOST, URL or HOST=URL of registries separated by commas, or *',
        });
        return NEVER;
      }
      named.set(at === name ? nameOf(url) : canonical(name ?? ''), url);
    }
    return { any: all.includes('*'), named };
  }),
);

const credentialsSchema = v.record(
  v.string(),
  v.object({
    username: v.pipe(v.string(), v.minLength(1)),
    password: v.pipe(v.string(), v.minLength(1)),
    realm: v.optional(v.pipe(v.string(), v.regex(/^https?:\/\/[^/?#@\s]+$/))),
  }),
);

/** `{"docker.io": {"username", "password"}}`. What is wrong with it is not told: it holds secrets. */
export const mirrorCredentialsSchema = v.pipe(
  v.string(),
  v.rawTransform<string, ReadonlyMap<string, Credentials>>(({ dataset, addIssue, NEVER }) => {
    try {
      const text = dataset.value === '' ? '{}' : dataset.value;
      const credentials = v.parse(credentialsSchema, JSON.parse(text));
      const entries = Object.entries(credentials);
      return new Map(entries.map(([name, one]) => [canonical(name.toLowerCase()), one]));
    } catch {
      // Not JSON of that form.
    }
    addIssue({
      message: 'must be JSON: {"docker.io": {"username": …, "password": …, "realm"?: …}}',
    });
    return NEVER;
  }),
);

/** A whole number up to 15 digits. */
export const bytesPerHourSchema = v.pipe(
  v.string(),
  v.regex(/^\d{1,15}$/, 'must be a whole number of bytes'),
  v.transform(Number),
);

/** `1` or `0`. */
export const flagSchema = v.pipe(
  v.string(),
  v.picklist(['0', '1'], 'must be 0 or 1'),
  v.transform((text) => text === '1'),
);

function canonical(name: string): string {
  return dockerHubs.has(name) ? dockerHub : name;
}

const nameOf = (url: URL): string => canonical(url.host);

export interface UpstreamSettings {
  readonly hosts: MirrorHosts;
  readonly allowed: AllowedUpstreams;
  readonly credentials: ReadonlyMap<string, Credentials>;
}

/**
 * The upstream that a request means.
 * @param host the mirror's; @param ns containerd's `?ns=`, the host in the image's name
 * @returns `undefined` where the host is no mirror, or that registry is not mirrored here
 */
export function upstreamFor(
  { hosts, allowed, credentials }: UpstreamSettings,
  host: string,
  ns: string | null,
): Upstream | undefined {
  const own = hosts.get(host);
  if (own === undefined) return undefined;
  const upstream = (url: URL, isNamed: boolean): Upstream => {
    const name = nameOf(url);
    return { name, url, isNamed, credentials: credentials.get(name) };
  };
  if (ns === null || ns === '') return upstream(own, true);
  const name = canonical(ns.toLowerCase());
  if (name === nameOf(own)) return upstream(own, true);
  const named = allowed.named.get(name);
  if (named !== undefined) return upstream(named, true);
  if (name === dockerHub) return upstream(new URL(dockerHubUrl), true);
  // A mirror that asked itself would wait for itself.
  const isPublic = isPublicHostname(name) && !name.includes(':') && !hosts.has(name);
  const isAnyone = allowed.any && isPublic;
  const url = isAnyone ? registryUrl(name) : undefined;
  return url === undefined ? undefined : upstream(url, false);
}

/** A repository as the upstream calls it: on Docker Hub a name without a slash is one of the official images. */
export function repositoryIn({ name: upstream }: Upstream, name: RepositoryName): RepositoryName {
  return upstream === dockerHub && !name.includes('/')
    ? (`library/${name}` as RepositoryName)
    : name;
}

/** Whether an upstream's credentials may be shown at an origin: its own, its token service's, and no other. */
export function maySeeCredentials({ name, url, credentials }: Upstream, origin: string): boolean {
  if (origin === url.origin || origin === credentials?.realm) return true;
  return name === dockerHub && url.origin === dockerHubUrl && origin === dockerHubRealm;
}
