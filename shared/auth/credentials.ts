// Credentials: what a request shows, and whom it shows.

import { createHmac, randomBytes } from 'node:crypto';
import { RegistryError } from '../oci/errors.ts';
import { recentIdentitiesMax, recentSeconds } from '../oci/limits.ts';
import type { Clock } from '../ports/clock.ts';
import type { Documents } from '../ports/documents.ts';
import { audiencesOf } from './authority.ts';
import { TooManyFailedLogins } from './challenge.ts';
import type { FailedLogins } from './failed-logins.ts';
import {
  type GoogleIdentities,
  isGoogleUsername,
  looksLikeGoogleBearer,
} from './google-identities.ts';
import type { Identity } from './identity.ts';
import { isProject, isRobotName } from './names.ts';
import { issuerOf, type OidcTokens } from './oidc-tokens.ts';
import { isLetInAnywhere, isTrustedIssuer } from './policies.ts';
import { identifyRobot } from './robot-logins.ts';

export type Credentials =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  /** A token of somebody else's than ours: Google's, or an issuer's. */
  | { readonly kind: 'bearer'; readonly token: string };

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
  readonly google: GoogleIdentities | undefined;
  readonly oidc: OidcTokens;
  readonly failedLogins: FailedLogins;
}

export function openAuthenticator(services: AuthenticatorServices): Authenticator {
  const { clock, failedLogins } = services;
  const recent = new RecentIdentities(clock);
  return {
    authenticate: async (credentials, context) => {
      const known = recent.find(credentials, context);
      if (known !== undefined) return known;
      const attempt = { address: context.address, username: usernameOf(credentials) };
      await failedLogins.admit(attempt).catch((error: unknown) => {
        throw refusedLogin(error, credentials);
      });
      const identity = await identify(services, credentials, context);
      if (identity === undefined) {
        await failedLogins.failed(attempt);
        return undefined;
      }
      failedLogins.succeeded(attempt);
      recent.keep(credentials, context, identity);
      return identity;
    },
  };
}

async function identify(
  services: AuthenticatorServices,
  credentials: Credentials,
  { host }: LoginContext,
): Promise<Identity | undefined> {
  if (credentials.kind === 'bearer') return identifyToken(services, credentials.token, host);
  const { username, password } = credentials;
  if (username === 'admin') {
    const isAdmin = await services.isAdmin(password);
    return isAdmin ? { principal: { kind: 'admin' }, seen: {}, credential: 'admin' } : undefined;
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
  { google }: AuthenticatorServices,
  credential: { username?: string | undefined; secret: string },
  host: string,
): Promise<Identity | undefined> {
  const found = await google?.identify({ ...credential, audiences: audiencesOf(host) });
  if (found === undefined) return undefined;
  const permissionsOn = (bucket: string) => found.permissionsOn(bucket);
  return { principal: found.principal, seen: {}, permissionsOn, expiresAt: found.expiresAt };
}

async function identifyFederated(
  { oidc, documents }: AuthenticatorServices,
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

function usernameOf(credentials: Credentials): string {
  // Tokens have no name before they are verified: those of an address count together.
  return credentials.kind === 'basic' ? credentials.username : '';
}

/** Whom credentials showed a moment ago, by a hash that says nothing to who reads this process's memory. */
class RecentIdentities {
  readonly #key = randomBytes(32);
  readonly #clock: Clock;
  readonly #known = new Map<string, { identity: Identity; until: number }>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  find(credentials: Credentials, context: LoginContext): Identity | undefined {
    const found = this.#known.get(this.#hash(credentials, context));
    return found !== undefined && found.until > this.#clock.now() ? found.identity : undefined;
  }

  keep(credentials: Credentials, context: LoginContext, identity: Identity): void {
    if (this.#known.size >= recentIdentitiesMax) {
      this.#known.delete(this.#known.keys().next().value ?? '');
    }
    const { expiresAt = Number.POSITIVE_INFINITY } = identity;
    const until = Math.min(this.#clock.now() + recentSeconds * 1000, expiresAt);
    this.#known.set(this.#hash(credentials, context), { identity, until });
  }

  #hash(credentials: Credentials, { host }: LoginContext): string {
    const shown = JSON.stringify([host, credentials]);
    return createHmac('sha256', this.#key).update(shown).digest('base64');
  }
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
