// What Cloud Storage says that somebody may do on a bucket, by their own credential.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { GoogleIdentity } from '#shared/auth/google/identities.ts';
import { googlePermissionsSecondsMax, googleRefusalSeconds } from '#shared/oci/limits.ts';
import { audiences, type Scene, sceneForTests, scopePrefix } from './google-scene.ts';

const theScene = sceneForTests();

const reading = ['storage.objects.get', 'storage.objects.list'];
const writing = [...reading, 'storage.objects.create', 'storage.objects.delete'];
const owning = [...writing, 'storage.buckets.setIamPolicy'];
const subject =
  'principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/s';

let buckets = 0;

/** The scene, well, with a bucket on which somebody may do something. */
function begin(
  t: TestContext,
  member: string,
  permissions: readonly string[],
): Scene & { bucket: string } {
  const scene = theScene();
  buckets += 1;
  const bucket = `project-${buckets}`;
  scene.google.grant(bucket, member, permissions);
  scene.google.resetRequests();
  t.after(() => scene.google.up());
  return { ...scene, bucket };
}

async function identify(scene: Scene, secret: string, username?: string): Promise<GoogleIdentity> {
  const identities = scene.open({ bucketMode: true });
  const identity = await identities.identify({
    secret,
    audiences,
    ...(username !== undefined && { username }),
  });
  return identity ?? assert.fail('nobody');
}

