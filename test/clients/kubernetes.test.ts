// How Kubernetes comes to its images, against the real process: by secrets as kubectl writes them, and by a node's own
// identity, which kubelet asks its credential provider for. What kubelet hands to containerd, ctr hands to it here.

import assert from 'node:assert/strict';
import { chmod, mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type SmallServer, startSmallServer } from '#test/client-cli/server.ts';
import { isOnGoogle } from '#test/support/backend.ts';
import { startBerth } from '#test/support/berth.ts';
import { send } from '#test/support/calls.ts';
import { type Acquaintances, type Login, makeAcquaintances } from './acquaintances.ts';
import {
  attempt,
  refusal,
  run,
  type Scratch,
  scratch,
  unlessInstalled,
  unlessRoot,
} from './client.ts';
import { type Containerd, startContainerd } from './containerd.ts';
import { clients, type Home, type NewHome, settle, skips } from './homes.ts';
import { byToken, refusedByToken } from './tokens.ts';

let space: Scratch;
let known: Acquaintances;

interface Entry {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly email?: string | undefined;
  readonly auth?: string | undefined;
}

const authOf = ({ username, password }: Login) =>
  Buffer.from(`${username}:${password}`).toString('base64');

/** What `kubectl create secret docker-registry` puts into `.dockerconfigjson`. */
const pullSecret = (host: string, { username, password }: Login, email?: string) =>
  JSON.stringify({
    auths: {
      [host]: {
        ...{ username, password },
        ...(email === undefined ? {} : { email }),
        auth: authOf({ username, password }),
      } satisfies Entry,
    },
  });

const byKey = (): Login => ({ username: '_json_key', password: known.ci.keyJson });
const actorOf = (email: string) => `serviceAccount:${email}`;

