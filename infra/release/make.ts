// Makes a release of this checkout, unless it was made before: bundles it, and puts the source of the functions and the
// image of the streaming services where Terraform finds them.

import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { bundle } from '../bundle/bundle.ts';
import { zipDirectory } from '../bundle/zip.ts';
import { Failure } from './failure.ts';
import { buildImage } from './image.ts';
import { type Release, readRelease, type Store, uploadOnce, writeJson } from './release.ts';
import { sha256 } from './source-id.ts';

export interface Making {
  /** Of the source: its releases are one and the same. */
  readonly id: string;
  /** The image's name, without tag and digest. */
  readonly image: string;
  /** The e-mail address of the service account that builds the image. */
  readonly account: string;
  /** What `npm run bundle` filled; it is bundled when left out. */
  readonly bundled?: string | undefined;
}

/**
 * @returns the release of that source
 * @throws Failure where gcloud cannot do its part
 */
export async function makeRelease(
  store: Store,
  making: Making,
  tell: (line: string) => void,
): Promise<Release> {
  const { id, image, account } = making;
  const known = await readRelease(store, id);
  if (known !== undefined) {
    tell(`release ${id} was made before`);
    return known;
  }
  const scratch = await mkdtemp(join(tmpdir(), 'berth-release-'));
  try {
    const dist = making.bundled ?? join(scratch, 'dist');
    if (making.bundled === undefined) await bundle(dist);
    const zip = await zipDirectory(join(dist, 'functions'));
    const functions = `functions-${sha256(zip)}.zip`;
    const file = join(scratch, functions);
    await writeFile(file, zip);
    await uploadOnce(store, file, functions);
    tell(`gs://${store.bucket}/${functions}`);
    const built = await buildImage(store, dist, { name: image, tag: id, account });
    tell(built);
    // Of two that make the same release at once, the first is the one that counts.
    await writeJson(store, `releases/${id}.json`, { functions, image: built }, { once: true });
  } finally {
    await rm(scratch, { recursive: true });
  }
  const made = await readRelease(store, id);
  if (made === undefined) throw new Failure(`releases/${id}.json was written, and is not there`);
  return made;
}
