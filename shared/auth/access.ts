// Whether a request may do what its route needs: the table in ARCHITECTURE.md, "Who may do what".

import { networkOf } from '../http/address.ts';
import type { HttpRequest } from '../http/request.ts';
import { RegistryError } from '../oci/errors.ts';
import { parseRepositoryName, projectOf, type RepositoryName } from '../oci/reference.ts';
import type { Authority } from './authority.ts';
import { denied, TooManyFailedLogins, unauthorized, wrongCredentials } from './challenge.ts';
import {
  type Authenticator,
  type Credentials,
  isForeign,
  parseBasic,
  parseBearer,
} from './credentials.ts';
import { type Identity, nobody } from './identity.ts';
import { actionsOf, isOperator, isOwner, mayList, mayPullBelow } from './policy.ts';
import { principalName } from './principal.ts';
import type { RequestRates } from './request-rates.ts';
import type { Revocations } from './revocations.ts';
import { robotSubject } from './robot-records.ts';
import { type Action, adminAction, catalogName, includes, type Scope } from './scope.ts';
import type { TokenClaims, TokenVerifier } from './token.ts';

/**
 * What a route needs: an action on its repository, to administer its project, the catalog, to operate the registry, any
 * login, or nothing.
 * `promise`, to be told that a blob need not be uploaded, is `pull` with a token, if only an anonymous one.
 * It is what a push asks first. containerd 1.6 hangs when its first challenge comes to a request with a
 * body, as it would in a project that is open to anonymous pulls.
 * `list` is `pull`, or `pull` of something below: a project's list, of which each is shown what it may pull.
 * `probe` is nothing, too, and is not counted: who looks after a process must see it when it has much to do.
 * `platform` is for who comes from inside, and was let in by the platform, whose credentials are not ours to read.
 */
export type Need =
  | Action
  | 'promise'
  | 'list'
  | 'administer'
  | 'catalog'
  | 'operate'
  | 'login'
  | 'nothing'
  | 'probe'
  | 'platform';

export interface AccessServices {
  readonly authenticator: Authenticator;
  readonly authority: Authority;
  readonly verifier: TokenVerifier;
  readonly revocations: Revocations;
  readonly rates: RequestRates;
  /** What stands for the admin's password: another one with each. */
  readonly adminCredential: string | undefined;
  /** Issuers of ID tokens that may be plain HTTP and in a private network. */
  readonly privateIssuers: readonly string[];
}

/** What a route is about: a repository, a project, or neither. */
export interface Target {
  readonly name?: RepositoryName | undefined;
  readonly project?: string | undefined;
}

/** Who asks, and by what right. */
export interface Access {
  readonly identity: Identity;
  /** The principal's name, for histories, audits and logs. */
  readonly by: string;
  /** For a list: of what it names itself nothing is shown, but of what lies below. */
  readonly onlyBelow?: boolean;
  /** Whether the token was granted this, where there is one; else whether the principal may do it. */
  may(action: Action, name: RepositoryName): Promise<boolean>;
  /** Whether the principal may do it, whatever its token was asked for. */
  couldDo(action: Action, name: RepositoryName): Promise<boolean>;
}

/**
 * Lets a request through, or says why not.
 * @throws RegistryError UNAUTHORIZED with a challenge, DENIED, or TOOMANYREQUESTS
 */
export async function authorise(
  services: AccessServices,
  request: HttpRequest,
  need: Need,
  target: Target,
): Promise<Access> {
  if (need === 'platform') return { ...accessOf(services, request, nobody), by: 'platform' };
  if (need === 'probe') return accessOf(services, request, nobody);
  const { authorization } = request.headers;
  if (authorization === undefined) {
    services.rates.take(networkOf(request.address));
    return authoriseAnyone(services, request, need, target);
  }
  const token = parseBearer(authorization);
  const claims = token && (await services.verifier.verify(request.host, token));
  // One of ours that is not good any more is told apart from what Google or an issuer made.
  return claims || (token !== undefined && !isForeign(token))
    ? authoriseToken(services, request, claims || undefined, need, target)
    : authoriseCredentials(services, request, need, target);
}

