// What the upload endpoints answer, and the session a request names.

import type { Reply } from '#shared/http/reply.ts';
import type { Digest } from '#shared/oci/digest.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { parseContentRange, receivedRange } from '#shared/oci/range.ts';
import type { Repository } from '#shared/registry/layout.ts';
import {
  parseSession,
  sessionIdIn,
  sessionLocation,
  type UploadSession,
} from '#shared/registry/sessions.ts';
import type { Chunk } from '#shared/registry/uploads.ts';
import type { RepositoryRequest } from '../action.ts';
import type { Services } from '../services.ts';

/** The session of the request's path and `_state`. @throws RegistryError BLOB_UPLOAD_UNKNOWN */
export function sessionOf(
  { params, query, repository }: RepositoryRequest,
  { clock, stateKeys }: Services,
): { session: UploadSession; location: string } {
  const id = sessionIdIn(params['session'] ?? '');
  const state = query.get('_state');
  const session = parseSession(repository, { id, state, keys: stateKeys, clock });
  return { session, location: sessionLocation(session, stateKeys) };
}

/** The request's body as a chunk. @throws RegistryError BLOB_UPLOAD_INVALID when its Content-Range is not one */
export function chunkOf({ headers, body }: RepositoryRequest): Chunk {
  const header = headers['content-range'];
  const range = header === undefined ? undefined : parseContentRange(header);
  if (header !== undefined && range === undefined) {
    throw new RegistryError('BLOB_UPLOAD_INVALID', {
      message: 'Content-Range is <start>-<end>, both counted from 0 and inclusive',
      detail: { contentRange: header.slice(0, 100) },
    });
  }
  return { body: body.stream(), range, length: body.length };
}

/** An open session: where to go on, and what was received. */
export function progress(
  status: 202 | 204,
  { session, location, offset }: { session: UploadSession; location: string; offset: number },
): Reply {
  return {
    status,
    headers: {
      Location: location,
      Range: receivedRange(offset),
      'Docker-Upload-UUID': session.id,
    },
  };
}

/** A blob that the repository holds now. */
export function created({ name }: Repository, digest: Digest): Reply {
  return {
    status: 201,
    headers: { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest },
    audited: { digest },
  };
}
