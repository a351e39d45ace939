// The lock of what is deployed: the part of this repository's own that it needs. So the platform installs what the tests
// ran, and asks nobody for anything newer.

interface Locked {
  readonly version?: string;
  readonly dependencies?: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
  readonly peerDependencies?: Readonly<Record<string, string>>;
}

/** npm's package-lock.json, of version 3: where a package lies → what it is and needs. */
export interface Lock {
  readonly lockfileVersion: number;
  readonly packages: Readonly<Record<string, Locked>>;
}

/** What a package.json says of itself that its lock repeats. */
export interface Shipped {
  readonly name: string;
  readonly version: string;
  readonly engines: Readonly<Record<string, string>>;
  readonly dependencies?: Readonly<Record<string, string>>;
}

/**
 * The lock of a package that depends on some of what the given one locks, each in the very version.
 * @throws Error that names the package that is not locked
 */
export function lockFor(shipped: Shipped, { lockfileVersion, packages }: Lock): unknown {
  const { name, version, dependencies, engines } = shipped;
  const needed = new Set<string>();
  const left = Object.keys(dependencies ?? {}).map((one) => ({ one, by: '', optional: false }));
  for (let next = left.pop(); next !== undefined; next = left.pop()) {
    const { one, by, optional } = next;
    const place = placeOf(one, by, packages);
    if (place === undefined && optional) continue;
    if (place === undefined) throw new Error(`the lock has no ${one} for ${by || name}`);
    if (needed.has(place)) continue;
    needed.add(place);
    const locked = packages[place] ?? {};
    for (const dependency of Object.keys(locked.dependencies ?? {})) {
      left.push({ one: dependency, by: place, optional: false });
    }
    // npm leaves out the optional ones of other machines, and the peers that nobody has.
    for (const dependency of Object.keys({
      ...locked.optionalDependencies,
      ...locked.peerDependencies,
    })) {
      left.push({ one: dependency, by: place, optional: true });
    }
  }
  const places = Object.keys(packages).filter((place) => needed.has(place));
  return {
    name,
    version,
    lockfileVersion,
    requires: true,
    packages: {
      '': { name, version, ...(dependencies && { dependencies }), engines },
      ...Object.fromEntries(places.map((place) => [place, packages[place]])),
    },
  };
}

/** Where a package finds another, as Node looks for it: beside its own, then above, up to the root. */
function placeOf(
  name: string,
  by: string,
  packages: Readonly<Record<string, unknown>>,
): string | undefined {
  for (let above = by; ; above = above.slice(0, Math.max(0, above.lastIndexOf('/node_modules/')))) {
    const place = above === '' ? `node_modules/${name}` : `${above}/node_modules/${name}`;
    if (place in packages) return place;
    if (above === '') return undefined;
  }
}
