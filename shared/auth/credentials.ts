// Credentials: what a request shows, and whom it shows.

import { RegistryError } from '../oci/errors.ts';
import type { Clock } from '../ports/clock.ts';
import type { Documents } from '../ports/documents.ts';
import type { AudiencesOf } from './audiences.ts';
import { TooManyFailedLogins } from './challenge.ts';
import type { FailedLogins, Login } from './failed-logins.ts';
import {
  type GoogleIdentities,
  isGoogleUsername,
  looksLikeGoogleBearer,
} from './google/identities.ts';
import type { Identity } from './identity.ts';
import { isProject, isRobotName } from './names.ts';
import { issuerOf, type OidcTokens } from './oidc/id-tokens.ts';
import { isLetInAnywhere, isTrustedIssuer } from './policies.ts';
import { identifyRefreshed } from './refresh-tokens.ts';
import { identifyRobot } from './robot-logins.ts';

export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** A token of somebody else's than ours: Google's, or an issuer's. */
  | { readonly kind: 'bearer'; readonly token: string }
  /** A refresh token of ours. */
  | { readonly kind: 'refresh'; readonly token: string };

/** From where credentials come, and for which registry. */
export interface LoginContext {
  readonly address: string;
  readonly host: string;
}

export interface Authenticator {
  /**
   * Whom credentials show; `undefined` when they are wrong: in what is not told.
   * @throws RegistryError TOOMANYREQUESTS after too many that were wrong
   */
  authenticate(credentials: Credentials, context: LoginContext): Promise<Identity | undefined>;
}

export interface AuthenticatorServices {
  readonly documents: Documents;
  readonly clock: Clock;
  /** Checks the admin's password. */
  readonly isAdmin: (password: string) => Promise<boolean>;
  /** What stands for that password in refresh tokens: another one with each. */
  readonly adminCredential: string | undefined;
  readonly google: GoogleIdentities | undefined;
  readonly audiencesOf: AudiencesOf;
  readonly oidc: OidcTokens;
  readonly failedLogins: FailedLogins;
}

export function openAuthenticator(services: AuthenticatorServices): Authenticator {
  return {
    authenticate: async (credentials, context) => {
      const verify = () => identify(services, credentials, context);
      const checked = services.failedLogins.check(loginOf(credentials, context), verify);
      return checked.catch((error: unknown) => {
        throw refusedLogin(error, credentials);
      });
    },
  };
}

async function identify(
  services: AuthenticatorServices,
  credentials: Credentials,
  { host }: LoginContext,
): Promise<Identity | undefined> {
  if (credentials.kind === 'bearer') return identifyToken(services, credentials.token, host);
  if (credentials.kind === 'refresh') return identifyRefreshed(services, credentials.token, host);
  const { username, password } = credentials;
  if (username === 'admin') {
    const isAdmin = await services.isAdmin(password);
    const { adminCredential: credential } = services;
    return isAdmin ? { principal: { kind: 'admin' }, seen: {}, credential } : undefined;
  }
  const isGoogle = isGoogleUsername(username);
  // A token of an issuer says by itself whose it is, whatever name it comes under.
  if (isGoogle || username === oidcUsername) {
    return issuerOf(password) !== undefined && !looksLikeGoogleBearer(password)
      ? identifyFederated(services, password, host)
      : identifyGoogle(
          services,
          { username: isGoogle ? username : undefined, secret: password },
          host,
        );
  }
  return identifyRobot(services, username, password);
}

/** What a job logs in as whose password is an issuer's token. */
const oidcUsername = '_oidc';

function identifyToken(
  services: AuthenticatorServices,
  token: string,
  host: string,
): Promise<Identity | undefined> {
  return looksLikeGoogleBearer(token)
    ? identifyGoogle(services, { secret: token }, host)
    : identifyFederated(services, token, host);
}

async function identifyGoogle(
  { google, audiencesOf }: AuthenticatorServices,
  credential: { username?: string | undefined; secret: string },
  host: string,
): Promise<Identity | undefined> {
  const found = await google?.identify({ ...credential, audiences: audiencesOf(host) });
  if (found === undefined) return undefined;
  const permissionsOn = (bucket: string) => found.permissionsOn(bucket);
  return { principal: found.principal, seen: {}, permissionsOn, expiresAt: found.expiresAt };
}

async function identifyFederated(
  { oidc, documents, audiencesOf }: AuthenticatorServices,
  token: string,
  host: string,
): Promise<Identity | undefined> {
  const found = await oidc.verify(token, (issuer) => isTrustedIssuer(documents, issuer));
  if (found === undefined) return undefined;
  const { principal, expiresAt } = found;
  const isLetIn = await isLetInAnywhere(documents, principal, audiencesOf(host));
  return isLetIn ? { principal, seen: {}, expiresAt } : undefined;
}

/** With who was claimed to be, where it was refused because too many failed before. */
function refusedLogin(error: unknown, credentials: Credentials): unknown {
  const isRefused = error instanceof RegistryError && error.code === 'TOOMANYREQUESTS';
  const username = credentials.kind === 'basic' ? credentials.username : undefined;
  return isRefused ? new TooManyFailedLogins(error, username) : error;
}

/**
 * Whether a text has the form of a username that there is: people type passwords in the wrong place. The names of robots
 * and projects are taken for such only where few passwords look so (`p@ssword`, `admin@123`).
 */
export function looksLikeUsername(text: string): boolean {
  if (text === 'admin' || text === oidcUsername || isGoogleUsername(text)) return true;
  const [name = '', project = '', ...more] = text.split('@', 3);
  return (
    more.length === 0 &&
    name.length > 1 &&
    isRobotName(name) &&
    /^[a-z]/.test(project) &&
    isProject(project)
  );
}

/** Tokens have no name before they are verified, and those that they come under are everybody's. */
function loginOf(credentials: Credentials, { address }: LoginContext): Login {
  if (credentials.kind !== 'basic') return { address, username: '', password: credentials.token };
  const { username, password } = credentials;
  const isToken = isGoogleUsername(username) || username === oidcUsername;
  return { address, username: isToken ? '' : username, password };
}

/** What an Authorization header shows, but for our own tokens; `undefined` when it is none. */
export function parseBasic(
  authorization: string,
): Extract<Credentials, { kind: 'basic' }> | undefined {
  const match = /^basic +([A-Za-z0-9+/_=-]+)$/i.exec(authorization);
  const [, encoded] = match ?? [];
  if (encoded === undefined) return undefined;
  const text = Buffer.from(encoded, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon === -1 || text.includes('\0')) return undefined;
  return { kind: 'basic', username: text.slice(0, colon), password: text.slice(colon + 1) };
}

/** The token of a Bearer header; `undefined` when it is none. */
export function parseBearer(authorization: string): string | undefined {
  return /^bearer +(\S+)$/i.exec(authorization)?.[1];
}

/** Whether a token is one that Google or an issuer of OpenID Connect made, as it says itself. */
export function isForeign(token: string): boolean {
  return looksLikeGoogleBearer(token) || /^https?:/.test(issuerOf(token) ?? '');
}
