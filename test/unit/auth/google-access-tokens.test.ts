// Whose an access token is: each row is one, and what comes of it, on a strict stand-in of Google’s endpoints.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { ann, audiences, ci, rows, type Scene, sceneForTests } from './google-scene.ts';

const theScene = sceneForTests();

describe('an access token of a user', () => {
  const withScopes =
    (...scopes: string[]) =>
    ({ google }: Scene) =>
      google.accessToken({ email: 'ann@example.com', scopes });
  const gcloud = ({ google }: Scene) => google.accessToken({ email: 'ann@example.com' });
  rows(theScene, {
    'is taken from oauth2accesstoken': {
      username: 'oauth2accesstoken',
      secret: gcloud,
      expected: ann,
    },
    'is taken from _token': { username: '_token', secret: gcloud, expected: ann },
    'is taken from docker-credential-gcr': {
      username: '_dcgcr_2_1_30_token',
      secret: gcloud,
      expected: ann,
    },
    'is taken from gcloud’s helper': {
      username: '_dcgcloud_token',
      secret: gcloud,
      expected: ann,
    },
    'is taken from gcloud docker': {
      username: 'gclouddockertoken',
      secret: gcloud,
      expected: ann,
    },
    'is taken as a Bearer': { secret: gcloud, expected: ann },
    'gives the email in lower case': {
      secret: ({ google }) => google.accessToken({ email: 'Bea@Example.com' }),
      expected: ({ bea: { id } }) => ({ type: 'user', email: 'bea@example.com', id }),
    },
    'of devstorage.full_control may push': {
      secret: withScopes('userinfo.email', 'devstorage.full_control'),
      expected: ann,
    },
    'of devstorage.read_write may push': {
      secret: withScopes('userinfo.email', 'devstorage.read_write'),
      expected: ann,
    },
    'of devstorage.read_only may only pull': {
      secret: withScopes('userinfo.email', 'devstorage.read_only'),
      expected: ({ ann: { email, id } }) => ({ type: 'user', email, id, pullOnly: true }),
    },
    'of cloud-platform.read-only may only pull': {
      secret: withScopes('userinfo.email', 'cloud-platform.read-only'),
      expected: ({ ann: { email, id } }) => ({ type: 'user', email, id, pullOnly: true }),
    },
    'is known by its number where the email is not told': {
      secret: withScopes('openid', 'cloud-platform'),
      expected: ({ ann: { id } }) => ({ type: 'user', id }),
    },
    'whose email nobody verified has only its number': {
      secret: ({ google }) => google.accessToken({ email: 'eve@example.com' }),
      expected: ({ eve: { id } }) => ({ type: 'user', id }),
    },
    'that a service account took for a user of its domain is the user’s': {
      secret: ({ google, ci: { id } }) =>
        google.accessToken({ email: 'ann@example.com', client: id }),
      expected: ann,
    },
    'that a service account took for a user, without the email, is the user’s': {
      secret: ({ google, ci: { id } }) =>
        google.accessToken({
          email: 'ann@example.com',
          client: id,
          scopes: ['openid', 'cloud-platform'],
        }),
      expected: ({ ann: { id } }) => ({ type: 'user', id }),
    },
    'that tells neither email nor number is nobody’s': {
      secret: withScopes('devstorage.read_write'),
      expected: 'refused',
    },
    'made for signing in is refused': {
      secret: withScopes('openid', 'userinfo.email', 'userinfo.profile'),
      expected: 'refused',
    },
    'of another service’s scope is refused': {
      secret: withScopes('userinfo.email', 'pubsub'),
      expected: 'refused',
    },
    'of writing without reading is refused': {
      secret: withScopes('userinfo.email', 'devstorage.write_only'),
      expected: 'refused',
    },
    'of a scope that only begins like one is refused': {
      secret: withScopes('userinfo.email', 'cloud-platform.readonly', 'devstorage.read_write2'),
      expected: 'refused',
    },
    'of a scope of another host is refused': {
      secret: withScopes('userinfo.email', 'https://www.example.com/auth/cloud-platform'),
      expected: 'refused',
    },
    'that has expired is refused': {
      secret: ({ google }) =>
        google.accessToken({ email: 'ann@example.com', expiresInSeconds: -1 }),
      expected: 'refused',
    },
    'that was revoked is refused': {
      secret: ({ google }) => {
        const token = google.accessToken({ email: 'ann@example.com' });
        google.revokeToken(token);
        return token;
      },
      expected: 'refused',
    },
    'with a letter changed is refused': {
      secret: (all) => `${gcloud(all).slice(0, -1)}~`,
      expected: 'refused',
      asks: true,
    },
    'that nobody issued is refused': { secret: () => 'ya29.a0nothing', expected: 'refused' },
    'after a Bearer that is none of Google’s, which Google never sees': {
      secret: () => 'ghp_0123456789abcdef0123456789abcdef0123',
      expected: 'refused',
      asks: false,
    },
    'with letters that no header holds is refused': {
      username: '_token',
      secret: (all) => `${gcloud(all)}\r\nX-Evil: 1`,
      expected: 'refused',
      asks: false,
    },
    'that is empty is refused': {
      username: '_token',
      secret: () => '',
      expected: 'refused',
      asks: false,
    },
    'larger than any is refused': {
      username: '_token',
      secret: () => `ya29.${'a'.repeat(17_000)}`,
      expected: 'refused',
      asks: false,
    },
    'is refused from another name': {
      username: 'ann@example.com',
      secret: gcloud,
      expected: 'refused',
      asks: false,
    },
    'is refused as a key': {
      username: '_json_key',
      secret: gcloud,
      expected: 'refused',
      asks: false,
    },
  });
});

