// Upload sessions: what a client's Location says, and what the store remembers of it.
// Opening a session writes nothing: the Location carries a signed `_state`, and a document appears
// with the first bytes. Finishing and cancelling leave a tombstone until the session's greatest age.

import { createHmac, randomUUID, timingSafeEqual } from 'node:crypto';
import { type Algorithm, parseAlgorithm } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import { sessionSecondsMax } from '../oci/limits.ts';
import { receivedRange } from '../oci/range.ts';
import type { Clock } from '../ports/clock.ts';
import type { Reads, Transaction } from '../ports/documents.ts';
import { type Repository, uploadKey } from './layout.ts';
import { read, type UploadRecord, write } from './records.ts';

export interface UploadSession {
  readonly repository: Repository;
  readonly id: string;
  /** Milliseconds since 1970, whole seconds. */
  readonly started: number;
  /** What the client announced at POST (`?digest-algorithm=`, end-4c). sha256 when it announced nothing. */
  readonly algorithm: Algorithm;
}

/** A secret that signs sessions. The first of a list signs; all of it verify, so that keys can rotate. */
export interface StateKey {
  readonly id: string;
  readonly secret: string;
}

/**
 * What every session's address ends with before its query, and no tag, no digest and no name does: by the end of the path a
 * load balancer tells uploads from all else, however deep the name, and where the client has lost the query, too. Its patterns
 * can say nothing else of what comes after a name of any depth.
 */
export const sessionMark = '~';

/** A session that nobody has sent anything to yet, or that left no trace. */
const emptyUpload: UploadRecord = { offset: 0, parts: [] };

export function openSession(
  repository: Repository,
  { clock, algorithm = 'sha256' }: { clock: Clock; algorithm?: Algorithm | undefined },
): UploadSession {
  const started = Math.floor(clock.now() / 1000) * 1000;
  return { repository, id: randomUUID(), started, algorithm };
}

/** The session's address, relative to the host: the same for its whole life. */
export function sessionLocation(session: UploadSession, keys: readonly StateKey[]): string {
  const [key] = keys;
  if (key === undefined) throw new Error('no key to sign upload sessions with');
  const claims = `${key.id}.${(session.started / 1000).toString(36)}.${session.algorithm}`;
  const state = `${claims}.${mac(key, session.repository, session.id, claims)}`;
  return `/v2/${session.repository.name}/blobs/uploads/${session.id}${sessionMark}?_state=${state}`;
}

/**
 * A session's id, of the last segment of its address. Some clients encode what needs no encoding; and what was opened before
 * addresses had a mark goes on without.
 */
export function sessionIdIn(segment: string): string {
  return segment.replace(/(?:~|%7e)$/i, '');
}

/**
 * The session that a request's id and `_state` name.
 * @throws RegistryError BLOB_UPLOAD_UNKNOWN when the state is missing, forged, another session's, or too old
 */
export function parseSession(
  repository: Repository,
  {
    id,
    state,
    keys,
    clock,
  }: { id: string; state: string | null; keys: readonly StateKey[]; clock: Clock },
): UploadSession {
  const [keyId = '', started = '', announced = '', signature = '', ...more] =
    state?.split('.') ?? [];
  const key = keys.find((candidate) => candidate.id === keyId);
  const algorithm = parseAlgorithm(announced);
  if (key === undefined || algorithm === undefined || more.length > 0) throw uploadUnknown();
  const expected = mac(key, repository, id, `${keyId}.${started}.${announced}`);
  if (!equal(signature, expected)) throw uploadUnknown();
  const session = { repository, id, started: Number.parseInt(started, 36) * 1000, algorithm };
  if (expiresAt(session) <= clock.now()) throw uploadUnknown();
  return session;
}

/**
 * What the session has received.
 * @throws RegistryError BLOB_UPLOAD_UNKNOWN when it was cancelled
 */
export async function readUpload(reads: Reads, session: UploadSession): Promise<UploadRecord> {
  const upload = (await read(reads, uploadKey(session.repository, session.id))) ?? emptyUpload;
  if (upload.closed === null) throw uploadUnknown();
  return upload;
}

export function writeUpload(
  transaction: Transaction,
  session: UploadSession,
  upload: UploadRecord,
): void {
  write(transaction, uploadKey(session.repository, session.id), upload, {
    expiresAt: expiresAt(session),
  });
}

/** Two writers of one session, or a chunk out of order: 416 with what was really received. */
export function outOfOrder(location: string, offset: number): RegistryError {
  return new RegistryError('BLOB_UPLOAD_INVALID', {
    message: `the chunk does not begin where the upload stands: ${offset} bytes were received`,
    detail: { offset },
    status: 416,
    headers: { Location: location, Range: receivedRange(offset) },
  });
}

export function uploadUnknown(): RegistryError {
  return new RegistryError('BLOB_UPLOAD_UNKNOWN', {
    message:
      'no such upload: it was finished, cancelled or has expired, or its address is not one we gave. Start again with POST',
  });
}

function expiresAt({ started }: UploadSession): number {
  return started + sessionSecondsMax * 1000;
}

function mac(key: StateKey, repository: Repository, id: string, claims: string): string {
  const { location, name } = repository;
  return createHmac('sha256', key.secret)
    .update([location, name, id, claims].join('\0'))
    .digest('base64url');
}

function equal(a: string, b: string): boolean {
  const [left, right] = [Buffer.from(a), Buffer.from(b)];
  return left.length === right.length && timingSafeEqual(left, right);
}
