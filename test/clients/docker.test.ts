// docker against the real process, and images between docker and skopeo.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { send } from '#test/support/calls.ts';
import { layerFile, writeDockerArchive, writeImage, writeIndex } from '#test/support/images.ts';
import {
  type Client,
  refusal,
  type Scratch,
  scratch,
  unlessInstalled,
  unlessRoot,
} from './client.ts';
import { type Docker, startDocker } from './dockerd.ts';
import { skopeoIn } from './skopeo.ts';
import { byToken, refusedByToken } from './tokens.ts';

// First: dockerd is not on everybody's PATH, and installing it again would not help.
const skip = unlessRoot('dockerd') || unlessInstalled('dockerd', 'docker', 'skopeo');

describe('docker', { skip }, () => {
  let berth: RunningBerth;
  let docker: Docker;
  let skopeo: Client;
  let space: Scratch;

  before(async () => {
    space = await scratch();
    berth = await startBerth({ environment: { BERTH_ANONYMOUS_PULL: 'open' } });
    space.after(() => berth.remove());
    docker = await startDocker(space.path);
    space.after(() => docker.stop());
    skopeo = skopeoIn(space.path);
    await login(berth.password);
  });

  after(() => space.remove());

  const login = async (password: string) => {
    const { ok, stderr } = await docker.attempt(
      ['login', '-u', 'admin', '--password-stdin', berth.host],
      password,
    );
    if (!ok) throw new Error(stderr);
  };
  const credentials = () => `admin:${berth.password}`;
  /** Makes an image and pushes it by skopeo. */
  const pushBySkopeo = async (seed: string, name: string, ...more: string[]) => {
    const from = join(space.path, seed);
    const image = await writeImage(from, { seed, layers: 3, bytesPerLayer: 400_000 });
    await skopeo(
      'copy',
      ...['--dest-tls-verify=false', '--dest-creds', credentials(), ...more],
      ...[`oci:${from}:latest`, `docker://${berth.host}/${name}`],
    );
    return image;
  };
  const digestBySkopeo = async (name: string): Promise<string> => {
    const found = await skopeo(
      'inspect',
      ...['--tls-verify=false', '--creds', credentials(), `docker://${berth.host}/${name}`],
    );
    return JSON.parse(found).Digest;
  };
  /** The digest that docker itself says an image has in the registry. */
  const digestByDocker = async (name: string): Promise<string> => {
    const image = `${berth.host}/${name}`;
    const digests = JSON.parse(await docker('inspect', '--format', '{{json .RepoDigests}}', image));
    const repository = image.slice(0, image.lastIndexOf(':'));
    const found = digests.find((digest: string) => digest.startsWith(`${repository}@`));
    return found.slice(repository.length + 1);
  };

  it('pushes an image of its own, and skopeo and docker pull it with the digest it told', async () => {
    const name = `${berth.host}/demo/loaded:v1`;
    const options = { seed: 'loaded', layers: 3, bytesPerLayer: 900_000 };
    const archive = join(space.path, 'loaded.tar');
    await writeDockerArchive(archive, name, options);
    await docker('load', '--input', archive);
    const pushed = await byToken(berth, 'user:admin', () => docker('push', name));
    assert.equal(pushed.match(/: Pushed/g)?.length, 3);
    const [, told] = /digest: (sha256:[0-9a-f]{64})/.exec(pushed) ?? [];
    assert.equal(await digestBySkopeo('demo/loaded:v1'), told);
    await docker('rmi', name);
    await byToken(berth, 'user:admin', () => docker('pull', name));
    assert.equal(await digestByDocker('demo/loaded:v1'), told);
    const container = (await docker('create', name)).trim();
    for (let at = 0; at < options.layers; at += 1) {
      const copy = join(space.path, `layer-${at}.bin`);
      await docker('cp', `${container}:/layer-${at}.bin`, copy);
      assert.ok((await readFile(copy)).equals(layerFile(options, at)));
    }
    await docker('rm', container);
  });

  it('pushes what it built from nothing, and what it built on that without its layers again', async () => {
    const context = join(space.path, 'context');
    await mkdir(context);
    await writeFile(join(context, 'file'), 'what was built');
    const [base, derived] = ['base', 'derived'].map((image) => `${berth.host}/built/${image}:v1`);
    assert.ok(base !== undefined && derived !== undefined);
    const build = async (from: string, name: string) => {
      await writeFile(join(context, 'Dockerfile'), `FROM ${from}\nCOPY file /${name}\n`);
      await docker('build', '--tag', `${berth.host}/built/${name}:v1`, context);
      return docker('push', `${berth.host}/built/${name}:v1`);
    };
    const first = await build('scratch', 'base');
    const [, told] = /digest: (sha256:[0-9a-f]{64})/.exec(first) ?? [];
    assert.equal(await digestBySkopeo('built/base:v1'), told);
    const second = await build(base, 'derived');
    assert.match(second, /Mounted from built\/base/);
    await docker('rmi', derived, base);
    await docker('pull', derived);
    const container = (await docker('create', derived, '/file')).trim();
    for (const name of ['base', 'derived']) {
      await docker('cp', `${container}:/${name}`, join(space.path, 'copied'));
      assert.equal(await readFile(join(space.path, 'copied'), 'utf8'), 'what was built');
    }
    await docker('rm', container);
  });

  it('pulls the image of a platform out of an index', async () => {
    const from = join(space.path, 'index');
    const index = await writeIndex(from, { seed: 'platforms', layers: 2, bytesPerLayer: 5000 });
    await skopeo(
      'copy',
      ...['--all', '--dest-tls-verify=false', '--dest-creds', credentials()],
      ...[`oci:${from}:latest`, `docker://${berth.host}/demo/index:v1`],
    );
    const name = `${berth.host}/demo/index:v1`;
    for (const architecture of ['amd64', 'arm64']) {
      const pulled = await docker('pull', '--platform', `linux/${architecture}`, name);
      assert.match(pulled, new RegExp(`Digest: ${index.digest}`));
      const found = await docker('inspect', '--format', '{{.Architecture}}', name);
      assert.equal(found.trim(), architecture);
    }
  });

  it('pulls what skopeo pushed, with the same digest', async () => {
    const image = await pushBySkopeo('from skopeo', 'demo/from-skopeo:v1');
    await docker('pull', `${berth.host}/demo/from-skopeo:v1`);
    assert.equal(await digestByDocker('demo/from-skopeo:v1'), image.digest);
    const layers = JSON.parse(
      await docker(
        'inspect',
        '--format',
        '{{json .RootFS.Layers}}',
        `${berth.host}/demo/from-skopeo:v1`,
      ),
    );
    assert.equal(layers.length, 3);
  });

  it('pushes what skopeo finds with the same digest', async () => {
    await pushBySkopeo('for docker', 'demo/for-docker:v1');
    await docker('pull', `${berth.host}/demo/for-docker:v1`);
    await docker('tag', `${berth.host}/demo/for-docker:v1`, `${berth.host}/other/from-docker:v1`);
    const pushed = await docker('push', `${berth.host}/other/from-docker:v1`);
    assert.equal(pushed.match(/Mounted from demo\/for-docker/g)?.length, 3);
    const [, told] = /digest: (sha256:[0-9a-f]{64})/.exec(pushed) ?? [];
    assert.equal(await digestBySkopeo('other/from-docker:v1'), told);
    assert.equal(await digestByDocker('other/from-docker:v1'), told);
  });

  it('pulls again what it pushed after it removed it', async () => {
    await pushBySkopeo('again', 'demo/again:v1');
    const image = `${berth.host}/demo/again:v2`;
    await docker('pull', `${berth.host}/demo/again:v1`);
    await docker('tag', `${berth.host}/demo/again:v1`, image);
    await docker('push', image);
    const before = await docker('inspect', '--format', '{{.Id}}', image);
    await docker('rmi', image, `${berth.host}/demo/again:v1`);
    await docker('pull', image);
    assert.equal(await docker('inspect', '--format', '{{.Id}}', image), before);
  });

  it('does not send layers again that the repository holds', async () => {
    await pushBySkopeo('held', 'demo/held:v1', '--format', 'v2s2');
    await docker('pull', `${berth.host}/demo/held:v1`);
    await docker('tag', `${berth.host}/demo/held:v1`, `${berth.host}/demo/held:v2`);
    const pushed = await docker('push', `${berth.host}/demo/held:v2`);
    assert.equal(pushed.match(/Layer already exists/g)?.length, 3);
  });

  it('keeps a refresh token in place of the password, by which skopeo comes in, too, until it is revoked', async () => {
    await pushBySkopeo('kept', 'demo/kept:v1');
    const config = join(space.path, 'config/config.json');
    const kept = await readFile(config, 'utf8');
    const { identitytoken, auth } = JSON.parse(kept).auths[berth.host];
    assert.match(identitytoken, /^berth_refresh_[A-Za-z0-9_-]{43}$/);
    assert.equal(Buffer.from(auth, 'base64').toString(), 'admin:');
    assert.ok(!kept.includes(Buffer.from(credentials()).toString('base64')));
    const inspect = ['inspect', '--tls-verify=false', '--authfile', config];
    const image = `docker://${berth.host}/demo/kept:v1`;
    await byToken(berth, 'user:admin', () => skopeo(...inspect, image));
    await byToken(berth, 'user:admin', () => docker('pull', `${berth.host}/demo/kept:v1`));
    await docker('tag', `${berth.host}/demo/kept:v1`, `${berth.host}/demo/kept:v2`);
    await docker('push', `${berth.host}/demo/kept:v2`);
    await login(berth.password);
    const other = JSON.parse(await readFile(config, 'utf8')).auths[berth.host].identitytoken;
    const { status } = await send(berth.url, {
      method: 'POST',
      path: '/v2/token/revoke',
      authorization: null,
      headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
      body: `token=${other}`,
    });
    assert.equal(status, 200);
    await assert.rejects(docker('push', `${berth.host}/demo/kept:v2`), refusal);
    await assert.rejects(skopeo(...inspect, image), refusal);
    await login(berth.password);
  });

  it('is refused with a wrong password, and after it logged out', async () => {
    await pushBySkopeo('refused', 'demo/refused:v1');
    await docker('pull', `${berth.host}/demo/refused:v1`);
    await assert.rejects(login('not the password'), /unauthorized|password is wrong/);
    await docker('logout', berth.host);
    for (const what of ['push', 'pull']) {
      await refusedByToken(berth, async () => {
        const { ok, stderr } = await docker.attempt([what, `${berth.host}/demo/refused:v1`]);
        assert.equal(ok, false);
        assert.match(stderr, refusal);
      });
    }
    await login(berth.password);
  });

  it('pulls after it logged out what is open, and pushes nowhere', async () => {
    const image = await pushBySkopeo('open', 'open/image:v1');
    await docker('logout', berth.host);
    await byToken(berth, 'anonymous', () => docker('pull', `${berth.host}/open/image:v1`));
    assert.equal(await digestByDocker('open/image:v1'), image.digest);
    await docker('tag', `${berth.host}/open/image:v1`, `${berth.host}/open/image:v2`);
    await assert.rejects(docker('push', `${berth.host}/open/image:v2`), refusal);
    await login(berth.password);
  });

  it('finds its images after the registry was stopped and started again', async () => {
    const image = await pushBySkopeo('restarted', 'demo/restarted:v1');
    assert.equal(await berth.stop(), 0);
    const { dataDirectory } = berth;
    berth = await startBerth({ dataDirectory });
    await login(berth.password);
    await docker('pull', `${berth.host}/demo/restarted:v1`);
    assert.equal(await digestByDocker('demo/restarted:v1'), image.digest);
  });
});
