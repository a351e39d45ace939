// Docker's config.json, in which a helper is named for each registry.

import { lstat, mkdir, readlink, stat } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { dockerDirectory, type Environment } from './environment.ts';
import { exitCodes, Failure } from './failure.ts';
import { setMember } from './json-text.ts';
import { asRecord, asText, isRecord, parseJson } from './json-values.ts';
import { shown } from './printable.ts';
import { errorCode, readSmallFile, replaceFile } from './private-file.ts';

/** What Docker looks for: `docker-credential-` and this. */
export const credentialHelper = 'berth';

export interface Configured {
  readonly path: string;
  /** Registries that were not with this helper before. */
  readonly added: readonly string[];
}

const bytesMax = 16 * 1024 * 1024;
/** As Docker writes it. */
const unit = '\t';
const linksMax = 20;

/**
 * Has Docker ask this helper for some registries. All else in the file stays as it is, byte for byte, with its mode and
 * where it lies; a file that is not there is made, for its owner alone.
 * @param overwrite also for registries that have another helper
 * @throws Failure when the file is no JSON, or one has another helper: nothing is changed then
 */
export async function configureDocker(
  registries: readonly string[],
  environment: Environment,
  overwrite: boolean,
): Promise<Configured> {
  const named = join(dockerDirectory(environment), 'config.json');
  await mkdir(dirname(named), { recursive: true, mode: 0o700 }).catch((error: unknown) => {
    throw new Failure(`${dirname(named)} cannot be made: ${errorCode(error)}`);
  });
  const path = await followLinks(named);
  const before = await readSmallFile(path, bytesMax);
  const { text, added } = withHelper(before ?? '', registries, overwrite, named);
  if (added.length === 0) return { path: named, added };
  const there = before === undefined ? undefined : await stat(path);
  if ((await readSmallFile(path, bytesMax)) !== before) {
    throw new Failure(`${named} was changed just now: try again`, exitCodes.changed);
  }
  await replaceFile(path, text, there === undefined ? 0o600 : there.mode & 0o7777, there);
  return { path: named, added };
}

/**
 * The text of a config.json in which registries have this helper.
 * @param text what is there; an empty one is as if nothing were, as for Docker
 * @param path stands in messages
 */
export function withHelper(
  text: string,
  registries: readonly string[],
  overwrite: boolean,
  path: string,
): { readonly text: string; readonly added: readonly string[] } {
  const current = text.trim() === '' ? '{}\n' : text;
  const parsed = parseJson(current);
  if (!isRecord(parsed)) {
    throw new Failure(
      `${path} is no JSON object, and was left as it is: repair it, or move it away`,
    );
  }
  const helpers = parsed['credHelpers'];
  if (helpers !== undefined && helpers !== null && !isRecord(helpers)) {
    throw new Failure(`credHelpers in ${path} is no object, and was left as it is: repair it`);
  }
  const others = asRecord(helpers);
  const added: string[] = [];
  let changed = current;
  for (const registry of new Set(registries)) {
    const other = Object.hasOwn(others, registry) ? others[registry] : undefined;
    if (other === credentialHelper) continue;
    if (other !== undefined && !overwrite) {
      const name = shown(asText(other) ?? 'another', 50);
      throw new Failure(
        `${registry} has the helper ${name} in ${path}: --overwrite puts ${credentialHelper} in its place`,
        exitCodes.changed,
      );
    }
    changed = setMember(changed, 'credHelpers', registry, credentialHelper, unit);
    added.push(registry);
  }
  return { text: changed, added };
}

/** The file that a path means at last, also where it is not there yet. */
async function followLinks(path: string): Promise<string> {
  let at = path;
  for (let links = 0; links < linksMax; links += 1) {
    const isLink = await lstat(at).then(
      (found) => found.isSymbolicLink(),
      () => false,
    );
    if (!isLink) return at;
    at = resolve(dirname(at), await readlink(at));
  }
  throw new Failure(`${path} is a link that leads nowhere`);
}
