// What is Google's by its looks, and that nothing at all that is shown makes anything fail.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { runInNewContext } from 'node:vm';
import fc from 'fast-check';
import { isServiceAccount } from '#shared/auth/google/accounts.ts';
import { isBucketName } from '#shared/auth/google/buckets.ts';
import { isGoogleUsername, looksLikeGoogleBearer } from '#shared/auth/google/identities.ts';
import { parseServiceKey } from '#shared/auth/google/service-key.ts';
import { signJwt } from '#test/support/google-identity/jwt.ts';
import { audiences, sceneForTests } from './google-scene.ts';

const theScene = sceneForTests();

const usernames = [
  ...['oauth2accesstoken', '_token', '_dcgcr_2_1_30_token', '_dcgcr_0_0_0_token', '_dcgcr_token'],
  ...['_dcgcloud_token', 'gclouddockertoken', '_json_key', '_json_key_base64'],
];

describe('a username', () => {
  it('is Google’s when one of its clients sends it', () => {
    for (const username of usernames) assert.ok(isGoogleUsername(username), username);
  });

  it('is not Google’s otherwise', () => {
    for (const username of [
      ...['', 'admin', 'ci@project', 'token', '_token ', '_TOKEN', '_dcgcr_', '_dcgcr__token'],
      ...['_dcgcr_a_token', '_dcgcr_1token', 'x_token', '_json_key_base65', '_json_key\n'],
      `_dcgcr_${'1_'.repeat(1000)}token`,
    ])
      assert.ok(!isGoogleUsername(username), username);
  });
});

describe('a Bearer', () => {
  const jwt = (iss: unknown) => signJwt({ alg: 'RS256' }, { iss });
  it('looks like Google’s by how it begins, or by who it says has issued it', () => {
    for (const token of [
      ...['ya29.a0AfH6SMC', 'ya29.c.b0AXv0zTP', 'ya29.d.b0Aaekm1K'],
      jwt('https://accounts.google.com'),
      jwt('accounts.google.com'),
      jwt('ci@example.iam.gserviceaccount.com'),
      jwt('123-compute@developer.gserviceaccount.com'),
    ])
      assert.ok(looksLikeGoogleBearer(token), token);
  });

  it('does not otherwise', () => {
    for (const token of [
      ...['', 'ya29', 'xya29.a', 'ya29.a b', 'a.b.c', '..', 'berth', `ya29.${'a'.repeat(17_000)}`],
      ...[jwt('berth'), jwt(undefined), jwt(['accounts.google.com']), jwt(1)],
      jwt('https://token.actions.githubusercontent.com'),
      `${jwt('accounts.google.com')}.x`,
      jwt(`${'a'.repeat(17_000)}@example.iam.gserviceaccount.com`),
    ])
      assert.ok(!looksLikeGoogleBearer(token), token.slice(0, 60));
  });
});

describe('a service account’s email', () => {
  it('is any that Google makes', () => {
    for (const email of [
      'ci@example.iam.gserviceaccount.com',
      'ci@example.example.com.iam.gserviceaccount.com',
      '123456-compute@developer.gserviceaccount.com',
      'example@appspot.gserviceaccount.com',
      'example.com.project@appspot.gserviceaccount.com',
      '123456@cloudbuild.gserviceaccount.com',
      'service-123@gcp-sa-artifactregistry.iam.gserviceaccount.com',
    ])
      assert.ok(isServiceAccount(email), email);
  });

  it('is no other', () => {
    for (const email of [
      ...['', '@', 'ci', 'ci@', 'ci@gserviceaccount.com', '@example.iam.gserviceaccount.com'],
      ...['ann@gmail.com', 'ci@example.iam.gserviceaccount.com.example.com'],
      ...[
        'ci@example.iamgserviceaccount.com.',
        'ci@xgserviceaccount.com',
        'a@.gserviceaccount.com',
      ],
      ...['a@b@c.gserviceaccount.com', 'CI@example.iam.gserviceaccount.com'],
      ...['a/b@c.gserviceaccount.com', 'a%2f@c.gserviceaccount.com', 'a?b@c.gserviceaccount.com'],
      ...['a#b@c.gserviceaccount.com', 'a\n@c.gserviceaccount.com', 'a@c.gserviceaccount.com\n'],
      ...['ä@c.gserviceaccount.com', ' a@c.gserviceaccount.com', 'a@c..gserviceaccount.com'],
      `${'a'.repeat(300)}@c.gserviceaccount.com`,
    ])
      assert.ok(!isServiceAccount(email), email);
  });
});