describe('Kubernetes', { skip: unlessInstalled('skopeo') }, () => {
  before(async () => {
    space = await scratch();
    known = await makeAcquaintances(space);
  });
  after(() => space.remove());

  describe('imagePullSecrets', () => {
    it('are here as kubectl writes them', { skip: unlessInstalled('kubectl') }, async () => {
      const robot = await known.robot('of-kubectl', 'reader');
      const rows: [Login, string | undefined][] = [
        [robot, undefined],
        [robot, 'nobody@example.com'],
        [byKey(), undefined],
      ];
      for (const [login, email] of rows) {
        const { host } = known.berth;
        const secret = await run('kubectl', [
          ...['create', 'secret', 'docker-registry', 'pull', '--dry-run=client', '-o', 'json'],
          ...[`--docker-server=${host}`, `--docker-username=${login.username}`],
          `--docker-password=${login.password}`,
          ...(email === undefined ? [] : [`--docker-email=${email}`]),
        ]);
        const { type, data } = JSON.parse(secret);
        assert.equal(type, 'kubernetes.io/dockerconfigjson');
        const written = Buffer.from(data['.dockerconfigjson'], 'base64').toString();
        assert.deepEqual(JSON.parse(written), JSON.parse(pullSecret(host, login, email)));
      }
    });

    for (const client of clients) {
      describe(`as the logins of ${client}`, { skip: skips[client] }, () => {
        let newHome: NewHome;
        before(async () => {
          newHome = await settle(client, known, space);
        });
        const withSecret = async (secret: string): Promise<Home> => {
          const home = await newHome();
          await writeFile(join(home.directory, 'config.json'), secret);
          return home;
        };

        it('let a robot pull, and push nowhere, until its secret is revoked', async () => {
          const robot = await known.robot(`pulls-by-${client}`, 'reader');
          const home = await withSecret(pullSecret(known.berth.host, robot, 'nobody@example.com'));
          await byToken(known.berth, `robot:${robot.username}`, () => home.pull('team/web/app:v1'));
          await assert.rejects(home.push('team/web/app:v1'), refusal);
          await robot.revoke();
          await assert.rejects(home.pull('team/web/app:v1'), refusal);
        });

        it('let a service account push and pull by its key', async () => {
          const home = await withSecret(pullSecret(known.berth.host, byKey()));
          const actor = actorOf(known.ci.email);
          const image = `team/${client}:secret`;
          await byToken(known.berth, actor, () => home.push(image));
          await byToken(known.berth, actor, () => home.pull(image));
          await assert.rejects(home.pull('other/app:v1'), refusal);
        });

        it('are good with what is encoded in them alone', async () => {
          const auths = { [known.berth.host]: { auth: authOf(byKey()) } };
          const home = await withSecret(JSON.stringify({ auths }));
          await byToken(known.berth, actorOf(known.ci.email), () => home.pull('team/web/app:v1'));
        });

        it('are refused with a key that was deleted', async () => {
          const key = await known.ci.addKey();
          known.ci.deleteKey(key.private_key_id);
          const login = { username: '_json_key', password: JSON.stringify(key) };
          const home = await withSecret(pullSecret(known.berth.host, login));
          await assert.rejects(home.pull('team/web/app:v1'), refusal);
        });
      });
    }
  });

  const skip = unlessRoot('containerd') || unlessInstalled('containerd', 'ctr');
  describe('kubelet, by containerd', { skip }, () => {
    let ctr: Containerd;
    let metadata: SmallServer;
    before(async () => {
      ctr = await startContainerd(join(space.path, 'containerd'));
      space.after(() => ctr.stop());
      metadata = await startSmallServer();
      space.after(() => metadata.close());
    });

    /** What kubelet hands on with an image (CRI's AuthConfig). */
    interface AuthConfig extends Entry {
      readonly identityToken?: string;
    }

    /** Pulls as the container runtime does that is handed these: containerd's `ParseAuth`. */
    const pull = (image: string, given?: AuthConfig) => {
      const { username = '', password = '', auth, identityToken } = given ?? {};
      const login =
        given === undefined
          ? []
          : username !== ''
            ? ['--user', `${username}:${password}`]
            : identityToken !== undefined
              ? ['--refresh', identityToken]
              : ['--user', Buffer.from(auth ?? '', 'base64').toString()];
      return ctr('images', 'pull', '--plain-http', ...login, image);
    };

    /** Pulls as kubelet does: with each of the secrets that are for the registry, or with nothing where none is. */
    const pullWith = async (image: string, ...secrets: readonly string[]) => {
      const [host = ''] = known.name(image).split('/');
      const entries = secrets.flatMap((secret): Entry[] => JSON.parse(secret).auths[host] ?? []);
      if (entries.length === 0) return pull(known.name(image));
      let failed: unknown;
      for (const { username, password, auth } of entries) {
        try {
          return await pull(known.name(image), { username, password, auth });
        } catch (error) {
          failed = error;
        }
      }
      throw failed;
    };

    it('pulls what is open without a secret, and nothing else', async () => {
      await pullWith('open/app:v1');
      const elsewhere = pullSecret('registry.example.com', known.admin);
      await pullWith('open/app:v1', elsewhere);
      await refusedByToken(known.berth, () =>
        assert.rejects(pullWith('team/web/app:v1', elsewhere), refusal),
      );
    });

    it('pulls what is open by a secret that is for something else, too', async () => {
      const robot = await known.robot('of-open', 'reader');
      await pullWith('open/app:v1', pullSecret(known.berth.host, robot));
    });

    it('pulls by the secret of a robot and of a service account, and no other project', async () => {
      const robot = await known.robot('of-kubelet', 'reader');
      for (const [login, actor] of [
        [robot, `robot:${robot.username}`],
        [byKey(), actorOf(known.ci.email)],
      ] as const) {
        const secret = pullSecret(known.berth.host, login);
        await byToken(known.berth, actor, () => pullWith('team/web/app:v1', secret));
        await assert.rejects(pullWith('other/app:v1', secret), refusal);
      }
    });

    it('pulls by what is encoded alone, and by an identity token', async () => {
      const robot = await known.robot('of-tokens', 'reader');
      const [image, actor] = [known.name('team/web/app:v1'), `robot:${robot.username}`];
      await byToken(known.berth, actor, () => pull(image, { auth: authOf(robot) }));
      const { body } = await send(known.berth.url, {
        method: 'GET',
        path: '/v2/token?offline_token=true',
        authorization: `Basic ${authOf(robot)}`,
      });
      const identityToken: string = JSON.parse(String(body)).refresh_token;
      await byToken(known.berth, actor, () => pull(image, { identityToken }));
      await robot.revoke();
      await assert.rejects(pull(image, { auth: authOf(robot) }), refusal);
      await assert.rejects(pull(image, { identityToken }), refusal);
    });

    it('pulls by the second secret where the first is refused', async () => {
      const revoked = await known.robot('of-yesterday', 'reader');
      await revoked.revoke();
      const robot = await known.robot('of-today', 'reader');
      const [old, now] = [revoked, robot].map((one) => pullSecret(known.berth.host, one));
      await pullWith('team/web/app:v1', `${old}`, `${now}`);
      await assert.rejects(pullWith('team/web/app:v1', `${old}`), refusal);
    });

    describe('by the identity of its node', () => {
      let guide: ProviderConfig;
      let binaries: string;

      before(async () => {
        guide = await readGuide();
        binaries = join(space.path, 'kubelet-binaries');
        await mkdir(binaries);
        await writeFile(join(binaries, guide.name), provider(metadata.host));
        await chmod(join(binaries, guide.name), 0o755);
      });

      /** The node's metadata server has the token of this account. */
      const onNodeOf = (email: string, scopes?: readonly string[]): string => {
        const access_token = known.google.metadataToken({
          email,
          ...(scopes === undefined ? {} : { scopes }),
        });
        metadata.answers(({ headers }) => ({
          status: headers['metadata-flavor'] === 'Google' ? 200 : 403,
          body: { access_token, expires_in: 3599, token_type: 'Bearer' },
        }));
        return access_token;
      };

      /** What the provider says for an image that the guide's configuration has it asked about. */
      const provided = async (image: string): Promise<AuthConfig> => {
        const [host = ''] = image.split('/');
        const matched = guide.matchImages.map((one) => one.replace(guideHost, known.berth.host));
        assert.ok(matched.includes(host), `${host} is none of ${matched}`);
        const { ok, stdout, stderr } = await attempt(join(binaries, guide.name), guide.args, {
          input: JSON.stringify({
            kind: 'CredentialProviderRequest',
            apiVersion: guide.apiVersion,
            image,
          }),
        });
        assert.ok(ok, stderr);
        const response = JSON.parse(stdout);
        assert.equal(response.apiVersion, guide.apiVersion);
        return response.auth[host];
      };

      it('pulls where the policy names its service account by its number', async () => {
        onNodeOf(known.node.email);
        const image = known.name('team/web/app:v1');
        const given = await provided(image);
        assert.equal(given.username, '_token');
        await byToken(known.berth, actorOf(known.node.id), () => pull(image, given));
      });

      it('pulls no other project, and what is open', async () => {
        onNodeOf(known.node.email);
        const image = known.name('other/app:v1');
        await assert.rejects(pull(image, await provided(image)), refusal);
        const open = known.name('open/app:v1');
        await pull(open, await provided(open));
      });

      it('pushes nowhere, with whatever role: its token only reads', async () => {
        for (const email of [known.node.email, known.ci.email]) {
          const scopes = ['devstorage.read_only', 'userinfo.email'];
          const authorization = `Basic ${authOf({
            username: '_token',
            password: onNodeOf(email, scopes),
          })}`;
          for (const path of ['blobs/uploads/', 'manifests/v1']) {
            const { status, body } = await send(known.berth.url, {
              method: path === 'manifests/v1' ? 'PUT' : 'POST',
              path: `/v2/team/web/app/${path}`,
              headers: { 'Content-Type': 'application/vnd.oci.image.manifest.v1+json' },
              authorization,
            });
            assert.equal(status, 403, String(body));
            assert.equal(JSON.parse(String(body)).errors[0].code, 'DENIED');
          }
        }
      });

      it('is refused where no policy names its service account', async () => {
        const { email } = await known.google.addServiceAccount('other-node');
        onNodeOf(email);
        const image = known.name('team/web/app:v1');
        await assert.rejects(pull(image, await provided(image)), refusal);
      });

      it('is refused with a token without a scope for storage, and with one that was revoked', async () => {
        const image = known.name('team/web/app:v1');
        onNodeOf(known.node.email, ['logging.write', 'monitoring.write']);
        await assert.rejects(pull(image, await provided(image)), /401 Unauthorized/);
        known.google.revokeToken(onNodeOf(known.node.email));
        await assert.rejects(pull(image, await provided(image)), /401 Unauthorized/);
      });

      // What decides so is a setting of the functions.
      if (isOnGoogle()) {
        it('pulls where IAM lets its service account read the project’s bucket', async () => {
          const berth = await startBerth({
            environment: {
              BERTH_GOOGLE_STAND_IN: known.google.url,
              BERTH_IAM: 'bucket',
              BERTH_PROJECT_BUCKET: 'images-{project}',
            },
          });
          space.after(() => berth.remove());
          const reads = ['storage.objects.get', 'storage.objects.list'];
          const member = `serviceAccount:${known.node.email}`;
          known.google.grant('images-my-project', member, reads);
          const layout = `oci:${known.layout}:latest`;
          const admin = ['--dest-tls-verify=false', '--dest-creds', `admin:${berth.password}`];
          for (const project of ['my-project', 'other-project']) {
            const to = `docker://${berth.host}/${project}/app:v1`;
            await run('skopeo', ['copy', ...admin, layout, to]);
          }
          const given = { username: '_token', password: onNodeOf(known.node.email) };
          await pull(`${berth.host}/my-project/app:v1`, given);
          await assert.rejects(pull(`${berth.host}/other-project/app:v1`, given), refusal);
        });
      }
    });
  });
});

