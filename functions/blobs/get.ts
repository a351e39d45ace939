// GET and HEAD blobs/{digest} (end-2): the bytes, or where they are. A blob is read through a repository
// that holds a link to it; a digest alone opens nothing.

import { isFresh, rangeApplies } from '#shared/http/conditional.ts';
import type { Reply, ReplyHeaders } from '#shared/http/reply.ts';
import type { Digest } from '#shared/oci/digest.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { parseRange, type Range } from '#shared/oci/range.ts';
import { readBlob } from '#shared/registry/contents.ts';
import { blobObject } from '#shared/registry/layout.ts';
import { blobUnknown, findLink, leaseLink } from '#shared/registry/links.ts';
import { type RepositoryAction, type RepositoryRequest, requireDigest } from '../action.ts';
import type { Services } from '../services.ts';

export const getBlob: RepositoryAction = async (request, services) => {
  const { method, params, headers, repository } = request;
  const digest = requireDigest(params['digest']);
  // HEAD is how clients ask whether they must upload: its 200 is a promise, and so leases the link.
  const find = method === 'HEAD' ? leaseLink : findLink;
  const link = await find(services, repository, digest);
  if (link === undefined) throw blobUnknown(repository, digest);
  if (isFresh(headers, digest)) return { status: 304, headers: headersOf(digest) };
  // Answered here, never redirected: stores refuse a HEAD with a URL that was signed for GET.
  // A range is GET's alone (RFC 9110 section 14.2).
  if (method === 'HEAD') return whole(digest, link.size, '');
  const range = rangeApplies(headers, digest) ? parseRange(headers.range, link.size) : undefined;
  if (range === 'unsatisfiable') throw unsatisfiable(link.size);
  return send(request, services, { digest, size: link.size, range });
};

async function send(
  { repository, host }: RepositoryRequest,
  services: Services,
  { digest, size, range }: { digest: Digest; size: number; range: Range | undefined },
): Promise<Reply> {
  const object = blobObject(repository, digest);
  const url = await services.blobs.readUrl(object, { mediaType: mediaTypes.octetStream });
  if (url !== undefined && !isBelow(host, url)) {
    return { status: 307, headers: { Location: url, 'Docker-Content-Digest': digest } };
  }
  const body = await readBlob(services, repository, { digest, size }, range);
  if (range === undefined) return whole(digest, size, body);
  const { start, end } = range;
  return {
    status: 206,
    headers: {
      ...headersOf(digest),
      'Content-Range': `bytes ${start}-${end}/${size}`,
      'Content-Length': end - start + 1,
    },
    body,
  };
}

/**
 * Whether a URL leads to a sub-domain of the registry's host. Clients send their Authorization on to there, and a
 * store refuses a request that is authorised twice, by its signature and by a token that it does not know.
 */
function isBelow(host: string, url: string): boolean {
  return new URL(url).hostname.endsWith(`.${host.replace(/:\d+$/, '')}`);
}

function whole(digest: Digest, size: number, body: NonNullable<Reply['body']>): Reply {
  return { status: 200, headers: { ...headersOf(digest), 'Content-Length': size }, body };
}

function headersOf(digest: Digest): ReplyHeaders {
  return {
    'Content-Type': mediaTypes.octetStream,
    'Docker-Content-Digest': digest,
    ETag: `"${digest}"`,
    'Accept-Ranges': 'bytes',
    'Cache-Control': 'private, max-age=31536000, immutable',
  };
}

function unsatisfiable(size: number): RegistryError {
  return new RegistryError('SIZE_INVALID', {
    message: `the blob has ${size} bytes, and the range asked for is not in it`,
    status: 416,
    headers: { 'Content-Range': `bytes */${size}` },
  });
}
