// The challenge: where to get a token and for what (RFC 6750 section 3, Docker token specification).

import type { HttpRequest } from '../http/request.ts';
import { RegistryError } from '../oci/errors.ts';
import type { Credentials } from './credentials.ts';
import { anonymous, principalName } from './principal.ts';
import { formatScope, type Scope } from './scope.ts';

/**
 * 401, with where to get a token. Realm first and no space after a comma: some clients split there.
 * @param options.scope what the route needs; a ping needs none
 * @param options.error RFC 6750's word where a token came and was not good enough
 */
export function unauthorized(
  origin: string,
  host: string,
  options: {
    readonly message: string;
    readonly scope?: Scope | undefined;
    readonly error?: 'invalid_token' | 'insufficient_scope';
  },
): RegistryError {
  const { message, scope, error } = options;
  const parts = [
    `realm="${origin}/v2/token"`,
    `service="${host}"`,
    ...(scope === undefined ? [] : [`scope="${formatScope(scope)}"`]),
    ...(error === undefined ? [] : [`error="${error}"`]),
  ];
  return new RegistryError('UNAUTHORIZED', {
    message,
    detail: scope,
    headers: { 'WWW-Authenticate': `Bearer ${parts.join(',')}` },
  });
}

/** Credentials were shown, and are wrong. In what is not told: a name that exists must not be told from one that does not. */
export class WrongCredentials extends RegistryError {
  /** Who was claimed to be: as it was sent, so it may be anything, even a password in the wrong place. */
  readonly username: string | undefined;

  constructor(error: RegistryError, username: string | undefined) {
    super(error.code, { message: error.message, detail: error.detail, headers: error.headers });
    this.username = username;
  }
}

/** 401, after credentials that show nobody. */
export function wrongCredentials(
  { origin, host }: Pick<HttpRequest, 'origin' | 'host'>,
  {
    scope,
    credentials,
  }: { readonly scope?: Scope | undefined; readonly credentials: Credentials | undefined },
): WrongCredentials {
  const message =
    credentials?.kind === 'bearer'
      ? 'the token is not one that shows who you are, or has expired'
      : credentials?.kind === 'refresh'
        ? 'the login is not good any more: log in again'
        : 'the username or the password is wrong';
  const username = credentials?.kind === 'basic' ? credentials.username : undefined;
  return new WrongCredentials(unauthorized(origin, host, { message, scope }), username);
}

/** Credentials were shown, and not looked at: too many that were wrong came before, or wait for their turn. */
export class TooManyFailedLogins extends RegistryError {
  /** As of {@link WrongCredentials}. */
  readonly username: string | undefined;

  constructor(error: RegistryError, username: string | undefined) {
    const { code, message, detail, status, headers } = error;
    super(code, { message, detail, status, headers });
    this.username = username;
  }
}

/** 403, and whom it was said to. */
export class Denied extends RegistryError {
  /** A principal's name. */
  readonly by: string;

  constructor(by: string, options: { readonly message: string; readonly detail: unknown }) {
    super('DENIED', options);
    this.by = by;
  }
}

/**
 * 403: the credentials are good, or there were none where a token was got, and do not allow this.
 * @param by the principal's name
 */
export function denied({ type, name, actions }: Scope, by: string): Denied {
  const wanted = type === 'project' ? `administer ${name}` : `${actions.join(' and ')} ${name}`;
  return new Denied(by, {
    message:
      by === principalName(anonymous)
        ? `log in to ${wanted}: who is not logged in only pulls, and what is public`
        : `you may not ${wanted}: ask an owner of the project for the right to`,
    detail: { type, name, actions },
  });
}
