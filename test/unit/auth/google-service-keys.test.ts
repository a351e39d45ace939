// Whose a service account’s key is: each row is one, and what comes of it.

import {
  createPrivateKey,
  createPublicKey,
  generateKeyPairSync,
  type JsonWebKey,
} from 'node:crypto';
import { describe } from 'node:test';
import { keyFile, newKeyPair } from '#test/support/google-identity/accounts.ts';
import type { Json } from '#test/support/google-identity/jwt.ts';
import { ci, rows, type Scene, sceneForTests } from './google-scene.ts';

const theScene = sceneForTests();

describe('a service account’s key', () => {
  const changed =
    (changes: Json) =>
    ({ ci: account }: Scene) =>
      JSON.stringify({ ...account.key, ...changes });
  const json = { username: '_json_key' };
  const base64 = { username: '_json_key_base64' };
  const unasked = { ...json, expected: 'refused', asks: false } as const;
  rows(theScene, {
    'is taken as JSON': { ...json, secret: ({ ci: account }) => account.keyJson, expected: ci },
    'is taken on one line': { ...json, secret: changed({}), expected: ci },
    'is taken in base64': {
      ...base64,
      secret: ({ ci: account }) => Buffer.from(account.keyJson).toString('base64'),
      expected: ci,
    },
    'is taken in base64 of many lines': {
      ...base64,
      secret: ({ ci: account }) =>
        Buffer.from(account.keyJson).toString('base64').replace(/.{76}/g, '$&\n'),
      expected: ci,
    },
    'is taken with an older address of Google’s token endpoint': {
      ...json,
      secret: changed({ token_uri: 'https://accounts.google.com/o/oauth2/token' }),
      expected: ci,
    },
    'is not believed about the account’s number': {
      ...json,
      secret: changed({ client_id: '100000000000000000001' }),
      expected: ci,
    },
    'that was made later is taken': {
      ...json,
      secret: async ({ ci: account }) => JSON.stringify(await account.addKey()),
      expected: ci,
    },
    'that was deleted is refused': {
      ...json,
      secret: async ({ ci: account }) => {
        const file = await account.addKey();
        account.deleteKey(file.private_key_id);
        return JSON.stringify(file);
      },
      expected: 'refused',
    },
    'of an account that was deleted is refused': {
      ...json,
      secret: async ({ google }) => {
        const account = await google.addServiceAccount('passing');
        google.deleteServiceAccount(account.email);
        return account.keyJson;
      },
      expected: 'refused',
    },
    'with another account’s name is refused': {
      ...json,
      secret: changed({ client_email: 'other@example.iam.gserviceaccount.com' }),
      expected: 'refused',
    },
    'with another key’s id is refused': {
      ...json,
      secret: async ({ ci: account }) =>
        JSON.stringify({
          ...account.key,
          private_key_id: (await account.addKey()).private_key_id,
        }),
      expected: 'refused',
    },
    'with another account’s private key is refused': {
      ...json,
      secret: ({ ci: account, other }) =>
        JSON.stringify({ ...account.key, private_key: other.key.private_key }),
      expected: 'refused',
    },
    'made of what is published, with a secret half of one’s own, is refused': {
      ...json,
      secret: ({ ci: account, other }) => {
        const publicHalf = createPublicKey(account.key.private_key).export({ format: 'jwk' });
        return JSON.stringify({ ...account.key, private_key: patchworkKey(publicHalf, other.key) });
      },
      expected: 'refused',
    },
    'that somebody made for the account is refused': {
      ...json,
      secret: async ({ ci: { email, id } }) =>
        JSON.stringify(keyFile(email, id, await newKeyPair())),
      expected: 'refused',
    },
    'whose token endpoint is elsewhere is refused unasked': {
      ...unasked,
      secret: changed({ token_uri: 'https://attacker.example/token' }),
    },
    'whose token endpoint only begins like Google’s is refused unasked': {
      ...unasked,
      secret: changed({ token_uri: 'https://oauth2.googleapis.com/token@attacker.example' }),
    },
    'whose token endpoint is a metadata server is refused unasked': {
      ...unasked,
      secret: changed({ token_uri: 'http://169.254.169.254/token' }),
    },
    'without a token endpoint is refused unasked': {
      ...unasked,
      secret: changed({ token_uri: undefined }),
    },
    'of another universe is refused unasked': {
      ...unasked,
      secret: changed({ universe_domain: 'attacker.example' }),
    },
    'of a user is refused unasked': { ...unasked, secret: changed({ type: 'authorized_user' }) },
    'of an external account is refused unasked': {
      ...unasked,
      secret: changed({
        type: 'external_account',
        credential_source: { url: 'http://169.254.169.254/' },
      }),
    },
    'whose email is a user’s is refused unasked': {
      ...unasked,
      secret: changed({ client_email: 'ann@example.com' }),
    },
    'whose email leads elsewhere is refused unasked': {
      ...unasked,
      secret: changed({ client_email: '../x?y=ci@example.iam.gserviceaccount.com' }),
    },
    'whose email is not text is refused unasked': {
      ...unasked,
      secret: changed({ client_email: ['ci@example.iam.gserviceaccount.com'] }),
    },
    'without a key id is refused unasked': {
      ...unasked,
      secret: changed({ private_key_id: undefined }),
    },
    'without a private key is refused unasked': {
      ...unasked,
      secret: changed({ private_key: undefined }),
    },
    'whose private key is no PEM is refused': {
      ...json,
      secret: changed({
        private_key: '-----BEGIN PRIVATE KEY-----\nAAAA\n-----END PRIVATE KEY-----',
      }),
      expected: 'refused',
    },
    'whose private key is its public half is refused': {
      ...json,
      secret: ({ ci: account }) =>
        JSON.stringify({
          ...account.key,
          private_key: createPublicKey(account.key.private_key).export({
            type: 'spki',
            format: 'pem',
          }),
        }),
      expected: 'refused',
    },
    'whose private key is of another kind is refused': {
      ...json,
      secret: changed({
        private_key: generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({
          type: 'pkcs8',
          format: 'pem',
        }),
      }),
      expected: 'refused',
    },
    'that is huge is refused unasked': {
      ...unasked,
      secret: changed({ padding: 'x'.repeat(17_000) }),
    },
    'that is huge is refused unasked in base64': {
      ...unasked,
      ...base64,
      secret: (all) =>
        Buffer.from(changed({ padding: 'x'.repeat(24_000) })(all)).toString('base64'),
    },
    'that is no JSON is refused unasked': { ...unasked, secret: () => '{"type":' },
    'that is a list is refused unasked': { ...unasked, secret: () => '[]' },
    'that is null is refused unasked': { ...unasked, secret: () => 'null' },
    'that nests without end is refused unasked': { ...unasked, secret: () => '['.repeat(16_000) },
    'as JSON where base64 is asked for is refused unasked': {
      ...unasked,
      ...base64,
      secret: ({ ci: account }) => account.keyJson,
    },
    'in base64 where JSON is asked for is refused unasked': {
      ...unasked,
      secret: ({ ci: account }) => Buffer.from(account.keyJson).toString('base64'),
    },
    'as an access token is refused unasked': {
      ...unasked,
      username: '_token',
      secret: ({ ci: account }) => account.keyJson,
    },
  });
});

/** A private key with one key's public half and another's secret numbers. */
function patchworkKey(publicHalf: JsonWebKey, { private_key }: { private_key: string }): string {
  const secretHalf = createPrivateKey(private_key).export({ format: 'jwk' });
  return createPrivateKey({ key: { ...secretHalf, ...publicHalf }, format: 'jwk' })
    .export({ type: 'pkcs8', format: 'pem' })
    .toString();
}
