// DELETE manifests/{reference} (end-9): a tag alone, or a manifest with the tags that point at it; where the project
// deletes as gcr.io does, only one that nothing points at.

import { deleteManifest } from '#shared/registry/manifests.ts';
import { type RepositoryAction, requireReference } from '../action.ts';

export const deleteManifestOrTag: RepositoryAction = async (request, services) => {
  const { params, repository, access, host, address, requestId } = request;
  const reference = requireReference(params['reference'], 'MANIFEST_UNKNOWN');
  // A tag goes alone by either's rules.
  const asGcr =
    reference.kind === 'digest' && (await services.authority.deletesAsGcr(repository.project));
  const cause = { by: access.by, host, address, requestId };
  const tags = await deleteManifest(services, repository, reference, { ...cause, asGcr });
  return { status: 202, audited: { tags } };
};
