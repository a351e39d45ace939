// What was deployed, in the order of time, and from that what was there before. Each record is written twice: when an
// apply begins, since from then on what is there may be of both releases, and when it is done, or was refused.

import * as v from 'valibot';
import {
  isSame,
  parseJson,
  type Release,
  readTexts,
  releaseSchema,
  type Store,
  writeJson,
} from './release.ts';

const deploymentSchema = v.object({
  /** When its apply began. RFC 3339. */
  at: v.pipe(v.string(), v.isoTimestamp()),
  /** Of the source, where that is known. */
  id: v.optional(v.string()),
  release: releaseSchema,
  /** What Terraform's state said was there until then. */
  before: v.optional(releaseSchema),
  isRollback: v.boolean(),
  state: v.picklist(['begun', 'deployed', 'refused']),
});

export type Deployment = Readonly<v.InferOutput<typeof deploymentSchema>>;

/** All that may have changed what is there, the first one first. */
export async function readDeployments(store: Store): Promise<readonly Deployment[]> {
  const text = (await readTexts(store, 'deployed/*.json')) ?? '';
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => parseJson(deploymentSchema, line, 'a record of deployed/'))
    .filter(({ state }) => state !== 'refused')
    .sort((one, other) => Date.parse(one.at) - Date.parse(other.at));
}

export async function recordDeployment(store: Store, deployment: Deployment): Promise<void> {
  // What Cloud Storage takes in a name, and gcloud for no pattern.
  const time = deployment.at.replaceAll(':', '-');
  const name = `deployed/${time}-${deployment.id ?? 'unknown'}.json`;
  await writeJson(store, name, deployment, { once: false });
}

/**
 * The release to go back to. Going back twice goes back by two.
 * @param deployments the first one first
 * @param now what Terraform's state says is there
 * @returns `undefined` when nothing is known of what was there before
 */
export function releaseBefore(
  deployments: readonly Deployment[],
  now: Release | undefined,
): Release | undefined {
  const past: { readonly release: Release; isWhole: boolean }[] = [];
  const push = (release: Release, isWhole: boolean) => {
    let last = past.at(-1);
    // What never came to be there as a whole is nothing to go back to.
    if (last !== undefined && !last.isWhole && !isSame(last.release, release)) {
      past.pop();
      last = past.at(-1);
    }
    if (last === undefined || !isSame(last.release, release)) past.push({ release, isWhole });
    else last.isWhole ||= isWhole;
  };
  let wasDone = true;
  /** What Terraform's state says: somebody may have applied by hand. After half an apply it says either release. */
  const found = (release: Release | undefined) => {
    if (release !== undefined && wasDone) push(release, true);
  };
  for (const { release, before, isRollback, state } of deployments) {
    found(before);
    wasDone = state === 'deployed';
    if (!isRollback) push(release, wasDone);
    else if (wasDone) {
      const last = past.findLastIndex((one) => isSame(one.release, release));
      past.length = last + 1;
      push(release, true);
    }
  }
  found(now);
  return past.at(-2)?.release;
}

/**
 * Whether the last of these brought another release than the one that was there as a whole before it.
 * @param deployments the first one first
 */
export function bringsAnother(deployments: readonly Deployment[]): boolean {
  const last = deployments.at(-1);
  // What half an apply left is what the next one found, and was never there as a whole.
  const begun =
    deployments.findLastIndex(({ state }, at) => state !== 'begun' && at < deployments.length - 1) +
    1;
  const before = deployments[begun]?.before;
  return last !== undefined && before !== undefined && !isSame(before, last.release);
}
