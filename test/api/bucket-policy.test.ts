// Where IAM on a project's bucket is its policy, as in gcr.io: over HTTP, by each of Google's identities.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { changePolicy } from '#shared/auth/policies.ts';
import { createRobot } from '#shared/auth/robots.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { isOnGoogle, itWhereClocksMove } from '#test/support/backend.ts';
import { pushAll, pushManifest, send, sendAll, useRegistry } from '#test/support/calls.ts';
import { fakeClock } from '#test/support/clock.ts';
import type { ServiceAccount } from '#test/support/google-identity/accounts.ts';
import {
  type GoogleIdentityServer,
  startGoogleIdentity,
} from '#test/support/google-identity/server.ts';
import { imageManifest } from '#test/support/manifests.ts';
import { adminBasic, type TestRegistry } from '#test/support/registry.ts';

const clock = isOnGoogle() ? systemClock : fakeClock(Date.parse('2026-11-24T12:00:00Z'));
const options = { googleStandIn: '', projectBucket: 'acme-{location}-{project}' };
const image = imageManifest();
const actions = ['pull', 'push', 'delete'] as const;

/** Google's roles on buckets, by the permissions of them that are asked about. */
const roles = {
  'roles/storage.objectViewer': ['storage.objects.get', 'storage.objects.list'],
  'roles/storage.legacyBucketWriter': [
    ...['storage.objects.get', 'storage.objects.list'],
    ...['storage.objects.create', 'storage.objects.delete'],
  ],
  'roles/storage.objectCreator': ['storage.objects.create'],
  'roles/storage.admin': [
    ...['storage.objects.get', 'storage.objects.list', 'storage.objects.create'],
    ...['storage.objects.delete', 'storage.buckets.setIamPolicy'],
  ],
} as const;

/** Who shows what → what they may do in the project `my-project`, and with what is public. */
const table: Readonly<Record<string, readonly [mine: string, open: string]>> = {
  nobody: ['', 'pull'],
  'the admin': ['pull push delete', 'pull push delete'],
  'who owns the bucket': ['pull push delete', 'pull'],
  'who writes to it': ['pull push delete', 'pull'],
  'who reads it': ['pull', 'pull'],
  'who creates objects alone': ['', 'pull'],
  'who has no role': ['', 'pull'],
  'a writer whose token only reads': ['pull', 'pull'],
  'a node by its metadata server': ['pull', 'pull'],
  'a federated identity of Google’s': ['pull push delete', 'pull'],
  'a service account by its key': ['pull push delete', 'pull'],
  'a service account by a JWT of its own': ['pull push delete', 'pull'],
  'a robot of the project, by Berth’s policy': ['pull push', 'pull'],
};

const shown = new Map<string, string | null>();
const basic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

describe('where IAM on buckets is the policy', () => {
  let google: GoogleIdentityServer;
  before(async () => {
    google = await startGoogleIdentity({ clock });
    options.googleStandIn = google.url;
  });
  after(() => google.close());
  const registry = useRegistry(options, async (started) => {
    await introduce(started, google);
    for (const name of ['my-project/app', 'open-project/app', 'short/app']) {
      await sendAll(started.url, pushAll(name, image, 'v1'));
    }
  });

  for (const [who, [mine, open]] of Object.entries(table)) {
    for (const [name, may] of [
      ['my-project/app', mine],
      ['open-project/app', open],
      // No project of Google's has such a name, so none has its bucket.
      ['short/app', who === 'the admin' ? 'pull push delete' : ''],
    ] as const) {
      it(`lets ${who} ${may.split(' ').join(', ') || 'do nothing'} in ${name}`, async () => {
        const { url } = registry();
        const authorization = shown.get(who);
        assert.ok(authorization !== undefined);
        for (const action of actions) {
          const scope = `repository:${name}:${action}`;
          const path = `/v2/token?scope=${encodeURIComponent(scope)}`;
          const issued = await send(url, { method: 'GET', path, authorization });
          assert.equal(issued.status, 200, String(issued.body));
          const { token } = JSON.parse(String(issued.body));
          const headers: readonly (string | null)[] = [authorization, `Bearer ${token}`];
          for (const header of headers) {
            const call = callOf(action, name);
            const { status } = await send(url, { ...call, authorization: header });
            const refused = header === null ? 401 : 403;
            const expected = may.includes(action) ? allowed[action] : refused;
            assert.equal(status, expected, `${action} by ${header?.slice(0, 6)}`);
          }
        }
      });
    }
  }

  it('lets nobody in who comes from Google while Google does not answer', async () => {
    const { url } = registry();
    const fresh = google.accessToken({ email: 'owner@example.com' });
    google.down();
    try {
      const authorization = basic('_token', fresh);
      const path = '/v2/my-project/app/manifests/v1';
      const answer = await send(url, { method: 'GET', path, authorization });
      assert.equal(answer.status, 401);
      const byAdmin = await send(url, { method: 'GET', path });
      assert.equal(byAdmin.status, 200);
    } finally {
      google.up();
    }
  });

  itWhereClocksMove(
    'takes no token from who has it by the bucket when Berth’s own policy changes',
    async () => {
      const { url, services, clock: time } = registry();
      const tokens: string[] = [];
      for (const who of ['a service account by its key', 'the admin']) {
        const path = '/v2/token?scope=repository:my-project/app:pull';
        const authorization = shown.get(who) ?? null;
        const { body } = await send(url, { method: 'GET', path, authorization });
        tokens.push(JSON.parse(String(body)).token);
      }
      await changePolicy(services, 'my-project', {
        author: { by: 'user:admin' },
        action: 'policy.change',
        to: (policy) => ({ ...policy, writersDelete: true }),
      });
      time.advance(60_000);
      for (const token of tokens) {
        const path = '/v2/my-project/app/manifests/v1';
        const { status } = await send(url, {
          method: 'GET',
          path,
          authorization: `Bearer ${token}`,
        });
        assert.equal(status, 200);
      }
    },
  );
});

