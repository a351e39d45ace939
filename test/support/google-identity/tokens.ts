// Opaque access tokens: those of Google's authorization server, which tokeninfo knows, and those of its token service for
// federated identities, which it does not.

import { randomBytes } from 'node:crypto';
import type { Clock } from '#shared/ports/clock.ts';
import type { Accounts } from './accounts.ts';
import { type Answer, oauthError } from './answers.ts';

const scopePrefix = 'https://www.googleapis.com/auth/';

/** gcloud's OAuth client, as which people log in. */
export const gcloudClient = '32555940559.apps.googleusercontent.com';

/** Scopes by their short names: `cloud-platform`, `devstorage.read_only`, `userinfo.email`; `openid` is one as it is. */
export function scopeNames(names: readonly string[]): string[] {
  return names.map((name) =>
    name === 'openid' || name === 'email' || name.includes('://') ? name : `${scopePrefix}${name}`,
  );
}

export interface IssuedToken {
  /** How bindings name whose it is: `user:…`, `serviceAccount:…`, `principal://…`. */
  readonly member: string;
  /** To whom it was issued: an OAuth client, or a service account's number. */
  readonly azp: string;
  readonly sub: string;
  readonly email?: string | undefined;
  readonly verified: boolean;
  readonly scopes: readonly string[];
  /** Seconds since 1970. */
  readonly exp: number;
  /** Issued by the token service for federated identities. */
  readonly federated: boolean;
}

export class Tokens {
  readonly #clock: Clock;
  readonly #accounts: Accounts;
  readonly #issued = new Map<string, IssuedToken>();

  constructor(clock: Clock, accounts: Accounts) {
    this.#clock = clock;
    this.#accounts = accounts;
  }

  issue(token: IssuedToken): string {
    const random = randomBytes(90).toString('base64url');
    const text = token.federated ? `ya29.d.${random}` : `ya29.a0${random}`;
    this.#issued.set(text, token);
    return text;
  }

  /** @param options.client the OAuth client, or the number of a service account that acts for the user */
  issueUser(
    email: string,
    options: { scopes: readonly string[]; expiresInSeconds: number; client?: string },
  ): string {
    const user = this.#accounts.user(email) ?? this.#accounts.addUser(email);
    return this.issue({
      member: `user:${email}`,
      azp: options.client ?? gcloudClient,
      sub: user.id,
      email,
      verified: user.verified,
      scopes: scopeNames(options.scopes),
      exp: this.#expiry(options.expiresInSeconds),
      federated: false,
    });
  }

  issueServiceAccount(
    email: string,
    options: { scopes: readonly string[]; expiresInSeconds: number },
  ): string {
    const account = this.#accounts.serviceAccount(email);
    if (account === undefined) throw new Error(`no such service account: ${email}`);
    return this.issue({
      member: `serviceAccount:${email}`,
      azp: account.id,
      sub: account.id,
      email,
      verified: true,
      scopes: scopeNames(options.scopes),
      exp: this.#expiry(options.expiresInSeconds),
      federated: false,
    });
  }

  revoke(token: string): void {
    this.#issued.delete(token);
  }

  /** The token, as long as it is good. */
  find(token: string): IssuedToken | undefined {
    const found = this.#issued.get(token);
    return found !== undefined && found.exp * 1000 > this.#clock.now() ? found : undefined;
  }

  /** `https://oauth2.googleapis.com/tokeninfo`: numbers and booleans are texts; whose it is only by its scopes. */
  info(token: string | undefined): Answer {
    if (token === undefined)
      return oauthError('invalid_request', 'Required parameter is missing: access_token');
    const found = this.find(token);
    if (found === undefined || found.federated) return oauthError('invalid_token', 'Invalid Value');
    const { azp, sub, email, verified, scopes, exp } = found;
    const tellsEmail = scopes.some((scope) => /^(email|.*\/userinfo\.email)$/.test(scope));
    const tellsSubject = tellsEmail || scopes.includes('openid');
    return {
      status: 200,
      headers: { 'cache-control': 'no-cache, no-store, max-age=0, must-revalidate' },
      body: {
        azp,
        aud: azp,
        ...(tellsSubject && { sub }),
        scope: scopes.join(' '),
        exp: String(exp),
        expires_in: String(exp - Math.floor(this.#clock.now() / 1000)),
        ...(tellsEmail && email !== undefined && { email, email_verified: String(verified) }),
        access_type: 'online',
      },
    };
  }

  #expiry(seconds: number): number {
    return Math.floor(this.#clock.now() / 1000) + seconds;
  }
}
