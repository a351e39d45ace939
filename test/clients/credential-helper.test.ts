// Credential helpers that clients ask, against the real process: ours, as it is bundled, with a login that it keeps, with
// Google's credentials that it finds, and with nothing; and one that answers as Google's own does.

import assert from 'node:assert/strict';
import { chmod, mkdir, readdir, readFile, stat, symlink, writeFile } from 'node:fs/promises';
import { delimiter, dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { oldestNode, type Programs, programsIn } from '#test/client-cli/programs.ts';
import { type SmallServer, startSmallServer } from '#test/client-cli/server.ts';
import { type Acquaintances, type Login, makeAcquaintances } from './acquaintances.ts';
import { attempt, refusal, type Scratch, scratch, unlessInstalled, unlessRoot } from './client.ts';
import { startContainerd } from './containerd.ts';
import { clients, type Home, type NewHome, settle, skips } from './homes.ts';
import { byToken, refusedByToken } from './tokens.ts';

type Variables = Readonly<Record<string, string>>;

const notFound = 'credentials not found in native keychain\n';

let space: Scratch;
let known: Acquaintances;
let programs: Programs;
/** Where the helpers lie that clients find. */
let bin: string;
let metadata: SmallServer;
let places = 0;

/** Somebody's surroundings: what programs and clients are run with. */
async function newPlace(more: Variables = {}): Promise<Variables> {
  places += 1;
  const place = join(space.path, `place-${places}`);
  return {
    PATH: [bin, dirname(oldestNode()), process.env['PATH']].join(delimiter),
    BERTH_CONFIG: join(place, 'berth'),
    CLOUDSDK_CONFIG: join(place, 'gcloud'),
    BERTH_GOOGLE_STAND_IN: known.google.url,
    GCE_METADATA_HOST: '127.0.0.1:1',
    ...more,
  };
}

/** Has a client ask our helper, as people do. */
async function configure(environment: Variables, directory: string): Promise<void> {
  const { code, stderr } = await programs.credential(
    ['configure-docker', `--registries=${known.berth.host}`],
    { environment: { ...environment, DOCKER_CONFIG: directory } },
  );
  assert.equal(code, 0, stderr);
  const config = JSON.parse(await readFile(join(directory, 'config.json'), 'utf8'));
  assert.deepEqual(config, { credHelpers: { [known.berth.host]: 'berth' } });
}

/** What our helper answers to a client. */
async function answered(environment: Variables): Promise<{ Username: string; Secret: string }> {
  const { host } = known.berth;
  const { stdout } = await attempt(join(bin, 'docker-credential-berth'), ['get'], {
    environment,
    input: host,
  });
  return JSON.parse(stdout);
}

async function berth(parameters: readonly string[], environment: Variables, input = '') {
  const { code, stdout, stderr } = await programs.berth(parameters, { environment, input });
  assert.equal(code, 0, `${stdout}${stderr}`);
}

const logIn = ({ username, password }: Login, environment: Variables) =>
  berth(
    ['login', known.berth.host, '-u', username, '--password-stdin'],
    environment,
    `${password}\n`,
  );

/** The key's file, as application default credentials. */
async function withKey(): Promise<Variables> {
  const file = join(space.path, 'key.json');
  await writeFile(file, known.ci.keyJson);
  return { GOOGLE_APPLICATION_CREDENTIALS: file };
}

/** A metadata server that has an account's token, with these scopes. */
function withMetadata(email: string, scopes?: readonly string[]): Variables {
  const access_token = known.google.metadataToken({
    email,
    ...(scopes === undefined ? {} : { scopes }),
  });
  metadata.answers(({ path, headers }) => ({
    status: headers['metadata-flavor'] === 'Google' ? 200 : 403,
    headers: { 'Metadata-Flavor': 'Google' },
    body: path === '/' ? '' : { access_token, expires_in: 3599, token_type: 'Bearer' },
  }));
  return { GCE_METADATA_HOST: metadata.host };
}

const byCi = () => `serviceAccount:${known.ci.email}`;

describe('credential helpers', { skip: unlessInstalled('skopeo') }, () => {
  before(async () => {
    space = await scratch();
    known = await makeAcquaintances(space);
    metadata = await startSmallServer();
    space.after(() => metadata.close());
    programs = programsIn(space.path);
    bin = join(space.path, 'bin');
    await mkdir(bin);
    const helper = join(space.path, 'bundles/docker-credential-berth.js');
    await symlink(helper, join(bin, 'docker-credential-berth'));
  });
  after(() => space.remove());

  for (const client of clients) {
    describe(`of ${client}`, { skip: skips[client] }, () => {
      let newHome: NewHome;
      before(async () => {
        newHome = await settle(client, known, space);
      });

      const withHelper = async (
        more: Variables = {},
      ): Promise<Home & { environment: Variables }> => {
        const environment = await newPlace(more);
        const home = await newHome(environment);
        await configure(environment, home.directory);
        return { ...home, environment };
      };
      const pushesAndPulls = async (home: Home, actor: string) => {
        const image = `team/web/${client}:${places}`;
        await byToken(known.berth, actor, () => home.push(image));
        await byToken(known.berth, actor, () => home.pull(image));
        await assert.rejects(home.pull('other/app:v1'), refusal);
      };

      it('gives a login that Berth keeps, until that is revoked', async () => {
        const home = await withHelper();
        const robot = await known.robot(`kept-of-${client}`, 'writer');
        await logIn(robot, home.environment);
        const { Username, Secret } = await answered(home.environment);
        assert.equal(Username, '<token>');
        assert.match(Secret, /^berth_refresh_/);
        await pushesAndPulls(home, `robot:${robot.username}`);
        await robot.revoke();
        await assert.rejects(home.push('team/web/app:v2'), refusal);
      });

      it('gives a login that Berth keeps, until that is logged out', async () => {
        const home = await withHelper();
        await logIn(known.admin, home.environment);
        await byToken(known.berth, 'user:admin', () => home.push(`other/${client}:v1`));
        const { Username, Secret } = await answered(home.environment);
        assert.equal(Username, '<token>');
        await berth(['logout', known.berth.host], home.environment);
        await refusedByToken(known.berth, () =>
          assert.rejects(home.pull('team/web/app:v1'), refusal),
        );
        // The registry has ended it, too: who copied it has nothing.
        const { status } = await fetch(`${known.berth.url}/v2/token`, {
          method: 'POST',
          body: new URLSearchParams({ grant_type: 'refresh_token', refresh_token: Secret }),
        });
        assert.equal(status, 401);
      });

      it('gives the login of a job of GitHub’s', async () => {
        const home = await withHelper();
        const token = await known.jobToken();
        await berth(['login', known.berth.host, '--oidc', '-'], home.environment, token);
        const job = `principal://${known.issuer.url}/repo:acme/app:ref:refs/heads/main`;
        await pushesAndPulls(home, job);
      });

      it('gives what a service account signs with its key', async () => {
        const home = await withHelper(await withKey());
        const { Username, Secret } = await answered(home.environment);
        assert.match(Username, /^_dcgcr_(?:[0-9]+_)*token$/);
        assert.equal(Secret.split('.').length, 3);
        await pushesAndPulls(home, byCi());
      });

      it('gives the token of the metadata server', async () => {
        const scopes = ['cloud-platform', 'userinfo.email'];
        const home = await withHelper(withMetadata(known.ci.email, scopes));
        await pushesAndPulls(home, byCi());
      });

      it('pulls by a token of the metadata server that only reads, and pushes nowhere', async () => {
        const home = await withHelper(withMetadata(known.node.email));
        const node = `serviceAccount:${known.node.id}`;
        await byToken(known.berth, node, () => home.pull('team/web/app:v1'));
        await assert.rejects(home.push('team/web/app:v1'), refusal);
      });

      it('pulls what is open where the helper has nothing, and is told to log in for the rest', async () => {
        const home = await withHelper();
        await byToken(known.berth, 'anonymous', () => home.pull('open/app:v1'));
        await refusedByToken(known.berth, () =>
          assert.rejects(
            home.push('open/app:v2'),
            /log in to pull and push open\/app: who is not logged in only pulls, and what is public/,
          ),
        );
        await assert.rejects(home.pull('team/web/app:v1'), refusal);
      });

      it('has its own logins kept by the helper, and forgotten', async () => {
        const home = await withHelper();
        const before = await readFile(join(home.directory, 'config.json'), 'utf8');
        const { secret, username } = { secret: known.ci.keyJson, username: '_json_key' };
        await home.login({ username, password: secret });
        const logins = join(`${home.environment['BERTH_CONFIG']}`, 'logins');
        const [file = ''] = await readdir(logins);
        assert.equal((await stat(join(logins, file))).mode & 0o777, 0o600);
        assert.equal(
          JSON.parse((await answered(home.environment)).Secret).client_email,
          known.ci.email,
        );
        const config = await readFile(join(home.directory, 'config.json'), 'utf8');
        const { auths = {}, ...rest } = JSON.parse(config);
        assert.deepEqual(rest, JSON.parse(before));
        assert.deepEqual(
          Object.values(auths),
          Object.values(auths).map(() => ({})),
        );
        await pushesAndPulls(home, byCi());
        await home.logout();
        assert.deepEqual(await readdir(logins), []);
        await assert.rejects(home.pull('team/web/app:v1'), refusal);
      });

      it('is refused with a wrong password, which the helper is not given', async () => {
        const home = await withHelper();
        await assert.rejects(home.login({ username: 'admin', password: 'not the password' }));
        await assert.rejects(answered(home.environment), SyntaxError);
      });

      describe('with Google’s own', () => {
        /** Answers as docker-credential-gcr does: the same to whatever registry it is asked about. */
        const withGoogles = async (secret: string) => {
          const answer = { ServerURL: '', Username: '_dcgcr_2_1_30_token', Secret: secret };
          const environment = await newPlace({ GCR_ANSWER: JSON.stringify(answer) });
          await writeFile(
            join(bin, 'docker-credential-gcr'),
            `#!/bin/sh
cat >/dev/null
[ "$1" = get ] || { echo "$1 is unimplemented"; exit 1; }
echo "$GCR_ANSWER"
`,
          );
          await chmod(join(bin, 'docker-credential-gcr'), 0o755);
          const home = await newHome(environment);
          const config = { credHelpers: { [known.berth.host]: 'gcr' } };
          await writeFile(join(home.directory, 'config.json'), JSON.stringify(config));
          return home;
        };
        const scope = 'https://www.googleapis.com/auth/devstorage.read_write';

        it('comes in by what a service account signed', async () => {
          await pushesAndPulls(await withGoogles(known.ci.selfSignedJwt({ scope })), byCi());
        });

        it('comes in by an access token', async () => {
          const { email } = known.ci;
          const scopes = ['devstorage.read_write', 'userinfo.email'];
          const token = known.google.metadataToken({ email, scopes });
          await pushesAndPulls(await withGoogles(token), byCi());
        });

        it('is refused with what a service account signed for another service', async () => {
          const aud = 'https://pubsub.googleapis.com/';
          const home = await withGoogles(known.ci.selfSignedJwt({ aud }));
          await assert.rejects(home.pull('team/web/app:v1'), refusal);
        });
      });
    });
  }

  const skip = unlessRoot('containerd') || unlessInstalled('containerd', 'ctr');
  describe('of containerd, whose users are asked for', { skip }, () => {
    let ctr: Awaited<ReturnType<typeof startContainerd>>;
    before(async () => {
      ctr = await startContainerd(join(space.path, 'containerd'));
      space.after(() => ctr.stop());
      await ctr('images', 'pull', '--plain-http', known.name('open/app:v1'));
    });

    const configured = async (more: Variables = {}) => {
      const environment = await newPlace(more);
      await configure(environment, join(space.path, `docker-${places}`));
      return environment;
    };
    /** What ctr is told of what the helper answers. */
    const told = async (environment: Variables): Promise<string[]> => {
      const { Username, Secret } = await answered(environment);
      return Username === '<token>' ? ['--refresh', Secret] : ['--user', `${Username}:${Secret}`];
    };
    const pull = (image: string, login: readonly string[]) =>
      ctr('images', 'pull', '--plain-http', ...login, known.name(image));
    const pushesAndPulls = async (actor: string, login: readonly string[]) => {
      const image = `team/web/containerd:${places}`;
      const held = known.name('open/app:v1');
      await ctr('images', 'push', '--plain-http', ...login, known.name(image), held);
      await byToken(known.berth, actor, () => pull(image, login));
      await assert.rejects(pull('other/app:v1', login), refusal);
    };

    it('comes in by the refresh token of a login that Berth keeps, until that is revoked', async () => {
      const environment = await configured();
      const robot = await known.robot('kept-of-containerd', 'writer');
      await logIn(robot, environment);
      const login = await told(environment);
      assert.equal(login[0], '--refresh');
      await pushesAndPulls(`robot:${robot.username}`, login);
      await robot.revoke();
      await assert.rejects(pull('team/web/app:v1', login), /401 Unauthorized/);
    });

    it('comes in by what a service account signs with its key', async () => {
      await pushesAndPulls(byCi(), await told(await configured(await withKey())));
    });

    it('comes in by the token of the metadata server', async () => {
      const scopes = ['cloud-platform', 'userinfo.email'];
      await pushesAndPulls(
        byCi(),
        await told(await configured(withMetadata(known.ci.email, scopes))),
      );
    });

    it('has nothing where the helper has nothing', async () => {
      const { ok, stdout } = await attempt(join(bin, 'docker-credential-berth'), ['get'], {
        environment: await configured(),
        input: known.berth.host,
      });
      assert.deepEqual({ ok, stdout }, { ok: false, stdout: notFound });
    });
  });
});
