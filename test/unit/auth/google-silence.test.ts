// What is kept of Google's answers and for how long, and what comes of it when Google does not answer.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import type { GoogleIdentities } from '#shared/auth/google/identities.ts';
import {
  googleIdentitySecondsMax,
  googleKeysAgainSeconds,
  googleKeysKeptSeconds,
  googleRefusalSeconds,
  serviceAccountKeysSecondsMax,
} from '#shared/oci/limits.ts';
import type { GoogleIdentityServer, Trouble } from '#test/support/google-identity/server.ts';
import { audiences, type Scene, sceneForTests, scopePrefix } from './google-scene.ts';

const theScene = sceneForTests();

const storage = `${scopePrefix}devstorage.read_write`;
const ciKeys = '/service_accounts/v1/metadata/jwk/ci@example.iam.gserviceaccount.com';

/** The scene with nothing wrong and nothing asked, and made well again when the test is over. */
function begin(t: TestContext): Scene & { google: GoogleIdentityServer } {
  const scene = theScene();
  scene.google.resetRequests();
  scene.lines.length = 0;
  t.after(() => scene.google.up());
  return scene;
}

/** Whether a Bearer is anybody's. */
async function isKnown(identities: GoogleIdentities, secret: string): Promise<boolean> {
  return (await identities.identify({ secret, audiences })) !== undefined;
}

const advance = ({ clock }: Scene, seconds: number) => clock.advance(seconds * 1000);

/** Each as Google's kind of credential, for an hour from now. */
const credentials: Readonly<
  Record<string, (scene: Scene) => { username?: string; secret: string }>
> = {
  'an access token': ({ google }) => ({
    secret: google.accessToken({ email: 'ann@example.com' }),
  }),
  'a self-signed JWT': ({ ci }) => ({ secret: ci.selfSignedJwt({ scope: storage }) }),
  'an ID token': ({ google }) => ({
    secret: google.idToken({ aud: 'registry.example', email: 'ann@example.com' }),
  }),
  'a key': ({ ci }) => ({ username: '_json_key', secret: ci.keyJson }),
};

const troubles: readonly Trouble[] = [
  'lost',
  'slow',
  'html',
  'huge',
  'empty',
  'redirect',
  'tooMany',
  'unavailable',
];

describe('a Google that does not answer', () => {
  for (const trouble of troubles) {
    for (const [what, make] of Object.entries(credentials)) {
      it(`grants nothing to ${what}, and the next answer counts: ${trouble}`, async (t) => {
        const scene = begin(t);
        const patienceMs = trouble === 'slow' ? 30 : 20_000;
        const identities = scene.open({ patienceMs, bucketMode: true });
        const credential = { ...make(scene), audiences };
        scene.google.trouble(trouble);
        assert.equal(await identities.identify(credential), undefined);
        assert.ok(scene.lines.length > 0);
        assert.ok(!scene.lines.join('').includes(credential.secret.slice(0, 12)));
        scene.google.up();
        const patient = trouble === 'slow' ? scene.open() : identities;
        assert.notEqual(await patient.identify(credential), undefined);
      });
    }
  }

  it('grants nothing when only Cloud Storage is away, to a token that only that knows', async (t) => {
    const scene = begin(t);
    const identities = scene.open({ bucketMode: true });
    const secret = scene.google.stsToken({ principal: 'principal://pool/subject/s' });
    scene.google.trouble('unavailable', '/storage');
    assert.equal(await isKnown(identities, secret), false);
    scene.google.up();
    assert.equal(await isKnown(identities, secret), true);
  });

  it('is asked once more when the connection goes or it is unavailable', async (t) => {
    const scene = begin(t);
    for (const trouble of ['lost', 'unavailable'] as const) {
      scene.google.troubleNext(trouble);
      const secret = scene.google.accessToken({ email: 'ann@example.com' });
      assert.equal(await isKnown(scene.open(), secret), true);
    }
    assert.deepEqual(scene.google.counts(), { '/tokeninfo': 4 });
    assert.deepEqual(scene.lines, []);
  });

  it('is not asked a third time', async (t) => {
    const scene = begin(t);
    scene.google.troubleNext('unavailable', 2);
    const secret = scene.google.accessToken({ email: 'ann@example.com' });
    assert.equal(await isKnown(scene.open(), secret), false);
    assert.deepEqual(scene.google.counts(), { '/tokeninfo': 2 });
  });

  it('keeps nobody out who was known a moment ago', async (t) => {
    const scene = begin(t);
    const identities = scene.open();
    const secret = scene.google.accessToken({ email: 'ann@example.com' });
    assert.equal(await isKnown(identities, secret), true);
    scene.google.down();
    advance(scene, googleIdentitySecondsMax - 1);
    assert.equal(await isKnown(identities, secret), true);
    advance(scene, 1);
    assert.equal(await isKnown(identities, secret), false);
  });
});

