// DELETE manifests/{reference} (end-9): a tag alone, or a manifest with the tags that point at it.

import { deleteManifest } from '#shared/registry/manifests.ts';
import { type RepositoryAction, requireReference } from '../action.ts';

export const deleteManifestOrTag: RepositoryAction = async (request, store) => {
  const { params, repository, access, host, address, requestId } = request;
  const reference = requireReference(params['reference'], 'MANIFEST_UNKNOWN');
  const cause = { by: access.by, host, address, requestId };
  const tags = await deleteManifest(store, repository, reference, cause);
  return { status: 202, audited: { tags } };
};