async function authoriseAnyone(
  services: AccessServices,
  request: HttpRequest,
  need: Need,
  target: Target,
): Promise<Access> {
  const mayWithoutLogin =
    need !== 'login' &&
    need !== 'promise' &&
    // Who is somebody may see more of a list, and learns it by the challenge.
    (await allows(services, request, nobody, need === 'list' ? 'pull' : need, target));
  if (mayWithoutLogin) return accessOf(services, request, nobody);
  throw unauthorized(request.origin, request.host, {
    message:
      need === 'promise'
        ? 'a token is needed, if only an anonymous one'
        : 'authentication required: log in, or this repository is not public',
    scope: scopeOf(need, target),
  });
}

/** A username and a password, or somebody else's token, on the request itself. */
async function authoriseCredentials(
  services: AccessServices,
  request: HttpRequest,
  need: Need,
  target: Target,
): Promise<Access> {
  const { authorization = '' } = request.headers;
  const token = parseBearer(authorization);
  const credentials =
    token === undefined ? parseBasic(authorization) : ({ kind: 'bearer', token } as const);
  const identity = credentials && (await services.authenticator.authenticate(credentials, request));
  if (identity === undefined) {
    countFailedLogin(services, request, credentials);
    throw wrongCredentials(request, { scope: scopeOf(need, target), credentials });
  }
  const access = accessOf(services, request, identity);
  services.rates.take(access.by);
  // As the policy was a moment ago, but for who could change it; and nobody is refused by what is not so any more.
  const mayBeRecent = need !== 'administer';
  const itself = need === 'list' ? 'pull' : need;
  if (mayBeRecent && (await allows(services, request, identity, itself, target))) return access;
  if (await allows(services, request, identity, itself, target, { fresh: true })) return access;
  if (need === 'list' && (await allows(services, request, identity, need, target))) {
    return { ...access, onlyBelow: true };
  }
  throw denied(scopeOf(need, target) ?? registryScope(need), access.by);
}

/** @throws TooManyFailedLogins: what is not answered is still known for a login that failed */
function countFailedLogin(
  { rates }: AccessServices,
  { address }: HttpRequest,
  credentials: Credentials | undefined,
): void {
  try {
    rates.take(networkOf(address));
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error;
    const username = credentials?.kind === 'basic' ? credentials.username : undefined;
    throw new TooManyFailedLogins(error, username);
  }
}

/** @param claims what the token says, or `undefined` when it is forged, expired, or another host's */
async function authoriseToken(
  services: AccessServices,
  request: HttpRequest,
  claims: TokenClaims | undefined,
  need: Need,
  target: Target,
): Promise<Access> {
  const scope = scopeOf(need, target);
  const challenge = (message: string, error: 'invalid_token' | 'insufficient_scope') =>
    unauthorized(request.origin, request.host, { message, scope, error });
  if (claims === undefined || (await isRevoked(services, claims))) {
    services.rates.take(networkOf(request.address));
    throw challenge(
      'the token has expired or was revoked, or is not one for this host: get another',
      'invalid_token',
    );
  }
  const access = accessByToken(services, request, claims);
  services.rates.take(
    claims.principal.kind === 'anonymous' ? networkOf(request.address) : access.by,
  );
  if (need === 'login' || need === 'nothing') return access;
  if (need === 'operate') {
    // No scope stands for it: whoever is one may.
    if (isOperator(services.authority, claims.principal)) return access;
    throw denied(registryScope(need), access.by);
  }
  if (scope === undefined) throw new Error(`no scope stands for ${need}`);
  const action = actionOf(need);
  if (includes(claims.granted, action, scope)) {
    if (need !== 'administer' || (await isStillOwner(services, request, claims, target))) {
      return access;
    }
    throw challenge('what you may do here has changed: get another token', 'invalid_token');
  }
  // What anyone may read needs no scope.
  const isRead = need === 'pull' || need === 'list';
  if (isRead && (await allows(services, request, nobody, 'pull', target))) return access;
  const isRefused = includes(claims.refused, action, scope);
  // No token is granted what lies below.
  if (need === 'list' && isRefused) {
    const { principal, seen } = claims;
    if (await allows(services, request, { principal, seen }, need, target, { fresh: true })) {
      return { ...access, onlyBelow: true };
    }
  }
  if (isRefused) throw denied(scope, access.by);
  throw challenge('the token was not asked for this: get another', 'insufficient_scope');
}

