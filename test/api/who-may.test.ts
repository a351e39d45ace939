// Who may do what, over HTTP: each identity that there is, each action, repositories of all kinds; by the credentials on the
// request itself, and by a token that was had for them. What is not allowed has its exact error.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { changePolicy, parseBindings } from '#shared/auth/policies.ts';
import { createRobot } from '#shared/auth/robots.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { isOnGoogle } from '#test/support/backend.ts';
import {
  type Answer,
  type Call,
  pushAll,
  pushManifest,
  send,
  sendAll,
  useRegistry,
} from '#test/support/calls.ts';
import { fakeClock } from '#test/support/clock.ts';
import type { ServiceAccount } from '#test/support/google-identity/accounts.ts';
import {
  type GoogleIdentityServer,
  startGoogleIdentity,
} from '#test/support/google-identity/server.ts';
import { imageManifest } from '#test/support/manifests.ts';
import { githubClaims, type OidcIssuer, startOidcIssuer } from '#test/support/oidc-issuer.ts';
import { adminBasic, type TestRegistry } from '#test/support/registry.ts';

const actions = ['pull', 'push', 'delete'] as const;
type Action = (typeof actions)[number];

/** What is private, a part of it that has its own members, what is beside that; what is public; other projects. */
const repositories = [
  'team/app',
  'team/web/app',
  'team/website',
  'team/public/app',
  'other/app',
  'open/app',
  'example.com/team/app',
] as const;
type Repository = (typeof repositories)[number];
type Rights = Readonly<Partial<Record<Repository, string>>>;

const all = 'pull push delete';
/** What nobody needs to log in for. */
const anyone: Rights = { 'team/public/app': 'pull', 'open/app': 'pull' };
/** And what whoever is known may do. */
const known: Rights = { ...anyone, 'other/app': 'pull' };
const ofTeam = (may: string): Rights => ({
  ...known,
  ...{ 'team/app': may, 'team/web/app': may, 'team/website': may, 'team/public/app': may },
});
const everywhere: Rights = Object.fromEntries(repositories.map((name) => [name, all]));

/** Identity → repository → what it may do there; what is left out it may not. `wrong` is refused wherever it is shown. */
const identities: Readonly<Record<string, Rights | 'wrong'>> = {
  nobody: anyone,
  admin: everywhere,
  'an operator by Google': everywhere,
  'the admin by a wrong password': 'wrong',
  'a name that nobody has': 'wrong',
  'a robot that nobody made': 'wrong',
  'a robot by another’s secret': 'wrong',
  'a robot without its project': 'wrong',
  'a robot that owns': ofTeam(all),
  'a robot that writes': ofTeam('pull push'),
  'a robot that reads': ofTeam('pull'),
  'a robot of a part': { ...known, 'team/web/app': 'pull push' },
  'a robot of another project': { ...known, 'other/app': all },
  'a robot of a domain’s project': { ...known, 'example.com/team/app': all },
  'another project’s robot that is a member': { ...known, 'team/website': 'pull push' },
  'an owner by Google': ofTeam(all),
  // Of another project too, whose writers delete.
  'a writer by Google': { ...ofTeam('pull push'), 'other/app': all },
  'a reader by Google': ofTeam('pull'),
  'a writer of a part by Google': { ...known, 'team/web/app': 'pull push' },
  'somebody else by Google': known,
  'an owner by gcloud’s helper': ofTeam(all),
  'an owner by a Bearer token of Google': ofTeam(all),
  'an owner by a token that only reads': ofTeam('pull'),
  'an owner by a token for signing in elsewhere': 'wrong',
  'an owner by a token that has expired': 'wrong',
  'an owner by a token that was taken back': 'wrong',
  'an owner by an ID token for this registry': ofTeam(all),
  'an owner by an ID token for another service': 'wrong',
  'a service account by its key': ofTeam('pull push'),
  'a service account by its key in base64': ofTeam('pull push'),
  'a service account by a key that was deleted': 'wrong',
  'a service account by another’s key': 'wrong',
  'a service account by a JWT of its own': ofTeam('pull push'),
  'a service account by a JWT for another service': 'wrong',
  'a node by its metadata server': ofTeam('pull'),
  'a job of the owner': { ...known, 'team/web/app': 'pull push' },
  'a job of the owner by Bearer': { ...known, 'team/web/app': 'pull push' },
  'a job in production': { ...known, 'team/web/app': 'pull push', 'team/app': 'pull push' },
  // Whose rule names no audience, and the other project trusts other owners.
  'a job for this registry by its name': { ...anyone, 'team/web/app': 'pull' },
  'a job of another owner': 'wrong',
  'a job for another registry': 'wrong',
  'a job of an issuer that nobody trusts': 'wrong',
  'a job whose token has expired': 'wrong',
};

