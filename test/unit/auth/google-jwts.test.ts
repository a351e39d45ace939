// Whose a JWT of Google’s kind is: each row is one, and what comes of it.

import { createPublicKey, generateKeyPairSync } from 'node:crypto';
import { describe } from 'node:test';
import { newKeyPair } from '#test/support/google-identity/accounts.ts';
import { type Json, signJwt } from '#test/support/google-identity/jwt.ts';
import { ann, ci, rows, type Scene, sceneForTests, scopePrefix } from './google-scene.ts';

const theScene = sceneForTests();

const storage = `${scopePrefix}devstorage.read_write`;

/** A JWT of the account `ci` with the scope to push and pull, changed. */
const selfSigned =
  (claims: Json = {}, header: Json = {}) =>
  ({ ci: account }: Scene) =>
    account.selfSignedJwt({ scope: storage }, { claims, header });

/** Seconds since 1970, so many from now. */
const at = ({ clock }: Scene, seconds: number) => Math.floor(clock.now() / 1000) + seconds;

describe('a JWT that a service account signed itself', () => {
  const withAudience = (aud: unknown, scope?: string) => (all: Scene) =>
    all.ci.selfSignedJwt({ aud, ...(scope !== undefined && { scope }) });
  const { publicKey: strangers, privateKey: stranger } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
  });
  rows(theScene, {
    'with a scope to push is taken from docker-credential-gcr': {
      username: '_dcgcr_0_0_0_token',
      secret: selfSigned(),
      expected: ci,
    },
    'is taken as a Bearer': { secret: selfSigned(), expected: ci },
    'without a typ is taken': { secret: selfSigned({}, { typ: undefined }), expected: ci },
    'with a scope to pull may only pull': {
      secret: selfSigned({ scope: `openid ${scopePrefix}devstorage.read_only` }),
      expected: { ...ci, pullOnly: true },
    },
    'for this registry needs no scope': { secret: withAudience('registry.example'), expected: ci },
    'for this registry, by its address': {
      secret: withAudience('https://registry.example'),
      expected: ci,
    },
    'for this registry, in a list': { secret: withAudience(['registry.example']), expected: ci },
    'for this registry may also have a scope, which holds': {
      secret: withAudience('registry.example', `${scopePrefix}devstorage.read_only`),
      expected: { ...ci, pullOnly: true },
    },
    'with an empty audience is decided by its scope': {
      secret: withAudience('', storage),
      expected: ci,
    },
    'made a little ahead of our clock is taken': {
      secret: (all) => selfSigned({ iat: at(all, 30), exp: at(all, 3600) })(all),
      expected: ci,
    },
    'for this registry with a scope of no use is refused': {
      secret: withAudience('registry.example', 'openid'),
      expected: 'refused',
    },
    'with neither scope nor audience is refused': {
      secret: selfSigned({ scope: undefined }),
      expected: 'refused',
    },
    'with empty ones is refused': { secret: withAudience('', ''), expected: 'refused' },
    'with an empty list of audiences is refused': {
      secret: withAudience([]),
      expected: 'refused',
    },
    'with scopes as a list is refused': {
      secret: selfSigned({ scope: [storage] }),
      expected: 'refused',
    },
    'with a scope for signing in is refused': {
      secret: selfSigned({ scope: 'openid email' }),
      expected: 'refused',
    },
    'for another service of Google’s is refused': {
      secret: withAudience('https://pubsub.googleapis.com/'),
      expected: 'refused',
    },
    'for Cloud Storage is refused': {
      secret: withAudience('https://storage.googleapis.com/'),
      expected: 'refused',
    },
    'for Google’s token endpoint, as it is shown there for a token, is refused': {
      secret: withAudience('https://oauth2.googleapis.com/token', storage),
      expected: 'refused',
    },
    'for another registry is refused': {
      secret: withAudience('other.example', storage),
      expected: 'refused',
    },
    'for this registry and another is refused': {
      secret: withAudience(['registry.example', 'other.example']),
      expected: 'refused',
    },
    'that has expired is refused': {
      secret: (all) => selfSigned({ iat: at(all, -3600), exp: at(all, 0) })(all),
      expected: 'refused',
    },
    'that is good for longer than an hour is refused': {
      secret: (all) => selfSigned({ exp: at(all, 3600 + 120) })(all),
      expected: 'refused',
    },
    'made in the future is refused': {
      secret: (all) => selfSigned({ iat: at(all, 120), exp: at(all, 3600) })(all),
      expected: 'refused',
    },
    'not good yet is refused': {
      secret: (all) => selfSigned({ nbf: at(all, 120) })(all),
      expected: 'refused',
    },
    'that expires before it was made is refused': {
      secret: (all) => selfSigned({ iat: at(all, 50), exp: at(all, 40) })(all),
      expected: 'refused',
    },
    'without exp is refused': { secret: selfSigned({ exp: undefined }), expected: 'refused' },
    'without iat is refused': { secret: selfSigned({ iat: undefined }), expected: 'refused' },
    'whose exp is a text is refused': {
      secret: selfSigned({ exp: '99999999999' }),
      expected: 'refused',
    },
    'whose exp is beyond all numbers is refused': {
      secret: selfSigned({ exp: 1e300 }),
      expected: 'refused',
    },
    'in the name of a user is refused': {
      secret: selfSigned({ sub: 'ann@example.com' }),
      expected: 'refused',
    },
    'in the name of another account is refused': {
      secret: selfSigned({ sub: 'other@example.iam.gserviceaccount.com' }),
      expected: 'refused',
    },
    'without sub is refused': { secret: selfSigned({ sub: undefined }), expected: 'refused' },
    'that says it is another account’s is refused': {
      secret: selfSigned({
        iss: 'other@example.iam.gserviceaccount.com',
        sub: 'other@example.iam.gserviceaccount.com',
      }),
      expected: 'refused',
    },
    'of an account that there is not is refused': {
      secret: selfSigned({
        iss: 'gone@example.iam.gserviceaccount.com',
        sub: 'gone@example.iam.gserviceaccount.com',
      }),
      expected: 'refused',
      asks: true,
    },
    'whose iss leads elsewhere is refused unasked': {
      secret: selfSigned({
        iss: '../../../evil@x/jwk/ci@example.iam.gserviceaccount.com',
        sub: '../../../evil@x/jwk/ci@example.iam.gserviceaccount.com',
      }),
      expected: 'refused',
      asks: false,
    },
    'whose iss only ends like one is refused unasked': {
      secret: selfSigned({
        iss: 'ci@example.iam-gserviceaccount.com',
        sub: 'ci@example.iam-gserviceaccount.com',
      }),
      expected: 'refused',
      asks: false,
    },
    'whose iss is a user is refused unasked': {
      secret: selfSigned({ iss: 'ann@example.com', sub: 'ann@example.com' }),
      expected: 'refused',
      asks: false,
    },
    'with alg none is refused unasked': {
      secret: (all) => `${selfSigned({}, { alg: 'none' })(all).split('.').slice(0, 2).join('.')}.`,
      expected: 'refused',
      asks: false,
    },
    'with HS256 and the public key as its secret is refused unasked': {
      secret: ({ ci: account, clock }) => {
        const now = Math.floor(clock.now() / 1000);
        const publicKey = createPublicKey(account.key.private_key);
        return signJwt(
          { alg: 'HS256', typ: 'JWT', kid: account.key.private_key_id },
          { iss: account.email, sub: account.email, scope: storage, iat: now, exp: now + 60 },
          { secret: publicKey.export({ type: 'spki', format: 'pem' }).toString() },
        );
      },
      expected: 'refused',
      asks: false,
    },
    'with RS512 is refused unasked': {
      secret: selfSigned({}, { alg: 'RS512' }),
      expected: 'refused',
      asks: false,
    },
    'without a kid is refused unasked': {
      secret: selfSigned({}, { kid: undefined }),
      expected: 'refused',
      asks: false,
    },
    'with an unknown kid is refused': {
      secret: selfSigned({}, { kid: 'ab'.repeat(20) }),
      expected: 'refused',
      asks: true,
    },
    'with a kid that is no text is refused unasked': {
      secret: selfSigned({}, { kid: { $ne: '' } }),
      expected: 'refused',
      asks: false,
    },
    'with a kid of a prototype’s is refused': {
      secret: selfSigned({}, { kid: '__proto__' }),
      expected: 'refused',
    },
    'that is another kind of token is refused unasked': {
      secret: selfSigned({}, { typ: 'secevent+jwt' }),
      expected: 'refused',
      asks: false,
    },
    'with a header that must be understood is refused': {
      secret: selfSigned({}, { crit: ['b64'], b64: false }),
      expected: 'refused',
    },
    'signed by a stranger is refused': {
      secret: ({ ci: account }) => account.selfSignedJwt({ scope: storage }, { key: stranger }),
      expected: 'refused',
    },
    'that brings its own key is refused': {
      secret: ({ ci: account }) =>
        account.selfSignedJwt(
          { scope: storage },
          { key: stranger, header: { jwk: strangers.export({ format: 'jwk' }), jku: 'http://x' } },
        ),
      expected: 'refused',
    },
    'signed by another account’s key is refused': {
      secret: ({ ci: account, other }) =>
        account.selfSignedJwt({ scope: storage }, { file: other.key }),
      expected: 'refused',
    },
    'with changed claims is refused': {
      secret: (all) => {
        const [header, , signature] = selfSigned({ scope: 'openid' })(all).split('.');
        return `${header}.${selfSigned()(all).split('.')[1]}.${signature}`;
      },
      expected: 'refused',
    },
    'signed by a key that was deleted is refused': {
      secret: async ({ ci: account }) => {
        const file = await account.addKey();
        const token = account.selfSignedJwt({ scope: storage }, { file });
        account.deleteKey(file.private_key_id);
        return token;
      },
      expected: 'refused',
    },
    'of an account that was deleted is refused': {
      secret: async ({ google }) => {
        const account = await google.addServiceAccount('passing');
        google.deleteServiceAccount(account.email);
        return account.selfSignedJwt({ scope: storage });
      },
      expected: 'refused',
    },
    'of another issuer is refused unasked': {
      secret: selfSigned({ iss: 'https://token.actions.githubusercontent.com' }),
      expected: 'refused',
      asks: false,
    },
    'larger than any is refused unasked': {
      secret: selfSigned({ padding: 'x'.repeat(17_000) }),
      expected: 'refused',
      asks: false,
    },
    'whose claims are no object is refused unasked': {
      secret: ({ ci: account }) =>
        signJwt({ alg: 'RS256', kid: account.key.private_key_id }, [account.email]),
      expected: 'refused',
      asks: false,
    },
  });
});

