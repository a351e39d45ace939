// GET and POST /v2/token: credentials and scopes to a token (Docker token specification; POST is its OAuth2 form).

import { unauthorized, wrongCredentials } from '#shared/auth/challenge.ts';
import { type Credentials, isForeign, parseBearer } from '#shared/auth/credentials.ts';
import { grant, projectsOf } from '#shared/auth/grant.ts';
import type { Identity } from '#shared/auth/identity.ts';
import { principalName } from '#shared/auth/principal.ts';
import { createRefreshToken } from '#shared/auth/refresh-tokens.ts';
import { parseScopes } from '#shared/auth/scope.ts';
import { jsonReply } from '#shared/http/reply.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { bucketTokenSeconds, projectsOfTokenMax, scopesMax } from '#shared/oci/limits.ts';
import type { Action, ActionRequest } from '../action.ts';
import type { Services } from '../services.ts';
import { badForm, readForm } from './form.ts';

export const issueToken: Action = async (request, services) => {
  const { parameters, credentials, isOffline } =
    request.method === 'POST' ? await readGrant(request) : readQuery(request);
  const identity = await identify(request, services, credentials);
  const scopes = parseScopes(parameters.getAll('scope'));
  if (scopes.length > scopesMax) {
    throw new RegistryError('DENIED', {
      message: `at most ${scopesMax} scopes in one token`,
      status: 400,
    });
  }
  if (projectsOf(scopes).size > projectsOfTokenMax) {
    throw new RegistryError('DENIED', {
      message: `at most ${projectsOfTokenMax} projects in one token`,
      status: 400,
    });
  }
  const granted = await grant(services.authority, identity, scopes, request.host);
  const { principal, expiresAt } = identity;
  // What Google and issuers vouch for for a short time only still gets a whole token, as in gcr.io: but once.
  const isBounded = principal.kind === 'robot' || credentials?.kind === 'refresh';
  const notAfter = services.authority.isByBucket(principal)
    ? services.clock.now() + bucketTokenSeconds * 1000
    : isBounded
      ? expiresAt
      : undefined;
  const credential = principal.kind === 'admin' ? identity.credential : undefined;
  const claims = { principal, ...granted, credential };
  const issued = await services.issuer.issue(request.host, claims, notAfter);
  const refreshToken = isOffline
    ? await createRefreshToken(services, identity, request.host)
    : undefined;
  // containerd needs access_token, Spinnaker and gcloud need token: always both.
  const body = {
    token: issued.token,
    access_token: issued.token,
    expires_in: issued.expiresInSeconds,
    issued_at: issued.issuedAt.toISOString(),
    refresh_token: refreshToken,
  };
  const reply = jsonReply(body, { 'Cache-Control': 'no-store' });
  return { ...reply, actor: principalName(principal) };
};

interface TokenRequest {
  readonly parameters: URLSearchParams;
  /** Those of a form; who asks by a header is known already, and is anonymous without one. */
  readonly credentials: Credentials | undefined;
  /** A refresh token is asked for, too. */
  readonly isOffline: boolean;
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
  const isOffline = query.get('offline_token') === 'true';
  return { parameters: query, credentials: undefined, isOffline };
}

/** The two grants of the OAuth2 form (RFC 6749 sections 4.3 and 6). */
async function readGrant(request: ActionRequest): Promise<TokenRequest> {
  const form = await readForm(request);
  const given = (name: string) => {
    const value = form.get(name);
    if (value === null) throw badForm(`${name} is needed`);
    return value;
  };
  switch (form.get('grant_type')) {
    case 'password': {
      const [username, password] = [given('username'), given('password')];
      const isOffline = form.get('access_type') === 'offline';
      return {
        parameters: form,
        credentials: { kind: 'basic', username, password },
        isOffline,
      };
    }
    case 'refresh_token': {
      const token = given('refresh_token');
      // The client goes on with the one it has.
      return { parameters: form, credentials: { kind: 'refresh', token }, isOffline: false };
    }
    default:
      throw badForm('grant_type must be password or refresh_token');
  }
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
