// GET and POST /v2/token: credentials and scopes to a token (Docker token specification; POST is its OAuth2 form).

import { unauthorized, wrongCredentials } from '#shared/auth/challenge.ts';
import { type Credentials, isForeign, parseBearer } from '#shared/auth/credentials.ts';
import { grant } from '#shared/auth/grant.ts';
import type { Identity } from '#shared/auth/identity.ts';
import { principalName } from '#shared/auth/principal.ts';
import { parseScopes } from '#shared/auth/scope.ts';
import { jsonReply } from '#shared/http/reply.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { formBytesMax, scopesMax } from '#shared/oci/limits.ts';
import { parseContentType } from '#shared/oci/media-types.ts';
import type { Action, ActionRequest } from '../action.ts';
import type { Services } from '../services.ts';

export const issueToken: Action = async (request, services) => {
  const { parameters, credentials } =
    request.method === 'POST' ? await readForm(request) : readQuery(request);
  const identity = await identify(request, services, credentials);
  const scopes = parseScopes(parameters.getAll('scope'));
  if (scopes.length > scopesMax) {
    throw new RegistryError('DENIED', {
      message: `at most ${scopesMax} scopes in one token`,
      status: 400,
    });
  }
  const granted = await grant(services.authority, identity, scopes, request.host);
  const { principal, expiresAt } = identity;
  // What Google and issuers vouch for for a short time only still gets a whole token, as in gcr.io.
  const notAfter = principal.kind === 'robot' ? expiresAt : undefined;
  const issued = await services.issuer.issue(request.host, { principal, ...granted }, notAfter);
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
  const token = parseBearer(headers.authorization ?? '');
  // One of ours would live for ever, if it could be had anew for itself.
  if (token !== undefined && !isForeign(token)) {
    throw unauthorized(origin, host, {
      message:
        'the token endpoint takes a username and a password (Basic), or a token of Google or a trusted issuer',
    });
  }
  return { parameters: query, credentials: undefined };
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
  return { parameters: form, credentials: { kind: 'basic', username, password } };
}

async function identify(
  request: ActionRequest,
  { authenticator }: Services,
  credentials: Credentials | undefined,
): Promise<Identity> {
  if (credentials === undefined) return request.access.identity;
  const identity = await authenticator.authenticate(credentials, request);
  if (identity !== undefined) return identity;
  throw wrongCredentials(request, { credentials });
}

function badForm(message: string): RegistryError {
  return new RegistryError('UNSUPPORTED', { message, status: 400 });
}