describe('an ID token', () => {
  const idToken =
    (claims: Json = {}, header: Json = {}) =>
    ({ google }: Scene) =>
      google.idToken({ aud: 'registry.example', email: 'ann@example.com' }, { claims, header });
  rows(theScene, {
    'of a user is taken': { username: '_token', secret: idToken(), expected: ann },
    'is taken as a Bearer, for the registry’s address': {
      secret: idToken({ aud: 'https://registry.example' }),
      expected: ann,
    },
    'is taken from an issuer without https://': {
      secret: idToken({ iss: 'accounts.google.com' }),
      expected: ann,
    },
    'of a service account is taken': {
      secret: ({ google }) => google.idToken({ aud: 'registry.example', email: ci.email }),
      expected: ({ ci: { id } }) => ({ ...ci, id }),
    },
    'of a service account without its email has its number': {
      secret: ({ google, ci: { id } }) => google.idToken({ aud: 'registry.example', id }),
      expected: ({ ci: { id } }) => ({ type: 'serviceAccount', id }),
    },
    'signed by the key before is taken': {
      secret: async (all) => {
        const token = idToken()(all);
        await all.google.rotateKeys();
        return token;
      },
      expected: ann,
    },
    'signed by the key before the last is refused': {
      secret: async (all) => {
        const token = idToken()(all);
        await all.google.rotateKeys();
        await all.google.rotateKeys();
        return token;
      },
      expected: 'refused',
    },
    'of a web page’s client is refused': {
      secret: idToken({ aud: '123-abc.apps.googleusercontent.com' }),
      expected: 'refused',
    },
    'for another registry is refused': {
      secret: idToken({ aud: 'other.example' }),
      expected: 'refused',
    },
    'for many is refused': {
      secret: idToken({ aud: ['registry.example', 'other.example'] }),
      expected: 'refused',
    },
    'for nobody is refused': { secret: idToken({ aud: '' }), expected: 'refused' },
    'without aud is refused': { secret: idToken({ aud: undefined }), expected: 'refused' },
    'whose email is not verified is refused': {
      secret: idToken({ email_verified: false }),
      expected: 'refused',
    },
    'that does not say whether the email is verified is refused': {
      secret: idToken({ email_verified: undefined }),
      expected: 'refused',
    },
    'of a user without an email is refused': {
      secret: idToken({ email: undefined, email_verified: undefined }),
      expected: 'refused',
    },
    'whose email is none is refused': {
      secret: idToken({ email: 'ann' }),
      expected: 'refused',
    },
    'that has expired is refused': {
      secret: (all) => idToken({ iat: at(all, -3600), exp: at(all, -1) })(all),
      expected: 'refused',
    },
    'made in the future is refused': {
      secret: (all) => idToken({ iat: at(all, 600), exp: at(all, 4000) })(all),
      expected: 'refused',
    },
    'of an issuer that only looks alike is refused unasked': {
      secret: idToken({ iss: 'https://accounts.google.com.example.com' }),
      expected: 'refused',
      asks: false,
    },
    'signed by a service account is refused': {
      secret: ({ google, ci: account }) =>
        google.idToken(
          { aud: 'registry.example', email: 'ann@example.com' },
          { header: { kid: account.key.private_key_id } },
        ),
      expected: 'refused',
    },
    'signed by a stranger with Google’s kid is refused': {
      secret: async ({ google }) => {
        const { privateKey: key } = await newKeyPair();
        return google.idToken({ aud: 'registry.example', email: 'ann@example.com' }, { key });
      },
      expected: 'refused',
    },
    'with alg none is refused unasked': {
      secret: idToken({}, { alg: 'none' }),
      expected: 'refused',
      asks: false,
    },
    'as a key is refused unasked': {
      username: '_json_key',
      secret: idToken(),
      expected: 'refused',
      asks: false,
    },
  });
});
