// A registry that knows everybody who can log in: its own robots, Google's accounts, and the jobs of a CI system.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Role } from '#shared/auth/principal.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { send } from '#test/support/calls.ts';
import type { ServiceAccount } from '#test/support/google-identity/accounts.ts';
import {
  type GoogleIdentityServer,
  startGoogleIdentity,
} from '#test/support/google-identity/server.ts';
import { type MadeImage, writeImage } from '#test/support/images.ts';
import { githubClaims, type OidcIssuer, startOidcIssuer } from '#test/support/oidc-issuer.ts';
import type { Scratch } from './client.ts';
import { skopeoIn } from './skopeo.ts';

export interface Login {
  readonly username: string;
  readonly password: string;
}

export interface RobotLogin extends Login {
  /** Has the registry take this login no more. */
  revoke(): Promise<void>;
}

export interface Acquaintances {
  readonly berth: RunningBerth;
  readonly google: GoogleIdentityServer;
  readonly issuer: OidcIssuer;
  /** Writes in `team`. */
  readonly ci: ServiceAccount;
  /** Reads in `team`: named by its number, which is all that a node's token tells. */
  readonly node: ServiceAccount;
  /** An OCI layout of the image that {@link repositories} have as `v1`. */
  readonly layout: string;
  readonly image: MadeImage;
  /** An image's name with the registry's. */
  name(image: string): string;
  readonly admin: Login;
  /** Makes a robot of `team`. */
  robot(name: string, role: Role): Promise<RobotLogin>;
  /** The token of a job of GitHub Actions, whose repository is `acme/app` when left out, for this registry. */
  jobToken(repository?: string): Promise<string>;
}

/** Private, private in another project, and open to anyone. */
export const repositories = ['team/web/app', 'other/app', 'open/app'] as const;

/** Google's user who writes in `team`, and the one who may do nothing there. */
export const writer = 'writer@example.com';
export const stranger = 'stranger@example.com';

/** Starts it, until the directory is removed. Who may what is decided by the admin API, as people do. */
export async function makeAcquaintances(space: Scratch): Promise<Acquaintances> {
  const google = await startGoogleIdentity();
  space.after(() => google.close());
  const issuer = await startOidcIssuer();
  space.after(() => issuer.close());
  const berth = await startBerth({
    environment: {
      BERTH_ANONYMOUS_PULL: 'open',
      BERTH_GOOGLE_STAND_IN: google.url,
      BERTH_PRIVATE_ISSUERS: issuer.url,
    },
  });
  space.after(() => berth.remove());
  const admin = { username: 'admin', password: berth.password };
  const administer = async (method: string, path: string, asked?: unknown) => {
    const { status, body } = await send(berth.url, {
      method,
      path: `/api/v1/projects/team/${path}`,
      authorization: `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`,
      headers: { 'Content-Type': 'application/json' },
      ...(asked === undefined ? {} : { body: JSON.stringify(asked) }),
    });
    assert.ok(status < 300, `${method} ${path}: ${status} ${body}`);
    return body.length === 0 ? {} : JSON.parse(String(body));
  };
  const ci = await google.addServiceAccount('ci');
  const node = await google.addServiceAccount('node');
  for (const email of [writer, stranger]) google.addUser(email);
  const { etag } = await administer('GET', 'policy');
  await administer('PUT', 'policy', {
    etag,
    bindings: [
      { role: 'writer', members: [`serviceAccount:${ci.email}`, `user:${writer}`] },
      { role: 'reader', members: [`serviceAccount:${node.id}`] },
    ],
  });
  await administer('POST', 'federation', {
    issuer: issuer.url,
    claims: { repository: 'acme/*', ref: 'refs/heads/main' },
    role: 'writer',
    prefix: 'team/web',
  });

  const layout = join(space.path, 'layout');
  const image = await writeImage(layout, { seed: 'shared', layers: 2, bytesPerLayer: 5000 });
  const skopeo = skopeoIn(space.path);
  for (const repository of repositories) {
    const to = `docker://${berth.host}/${repository}:v1`;
    const flags = ['--dest-tls-verify=false', '--dest-creds', `admin:${berth.password}`];
    await skopeo('copy', ...flags, `oci:${layout}:latest`, to);
  }
  return {
    berth,
    google,
    issuer,
    ci,
    node,
    layout,
    image,
    name: (name) => `${berth.host}/${name}`,
    admin,
    robot: async (name, role) => {
      const { username, secret } = await administer('POST', 'robots', { name, role });
      const path = `robots/${name}/secrets/${secret.id}`;
      return {
        username,
        password: secret.secret,
        revoke: () => administer('DELETE', path),
      };
    },
    jobToken: (repository = 'acme/app') =>
      issuer.token({ ...githubClaims({ repository }), aud: `https://${berth.host}` }),
  };
}
