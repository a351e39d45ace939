// The catalog: the repositories of a location that the caller may see.

import { repositoriesLookedAtMax } from '../oci/limits.ts';
import { parseRepositoryName, projectOf, type RepositoryName } from '../oci/reference.ts';
import type { Key } from '../ports/documents.ts';
import { repositoriesOf, repositoryAt, repositoryKey } from './layout.ts';
import type { Store } from './store.ts';
import type { Page } from './tags.ts';

/**
 * One page of the repositories of a location, by name in ASCII order.
 * @param options.visible whether the caller may see that repository
 */
export async function listRepositories(
  { documents }: Store,
  location: string,
  options: {
    readonly limit: number;
    readonly last: string | undefined;
    readonly visible: (name: RepositoryName) => Promise<boolean>;
  },
): Promise<Page<RepositoryName>> {
  const { limit, last, visible } = options;
  const prefix = repositoriesOf(location);
  const seen: RepositoryName[] = [];
  // Enough for the page when all is visible; more where the caller sees little of it.
  const batchSize = Math.min(Math.max(limit + 1, 100), 1000);
  let after: Key | undefined = last === undefined || last === '' ? undefined : [...prefix, last];
  for (;;) {
    const batch = await documents.names({ prefix, after, limit: batchSize });
    for (const text of batch) {
      const name = parseRepositoryName(text);
      if (name !== undefined && (await visible(name))) seen.push(name);
    }
    const end = batch.at(-1);
    if (seen.length > limit || batch.length < batchSize || end === undefined) break;
    after = [...prefix, end];
  }
  return { entries: seen.slice(0, limit), more: seen.length > limit };
}

/**
 * One page of the repositories whose names go on after a name, a project's or another's, by name in ASCII order. At most
 * `repositoriesLookedAtMax` are looked at, however few of them may be seen.
 * @param options.last the name to go on after
 * @param options.visible whether the caller may see that repository
 * @returns the page, and the name that the next one goes on after, where there may be one
 */
export async function listRepositoriesBelow(
  { documents }: Pick<Store, 'documents'>,
  location: string,
  options: {
    readonly name: string;
    readonly limit: number;
    readonly last: string | undefined;
    readonly visible: (name: RepositoryName) => Promise<boolean>;
  },
): Promise<{ readonly entries: readonly RepositoryName[]; readonly next: string | undefined }> {
  const { name: above, limit, last = '', visible } = options;
  const prefix = repositoriesOf(location);
  const start = `${above}/`;
  const entries: RepositoryName[] = [];
  // Mostly there is nothing below, which one read tells.
  let batchSize = 1;
  let after = last > start ? last : start;
  for (let looked = 0; looked < repositoriesLookedAtMax; looked += batchSize, batchSize = 100) {
    const batch = await documents.names({ prefix, after: [...prefix, after], limit: batchSize });
    for (const text of batch) {
      const name = parseRepositoryName(text);
      if (!text.startsWith(start) || name === undefined) return { entries, next: undefined };
      if (entries.length === limit) return { entries, next: after };
      if (await visible(name)) entries.push(name);
      after = text;
    }
    if (batch.length < batchSize) return { entries, next: undefined };
  }
  return { entries, next: after };
}

/**
 * The projects that have repositories in a location, each once, in the order of their first repositories' names. Two reads a
 * project, however many repositories it has.
 * @param after the project to go on after
 */
export async function* listProjectsOfRepositories(
  { documents }: Pick<Store, 'documents'>,
  location: string,
  after: string | undefined,
): AsyncGenerator<string> {
  const prefix = repositoriesOf(location);
  const isRepository = async (text: string) => {
    const name = parseRepositoryName(text);
    if (name === undefined) return false;
    return (await documents.get(repositoryKey(repositoryAt(location, name)))) !== undefined;
  };
  // A repository that is called as its project comes first of all in it; others may come before the rest.
  let place = after;
  if (after !== undefined && !(await isRepository(after))) place = endOf(after);
  for (;;) {
    const start = place === undefined ? undefined : [...prefix, place];
    const [text] = await documents.names({ prefix, after: start, limit: 1 });
    const name = parseRepositoryName(text ?? '');
    if (name === undefined) return;
    const project = projectOf(name);
    place = name === project ? name : endOf(project);
    if (name === project || !(await isRepository(project))) yield project;
  }
}

/** After all repositories below a project, and before any other's: names have no such character. */
function endOf(project: string): string {
  return `${project}/~`;
}
