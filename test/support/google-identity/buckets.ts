// Buckets and who may do what on them: `buckets.testIamPermissions` of the Cloud Storage JSON API.

import type { Clock } from '#shared/ports/clock.ts';
import type { Accounts } from './accounts.ts';
import { type Answer, storageError } from './answers.ts';
import { isSignedBy, readJwt } from './jwt.ts';
import type { Tokens } from './tokens.ts';

const permissionNames = new Set(
  [
    ...['objects.get', 'objects.list', 'objects.create', 'objects.delete', 'objects.update'],
    ...['buckets.get', 'buckets.update', 'buckets.getIamPolicy', 'buckets.setIamPolicy'],
  ].map((name) => `storage.${name}`),
);

/** The API's authorization scopes. */
const allowedScopes = [
  'cloud-platform',
  'cloud-platform.read-only',
  'devstorage.full_control',
  'devstorage.read_only',
  'devstorage.read_write',
].map((name) => `https://www.googleapis.com/auth/${name}`);

const ownAudiences = ['https://storage.googleapis.com/', 'https://storage.googleapis.com'];

type Caller =
  | { readonly member: string; readonly scopes: readonly string[] | 'any' }
  | 'anonymous'
  | undefined;

export class Buckets {
  readonly #clock: Clock;
  readonly #accounts: Accounts;
  readonly #tokens: Tokens;
  /** Bucket → member → permissions. */
  readonly #buckets = new Map<string, Map<string, Set<string>>>();

  constructor(clock: Clock, accounts: Accounts, tokens: Tokens) {
    this.#clock = clock;
    this.#accounts = accounts;
    this.#tokens = tokens;
  }

  /** Sets what a member may do on a bucket, which is made if it is not there. */
  grant(bucket: string, member: string, permissions: readonly string[]): void {
    for (const permission of permissions)
      if (!permissionNames.has(permission)) throw new Error(`no such permission: ${permission}`);
    const members = this.#buckets.get(bucket) ?? new Map<string, Set<string>>();
    this.#buckets.set(bucket, members.set(member, new Set(permissions)));
  }

  testPermissions(bucket: string, query: URLSearchParams, authorization?: string): Answer {
    const asked = query.getAll('permissions');
    const unknown = asked.find((permission) => !permissionNames.has(permission));
    if (asked.length === 0) return storageError(400, 'required', 'Required parameter: permissions');
    if (unknown !== undefined)
      return storageError(400, 'invalid', `Permission ${unknown} is not valid for this resource.`);
    // Who asks is looked at first, so that nobody unknown learns which buckets there are.
    const caller = this.#callerOf(authorization);
    if (caller === undefined) return storageError(401, 'authError', 'Invalid Credentials');
    if (caller !== 'anonymous' && caller.scopes !== 'any') {
      const { scopes } = caller;
      if (!allowedScopes.some((scope) => scopes.includes(scope)))
        return storageError(
          403,
          'insufficientPermissions',
          'Request had insufficient authentication scopes.',
        );
    }
    const members = this.#buckets.get(bucket);
    if (members === undefined)
      return storageError(404, 'notFound', 'The specified bucket does not exist.');
    const names =
      caller === 'anonymous' ? ['allUsers'] : [caller.member, 'allAuthenticatedUsers', 'allUsers'];
    const permissions = asked.filter((one) => names.some((name) => members.get(name)?.has(one)));
    // Nothing is left out, and not an empty list.
    return {
      status: 200,
      body: {
        kind: 'storage#testIamPermissionsResponse',
        ...(permissions.length > 0 && { permissions }),
      },
    };
  }

  #callerOf(authorization: string | undefined): Caller {
    if (authorization === undefined) return 'anonymous';
    const [, token] = /^Bearer ([A-Za-z0-9._~+/-]+=*)$/.exec(authorization) ?? [];
    if (token === undefined) return undefined;
    const issued = this.#tokens.find(token);
    if (issued !== undefined) return issued;
    return this.#selfSigned(token);
  }

  /** A JWT in place of an access token (google.aip.dev/auth/4111): with a scope or this API's audience, never both. */
  #selfSigned(token: string): Caller {
    const jwt = readJwt(token);
    const { iss, sub, aud, scope, iat, exp } = jwt?.claims ?? {};
    const { alg, kid } = jwt?.header ?? {};
    if (typeof iss !== 'string' || typeof kid !== 'string' || sub !== iss) return undefined;
    const pair = this.#accounts.keysOf(iss)?.get(kid);
    if (alg !== 'RS256' || pair === undefined || !isSignedBy(token, pair.privateKey))
      return undefined;
    const now = this.#clock.now() / 1000;
    if (typeof iat !== 'number' || typeof exp !== 'number') return undefined;
    if (exp <= now || iat > now + 60 || exp - iat > 3600) return undefined;
    const member = `serviceAccount:${iss}`;
    if (typeof scope === 'string' && aud === undefined) return { member, scopes: scope.split(' ') };
    if (typeof aud === 'string' && scope === undefined && ownAudiences.includes(aud))
      return { member, scopes: 'any' };
    return undefined;
  }
}
