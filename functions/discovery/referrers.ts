// GET referrers/{digest} (end-12): the manifests whose subject this is, as an image index.

import { nextLink } from '#shared/http/pagination.ts';
import { jsonReply } from '#shared/http/reply.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { listReferrers } from '#shared/registry/referrers.ts';
import { type RepositoryAction, requireDigest } from '../action.ts';

export const referrers: RepositoryAction = async ({ params, query, repository }, store) => {
  const subject = requireDigest(params['digest']);
  const artifactType = query.get('artifactType') ?? undefined;
  const after = query.get('last');
  const last = after === null ? undefined : requireDigest(after);
  const found = await listReferrers(store, repository, subject, { artifactType, last });
  const filter = artifactType === undefined ? {} : { artifactType };
  const index = {
    schemaVersion: 2,
    mediaType: mediaTypes.ociIndex,
    manifests: found.referrers,
  };
  return jsonReply(index, {
    'Content-Type': mediaTypes.ociIndex,
    'OCI-Filters-Applied': artifactType === undefined ? undefined : 'artifactType',
    Link:
      found.next === undefined
        ? undefined
        : nextLink(`/v2/${repository.name}/referrers/${subject}`, { ...filter, last: found.next }),
  });
};
