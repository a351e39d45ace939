// DELETE blobs/{digest} (end-10): the repository lets go of the blob. Others that hold it keep it.

import { unlink } from '#shared/registry/links.ts';
import { type RepositoryAction, requireDigest } from '../action.ts';

export const deleteBlob: RepositoryAction = async (request, store) => {
  const { params, repository, access, address, requestId } = request;
  const digest = requireDigest(params['digest']);
  await unlink(store, repository, digest, { by: access.by, address, requestId });
  return { status: 202 };
};
