// GET blobs/uploads/{session} (end-13): how much was received.

import { openUpload } from '#shared/registry/uploads.ts';
import type { RepositoryAction } from '../action.ts';
import { progress, sessionOf } from './replies.ts';

export const status: RepositoryAction = async (request, services) => {
  const { session, location } = sessionOf(request, services);
  const { offset } = await openUpload(services, session);
  return progress(204, { session, location, offset });
};
