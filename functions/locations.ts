// Hosts are locations, as gcr.io, us.gcr.io and eu.gcr.io are: each has repositories and blobs of its own.

/** By lower-case name, with a port where it is neither 80 nor 443 → the location; `undefined` for the default one. */
export type Hosts = ReadonlyMap<string, string | undefined>;

export interface Locations {
  /** The location that a host stands for; `undefined` where the host is none of the registry's. */
  locationOf(host: string): string | undefined;
  /** All there are, at least one: what runs by a schedule goes over them. */
  readonly locations: readonly [string, ...string[]];
}

/**
 * @param hosts those by which clients call the registry; where there are none, any host stands for `byDefault`
 * @param byDefault the location of hosts for which none is named
 */
export function locationsOf(hosts: Hosts, byDefault: string): Locations {
  if (hosts.size === 0) return { locationOf: () => byDefault, locations: [byDefault] };
  const locations = new Map([...hosts].map(([host, location]) => [host, location ?? byDefault]));
  const [first = byDefault, ...others] = new Set(locations.values());
  return { locationOf: (host) => locations.get(host), locations: [first, ...others] };
}
