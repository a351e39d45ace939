// Where the keys of a registry in the cloud are kept, and what all of them have in common.
//
// An instance is given the newest version of each secret when it starts, and keeps that as long as it lives. So there are
// always instances that hold what was the newest one rotation ago, and both kinds have to understand each other. What
// signs next is therefore made, and made known, one rotation before it signs, and what signed before is good for one
// rotation more:
//
//     rotation       token-key   token-next-key   token-public-keys
//     the first      1           2                2 1
//     the second     2           3                3 2 1
//     the third      3           4                4 3 2
//
// Nobody has to be stopped or started for that, as long as no instance gets older than a key signs for.
//
// Whatever is stored is stored by one step at a time, and the next step is told from what is stored alone. So a run that
// was cut short is completed by the next one, wherever it stopped, and of two at once each completes what the other began.

import { secretSettlesMs, signingKeyDays } from '../../oci/limits.ts';
import type { Clock } from '../../ports/clock.ts';
import type { HmacKeys } from '../../ports/hmac-keys.ts';
import type { SecretVersion, SecretVersions } from '../../ports/secret-versions.ts';

export interface KeyStores {
  readonly secrets: SecretVersions;
  readonly urlKeys: HmacKeys;
  readonly clock: Clock;
}

/** The names of the secrets that keys are kept in. What is called `next` is for nobody who serves. */
export const keySecrets = {
  tokenKey: 'token-key',
  nextTokenKey: 'token-next-key',
  tokenPublicKeys: 'token-public-keys',
  stateKeys: 'state-keys',
  urlKey: 'url-key',
  nextUrlKey: 'url-next-key',
} as const;

/** Whether another key is to sign: never, when this one has signed for `signingKeyDays`, or now. */
export type When = 'never' | 'due' | 'now';

/** What became of one kind of keys. */
export type Outcome =
  /** There were none. */
  | 'made'
  /** Another one signs. */
  | 'rotated'
  /** An earlier run, or somebody's hand, had left something to do. */
  | 'completed'
  | 'unchanged';

const stepsMax = 12;

/** What is to be done, and what it makes of the run. */
export interface Step {
  readonly outcome: Exclude<Outcome, 'unchanged'>;
  do(): Promise<void>;
}

/**
 * Does one step after another until none is left.
 * @param next what is to be done by what is stored now; `mayRotate` is false once this run has
 * @throws Error when there is no end to it: others do the same all the time
 */
export async function byStep(
  when: When,
  next: (mayRotate: boolean) => Promise<Step | undefined>,
): Promise<Outcome> {
  const outcomes = new Set<Outcome>();
  for (let steps = 0; steps < stepsMax; steps += 1) {
    const step = await next(when !== 'never' && !outcomes.has('rotated'));
    if (step === undefined) {
      const known = (['made', 'rotated', 'completed'] as const).find((one) => outcomes.has(one));
      return known ?? 'unchanged';
    }
    await step.do();
    outcomes.add(step.outcome);
  }
  throw new Error('keys are changed by somebody else again and again: try once more');
}

/** Whether it is time for another key, when what it takes has been known everywhere since those versions. */
export function isDue(
  when: When,
  clock: Clock,
  ...since: readonly (SecretVersion | undefined)[]
): boolean {
  if (when !== 'due') return when === 'now';
  const newest = Math.max(...since.map((one) => one?.createdMs ?? clock.now()));
  return clock.now() - newest >= signingKeyDays * 24 * 60 * 60 * 1000;
}

/**
 * Reads secrets of one moment: the first is the one that a rotation changes first, and was the same all the while.
 * @returns each secret's newest version, in their order
 */
export async function readTogether<const Names extends readonly [string, ...string[]]>(
  secrets: SecretVersions,
  ...names: Names
): Promise<{ readonly [I in keyof Names]: SecretVersion | undefined }> {
  for (let reads = 0; reads < stepsMax; reads += 1) {
    const read: (SecretVersion | undefined)[] = [];
    for (const name of names) read.push(await secrets.newest(name));
    const again = await secrets.newest(names[0]);
    if (again?.version === read[0]?.version) return read as never;
  }
  throw new Error('keys are changed by somebody else again and again: try once more');
}

/**
 * Destroys the versions of secrets but for the newest two, once the newest has been there for `secretSettlesMs`: until then
 * an instance that starts may be given an older one, and two that run at once may have added several.
 */
export async function destroyOld({ secrets, clock }: KeyStores, ...names: readonly string[]) {
  for (const name of names) {
    const newest = await secrets.newest(name);
    if (newest === undefined || newest.version <= 2) continue;
    if (clock.now() - newest.createdMs < secretSettlesMs) continue;
    await secrets.destroyBefore(name, newest.version - 1);
  }
}

/** What a version says. @throws Error that names the secret, when it is not that. It never tells what is in it. */
export function parsed<T>(
  secret: string,
  version: SecretVersion | undefined,
  parse: (text: string) => T,
): T | undefined {
  if (version === undefined) return undefined;
  try {
    return parse(version.text);
  } catch {
    throw new Error(`version ${version.version} of the secret ${secret} is not what Berth wrote`);
  }
}