describe('an answer about an access token', () => {
  it('is kept, and not for a moment after the token expires', async (t) => {
    const scene = begin(t);
    const identities = scene.open();
    const secret = scene.google.accessToken({ email: 'ann@example.com', expiresInSeconds: 20 });
    const identity = await identities.identify({ secret, audiences });
    assert.equal(identity?.expiresAt, scene.clock.now() + 20_000);
    advance(scene, 19);
    assert.equal(await isKnown(identities, secret), true);
    assert.equal(scene.google.requests.length, 1);
    advance(scene, 1);
    assert.equal(await isKnown(identities, secret), false);
  });

  it('is asked for again after five minutes, and a refusal then counts at once', async (t) => {
    const scene = begin(t);
    const identities = scene.open();
    const secret = scene.google.accessToken({ email: 'ann@example.com' });
    assert.equal(await isKnown(identities, secret), true);
    scene.google.revokeToken(secret);
    advance(scene, googleIdentitySecondsMax);
    assert.equal(await isKnown(identities, secret), false);
    scene.google.down();
    assert.equal(await isKnown(identities, secret), false);
    advance(scene, googleRefusalSeconds);
    assert.equal(await isKnown(identities, secret), false);
  });

  it('that refuses is kept for ten seconds', async (t) => {
    const scene = begin(t);
    const identities = scene.open();
    const ask = () => isKnown(identities, 'ya29.a0nobody');
    assert.deepEqual([await ask(), await ask()], [false, false]);
    assert.equal(scene.google.requests.length, 1);
    advance(scene, googleRefusalSeconds);
    await ask();
    assert.equal(scene.google.requests.length, 2);
  });

  it('is asked for once by many at the same time', async (t) => {
    const scene = begin(t);
    const identities = scene.open();
    const secret = scene.google.accessToken({ email: 'ann@example.com' });
    const known = await Promise.all(Array.from({ length: 20 }, () => isKnown(identities, secret)));
    assert.ok(known.every(Boolean));
    assert.equal(scene.google.requests.length, 1);
  });

  it('is one token’s alone', async (t) => {
    const scene = begin(t);
    const identities = scene.open();
    const secret = scene.google.accessToken({ email: 'ann@example.com' });
    assert.equal(await isKnown(identities, secret), true);
    assert.equal(await isKnown(identities, `${secret}=`), false);
    assert.equal(await isKnown(identities, secret.slice(0, -1)), false);
  });

  it('about a federated identity’s token is asked for again within five minutes', async (t) => {
    const scene = begin(t);
    const identities = scene.open({ bucketMode: true });
    const secret = scene.google.stsToken({ principal: 'principal://pool/subject/s' });
    const identity = await identities.identify({ secret, audiences });
    assert.equal(identity?.expiresAt, scene.clock.now() + googleIdentitySecondsMax * 1000);
    scene.google.revokeToken(secret);
    advance(scene, googleIdentitySecondsMax);
    assert.equal(await isKnown(identities, secret), false);
  });
});

