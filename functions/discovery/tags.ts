// GET tags/list (end-8), and gcr.io's extension of it: the first page tells of all manifests and of what lies below.

import { nextLink, parsePage } from '#shared/http/pagination.ts';
import { jsonReply, type Reply } from '#shared/http/reply.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { listAsGcr } from '#shared/registry/gcr-listing.ts';
import { isKnown, listTags, nameUnknown, type Page } from '#shared/registry/tags.ts';
import type { RepositoryAction, RepositoryRequest } from '../action.ts';
import type { Services } from '../services.ts';

export const tags: RepositoryAction = async (request, services) => {
  const { query, repository, access } = request;
  const { name } = repository;
  const page = parsePage(query);
  const mayPull = access.onlyBelow !== true;
  if (services.gcrListing && (page.last ?? '') === '') {
    const first = await firstPage(request, services, { limit: page.limit, mayPull });
    if (first !== undefined) return first;
  }
  if (!mayPull) throw nameUnknown(repository);
  const found = await listTags(services, repository, page);
  return jsonReply({ name, tags: found.entries }, { Link: linkAfter(name, found, page.limit) });
};

/**
 * The whole list as gcr.io has it, but for the tags, which are cut: clients of gcr.io read no second page.
 * @returns `undefined` where it would be too long
 */
async function firstPage(
  { repository, access, requestId }: RepositoryRequest,
  services: Services,
  { limit, mayPull }: { readonly limit: number; readonly mayPull: boolean },
): Promise<Reply | undefined> {
  const { name } = repository;
  const visible = (below: typeof name) => access.couldDo('pull', below);
  const listing = await listAsGcr(services, repository, { mayPull, visible });
  if (listing === undefined) {
    services.log('WARNING', 'a list is too long to be told as gcr.io does', { name, requestId });
    return undefined;
  }
  const { manifests, children } = listing;
  const { json, count, tags: all } = manifests;
  const isEmpty = children.length === 0 && count === 0 && all.length === 0;
  if (isEmpty && !(mayPull && (await isKnown(services.documents, repository)))) {
    throw nameUnknown(repository);
  }
  const entries = all.length > limit ? all.slice(0, limit) : all;
  const link = linkAfter(name, { entries, more: all.length > limit }, limit);
  const child = JSON.stringify(children);
  const make = () =>
    Buffer.concat([
      Buffer.from(`{"child":${child},"manifest":`),
      json,
      Buffer.from(`,"name":"${name}","tags":${JSON.stringify(entries)}}`),
    ]);
  const body = services.listings?.answer(manifests, `${limit} ${child}`, make) ?? make();
  return { status: 200, headers: { 'Content-Type': mediaTypes.json, Link: link }, body };
}

function linkAfter(name: string, { entries, more }: Page<string>, limit: number) {
  const last = entries.at(-1);
  // "when n is zero … the response MUST NOT include a Link header": there is no last entry then.
  return more && last !== undefined
    ? nextLink(`/v2/${name}/tags/list`, { n: String(limit), last })
    : undefined;
}
