// Google's credentials, against a server that stands for all of Google's: which are found, what is sent for them, and to
// whom they are never given.

import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, verify } from 'node:crypto';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { after, before, beforeEach, describe, it } from 'node:test';
import { type Scratch, scratch } from '#test/clients/client.ts';
import { type Programs, programsIn } from './programs.ts';
import { type Answered, type Received, type SmallServer, startSmallServer } from './server.ts';

const registry = 'registry.example.com';
const notFound = 'credentials not found in native keychain\n';
const email = 'ci@my-project.iam.gserviceaccount.com';
const storage = 'https://www.googleapis.com/auth/devstorage.read_write';
const userEmail = 'https://www.googleapis.com/auth/userinfo.email';
const platform = 'https://www.googleapis.com/auth/cloud-platform';
const impersonation = `https://iamcredentials.googleapis.com/v1/projects/-/serviceAccounts/${email}:generateAccessToken`;

const { publicKey, privateKey } = generateKeyPairSync('rsa', {
  modulusLength: 2048,
  publicKeyEncoding: { type: 'spki', format: 'pem' },
  privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
});
const serviceAccount = {
  type: 'service_account',
  client_email: email,
  private_key_id: 'key-1',
  private_key: privateKey,
  token_uri: 'https://evil.example.com/token',
};
const user = {
  type: 'authorized_user',
  client_id: 'id',
  client_secret: 'hush',
  refresh_token: '1//refresh',
};
const federated = {
  type: 'external_account',
  audience: '//iam.googleapis.com/projects/1/locations/global/workloadIdentityPools/p/providers/q',
  subject_token_type: 'urn:ietf:params:oauth:token-type:jwt',
  token_url: 'https://sts.googleapis.com/v1/token',
};