describe('permissions on a bucket', () => {
  it('are a user’s, by the access token', async (t) => {
    const scene = begin(t, 'user:ann@example.com', owning);
    const ann = await identify(scene, scene.google.accessToken({ email: 'ann@example.com' }));
    assert.deepEqual(await ann.permissionsOn(scene.bucket), owning);
  });

  it('are a service account’s, by its key', async (t) => {
    const scene = begin(t, `serviceAccount:${theScene().ci.email}`, writing);
    const ci = await identify(scene, scene.ci.keyJson, '_json_key');
    assert.deepEqual(await ci.permissionsOn(scene.bucket), writing);
  });

  it('are a service account’s, by a JWT it signed itself', async (t) => {
    const scene = begin(t, `serviceAccount:${theScene().ci.email}`, writing);
    const token = scene.ci.selfSignedJwt({ scope: `${scopePrefix}devstorage.read_write` });
    const ci = await identify(scene, token, '_dcgcr_2_1_30_token');
    assert.deepEqual(await ci.permissionsOn(scene.bucket), writing);
  });

  it('are a federated identity’s, whom nobody else knows', async (t) => {
    const scene = begin(t, subject, reading);
    const who = await identify(scene, scene.google.stsToken({ principal: subject }));
    assert.deepEqual(await who.permissionsOn(scene.bucket), reading);
  });

  it('are a node’s, and its scope leaves only those of reading', async (t) => {
    const scene = begin(t, `serviceAccount:${theScene().ci.email}`, owning);
    const node = await identify(
      scene,
      scene.google.metadataToken({ email: scene.ci.email }),
      '_token',
    );
    assert.deepEqual(await node.permissionsOn(scene.bucket), reading);
  });

  it('are only those that a registry asks for', async (t) => {
    const scene = begin(t, 'user:ann@example.com', ['storage.buckets.update', ...reading]);
    const ann = await identify(scene, scene.google.accessToken({ email: 'ann@example.com' }));
    assert.deepEqual(await ann.permissionsOn(scene.bucket), reading);
  });

  it('are everybody’s on a public bucket, and nobody’s on another', async (t) => {
    const scene = begin(t, 'allUsers', reading);
    scene.google.grant('closed', 'allAuthenticatedUsers', reading);
    const identities = scene.open();
    assert.deepEqual(await identities.anonymousPermissionsOn(scene.bucket), reading);
    assert.deepEqual(await identities.anonymousPermissionsOn('closed'), []);
    const ann = await identify(scene, scene.google.accessToken({ email: 'ann@example.com' }));
    assert.deepEqual(await ann.permissionsOn(scene.bucket), reading);
    assert.deepEqual(await ann.permissionsOn('closed'), reading);
  });

  it('are none for somebody else, on another bucket, or on one that is not there', async (t) => {
    const scene = begin(t, 'user:bob@example.com', owning);
    scene.google.grant('elsewhere', 'user:ann@example.com', owning);
    const ann = await identify(scene, scene.google.accessToken({ email: 'ann@example.com' }));
    assert.deepEqual(await ann.permissionsOn(scene.bucket), []);
    assert.deepEqual(await ann.permissionsOn('no-such-bucket'), []);
  });

  it('are none by an ID token, which Cloud Storage is not asked about', async (t) => {
    const scene = begin(t, 'user:ann@example.com', owning);
    const token = scene.google.idToken({ aud: 'registry.example', email: 'ann@example.com' });
    const ann = await identify(scene, token);
    scene.google.resetRequests();
    assert.deepEqual(await ann.permissionsOn(scene.bucket), []);
    assert.equal(scene.google.requests.length, 0);
  });

  it('are none by a JWT for this registry alone, which Cloud Storage refuses', async (t) => {
    const scene = begin(t, `serviceAccount:${theScene().ci.email}`, owning);
    const ci = await identify(scene, scene.ci.selfSignedJwt({ aud: 'registry.example' }));
    assert.deepEqual(await ci.permissionsOn(scene.bucket), []);
  });

  it('are none once the token was revoked, has expired, or its key was deleted', async (t) => {
    const scene = begin(t, 'user:ann@example.com', owning);
    scene.google.grant(scene.bucket, `serviceAccount:${scene.ci.email}`, owning);
    const revoked = scene.google.accessToken({ email: 'ann@example.com' });
    const ann = await identify(scene, revoked);
    const brief = await identify(
      scene,
      scene.google.accessToken({ email: 'ann@example.com', expiresInSeconds: 5 }),
    );
    const file = await scene.ci.addKey();
    const ci = await identify(scene, JSON.stringify(file), '_json_key');
    assert.deepEqual(await brief.permissionsOn(scene.bucket), owning);
    scene.google.revokeToken(revoked);
    scene.ci.deleteKey(file.private_key_id);
    scene.clock.advance(5000);
    for (const identity of [ann, brief, ci])
      assert.deepEqual(await identity.permissionsOn(scene.bucket), []);
  });

  it('are none on what is no bucket’s name, which never goes into a URL', async (t) => {
    const scene = begin(t, 'user:ann@example.com', owning);
    const ann = await identify(scene, scene.google.accessToken({ email: 'ann@example.com' }));
    scene.google.resetRequests();
    const names = ['', 'ab', 'a'.repeat(64), 'Upper', '-a1', 'a1-', 'a/b', '../x', 'a?b=c', 'a#b'];
    const more = [
      'a..b',
      '.ab',
      'ab.',
      '10.0.0.1',
      'a%2fb',
      'a b',
      'a\nb',
      'ä12',
      `a${'.a'.repeat(120)}`,
    ];
    for (const name of [...names, ...more])
      assert.deepEqual(await ann.permissionsOn(name), [], name);
    assert.equal(scene.google.requests.length, 0);
  });

  it('are asked for on every kind of name that there is', async (t) => {
    const scene = begin(t, 'user:ann@example.com', owning);
    const ann = await identify(scene, scene.google.accessToken({ email: 'ann@example.com' }));
    const names = ['abc', '1-2_3', 'artifacts.project.appspot.com', 'a'.repeat(63)];
    for (const name of names) {
      scene.google.grant(name, 'user:ann@example.com', reading);
      assert.deepEqual(await ann.permissionsOn(name), reading, name);
    }
  });

  for (const trouble of ['lost', 'html', 'huge', 'empty', 'redirect', 'unavailable'] as const) {
    it(`are none while Cloud Storage does not answer: ${trouble}`, async (t) => {
      const scene = begin(t, 'user:ann@example.com', owning);
      const ann = await identify(scene, scene.google.accessToken({ email: 'ann@example.com' }));
      scene.google.trouble(trouble, '/storage');
      assert.deepEqual(await ann.permissionsOn(scene.bucket), []);
      assert.deepEqual(await scene.open().anonymousPermissionsOn(scene.bucket), []);
      scene.google.up();
      assert.deepEqual(await ann.permissionsOn(scene.bucket), owning);
    });
  }

  it('are none while Cloud Storage takes too long', async (t) => {
    const scene = begin(t, 'allUsers', owning);
    const identities = scene.open({ patienceMs: 30 });
    scene.google.slow();
    assert.deepEqual(await identities.anonymousPermissionsOn(scene.bucket), []);
  });

  it('are kept for a minute, and refusals for ten seconds', async (t) => {
    const scene = begin(t, 'user:ann@example.com', owning);
    const { google, bucket, clock } = scene;
    const ann = await identify(scene, google.accessToken({ email: 'ann@example.com' }));
    google.resetRequests();
    const held = () => ann.permissionsOn(bucket);
    await Promise.all([held(), held(), held()]);
    google.grant(bucket, 'user:ann@example.com', []);
    clock.advance(googlePermissionsSecondsMax * 1000 - 1);
    assert.deepEqual(await held(), owning);
    assert.equal(google.requests.length, 1);
    clock.advance(1);
    assert.deepEqual(await held(), []);
    google.grant(bucket, 'user:ann@example.com', reading);
    clock.advance(googleRefusalSeconds * 1000 - 1);
    assert.deepEqual(await held(), []);
    assert.equal(google.requests.length, 2);
    clock.advance(1);
    assert.deepEqual(await held(), reading);
  });

  it('are kept for each caller alone', async (t) => {
    const scene = begin(t, 'user:ann@example.com', owning);
    const identities = scene.open();
    const as = async (email: string) => {
      const secret = scene.google.accessToken({ email });
      const identity = await identities.identify({ secret, audiences });
      return await identity?.permissionsOn(scene.bucket);
    };
    assert.deepEqual(await as('ann@example.com'), owning);
    assert.deepEqual(await as('bob@example.com'), []);
    assert.deepEqual(await identities.anonymousPermissionsOn(scene.bucket), []);
  });
});
