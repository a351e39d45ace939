// GET and HEAD manifests/{reference} of a mirror (end-3). As the registry itself, it serves what there is, whatever Accept
// says. What may be out of date has `Age` and `Warning: 110` (RFC 7234 section 5.5.1).

import { isFresh } from '#shared/http/conditional.ts';
import type { ReplyHeaders } from '#shared/http/reply.ts';
import type { AnsweredManifest } from '#shared/mirror/manifests.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { type RepositoryAction, requireReference } from '../action.ts';
import { asked, sourceOf } from './source.ts';

export const getManifest: RepositoryAction = async (request, services) => {
  const { method, params, headers } = request;
  const { mirror, source } = sourceOf(request, services);
  const reference = requireReference(params['reference'], 'MANIFEST_UNKNOWN');
  const found = await asked(source, services, () => mirror.manifest(source, reference));
  if (found === undefined) {
    throw new RegistryError('MANIFEST_UNKNOWN', {
      message: `${source.upstream.name} has no such image, or none that anybody may pull`,
      detail: { name: source.name, reference: params['reference']?.slice(0, 200) },
    });
  }
  const described = headersOf(found);
  if (isFresh(headers, found.digest)) return { status: 304, headers: described };
  return {
    status: 200,
    headers: { ...described, 'Content-Length': found.bytes.length },
    body: method === 'HEAD' ? '' : found.bytes,
  };
};

function headersOf({ digest, mediaType, age, isStale }: AnsweredManifest): ReplyHeaders {
  return {
    'Content-Type': mediaType,
    'Docker-Content-Digest': digest,
    ETag: `"${digest}"`,
    Age: age,
    Warning: isStale ? '110 - "Response is Stale"' : undefined,
    'Cache-Control':
      age === undefined ? 'private, max-age=31536000, immutable' : 'private, no-cache',
  };
}
