// A stand-in for Google's endpoints of identity, strict where they are: what it takes, Google is meant to take, and what
// Google refuses, it refuses in the same words. All of Google's hosts are one here, and below it each API has its own path.
//
//   accounts.ts  jwt.ts    users, service accounts, their keys and what they sign
//   tokens.ts              access tokens, and tokeninfo
//   buckets.ts             permissions on buckets
//   answers.ts             how refusals are worded

import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { type Clock, systemClock } from '#shared/ports/clock.ts';
import {
  Accounts,
  type JwtChanges,
  publishedSet,
  type ServiceAccount,
  type User,
} from './accounts.ts';
import { type Answer, noSuchPage, oauthError } from './answers.ts';
import { Buckets } from './buckets.ts';
import { signJwt } from './jwt.ts';
import { gcloudClient, scopeNames, Tokens } from './tokens.ts';

/** What goes wrong. `slow`: no answer until it is over. `lost`: the connection goes. The others are answers. */
export type Trouble =
  | 'lost'
  | 'slow'
  | 'html'
  | 'huge'
  | 'empty'
  | 'redirect'
  | 'tooMany'
  | 'unavailable';

export interface AskedRequest {
  readonly method: string;
  /** With its query. */
  readonly url: string;
  readonly path: string;
}

export interface GoogleIdentityServer {
  /** `http://127.0.0.1:port`, to stand for all of Google's hosts. */
  readonly url: string;
  /** What was asked, the latest last. */
  readonly requests: readonly AskedRequest[];
  /** How often each path was asked, without its query. */
  counts(): Record<string, number>;
  resetRequests(): void;
  addUser(email: string, options?: { readonly verified?: boolean }): User;
  /** @param name its email, or what stands before `@` in one of the project `example` */
  addServiceAccount(name: string): Promise<ServiceAccount>;
  deleteServiceAccount(email: string): void;
  /** A user's access token, as `gcloud auth print-access-token` gives it. The user is made if there is none. */
  accessToken(options: {
    readonly email: string;
    /** Short names; gcloud's when left out. */
    readonly scopes?: readonly string[];
    readonly expiresInSeconds?: number;
    /** The OAuth client's name, or the number of the service account that acts for the user. */
    readonly client?: string;
  }): string;
  /** A service account's access token, as the metadata server gives it. */
  metadataToken(options: {
    readonly email: string;
    /** Short names; Compute Engine's default when left out. */
    readonly scopes?: readonly string[];
    readonly expiresInSeconds?: number;
  }): string;
  /** A federated identity's access token, which tokeninfo refuses. */
  stsToken(options: { readonly principal: string; readonly expiresInSeconds?: number }): string;
  revokeToken(token: string): void;
  /** An ID token. Without an email: as the metadata server gives it unless it is asked for the full format. */
  idToken(
    options: { readonly aud: unknown; readonly email?: string; readonly id?: string },
    changes?: JwtChanges,
  ): string;
  /** Google signs ID tokens by another key from now on. */
  rotateKeys(): Promise<void>;
  /** Sets what a member (`user:…`, `serviceAccount:…`, `principal://…`, `allUsers`) may do on a bucket, and makes that. */
  grant(bucket: string, member: string, permissions: readonly string[]): void;
  /** Something is wrong from now on, with all endpoints or those whose path begins so. */
  trouble(kind: Trouble, pathPrefix?: string): void;
  /** The same for the next requests only. */
  troubleNext(kind: Trouble, times?: number): void;
  down(): void;
  slow(): void;
  /** All is well again, and who was kept waiting is answered. */
  up(): void;
  close(): Promise<void>;
}

const computeEngineScopes = ['devstorage.read_only', 'logging.write', 'monitoring.write'];
const gcloudScopes = ['openid', 'userinfo.email', 'cloud-platform', 'appengine.admin'];