const allowed = { pull: 200, push: 201, delete: 404 } as const;

function callOf(action: (typeof actions)[number], name: string) {
  if (action === 'push') return pushManifest(name, image, 'v1');
  return action === 'pull'
    ? { method: 'GET', path: `/v2/${name}/manifests/v1` }
    : { method: 'DELETE', path: `/v2/${name}/manifests/gone` };
}

async function introduce(started: TestRegistry, google: GoogleIdentityServer): Promise<void> {
  const location = 'local';
  const grant = (project: string, member: string, role: keyof typeof roles) =>
    google.grant(`acme-${location}-${project}`, member, roles[role]);
  const ci: ServiceAccount = await google.addServiceAccount('ci');
  const node = await google.addServiceAccount('node');
  const pool =
    'principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/s';
  grant('my-project', 'user:owner@example.com', 'roles/storage.admin');
  grant('my-project', 'user:writer@example.com', 'roles/storage.legacyBucketWriter');
  grant('my-project', 'user:reader@example.com', 'roles/storage.objectViewer');
  grant('my-project', 'user:creator@example.com', 'roles/storage.objectCreator');
  grant('my-project', `serviceAccount:${ci.email}`, 'roles/storage.legacyBucketWriter');
  grant('my-project', `serviceAccount:${node.email}`, 'roles/storage.legacyBucketWriter');
  grant('my-project', pool, 'roles/storage.legacyBucketWriter');
  grant('open-project', 'allUsers', 'roles/storage.objectViewer');

  const token = (name: string, more: object = {}) =>
    basic('oauth2accesstoken', google.accessToken({ email: `${name}@example.com`, ...more }));
  shown.set('nobody', null);
  shown.set('the admin', adminBasic);
  shown.set('who owns the bucket', token('owner'));
  shown.set('who writes to it', token('writer'));
  shown.set('who reads it', token('reader'));
  shown.set('who creates objects alone', token('creator'));
  shown.set('who has no role', token('mallory'));
  const scopes = ['userinfo.email', 'devstorage.read_only'];
  shown.set('a writer whose token only reads', token('writer', { scopes }));
  shown.set(
    'a node by its metadata server',
    basic('_token', google.metadataToken({ email: node.email })),
  );
  const sts = google.stsToken({ principal: pool });
  shown.set('a federated identity of Google’s', basic('_token', sts));
  shown.set('a service account by its key', basic('_json_key', ci.keyJson));
  const scope = 'https://www.googleapis.com/auth/devstorage.read_write';
  shown.set('a service account by a JWT of its own', basic('_token', ci.selfSignedJwt({ scope })));
  const robot = await createRobot(started.services, {
    project: 'my-project',
    name: 'ci',
    role: 'writer',
  });
  shown.set(
    'a robot of the project, by Berth’s policy',
    basic(robot.username, robot.secret.secret),
  );
}
