// GET and POST /v2/token: credentials and scopes to a token (Docker token specification; POST is its OAuth2 form).

import { unauthorized } from '#shared/auth/challenge.ts';
import { type Credentials, parseBasic } from '#shared/auth/credentials.ts';
import { actionsOf, mayList } from '#shared/auth/policy.ts';
import { type Principal, principalName } from '#shared/auth/principal.ts';
import { catalogName, parseScopes, repositoryActions, type Scope } from '#shared/auth/scope.ts';
import { jsonReply } from '#shared/http/reply.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { formBytesMax, scopesMax } from '#shared/oci/limits.ts';
import { parseContentType } from '#shared/oci/media-types.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import type { Action, ActionRequest } from '../action.ts';
import type { Services } from '../services.ts';

export const issueToken: Action = async (request, services) => {
  const { parameters, credentials } =
    request.method === 'POST' ? await readForm(request) : readQuery(request);
  const principal = await identify(request, services, credentials);
  const scopes = parseScopes(parameters.getAll('scope'));
  if (scopes.length > scopesMax) {
    throw new RegistryError('DENIED', {
      message: `at most ${scopesMax} scopes in one token`,
      status: 400,
    });
  }
  const decided = scopes.map((scope) => decide(services, principal, scope));
  const issued = await services.issuer.issue(request.host, {
    subject: principalName(principal),
    granted: decided.map(({ granted }) => granted).filter(hasActions),
    refused: decided.map(({ refused }) => refused).filter(hasActions),
  });
  // containerd needs access_token, Spinnaker and gcloud need token: always both.
  const body = {
    token: issued.token,
    access_token: issued.token,
    expires_in: issued.expiresInSeconds,
    issued_at: issued.issuedAt.toISOString(),
  };
  const reply = jsonReply(body, { 'Cache-Control': 'no-store' });
  return { ...reply, actor: principalName(principal) };
};

interface TokenRequest {
  readonly parameters: URLSearchParams;
  /** Those of a form; who asks by a header is known already, and is anonymous without one. */
  readonly credentials: Credentials | undefined;
}

function readQuery({ query, headers, origin, host }: ActionRequest): TokenRequest {
  const { authorization } = headers;
  if (authorization === undefined || parseBasic(authorization) !== undefined) {
    return { parameters: query, credentials: undefined };
  }
  throw unauthorized(origin, host, {
    message: 'the token endpoint takes a username and a password (Basic)',
  });
}

async function readForm(request: ActionRequest): Promise<TokenRequest> {
  const contentType = parseContentType(request.headers['content-type']);
  if (contentType !== undefined && contentType !== 'application/x-www-form-urlencoded') {
    throw badForm('the body must be a form (application/x-www-form-urlencoded)');
  }
  const form = new URLSearchParams((await request.body.bytes(formBytesMax)).toString('utf8'));
  if (form.get('grant_type') !== 'password') {
    throw badForm('grant_type must be password');
  }
  const [username, password] = [form.get('username'), form.get('password')];
  if (username === null || password === null) throw badForm('username and password are needed');
  return { parameters: form, credentials: { username, password } };
}

async function identify(
  { origin, host, access }: ActionRequest,
  { directory }: Services,
  credentials: Credentials | undefined,
): Promise<Principal> {
  if (credentials === undefined) return access.principal();
  const principal = await directory.authenticate(credentials);
  if (principal !== undefined) return principal;
  throw unauthorized(origin, host, { message: 'the username or the password is wrong' });
}

/** Splits what was asked for into what is granted and what is refused. `*` means all that may be granted. */
function decide(
  { policy }: Services,
  principal: Principal,
  { type, name, actions }: Scope,
): { granted: Scope; refused: Scope } {
  const possible = possibleActions(type);
  const asked = actions.includes('*') ? possible : possible.filter((one) => actions.includes(one));
  const allowed = allowedActions(policy, principal, type, name);
  const granted = asked.filter((action) => allowed.includes(action));
  const isAll = actions.includes('*') && granted.length > 0;
  const refused = isAll ? [] : asked.filter((action) => !allowed.includes(action));
  return { granted: { type, name, actions: granted }, refused: { type, name, actions: refused } };
}

function possibleActions(type: string): readonly string[] {
  return type === 'repository' ? repositoryActions : type === 'registry' ? ['*'] : [];
}

function allowedActions(
  policy: Services['policy'],
  principal: Principal,
  type: string,
  name: string,
): readonly string[] {
  const repository = parseRepositoryName(name);
  if (type === 'repository' && repository !== undefined) {
    return actionsOf(policy, principal, repository);
  }
  return type === 'registry' && name === catalogName && mayList(policy, principal) ? ['*'] : [];
}

function hasActions({ actions }: Scope): boolean {
  return actions.length > 0;
}

function badForm(message: string): RegistryError {
  return new RegistryError('UNSUPPORTED', { message, status: 400 });
}
