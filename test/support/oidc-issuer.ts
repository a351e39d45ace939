// An issuer of ID tokens, as a CI system has one: a real server with a discovery document and keys, which can be told to
// change its keys, to be away, and to lie.

import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { createServer as createSecureServer } from 'node:https';
import type { AddressInfo, Socket } from 'node:net';
import { type CryptoKey, exportJWK, generateKeyPair, type JWK, SignJWT } from 'jose';

/** What is answered in place of the truth; what is left out is as ever. */
export interface Lie {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** A text, or one without an end. */
  readonly body?: string | 'endless';
  /** The question is heard, and never answered. */
  readonly silent?: boolean;
}

export interface TokenOptions {
  readonly alg?: string;
  /** Left out: that of the issuer's key; `null` for a header without one. */
  readonly kid?: string | null;
  /** More of the header. */
  readonly header?: Readonly<Record<string, unknown>>;
  /** Left out: the issuer's own. */
  readonly key?: CryptoKey | Uint8Array;
}

export interface OidcIssuer {
  /** What its tokens have as `iss`. */
  readonly url: string;
  /** How often it was asked for its discovery document and for its keys. */
  readonly asked: { document: number; keys: number };
  /** How many connections were made to it. */
  connections: number;
  /** What its discovery document says beside, or in place of, the usual. */
  described: Record<string, unknown>;
  /** How its discovery document and its keys are answered, when not truly. */
  readonly lies: { document?: Lie | undefined; keys?: Lie | undefined };
  /** Headers of its answer with its keys. */
  keyHeaders: Record<string, string>;
  /** More of the set of its keys. */
  otherKeys: unknown[];
  /**
   * An ID token, good for five minutes from now. Claims are taken as they are, also `iss`, `aud`, `exp`, `iat` and `nbf`;
   * one that is `undefined` is left out.
   */
  token(claims: Readonly<Record<string, unknown>>, options?: TokenOptions): Promise<string>;
  /** The public key that its tokens are verified by now. */
  publicKey(): JWK;
  /** Has a new key from now on, and withdraws the one before. */
  rotate(alg?: string): Promise<void>;
  /** Ends every connection as it is made. */
  down(): void;
  up(): void;
  close(): Promise<void>;
}

export interface OidcIssuerOptions {
  /** Of its URL, such as `/realms/team`. */
  readonly path?: string;
  /** Of its keys; left out: ES256. */
  readonly alg?: string;
  /** The time of its tokens, in milliseconds since 1970; left out: the machine's. */
  readonly now?: () => number;
  /** It speaks TLS, under that name. */
  readonly tls?: { readonly key: string; readonly cert: string; readonly hostname: string };
}

