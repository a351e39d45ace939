// A release, as Terraform is given it, and the bucket in which all of them are kept:
//
//   functions-<SHA-256>.zip           the source of the functions, named by what it is
//   releases/<ID>.json                {functions, image}: what was made of the source of that ID
//   deployed/<time>-<ID>.json         what was deployed when, and what was there before (deployments.ts)
//
// The image of the streaming services lies in Artifact Registry, tagged by the ID and used by its digest.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as v from 'valibot';
import { Failure } from './failure.ts';
import { ask, ProgramFailure } from './programs.ts';

/** A place of Artifact Registry, project, repository, name, digest. */
const imageSyntax =
  /^([a-z0-9-]+)-docker\.pkg\.dev\/([^/@\s]+)\/([^/@\s]+)\/([^@\s]+)@(sha256:[0-9a-f]{64})$/;

export const releaseSchema = v.object({
  /** The name of the zip. */
  functions: v.pipe(v.string(), v.regex(/^functions-[0-9a-f]{64}\.zip$/)),
  /** `…@sha256:…` */
  image: v.pipe(v.string(), v.regex(imageSyntax)),
});

export type Release = Readonly<v.InferOutput<typeof releaseSchema>>;

export function isSame(one: Release, other: Release): boolean {
  return one.functions === other.functions && one.image === other.image;
}

/** Where releases are kept. */
export interface Store {
  readonly project: string;
  readonly bucket: string;
}

/** @returns `undefined` when nothing was made of that source yet */
export async function readRelease(store: Store, id: string): Promise<Release | undefined> {
  const text = await readTexts(store, `releases/${id}.json`);
  return text === undefined ? undefined : parseJson(releaseSchema, text, `releases/${id}.json`);
}

/** @throws Failure that says which part of a release is gone */
export async function requireRelease(store: Store, release: Release): Promise<void> {
  const object = `gs://${store.bucket}/${release.functions}`;
  await ask('gcloud', [
    ...['storage', 'objects', 'describe', object, `--project=${store.project}`, '--format=none'],
  ]);
  const [, location, project, repository, name, digest = ''] =
    imageSyntax.exec(release.image) ?? [];
  // `artifacts docker images describe` would ask another service as well, for what is known of its vulnerabilities.
  await ask('gcloud', [
    ...['artifacts', 'versions', 'describe', digest, `--package=${name}`],
    ...[`--repository=${repository}`, `--location=${location}`, `--project=${project}`],
    '--format=none',
  ]);
}

/**
 * The texts of all objects whose names fit, one after another.
 * @param pattern may hold a `*`
 * @returns `undefined` when there is none
 */
export async function readTexts(store: Store, pattern: string): Promise<string | undefined> {
  const { project, bucket } = store;
  try {
    return await ask('gcloud', [
      ...['storage', 'cat', `gs://${bucket}/${pattern}`],
      `--project=${project}`,
    ]);
  } catch (error) {
    const isAbsent = error instanceof ProgramFailure && /matched no objects/.test(error.said);
    if (isAbsent) return undefined;
    throw error;
  }
}

/**
 * Writes JSON, on a line of its own.
 * @param options.once what is there already stays
 */
export async function writeJson(
  store: Store,
  name: string,
  value: unknown,
  options: { readonly once: boolean },
): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-release-'));
  try {
    const file = join(directory, 'value.json');
    await writeFile(file, `${JSON.stringify(value)}\n`);
    await copy(store, file, name, [
      ...(options.once ? ['--no-clobber'] : []),
      '--content-type=application/json',
    ]);
  } finally {
    await rm(directory, { recursive: true });
  }
}

/** Uploads a file whose name says what is in it: what is there already is the same. */
export async function uploadOnce(store: Store, file: string, name: string): Promise<void> {
  await copy(store, file, name, ['--no-clobber', '--content-type=application/zip']);
}

async function copy(
  { project, bucket }: Store,
  file: string,
  name: string,
  flags: readonly string[],
): Promise<void> {
  const to = `gs://${bucket}/${name}`;
  await ask('gcloud', ['storage', 'cp', file, to, ...flags, `--project=${project}`]);
}

/** @throws Failure that says what is wrong with it */
export function parseJson<S extends v.GenericSchema>(
  schema: S,
  text: string,
  name: string,
): v.InferOutput<S> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new Failure(`${name} is not JSON`);
  }
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new Failure(
    `${name} is not what it should be: ${v.getDotPath(issue) ?? ''} ${issue.message}`,
  );
}
