// GET and HEAD blobs/{digest} (end-2): the bytes, or where they are. A blob is read through a repository
// that holds a link to it; a digest alone opens nothing.

import { isFresh, rangeApplies } from '#shared/http/conditional.ts';
import type { Reply } from '#shared/http/reply.ts';
import type { Digest } from '#shared/oci/digest.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { parseRange, type Range } from '#shared/oci/range.ts';
import { readBlob } from '#shared/registry/contents.ts';
import { blobObject } from '#shared/registry/layout.ts';
import { blobUnknown, findLink, leaseLink } from '#shared/registry/links.ts';
import { type RepositoryAction, type RepositoryRequest, requireDigest } from '../action.ts';
import { blobHeaders, blobReply, redirectReply, unsatisfiable } from '../blob-replies.ts';
import type { Services } from '../services.ts';

export const getBlob: RepositoryAction = async (request, services) => {
  const { method, params, headers, repository } = request;
  const digest = requireDigest(params['digest']);
  // HEAD is how clients ask whether they must upload: its 200 is a promise, and so leases the link.
  const find = method === 'HEAD' ? leaseLink : findLink;
  const link = await find(services, repository, digest);
  if (link === undefined) throw blobUnknown(repository, digest);
  const { size } = link;
  if (isFresh(headers, digest)) return { status: 304, headers: blobHeaders(digest) };
  // Answered here, never redirected: stores refuse a HEAD with a URL that was signed for GET.
  // A range is GET's alone (RFC 9110 section 14.2).
  if (method === 'HEAD') return blobReply({ digest, size }, undefined, '');
  const range = rangeApplies(headers, digest) ? parseRange(headers.range, size) : undefined;
  if (range === 'unsatisfiable') throw unsatisfiable(size);
  return send(request, services, { digest, size, range });
};

async function send(
  { repository, host }: RepositoryRequest,
  services: Services,
  { digest, size, range }: { digest: Digest; size: number; range: Range | undefined },
): Promise<Reply> {
  const object = blobObject(repository, digest);
  const url = await services.blobs.readUrl(object, { mediaType: mediaTypes.octetStream });
  return (
    redirectReply(digest, host, url) ??
    blobReply(
      { digest, size },
      range,
      await readBlob(services, repository, { digest, size }, range),
    )
  );
}