const clock = isOnGoogle() ? systemClock : fakeClock(Date.parse('2026-11-24T12:00:00Z'));
const options = {
  anonymousPull: new Set(['open']),
  operators: ['user:operator@example.com'],
  privateIssuers: [] as string[],
  googleStandIn: '',
};
/** Identity → its Authorization header. */
const shown = new Map<string, string | null>();
const image = imageManifest();

describe('who may do what', () => {
  let google: GoogleIdentityServer;
  let issuer: OidcIssuer;
  let stranger: OidcIssuer;
  before(async () => {
    google = await startGoogleIdentity({ clock });
    issuer = await startOidcIssuer({ now: () => clock.now() });
    stranger = await startOidcIssuer({ now: () => clock.now() });
    options.googleStandIn = google.url;
    options.privateIssuers.push(issuer.url, stranger.url);
  });
  after(() => Promise.all([google.close(), issuer.close(), stranger.close()]));

  const registry = useRegistry(options, async (started) => {
    const ci = await google.addServiceAccount('ci');
    const node = await google.addServiceAccount('node');
    await decide(started, issuer.url, { ci, node });
    await introduce(started, google, { issuer, stranger, ci, node });
    for (const name of repositories) await sendAll(started.url, pushAll(name, image, 'v1'));
  });

  for (const [identity, rights] of Object.entries(identities)) {
    describe(identity, () => {
      for (const repository of repositories) {
        for (const action of actions) {
          const may = rights !== 'wrong' && (rights[repository] ?? '').includes(action);
          it(`${rights === 'wrong' ? 'is not let in, and does not' : may ? 'may' : 'may not'} ${action} ${repository}`, async () => {
            const { url } = registry();
            const authorization = shown.get(identity);
            assert.ok(authorization !== undefined, `nothing is shown by ${identity}`);
            const call = { ...callOf(action, repository), authorization };
            const expected = { identity, action, repository, wrong: rights === 'wrong', may };
            const answer = await send(url, call);
            checkAnswer(answer, { ...expected, by: 'credentials' }, url);

            const scope = `repository:${repository}:${action === 'push' ? 'pull,push' : action}`;
            const path = `/v2/token?service=berth&scope=${encodeURIComponent(scope)}`;
            const issued = await send(url, { method: 'GET', path, authorization });
            assert.equal(issued.status, rights === 'wrong' ? 401 : 200, String(issued.body));
            if (rights === 'wrong') return;
            const { token } = JSON.parse(String(issued.body));
            const byToken = await send(url, { ...call, authorization: `Bearer ${token}` });
            checkAnswer(byToken, { ...expected, by: 'token' }, url);
          });
        }
      }
    });
  }

  // Google's accounts have refresh tokens of their own, and nobody has none.
  const refreshing = Object.entries(identities).filter(([, rights]) => rights !== 'wrong');
  for (const [identity, rights] of refreshing) {
    const isGiven = /^(admin|a robot|another project’s robot|a job)\b/.test(identity);
    it(`${identity} ${isGiven ? 'may the same by a refresh token' : 'gets no refresh token'}`, async () => {
      const { url } = registry();
      const authorization = shown.get(identity) ?? null;
      const login = { method: 'GET', path: '/v2/token?offline_token=true', authorization };
      const loggedIn = await send(url, login);
      assert.equal(loggedIn.status, 200, String(loggedIn.body));
      const { refresh_token: token } = JSON.parse(String(loggedIn.body));
      assert.equal(typeof token, isGiven ? 'string' : 'undefined');
      if (!isGiven) return;
      const scope = repositories.map((name) => `repository:${name}:pull,push,delete`).join(' ');
      const refreshed = await send(url, {
        method: 'POST',
        path: '/v2/token',
        authorization: null,
        headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
        body: `${new URLSearchParams({ grant_type: 'refresh_token', refresh_token: token, scope })}`,
      });
      assert.equal(refreshed.status, 200, String(refreshed.body));
      const [, claims = ''] = JSON.parse(String(refreshed.body)).token.split('.');
      const { access } = JSON.parse(Buffer.from(claims, 'base64url').toString());
      assert.deepEqual(
        Object.fromEntries(
          access.map((one: { name: string; actions: string[] }) => [
            one.name,
            one.actions.join(' '),
          ]),
        ),
        rights,
      );
    });
  }

  it('lets nobody in by a token for another host, whatever host it says that this is', async () => {
    const { url } = registry();
    const host = 'evil.example';
    for (const password of [
      google.idToken({ aud: `https://${host}`, email: 'owner@example.com' }),
      await issuer.token({
        ...githubClaims(),
        repository_owner: 'trusting',
        aud: `https://${host}`,
      }),
    ]) {
      const headers = { host };
      const authorization = basic('_oidc', password);
      const path = '/v2/token?scope=repository:team/web/app:pull';
      const { status } = await send(url, { method: 'GET', path, headers, authorization });
      assert.equal(status, 401);
    }
  });

  it('has rows enough to mean something, and more that refuse than let through', () => {
    const rows = Object.values(identities).flatMap((rights) =>
      repositories.flatMap((name) =>
        actions.map((action) => rights !== 'wrong' && (rights[name] ?? '').includes(action)),
      ),
    );
    const allowed = rows.filter(Boolean).length;
    assert.ok(rows.length >= 150 && allowed < rows.length / 2, `${allowed} of ${rows.length}`);
  });
});