/** Whether what a token was granted by is not so any more: a policy, a robot, or the admin's password. */
async function isRevoked(
  { revocations, adminCredential }: AccessServices,
  { principal, seen, credential }: TokenClaims,
): Promise<boolean> {
  const isAdmins = principal.kind === 'admin';
  if (isAdmins && (credential === undefined || credential !== adminCredential)) return true;
  return revocations.isRevoked(seen);
}

/**
 * Who may change a project could give back to himself what was just taken away. So it is looked up each time: that the robot
 * and its secrets are as they were, and what the policy says now.
 */
async function isStillOwner(
  { authority, revocations }: AccessServices,
  { host }: HttpRequest,
  { principal, seen }: TokenClaims,
  { project = '' }: Target,
): Promise<boolean> {
  if (principal.kind === 'robot') {
    const subject = robotSubject(principal.project, principal.name);
    if (await revocations.hasChanged(subject, seen)) return false;
  }
  const standing = await authority.standing(project, { principal, seen }, host, { fresh: true });
  // Where IAM on the bucket decides, it cannot be asked by a token of ours.
  return standing.version === undefined || isOwner(standing, principal);
}

function accessByToken(
  services: AccessServices,
  request: HttpRequest,
  { principal, seen, granted }: TokenClaims,
): Access {
  const access = accessOf(services, request, { principal, seen });
  return {
    ...access,
    may: async (action, name) => includes(granted, action, { type: 'repository', name }),
    couldDo: async (action, name) =>
      (await access.couldDo(action, name)) ||
      // A bucket cannot be asked by a token of ours. But what it allows, it allows in all of its project.
      (services.authority.isByBucket(principal) && includesInProject(granted, action, name)),
  };
}

function includesInProject(
  granted: readonly Scope[],
  action: Action,
  name: RepositoryName,
): boolean {
  return granted.some((scope) => {
    const other = scope.type === 'repository' ? parseRepositoryName(scope.name) : undefined;
    if (other === undefined || projectOf(other) !== projectOf(name)) return false;
    return scope.actions.includes(action);
  });
}

function accessOf(services: AccessServices, request: HttpRequest, identity: Identity): Access {
  const may = (action: Action, name: RepositoryName) =>
    allows(services, request, identity, action, { name });
  return { identity, by: principalName(identity.principal), may, couldDo: may };
}

async function allows(
  { authority }: AccessServices,
  { host }: HttpRequest,
  identity: Identity,
  need: Need,
  { name, project = name === undefined ? undefined : projectOf(name) }: Target,
  options?: { readonly fresh: boolean },
): Promise<boolean> {
  const { principal } = identity;
  if (need === 'nothing' || need === 'login') return true;
  if (need === 'catalog') return mayList(principal, authority.anonymousPull);
  if (need === 'operate') return isOperator(authority, principal);
  if (project === undefined) return false;
  const standing = await authority.standing(project, identity, host, options);
  if (need === 'administer') return isOwner(standing, principal);
  if (need === 'list' && name !== undefined && mayPullBelow(standing, principal, name)) return true;
  return name !== undefined && actionsOf(standing, principal, name).includes(actionNeeded(need));
}

function actionNeeded(need: Need): Action {
  return need === 'push' || need === 'delete' ? need : 'pull';
}

/** The action of a scope that stands for a need. The catalog's one action is everything. */
function actionOf(need: Need): string {
  if (need === 'catalog') return '*';
  return need === 'administer' ? adminAction : actionNeeded(need);
}

function scopeOf(need: Need, { name, project }: Target): Scope | undefined {
  if (need === 'catalog') return { type: 'registry', name: catalogName, actions: ['*'] };
  if (need === 'administer') {
    return project === undefined
      ? undefined
      : { type: 'project', name: project, actions: [adminAction] };
  }
  const isOfRepository = ['pull', 'promise', 'list', 'push', 'delete'].includes(need);
  if (!isOfRepository || name === undefined) return undefined;
  const actions = need === 'push' ? ['pull', 'push'] : [actionNeeded(need)];
  return { type: 'repository', name, actions };
}

/** For what no scope stands. */
function registryScope(need: Need): Scope {
  return { type: 'registry', name: 'this registry', actions: [need] };
}
