// What an action is: a request that was let through and the services, to a reply.

import type { Access } from '#shared/auth/access.ts';
import type { Reply } from '#shared/http/reply.ts';
import type { HttpRequest } from '#shared/http/request.ts';
import { type Digest, parseDigest } from '#shared/oci/digest.ts';
import { type ErrorCode, RegistryError } from '#shared/oci/errors.ts';
import { parseReference, type Reference } from '#shared/oci/reference.ts';
import type { WebAddress } from '#shared/oci/web-address.ts';
import type { Repository } from '#shared/registry/layout.ts';
import type { Services } from './services.ts';

export interface ActionRequest extends HttpRequest {
  /** What stood for each `{…}` of the route's path, beside the name. */
  readonly params: Readonly<Record<string, string>>;
  readonly access: Access;
  /** What the client is told as `X-Request-Id`, and what stands in the log. */
  readonly requestId: string;
}

/** A request whose route names a repository. */
export interface RepositoryRequest extends ActionRequest {
  readonly repository: Repository;
}

/** A request whose route names a project. */
export interface ProjectRequest extends ActionRequest {
  /** As it begins the names of its repositories: `project`, or `example.com/project`. */
  readonly project: string;
}

/** A request for the page of what has a name. */
export interface PageRequest extends RepositoryRequest {
  readonly page: WebAddress;
}

export type Action = (request: ActionRequest, services: Services) => Promise<Reply>;
export type RepositoryAction = (request: RepositoryRequest, services: Services) => Promise<Reply>;
export type PageAction = (request: PageRequest, services: Services) => Promise<Reply>;
export type ProjectAction = (request: ProjectRequest, services: Services) => Promise<Reply>;

/**
 * A digest that a client wrote, in the path or the query.
 * @throws RegistryError DIGEST_INVALID when it is absent or not one
 */
export function requireDigest(text: string | null | undefined): Digest {
  const digest = parseDigest(text ?? '');
  if (digest !== undefined) return digest;
  throw new RegistryError('DIGEST_INVALID', {
    message: text
      ? 'not a digest: write sha256:<64 hex digits> or sha512:<128 hex digits>'
      : 'a digest is needed: add ?digest=sha256:<64 hex digits>',
    detail: { digest: text?.slice(0, 200) },
  });
}

/**
 * A tag or digest that a client wrote in the path. What holds a colon can only be a digest.
 * @param invalidTag what it is when the text is no tag either: what was never there, or a bad request
 * @throws RegistryError DIGEST_INVALID, or that code
 */
export function requireReference(text: string | undefined, invalidTag: ErrorCode): Reference {
  const reference = parseReference(text ?? '');
  if (reference !== undefined) return reference;
  if (text?.includes(':')) return { kind: 'digest', digest: requireDigest(text) };
  throw notTag(text ?? '', invalidTag);
}

export function notTag(text: string, code: ErrorCode): RegistryError {
  return new RegistryError(code, {
    message:
      'not a tag: letters, digits, _ . and -, at most 128, beginning with a letter, a digit or _',
    detail: { tag: text.slice(0, 128) },
  });
}