/** Texts that come near to something, and those that do not. */
const anything = fc.oneof(
  fc.string(),
  fc.string({ unit: 'binary' }),
  fc.base64String(),
  fc.json(),
  fc.string().map((text) => `ya29.${text}`),
  fc
    .tuple(fc.jsonValue(), fc.jsonValue())
    .map(([header, claims]) => signJwt({ alg: 'RS256', kid: 'k', ...(header as object) }, claims)),
  fc
    .record({
      iss: fc.constantFrom('accounts.google.com', 'ci@example.iam.gserviceaccount.com'),
      sub: fc.jsonValue(),
      aud: fc.jsonValue(),
      exp: fc.jsonValue(),
      iat: fc.jsonValue(),
      scope: fc.jsonValue(),
    })
    .map((claims) => signJwt({ alg: 'RS256', kid: 'k' }, claims)),
  fc
    .record({
      type: fc.constant('service_account'),
      client_email: fc.constantFrom('ci@example.iam.gserviceaccount.com', 'x'),
      private_key_id: fc.string(),
      private_key: fc.string().map((text) => `-----BEGIN PRIVATE KEY-----\n${text}`),
      token_uri: fc.constantFrom('https://oauth2.googleapis.com/token', 'http://x'),
    })
    .map((key) => JSON.stringify(key)),
);

describe('any text at all', () => {
  it('as a password or a Bearer is nobody’s, and makes nothing fail', async () => {
    const identities = theScene().open({ bucketMode: true });
    const username = fc.option(fc.oneof(fc.constantFrom(...usernames), fc.string()), {
      nil: undefined,
    });
    await fc.assert(
      fc.asyncProperty(username, anything, async (name, secret) => {
        const credential = { secret, audiences, ...(name !== undefined && { username: name }) };
        assert.equal(await identities.identify(credential), undefined);
      }),
      { numRuns: 1000 },
    );
    for (const { path } of theScene().google.requests)
      assert.match(path, /^\/(tokeninfo|oauth2\/v3\/certs|service_accounts\/.*|storage\/.*)$/);
  });

  it('as a token, a key, an email or a bucket’s name makes nothing fail', () => {
    fc.assert(
      fc.property(anything, fc.boolean(), (text, base64) => {
        looksLikeGoogleBearer(text);
        parseServiceKey(text, { base64 });
        if (isServiceAccount(text)) assert.match(text, /^[a-z0-9.@-]+$/);
        if (isBucketName(text)) assert.match(text, /^[a-z0-9._-]{3,222}$/);
      }),
      { numRuns: 2000 },
    );
  });

  // The deadline is only there so that the test ends: anything slower would take minutes (test/hostile/parser-time.test.ts).
  it('takes no longer than its length, however it is made', () => {
    const read = (text: string) => {
      for (let times = 0; times < 50; times += 1) {
        parseServiceKey(text, { base64: true });
        looksLikeGoogleBearer(text);
        isServiceAccount(text);
        isBucketName(text);
        isGoogleUsername(text);
      }
    };
    for (const text of [
      `${' '.repeat(24_000)}!`,
      `${'='.repeat(24_000)}!`,
      `A${'= '.repeat(12_000)}!`,
      `${'a.'.repeat(120)}@`,
      `${'a-'.repeat(126)}@`,
      `ya29.${'='.repeat(16_000)}!`,
      `${'a'.repeat(8000)}.${'a'.repeat(8000)}.!`,
    ])
      runInNewContext('read(text)', { read, text }, { timeout: 20_000 });
  });
});