describe('an access token of a service account', () => {
  rows(theScene, {
    'of a node, with devstorage.read_only, has its number and may only pull': {
      username: '_token',
      secret: ({ google, ci: { email } }) => google.metadataToken({ email }),
      expected: ({ ci: { id } }) => ({ type: 'serviceAccount', id, pullOnly: true }),
    },
    'with cloud-platform alone has its number': {
      secret: ({ google, ci: { email } }) =>
        google.metadataToken({ email, scopes: ['cloud-platform'] }),
      expected: ({ ci: { id } }) => ({ type: 'serviceAccount', id }),
    },
    'with openid has its number, twice': {
      secret: ({ google, ci: { email } }) =>
        google.metadataToken({ email, scopes: ['openid', 'cloud-platform'] }),
      expected: ({ ci: { id } }) => ({ type: 'serviceAccount', id }),
    },
    'with the email’s scope has both': {
      secret: ({ google, ci: { email } }) =>
        google.metadataToken({ email, scopes: ['cloud-platform', 'userinfo.email'] }),
      expected: ({ ci: { id } }) => ({ ...ci, id }),
    },
    'without a scope of storage is refused': {
      secret: ({ google, ci: { email } }) =>
        google.metadataToken({ email, scopes: ['logging.write', 'userinfo.email'] }),
      expected: 'refused',
    },
  });
});

describe('a federated identity’s token', () => {
  const principal =
    'principal://iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/subject/s';
  const sts = ({ google }: Scene) => google.stsToken({ principal });
  it('has a name of its own where buckets are the policy', async () => {
    const identities = theScene().open({ bucketMode: true });
    const [one, other] = [sts(theScene()), sts(theScene())];
    const first = await identities.identify({ username: '_token', secret: one, audiences });
    const second = await identities.identify({ secret: other, audiences });
    assert.match(first?.principal.id ?? '', /^token:[0-9a-f]{16}$/);
    assert.notEqual(first?.principal.id, second?.principal.id);
    assert.deepEqual(Object.keys(first?.principal ?? {}), ['kind', 'type', 'id']);
  });
  it('of storage alone has such a name too, and its scope still holds', async () => {
    const identities = theScene().open({ bucketMode: true });
    const named = async (scope: string) => {
      const secret = theScene().google.accessToken({ email: 'ann@example.com', scopes: [scope] });
      return (await identities.identify({ secret, audiences }))?.principal;
    };
    assert.equal((await named('devstorage.read_write'))?.pullOnly, undefined);
    const reader = await named('devstorage.read_only');
    assert.equal(reader?.pullOnly, true);
    assert.match(reader?.id ?? '', /^token:/);
  });
  rows(theScene, {
    'is refused where bindings are the policy': { secret: sts, expected: 'refused' },
    'that has expired is refused where buckets are the policy': {
      secret: ({ google }) => google.stsToken({ principal, expiresInSeconds: -1 }),
      options: { bucketMode: true },
      expected: 'refused',
    },
    'that nobody issued is refused where buckets are the policy': {
      secret: () => 'ya29.d.nothing',
      options: { bucketMode: true },
      expected: 'refused',
    },
    'that does not look like Google’s is refused where buckets are the policy': {
      username: '_token',
      secret: () => 'hunter2',
      options: { bucketMode: true },
      expected: 'refused',
    },
    'made for signing in is refused where buckets are the policy': {
      secret: ({ google }) =>
        google.accessToken({ email: 'ann@example.com', scopes: ['openid', 'userinfo.email'] }),
      options: { bucketMode: true },
      expected: 'refused',
    },
  });
});
