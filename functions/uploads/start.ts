// POST blobs/uploads/ (end-4, end-11): opens a session, or takes a whole blob, or mounts one.

import type { Reply } from '#shared/http/reply.ts';
import { type Algorithm, type Digest, parseAlgorithm } from '#shared/oci/digest.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import { type Repository, repositoryAt } from '#shared/registry/layout.ts';
import { findMountSource, mountBlob } from '#shared/registry/mount.ts';
import { openSession, sessionLocation } from '#shared/registry/sessions.ts';
import { pushBlob } from '#shared/registry/uploads.ts';
import { type RepositoryAction, type RepositoryRequest, requireDigest } from '../action.ts';
import type { Services } from '../services.ts';
import { created, progress } from './replies.ts';

export const startUpload: RepositoryAction = async (request, services) => {
  const { query, repository, body } = request;
  const mount = query.get('mount');
  if (mount !== null) return mountOrOpen(request, services, requireDigest(mount));
  const digest = query.get('digest');
  if (digest === null) return open(request, services);
  const wanted = requireDigest(digest);
  await pushBlob(services, repository, wanted, body.stream());
  return created(repository, wanted);
};

/** "If a registry does not support … mounting or is unable to mount the requested blob, it SHOULD return 202". */
async function mountOrOpen(
  request: RepositoryRequest,
  services: Services,
  digest: Digest,
): Promise<Reply> {
  const from = await sourceOf(request, services, digest);
  const into = request.repository;
  const mounted = from !== undefined && (await mountBlob(services, { digest, from, into }));
  if (!mounted) return open(request, services);
  return { ...created(into, digest), audited: { action: 'blob.mount', digest } };
}

/** The repository to mount from, when the caller may pull from it. */
async function sourceOf(
  request: RepositoryRequest,
  services: Services,
  digest: Digest,
): Promise<Repository | undefined> {
  const { query, repository, access } = request;
  const named = query.get('from');
  const source = named === null ? undefined : parseRepositoryName(named);
  // A token opens what it names, also where its holder might have asked for more: clients ask for the source, too.
  const mayPull = (name: Repository['name']) => access.may('pull', name);
  if (named === null) return findMountSource(services, repository, digest, mayPull);
  return source === undefined || !(await mayPull(source))
    ? undefined
    : repositoryAt(repository.location, source);
}

function open({ query, repository }: RepositoryRequest, { clock, stateKeys }: Services): Reply {
  const algorithm = announced(query.get('digest-algorithm'));
  const session = openSession(repository, { clock, algorithm });
  return progress(202, { session, location: sessionLocation(session, stateKeys), offset: 0 });
}

/** end-4c: the algorithm of the digest that will close the session. */
function announced(text: string | null): Algorithm | undefined {
  if (text === null) return undefined;
  const algorithm = parseAlgorithm(text);
  if (algorithm !== undefined) return algorithm;
  throw new RegistryError('DIGEST_INVALID', {
    message: 'this digest algorithm is not supported: sha256 and sha512 are',
    detail: { algorithm: text.slice(0, 32) },
  });
}