/** Starts it on a free port of this machine. */
export async function startGoogleIdentity(
  options: { readonly clock?: Clock; readonly port?: number } = {},
): Promise<GoogleIdentityServer> {
  const clock = options.clock ?? systemClock;
  const accounts = new Accounts(clock);
  await accounts.rotateGoogleKeys();
  const tokens = new Tokens(clock, accounts);
  const buckets = new Buckets(clock, accounts, tokens);
  const front = new Front({ accounts, tokens, buckets });
  const server = createServer((request, response) => {
    // What fails here is the connection: there is nobody to tell.
    front.serve(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(options.port ?? 0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests: front.requests,
    counts: () =>
      Object.fromEntries(
        Object.entries(Object.groupBy(front.requests, ({ path }) => path)).map(([path, all]) => [
          path,
          all?.length ?? 0,
        ]),
      ),
    resetRequests: () => {
      front.requests.length = 0;
    },
    addUser: (email, verified) => accounts.addUser(email, verified),
    addServiceAccount: (name) =>
      accounts.addServiceAccount(
        name.includes('@') ? name : `${name}@example.iam.gserviceaccount.com`,
      ),
    deleteServiceAccount: (email) => accounts.deleteServiceAccount(email),
    accessToken: ({ email, scopes = gcloudScopes, expiresInSeconds = 3599, client }) =>
      tokens.issueUser(email, {
        scopes,
        expiresInSeconds,
        ...(client !== undefined && { client }),
      }),
    metadataToken: ({ email, scopes = computeEngineScopes, expiresInSeconds = 3599 }) =>
      tokens.issueServiceAccount(email, { scopes, expiresInSeconds }),
    stsToken: ({ principal, expiresInSeconds = 3599 }) =>
      tokens.issue({
        member: principal,
        azp: '',
        sub: principal,
        verified: false,
        scopes: scopeNames(['cloud-platform']),
        exp: Math.floor(clock.now() / 1000) + expiresInSeconds,
        federated: true,
      }),
    revokeToken: (token) => tokens.revoke(token),
    idToken: (of, changes = {}) => idToken(accounts, of, changes),
    rotateKeys: () => accounts.rotateGoogleKeys(),
    grant: (bucket, member, permissions) => buckets.grant(bucket, member, permissions),
    trouble: (kind, pathPrefix = '/') => front.trouble(kind, { pathPrefix }),
    troubleNext: (kind, times = 1) => front.trouble(kind, { pathPrefix: '/', times }),
    down: () => front.trouble('lost', { pathPrefix: '/' }),
    slow: () => front.trouble('slow', { pathPrefix: '/' }),
    up: () => front.well(),
    close: async () => {
      front.well();
      await new Promise<void>((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      });
    },
  };
}

function idToken(
  accounts: Accounts,
  { aud, email, id }: { readonly aud: unknown; readonly email?: string; readonly id?: string },
  { claims, header, key }: JwtChanges,
): string {
  const [newest] = accounts.googleKeys;
  const account = email && (accounts.serviceAccount(email) ?? accounts.user(email));
  const sub = id ?? (account || undefined)?.id ?? '100000000000000000009';
  const isUser = email !== undefined && accounts.user(email) !== undefined;
  const signer = key ?? newest?.privateKey;
  return signJwt(
    { alg: 'RS256', kid: newest?.kid, typ: 'JWT', ...header },
    {
      iss: 'https://accounts.google.com',
      azp: isUser ? gcloudClient : sub,
      aud,
      sub,
      ...(email !== undefined && { email, email_verified: true }),
      ...accounts.hour(),
      ...claims,
    },
    signer === undefined ? {} : { key: signer },
  );
}

/** What stands before the endpoints: the log, and what goes wrong. */
class Front {
  readonly requests: AskedRequest[] = [];
  readonly #accounts: Accounts;
  readonly #tokens: Tokens;
  readonly #buckets: Buckets;
  #trouble: { kind: Trouble; pathPrefix: string; times: number } | undefined;
  #waiting: (() => void)[] = [];

  constructor(parts: { accounts: Accounts; tokens: Tokens; buckets: Buckets }) {
    this.#accounts = parts.accounts;
    this.#tokens = parts.tokens;
    this.#buckets = parts.buckets;
  }

  trouble(
    kind: Trouble,
    { pathPrefix, times = Number.POSITIVE_INFINITY }: { pathPrefix: string; times?: number },
  ): void {
    this.#trouble = { kind, pathPrefix, times };
  }

  well(): void {
    this.#trouble = undefined;
    for (const go of this.#waiting.splice(0)) go();
  }

  async serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    const { pathname: path, searchParams: query } = new URL(url, 'http://google');
    this.requests.push({ method, url, path });
    const body = await textOf(request);
    const kind = this.#troubleOf(path);
    if (kind === 'lost') {
      request.socket.destroy();
      return;
    }
    if (kind === 'slow') await new Promise<void>((resolve) => this.#waiting.push(resolve));
    const answer =
      kind === undefined || kind === 'slow'
        ? this.#answer(request, { method, path, query, body })
        : troubled(kind);
    const isText = typeof answer.body === 'string';
    response.writeHead(answer.status, {
      'content-type': 'application/json; charset=UTF-8',
      ...answer.headers,
    });
    response.end(isText ? answer.body : JSON.stringify(answer.body, null, 2));
  }

  #troubleOf(path: string): Trouble | undefined {
    const trouble = this.#trouble;
    if (trouble === undefined || !path.startsWith(trouble.pathPrefix)) return undefined;
    trouble.times -= 1;
    if (trouble.times <= 0) this.#trouble = undefined;
    return trouble.kind;
  }

  #answer(
    request: IncomingMessage,
    {
      method,
      path,
      query,
      body,
    }: { method: string; path: string; query: URLSearchParams; body: string },
  ): Answer {
    const { authorization, 'content-type': type = '' } = request.headers;
    if (path === '/tokeninfo') {
      if (method !== 'GET' && method !== 'POST') return noSuchPage(405);
      const form = type.startsWith('application/x-www-form-urlencoded') ? body : '';
      const shown = [
        ...query.getAll('access_token'),
        ...new URLSearchParams(form).getAll('access_token'),
        ...(authorization === undefined ? [] : [authorization.replace(/^Bearer /, '')]),
      ];
      if (shown.length > 1)
        return oauthError('invalid_request', 'Only one access_token may be shown');
      return this.#tokens.info(shown[0]);
    }
    if (method !== 'GET') return noSuchPage(404);
    if (path === '/oauth2/v3/certs') return keySet(publishedSet(this.#accounts.googleKeys), 19_000);
    const [, email] = /^\/service_accounts\/v1\/metadata\/jwk\/([^/]+)$/.exec(path) ?? [];
    if (email !== undefined) {
      const keys = this.#accounts.keysOf(decodeURIComponent(email));
      return keys === undefined
        ? { status: 404, body: { error: { code: 404, message: 'Not Found', status: 'NOT_FOUND' } } }
        : keySet(publishedSet(keys.values()), 21_000);
    }
    const [, bucket] = /^\/storage\/v1\/b\/([^/]+)\/iam\/testPermissions$/.exec(path) ?? [];
    if (bucket !== undefined) return this.#buckets.testPermissions(bucket, query, authorization);
    return noSuchPage(404);
  }
}

function keySet(body: Answer['body'], maxAge: number): Answer {
  return {
    status: 200,
    body,
    headers: { 'cache-control': `public, max-age=${maxAge}, must-revalidate, no-transform` },
  };
}

function troubled(kind: Exclude<Trouble, 'lost' | 'slow'>): Answer {
  switch (kind) {
    case 'html':
      return { ...noSuchPage(200), body: '<html>Welcome to the airport’s network</html>' };
    case 'huge':
      return { status: 200, body: JSON.stringify({ keys: [], padding: 'x'.repeat(300 * 1024) }) };
    case 'empty':
      return { status: 200, body: '' };
    case 'redirect':
      return { status: 302, body: '', headers: { location: '/elsewhere' } };
    case 'tooMany':
      return { status: 429, body: { error: { code: 429, message: 'Quota exceeded' } } };
    case 'unavailable':
      return noSuchPage(503);
  }
}

async function textOf(request: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  return Buffer.concat(chunks).toString('utf8');
}
