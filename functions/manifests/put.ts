// PUT manifests/{reference} (end-7): a manifest, under its tag, or under its digest and tags beside it. With If-Match or
// If-None-Match (RFC 9110 section 13.1) only where the tag points, or the digest is, as the client has seen it: so whoever
// changes an index under a tag takes nothing away that others put into it meanwhile.

import { parsePrecondition } from '#shared/http/conditional.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { manifestBytesMax, tagParametersMax } from '#shared/oci/limits.ts';
import { parseContentType } from '#shared/oci/media-types.ts';
import { parseTag, type Reference, type Tag } from '#shared/oci/reference.ts';
import { pushManifest } from '#shared/registry/push-manifest.ts';
import { notTag, type RepositoryAction, requireReference } from '../action.ts';

export const putManifest: RepositoryAction = async (request, store) => {
  const { params, query, headers, repository, access, host, address, requestId } = request;
  const reference = requireReference(params['reference'], 'MANIFEST_INVALID');
  const tags = tagsOf(reference, query.getAll('tag'));
  const precondition = parsePrecondition(headers);
  const bytes = await request.body.bytes(manifestBytesMax);
  const { digest, subject } = await pushManifest(store, repository, {
    reference,
    tags,
    bytes,
    contentType: parseContentType(headers['content-type']),
    precondition,
    by: access.by,
    host,
    address,
    requestId,
  });
  return {
    status: 201,
    headers: {
      Location: `/v2/${repository.name}/manifests/${digest}`,
      'Docker-Content-Digest': digest,
      ETag: `"${digest}"`,
      'OCI-Subject': subject,
      'OCI-Tag': tags.length === 0 ? undefined : tags.join(', '),
    },
    audited: { digest, tags: reference.kind === 'tag' ? [reference.tag] : tags },
  };
};

/** The tags of `?tag=`, each once (end-7b). Beside a tag in the path they would say two things. */
function tagsOf(reference: Reference, parameters: readonly string[]): Tag[] {
  if (reference.kind === 'tag' || parameters.length === 0) return [];
  if (parameters.length > tagParametersMax) {
    throw new RegistryError('UNSUPPORTED', {
      message: `at most ${tagParametersMax} tags in one request`,
      status: 414,
    });
  }
  const tags = parameters.map((text) => {
    const tag = parseTag(text);
    if (tag === undefined) throw notTag(text, 'MANIFEST_INVALID');
    return tag;
  });
  return [...new Set(tags)];
}