/** Starts one on a free port of 127.0.0.1. Its URL is http, so only who takes it for a private issuer may ask it. */
export async function startOidcIssuer(options: OidcIssuerOptions = {}): Promise<OidcIssuer> {
  const { path = '', alg: firstAlg = 'ES256', now = Date.now, tls } = options;
  let isDown = false;
  let signing = await newKey(firstAlg, 1);
  let keysMade = 1;
  const sockets = new Set<Socket>();

  const answer = (request: IncomingMessage, response: ServerResponse) => {
    if (request.url === `${path}/.well-known/openid-configuration`) {
      issuer.asked.document += 1;
      const usual = {
        issuer: issuer.url,
        jwks_uri: `${issuer.url}/keys`,
        response_types_supported: ['id_token'],
        subject_types_supported: ['public'],
        id_token_signing_alg_values_supported: [signing.alg],
      };
      say(response, { ...usual, ...issuer.described }, {}, issuer.lies.document);
    } else if (request.url === `${path}/keys`) {
      issuer.asked.keys += 1;
      const set = { keys: [...issuer.otherKeys, signing.publicJwk] };
      say(response, set, issuer.keyHeaders, issuer.lies.keys);
    } else {
      response.writeHead(404).end();
    }
  };
  const server = tls === undefined ? createServer(answer) : createSecureServer(tls, answer);
  server.on('connection', (socket: Socket) => {
    issuer.connections += 1;
    if (isDown) socket.destroy();
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const origin = tls === undefined ? `http://127.0.0.1:${port}` : `https://${tls.hostname}:${port}`;

  const issuer: OidcIssuer = {
    url: `${origin}${path}`,
    asked: { document: 0, keys: 0 },
    connections: 0,
    described: {},
    lies: {},
    keyHeaders: {},
    otherKeys: [],
    token: async (claims, { alg = signing.alg, kid, header, key = signing.privateKey } = {}) => {
      const issued = Math.floor(now() / 1000);
      const usual = { iss: issuer.url, sub: 'job', iat: issued, exp: issued + 300 };
      const named = kid === null ? {} : { kid: kid ?? signing.kid };
      // Through JSON, so that what is undefined is left out.
      return new SignJWT(JSON.parse(JSON.stringify({ ...usual, ...claims })))
        .setProtectedHeader({ alg, typ: 'JWT', ...named, ...header })
        .sign(key, { crit: Object.fromEntries(critical(header).map((name) => [name, true])) });
    },
    publicKey: () => signing.publicJwk,
    rotate: async (alg = signing.alg) => {
      keysMade += 1;
      signing = await newKey(alg, keysMade);
    },
    down: () => {
      isDown = true;
      for (const socket of sockets) socket.destroy();
    },
    up: () => {
      isDown = false;
    },
    close: async () => {
      server.close();
      for (const socket of sockets) socket.destroy();
      if (server.listening) await once(server, 'close');
    },
  };
  return issuer;
}

/** Extensions that the header says must be understood (RFC 7515, section 4.1.11), whatever they are. */
function critical(header: TokenOptions['header']): string[] {
  const { crit } = header ?? {};
  return Array.isArray(crit) ? crit.map(String) : [];
}

interface SigningKey {
  readonly alg: string;
  readonly kid: string;
  readonly privateKey: CryptoKey;
  readonly publicJwk: JWK;
}

async function newKey(alg: string, number: number): Promise<SigningKey> {
  const { privateKey, publicKey } = await generateKeyPair(alg, { extractable: true });
  const kid = `key-${number}`;
  return {
    alg,
    kid,
    privateKey,
    publicJwk: { ...(await exportJWK(publicKey)), kid, alg, use: 'sig' },
  };
}

function say(
  response: ServerResponse,
  truth: unknown,
  headers: Readonly<Record<string, string>>,
  lie: Lie = {},
): void {
  if (lie.silent === true) return;
  const { status = 200, body = JSON.stringify(truth) } = lie;
  response.writeHead(status, { 'Content-Type': 'application/json', ...headers, ...lie.headers });
  if (body !== 'endless') {
    response.end(body);
    return;
  }
  // Until the other side has enough.
  const piece = Buffer.alloc(64 * 1024, ' ');
  const more = () => {
    while (response.write(piece));
  };
  response.on('drain', more).on('error', () => undefined);
  more();
}

/** What a job of GitHub Actions has in its token (GitHub's "OpenID Connect reference"), beside times, issuer and audience. */
export function githubClaims(
  job: {
    readonly repository?: string;
    readonly ref?: string;
    readonly environment?: string;
    readonly event?: 'push' | 'pull_request' | 'workflow_dispatch';
  } = {},
): Record<string, unknown> {
  const { repository = 'octo-org/octo-repo', ref = 'refs/heads/main', environment } = job;
  const { event = 'push' } = job;
  const [owner = ''] = repository.split('/', 1);
  const context =
    environment !== undefined
      ? `environment:${environment.replaceAll(':', '%3A')}`
      : event === 'pull_request'
        ? 'pull_request'
        : `ref:${ref}`;
  const workflow = `${repository}/.github/workflows/release.yml@${ref}`;
  const sha = '1f2e3d4c5b6a79880716253443526170f1e2d3c4';
  return {
    sub: `repo:${repository}:${context}`,
    jti: '6f4762ed-0758-4ccb-808d-ee3af5d723a8',
    actor: 'octocat',
    actor_id: '12',
    base_ref: event === 'pull_request' ? 'main' : '',
    ...(environment === undefined ? {} : { environment }),
    event_name: event,
    head_ref: event === 'pull_request' ? 'feature' : '',
    job_workflow_ref: workflow,
    job_workflow_sha: sha,
    ref: event === 'pull_request' ? 'refs/pull/7/merge' : ref,
    ref_protected: 'true',
    ref_type: ref.startsWith('refs/tags/') ? 'tag' : 'branch',
    repository,
    repository_id: '74',
    repository_owner: owner,
    repository_owner_id: '65',
    repository_visibility: 'private',
    run_attempt: '2',
    run_id: '8221234567',
    run_number: '10',
    runner_environment: 'github-hosted',
    sha,
    workflow: 'release',
    workflow_ref: workflow,
    workflow_sha: sha,
  };
}

/** What a job of GitLab has in its `id_tokens` (GitLab's "OpenID Connect authentication using ID tokens"), beside the same. */
export function gitlabClaims(
  job: {
    readonly project?: string;
    readonly ref?: string;
    readonly tag?: boolean;
    readonly environment?: string;
    readonly isProtected?: boolean;
  } = {},
): Record<string, unknown> {
  const { project = 'my-group/my-project', ref = 'main', tag = false, environment } = job;
  const { isProtected = true } = job;
  const type = tag ? 'tag' : 'branch';
  const path = tag ? `refs/tags/${ref}` : `refs/heads/${ref}`;
  const sha = '714a629c0b401fdce83e847fc9589983fc6f46bc';
  return {
    sub: `project_path:${project}:ref_type:${type}:ref:${ref}`,
    jti: '63ab75f4-2606-4f0e-a500-86f90ab13a85',
    namespace_id: '72',
    namespace_path: project.slice(0, project.lastIndexOf('/')),
    project_id: '20',
    project_path: project,
    user_id: '1',
    user_login: 'sample-user',
    user_email: 'sample-user@example.com',
    user_access_level: 'developer',
    pipeline_id: '574',
    pipeline_source: 'push',
    job_id: '302',
    ref,
    ref_type: type,
    ref_path: path,
    ref_protected: String(isProtected),
    groups_direct: ['my-group', 'my-group/sub-group'],
    ...(environment === undefined
      ? {}
      : { environment, environment_protected: 'false', deployment_tier: 'production' }),
    runner_id: 1,
    runner_environment: 'self-hosted',
    sha,
    project_visibility: 'private',
    ci_config_ref_uri: `gitlab.example.com/${project}//.gitlab-ci.yml@${path}`,
    ci_config_sha: sha,
  };
}
