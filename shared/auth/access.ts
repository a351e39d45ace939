// Whether a request may do what its route needs: the table in ARCHITECTURE.md, "Who may do what".

import type { HttpRequest } from '../http/request.ts';
import type { RepositoryName } from '../oci/reference.ts';
import { denied, unauthorized } from './challenge.ts';
import { type Directory, parseBasic } from './credentials.ts';
import { actionsOf, mayList, type Policy } from './policy.ts';
import { anonymous, type Principal, principalName } from './principal.ts';
import { type Action, catalogName, type Scope } from './scope.ts';
import type { TokenVerifier } from './token.ts';

/**
 * What a route needs: an action on its repository, the catalog, the admin, any login, or nothing.
 * `promise`, to be told that a blob need not be uploaded, is `pull` with a token, if only an anonymous one.
 * It is what a push asks first. containerd 1.6 hangs when its first challenge comes to a request with a
 * body, as it would in a project that is open to anonymous pulls.
 * `platform` is for who comes from inside, and was let in by the platform, whose credentials are not ours to read.
 */
export type Need = Action | 'promise' | 'catalog' | 'operate' | 'login' | 'nothing' | 'platform';

type PlainNeed = Exclude<Need, 'promise' | 'platform'>;

export interface AccessServices {
  readonly directory: Directory;
  readonly policy: Policy;
  readonly verifier: TokenVerifier;
}

/** Who asks, and by what right. */
export interface Access {
  /** The principal as it is now; anonymous when its account is gone. Looked up only when asked for. */
  principal(): Promise<Principal>;
  /** The principal's name, for histories and logs. */
  readonly by: string;
  /** Whether the token was granted this, where there is one; else whether the principal may do it. */
  may(action: Action, name: RepositoryName): boolean;
}

/**
 * Lets a request through, or says why not.
 * @throws RegistryError UNAUTHORIZED with a challenge, or DENIED
 */
export async function authorise(
  services: AccessServices,
  request: HttpRequest,
  need: Need,
  name: RepositoryName | undefined,
): Promise<Access> {
  if (need === 'platform') return { ...accessOf(services.policy, anonymous), by: 'platform' };
  const { authorization } = request.headers;
  if (authorization === undefined && need === 'promise') {
    const message = 'a token is needed, if only an anonymous one';
    throw unauthorized(request.origin, request.host, { message, scope: scopeOf('pull', name) });
  }
  return authoriseAction(services, request, need === 'promise' ? 'pull' : need, name);
}

function authoriseAction(
  services: AccessServices,
  request: HttpRequest,
  need: PlainNeed,
  name: RepositoryName | undefined,
): Promise<Access> | Access {
  const scope = scopeOf(need, name);
  const { authorization } = request.headers;
  if (authorization === undefined) return authoriseAnonymous(services, request, need, scope, name);
  const [, token] = /^bearer +(\S+)$/i.exec(authorization) ?? [];
  return token === undefined
    ? authoriseBasic(services, request, need, scope, name)
    : authoriseToken(services, request, token, { need, scope, name });
}

function authoriseAnonymous(
  { policy }: AccessServices,
  request: HttpRequest,
  need: PlainNeed,
  scope: Scope | undefined,
  name: RepositoryName | undefined,
): Access {
  if (need !== 'login' && allows(policy, anonymous, need, name)) return accessOf(policy, anonymous);
  throw unauthorized(request.origin, request.host, {
    message: 'authentication required: log in, or this repository is not public',
    scope,
  });
}

async function authoriseBasic(
  { directory, policy }: AccessServices,
  request: HttpRequest,
  need: PlainNeed,
  scope: Scope | undefined,
  name: RepositoryName | undefined,
): Promise<Access> {
  const credentials = parseBasic(request.headers.authorization ?? '');
  const principal =
    credentials === undefined ? undefined : await directory.authenticate(credentials);
  if (principal === undefined) {
    throw unauthorized(request.origin, request.host, {
      message: 'the username or the password is wrong',
      scope,
    });
  }
  if (!allows(policy, principal, need, name))
    throw denied(scope ?? refusedScope(need), principalName(principal));
  return accessOf(policy, principal);
}

async function authoriseToken(
  services: AccessServices,
  request: HttpRequest,
  token: string,
  {
    need,
    scope,
    name,
  }: { need: PlainNeed; scope: Scope | undefined; name: RepositoryName | undefined },
): Promise<Access> {
  const claims = await services.verifier.verify(request.host, token);
  const challenge = (message: string, error: 'invalid_token' | 'insufficient_scope') =>
    unauthorized(request.origin, request.host, { message, scope, error });
  if (claims === undefined) {
    throw challenge(
      'the token has expired or is not one for this host: get another',
      'invalid_token',
    );
  }
  const access: Access = {
    principal: async () => (await services.directory.find(claims.subject)) ?? anonymous,
    by: claims.subject,
    may: (action, of) => includes(claims.granted, action, of),
  };
  if (need === 'login' || need === 'nothing') return access;
  if (need === 'operate') {
    // No scope stands for it: whoever logged in as the admin may.
    if (allows(services.policy, await access.principal(), need, name)) return access;
    throw denied(refusedScope(need), access.by);
  }
  if (includes(claims.granted, actionOf(need), name ?? catalogName)) return access;
  // What anyone may read needs no scope.
  if (need === 'pull' && allows(services.policy, anonymous, need, name)) return access;
  // crane and gcrane ask for push to delete: whoever holds that and may delete, deletes.
  const pushes = need === 'delete' && name !== undefined && access.may('push', name);
  if (pushes && allows(services.policy, await access.principal(), need, name)) return access;
  const refused = pushes || includes(claims.refused, actionOf(need), name ?? catalogName);
  if (refused) throw denied(scope ?? refusedScope(need), access.by);
  throw challenge('the token was not asked for this: get another', 'insufficient_scope');
}

function accessOf(policy: Policy, principal: Principal): Access {
  return {
    principal: async () => principal,
    by: principalName(principal),
    may: (action, name) => actionsOf(policy, principal, name).includes(action),
  };
}

function allows(
  policy: Policy,
  principal: Principal,
  need: PlainNeed,
  name: RepositoryName | undefined,
): boolean {
  if (need === 'nothing' || need === 'login') return true;
  if (need === 'catalog') return mayList(policy, principal);
  if (need === 'operate') return principal.kind === 'admin';
  return name !== undefined && actionsOf(policy, principal, name).includes(need);
}

function includes(scopes: readonly Scope[], action: string, name: string): boolean {
  return scopes.some((scope) => scope.name === name && scope.actions.includes(action));
}

/** The catalog's scope is `registry:catalog:*`: its one action is everything. */
function actionOf(need: PlainNeed): string {
  return need === 'catalog' ? '*' : need;
}

function scopeOf(need: PlainNeed, name: RepositoryName | undefined): Scope | undefined {
  if (need === 'catalog') return { type: 'registry', name: catalogName, actions: ['*'] };
  if (need === 'operate' || need === 'login' || need === 'nothing' || name === undefined) {
    return undefined;
  }
  return { type: 'repository', name, actions: need === 'push' ? ['pull', 'push'] : [need] };
}

function refusedScope(need: PlainNeed): Scope {
  return { type: 'registry', name: 'this registry', actions: [need] };
}
