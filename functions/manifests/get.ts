// GET and HEAD manifests/{reference} (end-3). What was pushed is what is served, whatever Accept says:
// every client that cannot use a type says so itself, and some send an Accept they do not mean.

import { isFresh } from '#shared/http/conditional.ts';
import type { ReplyHeaders } from '#shared/http/reply.ts';
import type { Reference } from '#shared/oci/reference.ts';
import { findManifest, readManifest } from '#shared/registry/manifests.ts';
import type { FoundManifest } from '#shared/registry/recent-manifests.ts';
import { type RepositoryAction, requireReference } from '../action.ts';

export const getManifest: RepositoryAction = async (request, store) => {
  const { method, params, headers, repository } = request;
  const reference = requireReference(params['reference'], 'MANIFEST_UNKNOWN');
  const found =
    method === 'HEAD'
      ? { ...(await findManifest(store, repository, reference)), bytes: '' }
      : await readManifest(store, repository, reference);
  const described = headersOf(found, reference);
  if (isFresh(headers, found.digest)) return { status: 304, headers: described };
  return {
    status: 200,
    headers: { ...described, 'Content-Length': found.size },
    body: found.bytes,
  };
};

function headersOf({ digest, mediaType }: FoundManifest, reference: Reference): ReplyHeaders {
  return {
    'Content-Type': mediaType,
    'Docker-Content-Digest': digest,
    ETag: `"${digest}"`,
    'Cache-Control':
      reference.kind === 'digest' ? 'private, max-age=31536000, immutable' : 'private, no-cache',
  };
}
