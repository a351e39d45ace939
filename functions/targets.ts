// The functions as they are deployed: each by the name that Google calls its target.

/** One and the same privilege: a request that reaches the wrong one of them is answered all the same. */
const interchangeable = ['manifests', 'blobs', 'discovery'];

/** Target → the functions whose routes it answers, in functions-framework. */
const frameworkTargets: Readonly<Record<string, readonly string[]>> = {
  token: ['token'],
  manifests: interchangeable,
  blobs: interchangeable,
  discovery: interchangeable,
};

/** As above, in a server of our own: the framework reads every body into memory before a function sees it. */
const streamingTargets: Readonly<Record<string, readonly string[]>> = {
  uploads: ['uploads'],
};

/** Where a target runs. */
export type Host = 'framework' | 'streaming';

const targets = { framework: frameworkTargets, streaming: streamingTargets } as const;

/**
 * The functions whose routes a target answers.
 * @throws Error that names the target, when there is none of that name on that host
 */
export function servedBy(target: string, host: Host): readonly string[] {
  const served = Object.hasOwn(targets[host], target) ? targets[host][target] : undefined;
  if (served !== undefined) return served;
  const known = Object.keys(targets[host]).join(', ');
  throw new Error(`there is no function '${target}' to be run here; there is: ${known}`);
}
