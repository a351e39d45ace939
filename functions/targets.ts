// The functions as they are deployed: each by the name that Google calls its target, where it runs, and what it answers.

/** The functions framework, or a server of our own: the framework reads every body into memory before we see it. */
export type Host = 'framework' | 'streaming';

export interface Target {
  readonly host: Host;
  /** The functions whose routes it answers. */
  readonly serves: readonly string[];
}

/** One and the same privilege: a request that reaches the wrong one of them is answered all the same. */
const interchangeable = ['manifests', 'blobs', 'discovery'] as const;

export const targets = {
  token: { host: 'framework', serves: ['token'] },
  manifests: { host: 'framework', serves: interchangeable },
  blobs: { host: 'framework', serves: interchangeable },
  discovery: { host: 'framework', serves: interchangeable },
  uploads: { host: 'streaming', serves: ['uploads'] },
  // What answers for the hosts of BERTH_MIRRORS: a layer is sent on as it comes, however large.
  mirror: { host: 'streaming', serves: ['mirror'] },
  // Its bodies are JSON, which the framework would answer for by itself where they are none.
  admin: { host: 'streaming', serves: ['admin'] },
  // What people see in a browser.
  console: { host: 'framework', serves: ['console'] },
  // No client reaches these: a trigger and a schedule do.
  events: { host: 'framework', serves: ['events'] },
  collector: { host: 'framework', serves: ['collector'] },
  // Where the registry runs on one machine, `npm run rotate-keys` does what it does.
  keys: { host: 'framework', serves: ['keys'] },
} as const satisfies Readonly<Record<string, Target>>;

export type TargetName = keyof typeof targets;

export const targetNames = Object.keys(targets) as readonly TargetName[];

/** @throws Error that names the target, when there is none of that name on that host */
export function targetOn(host: Host, name: string): TargetName {
  const known = targetNames.filter((one) => targets[one].host === host);
  const found = known.find((one) => one === name);
  if (found !== undefined) return found;
  throw new Error(`there is no function '${name}' to be run here; there is: ${known.join(', ')}`);
}