function callOf(action: Action, name: Repository): Omit<Call, 'expect'> {
  if (action === 'push') return pushManifest(name, image, 'v1');
  return action === 'pull'
    ? { method: 'GET', path: `/v2/${name}/manifests/v1` }
    : { method: 'DELETE', path: `/v2/${name}/manifests/gone` };
}

/** What is answered to who may; a tag that is not there is what may be deleted again and again. */
const allowed: Readonly<Record<Action, number>> = { pull: 200, push: 201, delete: 404 };

interface Expected {
  readonly identity: string;
  readonly action: Action;
  readonly repository: Repository;
  readonly wrong: boolean;
  readonly may: boolean;
  readonly by: 'credentials' | 'token';
}

function checkAnswer(answer: Answer, expected: Expected, url: string): void {
  const { identity, action, repository, wrong, may, by } = expected;
  const why = `${by}: ${answer.status} ${answer.body.subarray(0, 300)}`;
  if (may) {
    assert.equal(answer.status, allowed[action], why);
    return;
  }
  const { host } = new URL(url);
  const names = action === 'push' ? ['pull', 'push'] : [action];
  const isNobody = identity === 'nobody' && by === 'credentials';
  const isUnknown = wrong || isNobody;
  assert.equal(answer.status, isUnknown ? 401 : 403, why);
  const challenge = `Bearer realm="http://${host}/v2/token",service="${host}",scope="repository:${repository}:${names.join(',')}"`;
  assert.equal(answer.headers['www-authenticate'], isUnknown ? challenge : undefined, why);
  const { errors } = JSON.parse(String(answer.body));
  assert.equal(errors.length, 1);
  const [{ code, message, detail }] = errors;
  assert.equal(code, isUnknown ? 'UNAUTHORIZED' : 'DENIED');
  const { requestId, ...scope } = detail;
  assert.equal(requestId, answer.headers['x-request-id']);
  assert.deepEqual(scope, { type: 'repository', name: repository, actions: names });
  const pattern = isNobody
    ? /^authentication required: log in/
    : wrong
      ? /^(the username or the password is wrong|the token is not one that shows who you are)/
      : identity === 'nobody'
        ? /^log in to /
        : /^you may not .*: ask an owner of the project for the right to$/;
  assert.match(message, pattern);
}

