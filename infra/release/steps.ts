// The steps of a release after it was made. Each finds what it needs in Terraform's state, in the bucket of releases and in
// a directory that they share: so they run one after another in a build, or by hand.

import { mkdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import * as v from 'valibot';
import {
  bringsAnother,
  type Deployment,
  readDeployments,
  recordDeployment,
  releaseBefore,
} from './deployments.ts';
import { Failure } from './failure.ts';
import {
  isSame,
  parseJson,
  type Release,
  readRelease,
  releaseSchema,
  requireRelease,
  type Store,
} from './release.ts';
import { sha256 } from './source-id.ts';
import { apply, type Deployed, initialise, plan, readDeployed, wasRefused } from './terraform.ts';

export interface Place {
  readonly project: string;
  /** The bucket of Terraform's state. */
  readonly state: string;
  /** Between planning and applying, what is planned lies here. */
  readonly directory: string;
}

type Tell = (line: string) => void;

const plannedSchema = v.object({
  project: v.string(),
  bucket: v.string(),
  /** SHA-256 of the plan, in hex: what is recorded is what is applied. */
  plan: v.string(),
  id: v.optional(v.string()),
  release: releaseSchema,
  before: releaseSchema,
  isRollback: v.boolean(),
});

type Planned = Omit<v.InferOutput<typeof plannedSchema>, 'plan'>;

/** What is deployed, by Terraform's state. @throws Failure where that is nothing */
export async function readPlace({ state }: Place): Promise<Deployed> {
  await initialise(state);
  return await readDeployed();
}

/**
 * Plans the release of a source.
 * @throws Failure where none was made of it
 */
export async function planRelease(place: Place, id: string, tell: Tell): Promise<void> {
  const { release: before, bucket } = await readPlace(place);
  const release = await readRelease({ project: place.project, bucket }, id);
  if (release === undefined) {
    throw new Failure(`nothing was made of the source ${id} yet: npm run release -- make`);
  }
  tell(`planning release ${id}`);
  await keepPlan(place, { project: place.project, bucket, id, release, before, isRollback: false });
}

/**
 * Plans the release that was there before the one that is.
 * @throws Failure where no record tells of one
 */
async function planRollback(place: Place, tell: Tell): Promise<void> {
  const { project } = place;
  const { release: now, bucket } = await readPlace(place);
  const deployments = await readDeployments({ project, bucket });
  const release = releaseBefore(deployments, now);
  if (release === undefined) {
    throw new Failure('there is nothing to go back to: no other release was deployed before');
  }
  const id = deployments.find((one) => one.id !== undefined && isSame(one.release, release))?.id;
  tell(`going back to ${id ?? release.functions}`);
  await keepPlan(place, {
    ...{ project, bucket, release, before: now, isRollback: true },
    ...(id === undefined ? {} : { id }),
  });
}

async function keepPlan(place: Place, planned: Planned): Promise<void> {
  const { project, bucket, release } = planned;
  const { planFile, plannedFile } = filesIn(place);
  // Whatever goes wrong now, nobody applies what was planned before.
  await rm(plannedFile, { force: true });
  await requireRelease({ project, bucket }, release);
  await mkdir(place.directory, { recursive: true });
  await plan(planFile, project, release);
  const kept = { ...planned, plan: sha256(await readFile(planFile)) };
  await writeFile(plannedFile, JSON.stringify(kept));
}

/**
 * Applies what was planned, and records it.
 * @throws Failure where nothing was planned, or Terraform fails
 */
export async function applyPlan(place: Place, tell: Tell): Promise<void> {
  const { planFile, plannedFile } = filesIn(place);
  const text = await readFile(plannedFile, 'utf8').catch(() => undefined);
  if (text === undefined) throw new Failure('nothing is planned: npm run release -- plan');
  const { plan: digest, ...planned } = parseJson(plannedSchema, text, plannedFile);
  if (planned.project !== place.project) {
    throw new Failure(`what is planned is the release to ${planned.project}`);
  }
  if (sha256(await readFile(planFile)) !== digest) {
    throw new Failure(
      `${planFile} is another plan than the one that is to be recorded: plan again`,
    );
  }
  await initialise(place.state);
  const { project, bucket, ...rest } = planned;
  const at = new Date().toISOString();
  const record = async (state: Deployment['state']) =>
    recordDeployment({ project, bucket }, { at, ...rest, state });
  await record('begun');
  await apply(planFile).catch(async (error: unknown) => {
    if (wasRefused(error)) await record('refused');
    throw error;
  });
  await record('deployed');
  // Terraform would refuse it from now on.
  await Promise.all([rm(planFile), rm(plannedFile)]);
  tell(`deployed ${rest.id ?? rest.release.functions}`);
}

/** Plans and applies the release that was there before. @throws Failure where there was none */
export async function rollBack(place: Place, tell: Tell): Promise<void> {
  await planRollback(place, tell);
  await applyPlan(place, tell);
}

/** Whether the last deployment brought another release, so that going back changes something. */
export async function hasChangedRelease(store: Store): Promise<boolean> {
  return bringsAnother(await readDeployments(store));
}

/** Tells what is deployed, since when, and what it would be gone back to. */
export async function tellCurrent(place: Place, tell: Tell): Promise<void> {
  const { release, bucket, domains } = await readPlace(place);
  const deployments = await readDeployments({ project: place.project, bucket });
  const last = deployments.at(-1);
  const isLast = last !== undefined && isSame(last.release, release);
  const before = releaseBefore(deployments, release);
  tell(`domains    ${domains.join(', ')}`);
  tell(`functions  ${release.functions}`);
  tell(`image      ${release.image}`);
  tell(
    `deployed   ${isLast ? `${last.at}${last.isRollback ? ', going back' : ''}` : 'by terraform apply'}`,
  );
  if (last?.state === 'begun') {
    tell(`           the apply of ${last.at} (${nameOf(last)}) did not come to its end`);
  }
  tell(
    `before     ${before === undefined ? 'nothing that is known' : nameOf({ release: before })}`,
  );
}

function nameOf({ id, release }: { readonly id?: string | undefined; readonly release: Release }) {
  return id ?? release.functions;
}

function filesIn({ directory }: Place) {
  return {
    planFile: join(directory, 'release.tfplan'),
    plannedFile: join(directory, 'release.json'),
  };
}
