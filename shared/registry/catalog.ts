// The catalog: the repositories of a location that the caller may see.

import { parseRepositoryName, type RepositoryName } from '../oci/reference.ts';
import type { Key } from '../ports/documents.ts';
import { repositoriesOf } from './layout.ts';
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
