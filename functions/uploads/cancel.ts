// DELETE blobs/uploads/{session} (end-14): gives a session up.

import { cancelUpload } from '#shared/registry/uploads.ts';
import type { RepositoryAction } from '../action.ts';
import { sessionOf } from './replies.ts';

export const cancel: RepositoryAction = async (request, services) => {
  const { session } = sessionOf(request, services);
  await cancelUpload(services, session);
  return { status: 204 };
};
