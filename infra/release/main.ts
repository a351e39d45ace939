// `npm run release`: makes a release, deploys it, looks whether it works, and goes back.

import { join, resolve } from 'node:path';
import { text } from 'node:stream/consumers';
import { help, optionsOf, type Step, stepOf } from './arguments.ts';
import { Failure } from './failure.ts';
import { ask } from './programs.ts';
import { sourceId } from './source-id.ts';
import {
  applyPlan,
  hasChangedRelease,
  type Place,
  planRelease,
  readPlace,
  rollBack,
  tellCurrent,
} from './steps.ts';

const root = join(import.meta.dirname, '../..');

const tell = (line: string) => void process.stdout.write(`${line}\n`);

const run: Readonly<Record<Step, (rest: readonly string[]) => Promise<void>>> = {
  make: async (rest) => {
    const { bucket, region, repository, ...given } = optionsOf('make', rest);
    // What bundles is heavy, and no other step's.
    const { makeRelease } = await import('./make.ts');
    const place = placeOf(given);
    const { project } = place;
    const id = given.id ?? sourceId(root);
    const account = given.account ?? `berth-builder@${project}.iam.gserviceaccount.com`;
    const making = { id, account, bundled: given.bundled };
    if (bucket !== undefined && region !== undefined && repository !== undefined) {
      // Terraform itself calls: it is about to write its state, and what it made first stands in its arguments.
      const image = `${region}-docker.pkg.dev/${project}/${repository}/berth`;
      await makeRelease({ project, bucket }, { ...making, image }, tell);
    } else if (bucket !== undefined || region !== undefined || repository !== undefined) {
      throw new Failure('--bucket, --region and --repository are told together, or none of them');
    } else {
      const deployed = await readPlace(place);
      const [image = ''] = deployed.release.image.split('@');
      await makeRelease({ project, bucket: deployed.bucket }, { ...making, image }, tell);
    }
    tell(id);
  },
  plan: async (rest) => {
    const { id, ...given } = optionsOf('plan', rest);
    await planRelease(placeOf(given), id ?? sourceId(root), tell);
  },
  apply: async (rest) => applyPlan(placeOf(optionsOf('apply', rest)), tell),
  rollback: async (rest) => rollBack(placeOf(optionsOf('rollback', rest)), tell),
  current: async (rest) => tellCurrent(placeOf(optionsOf('current', rest)), tell),
  smoke,
};

async function smoke(rest: readonly string[]): Promise<void> {
  const given = optionsOf('smoke', rest);
  const { smokeAll } = await import('./smoke/smoke.ts');
  const domains =
    given.domain.length > 0 ? given.domain : (await readPlace(placeOf(given))).domains;
  const waitMs = numberOf(given.wait) * 1000;
  const credentials = await credentialsOf(given.user, given['password-stdin']);
  const smoking = { address: given.address, isPlain: given['plain-http'], waitMs, credentials };
  try {
    await smokeAll(domains, smoking, tell);
  } catch (error) {
    if (!given['or-roll-back']) throw error;
    const why = error instanceof Failure ? error.message : String(error);
    tell(`FAILED  ${why}`);
    const place = placeOf(given);
    const { bucket } = await readPlace(place);
    if (!(await hasChangedRelease({ project: place.project, bucket }))) {
      throw new Failure(
        `${why}\nThe release is the one that was there before: nothing to go back to. If the configuration did it, check out the one before, and apply that.`,
      );
    }
    await rollBack(place, tell);
    // A token of gcloud's may have been good for some minutes only.
    const again = given.user === undefined ? await credentialsOf() : credentials;
    await smokeAll(domains, { ...smoking, credentials: again }, tell);
    throw new Failure(`${why}\nThe release that was there before is there again, and works.`);
  }
}

/** Who pushes and pulls: by default whoever is logged in to gcloud. */
async function credentialsOf(user?: string, isOnStdin = false) {
  if ((user === undefined) === isOnStdin) {
    throw new Failure('--user and --password-stdin are told together, or none of them');
  }
  if (user !== undefined) {
    return { user, password: (await text(process.stdin)).replace(/\r?\n$/, '') };
  }
  const token = (await ask('gcloud', ['auth', 'print-access-token'])).trim();
  return { user: 'oauth2accesstoken', password: token };
}

function placeOf(given: {
  readonly project?: string | undefined;
  readonly state?: string | undefined;
  readonly directory: string;
}): Place {
  const { project, state, directory } = given;
  if (project === undefined) throw new Failure(`--project is missing\n\n${help}`);
  // Terraform would take it from where its configuration is.
  return { project, state: state ?? `${project}-terraform`, directory: resolve(directory) };
}

function numberOf(given: string): number {
  if (/^\d{1,4}$/.test(given)) return Number(given);
  throw new Failure(`--wait is a number of seconds, and not '${given}'`);
}

const parameters = process.argv.slice(2);
if (parameters.includes('--help')) tell(help);
else {
  try {
    const { step, rest } = stepOf(parameters);
    await run[step](rest);
  } catch (error) {
    process.stderr.write(`${error instanceof Failure ? error.message : (error as Error).stack}\n`);
    process.exitCode = 1;
  }
}
