// What a request to a mirror means, and how it is told where its upstream does not answer.

import type { Source } from '#shared/mirror/client.ts';
import type { Mirror } from '#shared/mirror/mirror.ts';
import { UpstreamFailure } from '#shared/mirror/upstream-failure.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import type { RepositoryRequest } from '../action.ts';
import type { Services } from '../services.ts';

/** @throws RegistryError NAME_UNKNOWN where the host is no mirror, or does not mirror that registry */
export function sourceOf(
  { host, query, repository: { name } }: RepositoryRequest,
  { mirror }: Services,
): { mirror: Mirror; source: Source } {
  const ns = query.get('ns');
  const source = mirror?.source(host, ns, name);
  if (mirror !== undefined && source !== undefined) return { mirror, source };
  throw new RegistryError('NAME_UNKNOWN', {
    message:
      mirror === undefined || ns === null || !mirror.isMirror(host)
        ? 'this host is not a mirror'
        : 'that registry is not mirrored here: BERTH_MIRROR_UPSTREAMS says which are',
    detail: { ns: ns?.slice(0, 255) },
  });
}

/**
 * Asks of an upstream.
 * @throws RegistryError TOOMANYREQUESTS (429) where it is to be left in peace; UNSUPPORTED (502) where it does not answer.
 *   Why is in the log alone: it may be of a network that the client does not see into
 */
export async function asked<T>(
  { upstream, name }: Source,
  { log }: Services,
  ask: () => Promise<T>,
): Promise<T> {
  try {
    return await ask();
  } catch (error) {
    if (!(error instanceof UpstreamFailure)) throw error;
    const { retryAfterSeconds } = error;
    if (retryAfterSeconds !== undefined) {
      throw new RegistryError('TOOMANYREQUESTS', {
        message: `${upstream.name} is asked nothing at this moment: try again later, or ask it yourself`,
        headers: { 'Retry-After': String(retryAfterSeconds) },
      });
    }
    log('WARNING', 'mirror: an upstream does not answer', {
      upstream: upstream.name,
      name,
      error: error.message,
    });
    throw new RegistryError('UNSUPPORTED', {
      message: `${upstream.name} does not answer as it should: try again, or ask it yourself`,
      status: 502,
    });
  }
}
