// DELETE manifests/{reference} (end-9): a tag alone, or a manifest with the tags that point at it.

import { deleteManifest } from '#shared/registry/manifests.ts';
import { type RepositoryAction, requireReference } from '../action.ts';

export const deleteManifestOrTag: RepositoryAction = async (request, store) => {
  const { params, repository, access, host, requestId } = request;
  const reference = requireReference(params['reference'], 'MANIFEST_UNKNOWN');
  await deleteManifest(store, repository, reference, { by: access.by, host, requestId });
  return { status: 202 };
};