describe('Google credentials', () => {
  let space: Scratch;
  let google: SmallServer;
  let programs: Programs;
  let key: string;

  before(async () => {
    space = await scratch();
    google = await startSmallServer();
    space.after(() => google.close());
    key = join(space.path, 'key.json');
    programs = programsIn(space.path, {
      BERTH_GOOGLE_STAND_IN: `http://${google.host}`,
      DOCKER_CONFIG: join(space.path, 'docker'),
      CLOUDSDK_CONFIG: join(space.path, 'gcloud'),
    });
    const { code } = await programs.credential(['configure-docker', `--registries=${registry}`]);
    assert.equal(code, 0);
    await mkdir(join(space.path, 'gcloud'));
  });
  beforeEach(() => google.answers(() => ({ status: 500 })));
  after(() => space.remove());

  const get = async (environment: Readonly<Record<string, string>> = {}, host = registry) => {
    const { code, stdout, stderr } = await programs.credential(['get'], {
      input: host,
      environment,
    });
    assert.equal(stderr, '');
    return code === 0 ? JSON.parse(stdout) : stdout;
  };
  const withKey = async (file: unknown, environment: Readonly<Record<string, string>> = {}) => {
    await writeFile(key, typeof file === 'string' ? file : JSON.stringify(file));
    return get({ GOOGLE_APPLICATION_CREDENTIALS: key, ...environment });
  };
  const form = ({ body }: Received) => Object.fromEntries(new URLSearchParams(body));
  const asked = () => google.received.map(({ method, path }) => `${method} ${path}`);
  const grant = (token: string): Answered => ({
    body: { access_token: token, expires_in: 3599, token_type: 'Bearer' },
  });
  const impersonated = () => ({
    accessToken: 'ya29.sa',
    expireTime: new Date(Date.now() + 3_600_000).toISOString(),
  });

  it('of a service account are a JWT that it signs itself, and nobody is asked', async () => {
    const { Username, Secret, ServerURL } = await withKey(serviceAccount);
    assert.match(Username, /^_dcgcr_(?:[0-9]+_)*token$/);
    assert.equal(ServerURL, registry);
    const [header = '', claims = '', signature = ''] = Secret.split('.');
    const signed = Buffer.from(`${header}.${claims}`);
    const proof = Buffer.from(signature, 'base64url');
    assert.ok(verify('sha256', signed, createPublicKey(publicKey), proof));
    const decoded = [header, claims].map((part) =>
      JSON.parse(Buffer.from(part, 'base64url').toString()),
    );
    assert.deepEqual(decoded[0], { alg: 'RS256', typ: 'JWT', kid: 'key-1' });
    const { iat, exp, ...who } = decoded[1];
    assert.deepEqual(who, { iss: email, sub: email, scope: storage });
    assert.equal(exp - iat, 3600);
    assert.deepEqual(asked(), []);
  });

  it('of a user are refreshed at Google, wherever the file says', async () => {
    google.answers(() => grant('ya29.user'));
    const { Secret } = await withKey({ ...user, token_uri: 'https://evil.example.com/token' });
    assert.equal(Secret, 'ya29.user');
    assert.deepEqual(asked(), ['POST /token']);
    assert.deepEqual(google.received.map(form), [
      {
        grant_type: 'refresh_token',
        client_id: 'id',
        client_secret: 'hush',
        refresh_token: '1//refresh',
      },
    ]);
  });

  it('are found in gcloud’s file, after the one that the environment names', async () => {
    const file = join(space.path, 'gcloud/application_default_credentials.json');
    await writeFile(file, JSON.stringify(user));
    google.answers(() => grant('ya29.user'));
    assert.equal((await get()).Secret, 'ya29.user');
    assert.notEqual((await withKey(serviceAccount)).Secret, 'ya29.user');
    await rm(file);
    assert.equal(await get(), notFound);
  });

  it('of a federated workload are exchanged for what a file holds, and impersonate', async () => {
    const subject = join(space.path, 'subject');
    await writeFile(subject, 'a.b.c\n');
    google.answers(({ path }) =>
      path === '/v1/token' ? grant('ya29.sts') : { body: impersonated() },
    );
    const source = { ...federated, credential_source: { file: subject } };
    assert.equal((await withKey(source)).Secret, 'ya29.sts');
    assert.deepEqual(google.received.map(form), [
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        audience: federated.audience,
        scope: `${storage} ${userEmail}`,
        requested_token_type: 'urn:ietf:params:oauth:token-type:access_token',
        subject_token: 'a.b.c',
        subject_token_type: federated.subject_token_type,
      },
    ]);
    google.received.length = 0;
    const { Secret } = await withKey({
      ...source,
      service_account_impersonation_url: impersonation,
    });
    assert.equal(Secret, 'ya29.sa');
    assert.deepEqual(asked(), ['POST /v1/token', `POST ${new URL(impersonation).pathname}`]);
    const [exchange, second] = google.received;
    assert.equal(exchange && form(exchange)['scope'], platform);
    assert.equal(second?.headers.authorization, 'Bearer ya29.sts');
    assert.deepEqual(JSON.parse(second?.body ?? ''), {
      scope: [storage, userEmail],
      delegates: [],
      lifetime: '3600s',
    });
  });

  it('of a federated workload are exchanged for what a URL answers', async () => {
    google.answers(({ path }) =>
      path === '/v1/token' ? grant('ya29.sts') : { body: { jwt: 'd.e.f' } },
    );
    const { Secret } = await withKey({
      ...federated,
      credential_source: {
        url: `http://${google.host}/identity?audience=x`,
        headers: { 'Metadata-Flavor': 'Other' },
        format: { type: 'json', subject_token_field_name: 'jwt' },
      },
    });
    assert.equal(Secret, 'ya29.sts');
    assert.deepEqual(asked(), ['GET /identity?audience=x', 'POST /v1/token']);
    assert.equal(google.received[0]?.headers['metadata-flavor'], 'Other');
    assert.equal(google.received[1] && form(google.received[1])['subject_token'], 'd.e.f');
  });

  it('impersonate a service account from a user’s', async () => {
    google.answers(({ path }) =>
      path === '/token' ? grant('ya29.user') : { body: impersonated() },
    );
    const { Secret } = await withKey({
      type: 'impersonated_service_account',
      service_account_impersonation_url: impersonation,
      source_credentials: user,
      delegates: ['projects/-/serviceAccounts/d@example.com'],
    });
    assert.equal(Secret, 'ya29.sa');
    assert.equal(google.received[1]?.headers.authorization, 'Bearer ya29.user');
    assert.match(google.received[1]?.body ?? '', /"delegates":\["projects/);
  });

  describe('of the metadata server', () => {
    const token = '/computeMetadata/v1/instance/service-accounts/default/token';
    const flavored = { 'Metadata-Flavor': 'Google' };
    const fromServer = () => get({ GCE_METADATA_HOST: google.host });

    it('are asked for in its words', async () => {
      google.answers(({ path, headers }) => ({
        status: headers['metadata-flavor'] === 'Google' ? 200 : 403,
        headers: flavored,
        body: path === token ? grant('ya29.node').body : '',
      }));
      assert.equal((await fromServer()).Secret, 'ya29.node');
      assert.deepEqual(asked(), ['GET /', `GET ${token}`]);
    });

    const none: readonly [string, (request: Received) => Answered][] = [
      ['is another server', () => ({ body: grant('ya29.x').body })],
      ['has no account', ({ path }) => ({ status: path === token ? 404 : 200, headers: flavored })],
    ];
    for (const [why, respond] of none) {
      it(`are none when it ${why}`, async () => {
        google.answers(respond);
        assert.equal(await fromServer(), notFound);
      });
    }

    it('are none when what answers for the token is another server', async () => {
      google.answers(({ path }) => (path === token ? grant('ya29.x') : { headers: flavored }));
      assert.match(await fromServer(), /is no metadata server/);
    });
  });

  it('are gcloud’s own where that is a source', async () => {
    const bin = join(space.path, 'bin');
    await mkdir(bin);
    const gcloud = join(bin, 'gcloud');
    await writeFile(gcloud, '#!/bin/sh\necho "$*" >&2\necho ya29.gcloud\n');
    await chmod(gcloud, 0o755);
    const environment = { PATH: `${bin}${delimiter}${process.env['PATH']}` };
    assert.equal(await get(environment), notFound);
    await programs.credential(['config', '--token-source=gcloud']);
    try {
      assert.equal((await get(environment)).Secret, 'ya29.gcloud');
      await writeFile(gcloud, '#!/bin/sh\nexit 1\n');
      assert.match(await get(environment), /gcloud auth login/);
    } finally {
      await programs.credential(['config', '--token-source=store,env']);
    }
  });

  it('come after a login, unless the sources are in another order', async () => {
    const login = JSON.stringify({ ServerURL: registry, Username: 'admin', Secret: 'password' });
    await programs.credential(['store'], { input: login });
    assert.equal((await withKey(serviceAccount)).Secret, 'password');
    await programs.credential(['config', '--token-source=env,store']);
    assert.match((await withKey(serviceAccount)).Username, /^_dcgcr_/);
    await programs.credential(['config', '--token-source=store,env']);
    await programs.credential(['erase'], { input: registry });
  });

  for (const other of [
    'evil.example.com',
    `${registry}.evil.example.com`,
    `${registry}:8443`,
    `evil.example.com/${registry}`,
    `${registry}@evil.example.com`,
    'gcr.io',
  ]) {
    it(`are not for who was not configured: ${other}`, async () => {
      await writeFile(key, JSON.stringify(serviceAccount));
      assert.equal(await get({ GOOGLE_APPLICATION_CREDENTIALS: key }, other), notFound);
    });
  }

  const refused: readonly [string, unknown, RegExp][] = [
    ['no JSON', '{', /key\.json is no JSON object/],
    ['an unknown type', { type: 'gdch_service_account' }, /type gdch_service_account/],
    ['another universe', { ...user, universe_domain: 'evil.example.com' }, /only googleapis\.com/],
    ['no refresh token', { ...user, refresh_token: '' }, /has no refresh_token/],
    [
      'a key that is none',
      { ...serviceAccount, private_key: 'x' },
      /private_key in .* is no RSA key/,
    ],
    [
      'an exchange elsewhere',
      { ...federated, token_url: 'https://sts.googleapis.com.evil.example.com/v1/token' },
      /token_url in .* must be/,
    ],
    [
      'an impersonation elsewhere',
      { ...federated, service_account_impersonation_url: 'https://evil.example.com/x' },
      /service_account_impersonation_url must be/,
    ],
    [
      'an impersonation of another method',
      {
        type: 'impersonated_service_account',
        service_account_impersonation_url: impersonation.replace(':generate', '/../x:generate'),
        source_credentials: serviceAccount,
      },
      /service_account_impersonation_url must be/,
    ],
    [
      'a subject token by http from elsewhere',
      { ...federated, credential_source: { url: 'http://evil.example.com/' } },
      /must be https/,
    ],
    [
      'a program for the subject token',
      { ...federated, credential_source: { executable: { command: 'x' } } },
      /credential_source that is not known/,
    ],
    [
      'a subject token that is not there',
      { ...federated, credential_source: { file: '/nowhere/token' } },
      /should hold a subject token/,
    ],
  ];
  for (const [what, file, message] of refused) {
    it(`are not guessed from ${what}`, async () => {
      const answer = await withKey(file);
      assert.match(answer, message);
      assert.equal(answer.split('\n').length, 2);
      assert.deepEqual(asked(), []);
    });
  }

  const bad: readonly [string, Answered, RegExp][] = [
    [
      'refuses',
      {
        status: 400,
        body: { error: 'invalid_grant', error_description: 'Token has been expired or revoked.' },
      },
      /oauth2\.googleapis\.com refused: Token has been expired or revoked\.\n$/,
    ],
    ['says no token', { body: {} }, /without an access token/],
    ['says a token with a line in it', grant('a\r\nb'), /without an access token/],
    ['says a token of another type', { body: { access_token: 'a', token_type: 'MAC' } }, /without/],
    [
      'says a token that is all but over',
      { body: { access_token: 'a', expires_in: 5, token_type: 'Bearer' } },
      /about to expire/,
    ],
    ['leads elsewhere', { status: 302, headers: { Location: 'https://evil.example.com' } }, /302/],
    ['never ends', { body: 'x'.repeat(100_000) }, /more than 65536 bytes/],
    ['commands the terminal', { status: 400, body: { error: '\u001b[2J' } }, /refused: \?\[2J\n$/],
  ];
  for (const [what, answered, message] of bad) {
    it(`are an error where Google ${what}`, async () => {
      google.answers(() => answered);
      assert.match(await withKey(user), message);
    });
  }

  it('are an error where the file that the environment names is not there', async () => {
    const environment = { GOOGLE_APPLICATION_CREDENTIALS: join(space.path, 'nowhere.json') };
    assert.match(await get(environment), /GOOGLE_APPLICATION_CREDENTIALS names it/);
  });

  for (const origin of ['https://evil.example.com', 'http://evil.example.com', 'http://10.0.0.1']) {
    it(`go to no stand-in that is not on this machine: ${origin}`, async () => {
      const answer = await withKey(user, { BERTH_GOOGLE_STAND_IN: origin });
      assert.match(answer, /BERTH_GOOGLE_STAND_IN is for tests/);
    });
  }
});
