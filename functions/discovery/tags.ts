// GET tags/list (end-8).

import { nextLink, parsePage } from '#shared/http/pagination.ts';
import { jsonReply } from '#shared/http/reply.ts';
import { listTags } from '#shared/registry/tags.ts';
import type { RepositoryAction } from '../action.ts';

export const tags: RepositoryAction = async ({ query, repository }, store) => {
  const page = parsePage(query);
  const { entries, more } = await listTags(store, repository, page);
  const { name } = repository;
  const last = entries.at(-1);
  // "when n is zero … the response MUST NOT include a Link header": there is no last entry then.
  const link =
    more && last !== undefined
      ? nextLink(`/v2/${name}/tags/list`, { n: String(page.limit), last })
      : undefined;
  return jsonReply({ name, tags: entries }, { Link: link });
};
