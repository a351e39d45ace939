// Who may pull from a mirror: anybody, or whoever is logged in to this registry.

import { type Access, authorise } from '#shared/auth/access.ts';
import { WrongCredentials } from '#shared/auth/challenge.ts';
import type { HttpRequest } from '#shared/http/request.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import type { Services } from './services.ts';

/**
 * Lets a request to a mirror through. A mirror issues no tokens: it asks for a user name and a password (RFC 7617).
 * @throws RegistryError UNAUTHORIZED with that challenge, or TOOMANYREQUESTS
 */
export async function authoriseMirror(services: Services, request: HttpRequest): Promise<Access> {
  if (services.mirror?.login !== true) {
    // What clients show may be for the upstream, and is none of ours to judge.
    const { authorization: _, ...headers } = request.headers;
    return authorise(services, { ...request, headers }, 'nothing', {});
  }
  try {
    return await authorise(services, request, 'login', {});
  } catch (error) {
    throw error instanceof RegistryError && error.code === 'UNAUTHORIZED'
      ? withBasic(error, request.host)
      : error;
  }
}

function withBasic(error: RegistryError, host: string): RegistryError {
  const { code, message, detail } = error;
  const headers = { 'WWW-Authenticate': `Basic realm="${host}"` };
  const asked = new RegistryError(code, { message, detail, headers });
  return error instanceof WrongCredentials ? new WrongCredentials(asked, error.username) : asked;
}