interface Accounts {
  readonly ci: ServiceAccount;
  readonly node: ServiceAccount;
}

/** The policies of the projects. */
async function decide(
  { services }: TestRegistry,
  trusted: string,
  { ci, node }: Accounts,
): Promise<void> {
  const claimed = trusted.replace(/^https:\/\//, '');
  const author = { by: 'user:admin' };
  const at = (project: string, bindings: Parameters<typeof parseBindings>[0], more: object = {}) =>
    changePolicy(services, project, {
      author,
      action: 'policy.change',
      to: (policy) => ({ ...policy, bindings: parseBindings(bindings, project), ...more }),
    });
  await at(
    'team',
    [
      { role: 'owner', members: ['user:owner@example.com'] },
      { role: 'writer', members: ['user:writer@example.com', `serviceAccount:${ci.email}`] },
      { role: 'reader', members: ['user:reader@example.com', `serviceAccount:${node.id}`] },
      { role: 'writer', members: ['user:web@example.com'], prefix: 'team/web' },
      { role: 'writer', members: ['robot:owner@other'], prefix: 'team/website' },
      { role: 'reader', members: ['allUsers'], prefix: 'team/public' },
      {
        role: 'writer',
        members: [`principalSet://${claimed}/environment.production`],
        prefix: 'team/app',
      },
    ],
    {
      federation: [
        {
          id: 'ci',
          issuer: trusted,
          audience: 'berth',
          claims: { repository_owner: 'acme' },
          role: 'writer',
          prefix: 'team/web',
        },
        {
          id: 'named',
          issuer: trusted,
          claims: { repository_owner: 'trusting' },
          role: 'reader',
          prefix: 'team/web',
        },
      ],
    },
  );
  await at(
    'other',
    [
      { role: 'writer', members: ['user:writer@example.com'] },
      { role: 'reader', members: ['allAuthenticatedUsers'] },
    ],
    // Members whom any rule of the project lets in are known there.
    {
      writersDelete: true,
      federation: [
        { id: 'ci', issuer: trusted, audience: 'berth', claims: { repository_owner: 'acme' } },
      ],
    },
  );
}

const basic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;

/** Makes everybody, with what they show. */
async function introduce(
  started: TestRegistry,
  google: GoogleIdentityServer,
  { issuer, stranger, ci, node }: Accounts & { issuer: OidcIssuer; stranger: OidcIssuer },
): Promise<void> {
  const robot = async (
    project: string,
    name: string,
    role: 'owner' | 'writer' | 'reader',
    prefix?: string,
  ) => {
    const made = await createRobot(started.services, {
      project,
      name,
      role,
      ...(prefix === undefined ? {} : { prefix }),
    });
    return { username: made.username, secret: made.secret.secret };
  };
  const show = (identity: string, header: string | null) => shown.set(identity, header);
  show('nobody', null);
  show('admin', adminBasic);
  show('the admin by a wrong password', basic('admin', 'wrong horse battery staple'));
  show('a name that nobody has', basic('mallory', 'secret'));
  show('a robot that nobody made', basic('nobody@team', 'secret'));

  const owner = await robot('team', 'owner', 'owner');
  const writer = await robot('team', 'writer', 'writer');
  const reader = await robot('team', 'reader', 'reader');
  const part = await robot('team', 'part', 'writer', 'team/web');
  const elsewhere = await robot('other', 'elsewhere', 'owner');
  const member = await robot('other', 'owner', 'reader');
  const domain = await robot('example.com/team', 'ci', 'owner');
  show('a robot by another’s secret', basic(reader.username, owner.secret));
  show('a robot without its project', basic('owner', owner.secret));
  show('a robot that owns', basic(owner.username, owner.secret));
  show('a robot that writes', basic(writer.username, writer.secret));
  show('a robot that reads', basic(reader.username, reader.secret));
  show('a robot of a part', basic(part.username, part.secret));
  show('a robot of another project', basic(elsewhere.username, elsewhere.secret));
  show('a robot of a domain’s project', basic(domain.username, domain.secret));
  show('another project’s robot that is a member', basic(member.username, member.secret));

  const user = (name: string, more: object = {}) =>
    google.accessToken({ email: `${name}@example.com`, ...more });
  const byToken = (name: string) => basic('oauth2accesstoken', user(name));
  show('an operator by Google', byToken('operator'));
  show('an owner by Google', byToken('owner'));
  show('a writer by Google', byToken('writer'));
  show('a reader by Google', byToken('reader'));
  show('a writer of a part by Google', byToken('web'));
  show('somebody else by Google', byToken('mallory'));
  show('an owner by gcloud’s helper', basic('_dcgcloud_token', user('owner')));
  show('an owner by a Bearer token of Google', `Bearer ${user('owner')}`);
  const reading = user('owner', { scopes: ['userinfo.email', 'devstorage.read_only'] });
  show('an owner by a token that only reads', basic('_token', reading));
  const signIn = user('owner', { scopes: ['openid', 'userinfo.email'] });
  show('an owner by a token for signing in elsewhere', basic('_token', signIn));
  const old = user('owner', { expiresInSeconds: -1 });
  show('an owner by a token that has expired', basic('_token', old));
  const taken = user('owner');
  google.revokeToken(taken);
  show('an owner by a token that was taken back', basic('_token', taken));
  const { host } = new URL(started.url);
  const idToken = (aud: string) => google.idToken({ aud, email: 'owner@example.com' });
  show('an owner by an ID token for this registry', basic('_token', idToken(`https://${host}`)));
  show(
    'an owner by an ID token for another service',
    basic('_token', idToken('https://other.example')),
  );

  show('a service account by its key', basic('_json_key', ci.keyJson));
  const base64 = Buffer.from(ci.keyJson).toString('base64');
  show('a service account by its key in base64', basic('_json_key_base64', base64));
  const deleted = await ci.addKey();
  ci.deleteKey(deleted.private_key_id);
  show('a service account by a key that was deleted', basic('_json_key', JSON.stringify(deleted)));
  const mallory = await google.addServiceAccount('mallory');
  const forged = JSON.stringify({ ...mallory.key, client_email: ci.email });
  show('a service account by another’s key', basic('_json_key', forged));
  const scope = 'https://www.googleapis.com/auth/devstorage.read_write';
  const own = ci.selfSignedJwt({ scope });
  show('a service account by a JWT of its own', basic('_dcgcr_2_1_30_token', own));
  const foreign = ci.selfSignedJwt({ aud: 'https://pubsub.googleapis.com/' });
  show('a service account by a JWT for another service', basic('_token', foreign));
  const ofNode = google.metadataToken({ email: node.email });
  show('a node by its metadata server', basic('_token', ofNode));

  const job = (claims: object = {}, by = issuer) =>
    by.token({ ...githubClaims(), repository_owner: 'acme', aud: 'berth', ...claims });
  show('a job of the owner', basic('_oidc', await job()));
  show('a job of the owner by Bearer', `Bearer ${await job()}`);
  show('a job in production', basic('_oidc', await job({ environment: 'production' })));
  const named = await job({ repository_owner: 'trusting', aud: `https://${host}` });
  show('a job for this registry by its name', basic('_oidc', named));
  show('a job of another owner', basic('_oidc', await job({ repository_owner: 'mallory' })));
  show('a job for another registry', basic('_oidc', await job({ aud: 'https://other.example' })));
  show('a job of an issuer that nobody trusts', basic('_oidc', await job({}, stranger)));
  const exp = Math.floor(clock.now() / 1000) - 120;
  show(
    'a job whose token has expired',
    basic('_oidc', await job({ iat: exp - 300, exp, nbf: exp - 300 })),
  );
}
