// GET /v2/_catalog: the repositories that the caller may pull from. Docker's, not the specification's.

import { nextLink, parsePage } from '#shared/http/pagination.ts';
import { jsonReply } from '#shared/http/reply.ts';
import { catalogPageDefault } from '#shared/oci/limits.ts';
import { listRepositories } from '#shared/registry/catalog.ts';
import type { Action } from '../action.ts';

export const catalog: Action = async ({ query, location, access }, services) => {
  const page = parsePage(query, catalogPageDefault);
  const { entries, more } = await listRepositories(services, location, {
    ...page,
    visible: (name) => access.couldDo('pull', name),
  });
  const last = entries.at(-1);
  const link =
    more && last !== undefined
      ? nextLink('/v2/_catalog', { n: String(page.limit), last })
      : undefined;
  return jsonReply({ repositories: entries }, { Link: link });
};
