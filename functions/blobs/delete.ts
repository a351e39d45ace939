// DELETE blobs/{digest} (end-10): the repository lets go of the blob. Others that hold it keep it.

import { unlink } from '#shared/registry/links.ts';
import { type RepositoryAction, requireDigest } from '../action.ts';

export const deleteBlob: RepositoryAction = async ({ params, repository }, store) => {
  await unlink(store, repository, requireDigest(params['digest']));
  return { status: 202 };
};