/** What stands for the registry in the guide. */
const guideHost = 'registry.example.com';

interface ProviderConfig {
  readonly name: string;
  readonly apiVersion: string;
  readonly args: readonly string[];
  readonly matchImages: readonly string[];
}

/** The one provider of the guide's CredentialProviderConfig. */
async function readGuide(): Promise<ProviderConfig> {
  const guide = await readFile(join(import.meta.dirname, '../../README.md'), 'utf8');
  const [text = ''] = /apiVersion: kubelet\.config\.k8s\.io\/v1\n(?: {4}.*\n)+/.exec(guide) ?? [];
  assert.match(text, /^ {4}kind: CredentialProviderConfig\n {4}providers:$/m);
  assert.match(text, /^ +defaultCacheDuration: \w+$/m);
  const value = (name: string) => new RegExp(`^ {6}[- ] ${name}: (.+)$`, 'm').exec(text)?.[1] ?? '';
  const list = (name: string) =>
    value(name)
      .replace(/^\[|\]$/g, '')
      .split(', ');
  return {
    name: value('name'),
    apiVersion: value('apiVersion'),
    args: list('args'),
    matchImages: list('matchImages'),
  };
}

/**
 * A program that answers as auth-provider-gcp does (kubernetes/cloud-provider-gcp): for the registry of whatever image it is
 * asked about, the token of the node's service account.
 */
function provider(metadataHost: string): string {
  return `#!${process.execPath}
let text = '';
for await (const piece of process.stdin) text += piece;
const { image, apiVersion } = JSON.parse(text);
if (process.argv[2] !== 'get-credentials') process.exit(1);
const path = '/computeMetadata/v1/instance/service-accounts/default/token';
const answer = await fetch('http://${metadataHost}' + path, {
  headers: { 'Metadata-Flavor': 'Google' },
});
const { access_token: password } = await answer.json();
console.log(JSON.stringify({
  kind: 'CredentialProviderResponse',
  apiVersion,
  cacheKeyType: 'Image',
  cacheDuration: '0s',
  auth: { [image.split('/')[0]]: { username: '_token', password } },
}));
`;
}