describe('published keys', () => {
  it('are read once for many', async (t) => {
    const scene = begin(t);
    const identities = scene.open();
    const known = await Promise.all(
      Array.from({ length: 20 }, () =>
        isKnown(identities, scene.ci.selfSignedJwt({ scope: storage })),
      ),
    );
    assert.ok(known.every(Boolean));
    assert.equal(await isKnown(identities, scene.ci.selfSignedJwt({ scope: storage })), true);
    assert.deepEqual(scene.google.counts(), { [ciKeys]: 1 });
  });

  it('of a service account are read again after five minutes: a deleted key is out by then', async (t) => {
    const scene = begin(t);
    const identities = scene.open();
    const file = await scene.ci.addKey();
    const credential = { username: '_json_key', secret: JSON.stringify(file), audiences };
    assert.notEqual(await identities.identify(credential), undefined);
    scene.ci.deleteKey(file.private_key_id);
    advance(scene, serviceAccountKeysSecondsMax);
    assert.equal(await identities.identify(credential), undefined);
  });

  it('are read again for one that is new, at most every thirty seconds', async (t) => {
    const scene = begin(t);
    const identities = scene.open();
    const signedBy = async () => {
      const file = await scene.ci.addKey();
      return scene.ci.selfSignedJwt({ scope: storage }, { file });
    };
    assert.equal(await isKnown(identities, await signedBy()), true);
    const second = await signedBy();
    assert.equal(await isKnown(identities, second), false);
    assert.deepEqual(scene.google.counts(), { [ciKeys]: 1 });
    advance(scene, googleKeysAgainSeconds);
    assert.equal(await isKnown(identities, second), true);
    assert.equal(await isKnown(identities, await signedBy()), false);
    assert.deepEqual(scene.google.counts(), { [ciKeys]: 2 });
  });

  it('that are no longer fresh serve for a day while Google is away, and not longer', async (t) => {
    const scene = begin(t);
    const identities = scene.open();
    const token = () => scene.ci.selfSignedJwt({ scope: storage });
    assert.equal(await isKnown(identities, token()), true);
    scene.google.down();
    advance(scene, serviceAccountKeysSecondsMax);
    assert.equal(await isKnown(identities, token()), true);
    const asked = scene.google.requests.length;
    assert.equal(await isKnown(identities, token()), true);
    assert.equal(scene.google.requests.length, asked, 'a dead endpoint is not asked by everybody');
    advance(scene, googleKeysKeptSeconds - serviceAccountKeysSecondsMax - 1);
    assert.equal(await isKnown(identities, token()), true);
    advance(scene, 1);
    assert.equal(await isKnown(identities, token()), false);
    scene.google.up();
    advance(scene, googleKeysAgainSeconds);
    assert.equal(await isKnown(identities, token()), true);
  });

  it('of an account that is gone are gone, whatever was known', async (t) => {
    const scene = begin(t);
    const identities = scene.open();
    const account = await scene.google.addServiceAccount('brief');
    const token = () => account.selfSignedJwt({ scope: storage });
    assert.equal(await isKnown(identities, token()), true);
    scene.google.deleteServiceAccount(account.email);
    advance(scene, serviceAccountKeysSecondsMax);
    assert.equal(await isKnown(identities, token()), false);
    scene.google.down();
    advance(scene, googleRefusalSeconds);
    assert.equal(await isKnown(identities, token()), false);
  });

  it('that are not there are looked for again after ten seconds', async (t) => {
    const scene = begin(t);
    const identities = scene.open();
    const account = await scene.google.addServiceAccount('early');
    scene.google.deleteServiceAccount(account.email);
    const token = account.selfSignedJwt({ scope: storage });
    for (let count = 0; count < 3; count += 1)
      assert.equal(await isKnown(identities, token), false);
    assert.equal(scene.google.requests.length, 1);
    advance(scene, googleRefusalSeconds);
    await isKnown(identities, token);
    assert.equal(scene.google.requests.length, 2);
  });

  it('of Google are kept by its headers, for hours', async (t) => {
    const scene = begin(t);
    const identities = scene.open();
    const token = () => scene.google.idToken({ aud: 'registry.example', email: 'ann@example.com' });
    assert.equal(await isKnown(identities, token()), true);
    advance(scene, 18_999);
    assert.equal(await isKnown(identities, token()), true);
    assert.equal(scene.google.requests.length, 1);
    advance(scene, 1);
    assert.equal(await isKnown(identities, token()), true);
    assert.equal(scene.google.requests.length, 2);
  });
});
