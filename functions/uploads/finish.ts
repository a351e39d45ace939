// PUT blobs/uploads/{session}?digest= (end-6): closes a session, with the last chunk or the whole blob.

import { finishUpload } from '#shared/registry/uploads.ts';
import { type RepositoryAction, requireDigest } from '../action.ts';
import { chunkOf, created, sessionOf } from './replies.ts';

export const finish: RepositoryAction = async (request, services) => {
  const { session, location } = sessionOf(request, services);
  const digest = requireDigest(request.query.get('digest'));
  await finishUpload(services, session, location, digest, chunkOf(request));
  return created(request.repository, digest);
};
