// PATCH blobs/uploads/{session} (end-5): a chunk, or all of the blob as a stream.

import { appendChunk } from '#shared/registry/uploads.ts';
import type { RepositoryAction } from '../action.ts';
import { chunkOf, progress, sessionOf } from './replies.ts';

export const appendUpload: RepositoryAction = async (request, services) => {
  const { session, location } = sessionOf(request, services);
  const offset = await appendChunk(services, session, location, chunkOf(request));
  return progress(202, { session, location, offset });
};
