// podman and buildah against the real process.

import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { send } from '#test/support/calls.ts';
import { layerFile, writeDockerArchive } from '#test/support/images.ts';
import { digestOf } from '#test/support/manifests.ts';
import {
  type Client,
  refusal,
  type Scratch,
  scratch,
  unlessInstalled,
  unlessRoot,
} from './client.ts';
import { architectures, buildahIn, podmanIn, pushIndexOf } from './podman.ts';
import { byToken, refusedByToken } from './tokens.ts';

const insecure = '--tls-verify=false';
const options = { layers: 2, bytesPerLayer: 5000 };

let berth: RunningBerth;
let space: Scratch;
const name = (repository: string) => `${berth.host}/${repository}`;
const path = (file: string) => join(space.path, file);
const credentials = () => ['--creds', `admin:${berth.password}`];

async function start(): Promise<void> {
  space = await scratch();
  berth = await startBerth({ environment: { BERTH_ANONYMOUS_PULL: 'open' } });
  space.after(() => berth.remove());
}

async function login(client: Client, password: string, ...more: string[]): Promise<void> {
  const { ok, stderr } = await client.attempt(
    ['login', insecure, '-u', 'admin', '--password-stdin', ...more, berth.host],
    password,
  );
  if (!ok) throw new Error(stderr);
}

/** @returns the digest that the client told of what it pushed */
async function push(client: Client, ...parameters: string[]): Promise<string> {
  await client('push', insecure, '--digestfile', path('digest'), ...parameters);
  return await readFile(path('digest'), 'utf8');
}

/**
 * Pushes an index of images that are in the registry, which then has the index that the client told.
 * @returns the digests of the images that it names, in the order of the architectures
 */
async function pushIndex(client: Client, index: string, images: readonly string[]) {
  const digestFile = path('digest');
  const told = await pushIndexOf(client, { images, index: name(index), digestFile });
  const basic = `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`;
  const asked = `/v2/${index.replace(':', '/manifests/')}`;
  const { body } = await send(berth.url, { method: 'GET', path: asked, authorization: basic });
  assert.equal(digestOf(body), told);
  const { manifests }: { manifests: { digest: string }[] } = JSON.parse(String(body));
  return manifests.map(({ digest }) => digest);
}

describe('podman', { skip: unlessRoot('podman') || unlessInstalled('podman') }, () => {
  let podman: Client;
  /** podman that never logged in, and shares no storage with the other. */
  let nobody: Client;

  before(async () => {
    await start();
    podman = await podmanIn(path('podman'));
    nobody = await podmanIn(path('nobody'));
    await login(podman, berth.password);
  });

  after(() => space.remove());

  /** Makes an image that podman holds under a name. */
  const load = async (image: string) => {
    await writeDockerArchive(path('archive.tar'), image, { ...options, seed: image });
    await podman('load', '--input', path('archive.tar'));
  };
  const digest = async (client: Client, image: string) =>
    (await client('image', 'inspect', '--format', '{{.Digest}}', image)).trim();

  it('pushes an image of its own, and another pulls it with the digest it told', async () => {
    const image = name('demo/own:v1');
    await load(image);
    const told = await byToken(berth, 'user:admin', () => push(podman, image));
    await byToken(berth, 'user:admin', () => nobody('pull', insecure, ...credentials(), image));
    assert.equal(await digest(nobody, image), told);
    const container = (await nobody('create', image)).trim();
    for (let at = 0; at < options.layers; at += 1) {
      await nobody('cp', `${container}:/layer-${at}.bin`, path('copied'));
      const file = layerFile({ ...options, seed: image }, at);
      assert.ok((await readFile(path('copied'))).equals(file));
    }
  });

  it('pulls again what it pushed after it removed it', async () => {
    const image = name('demo/again:v1');
    await load(image);
    const told = await push(podman, image);
    await podman('rmi', image);
    await podman('pull', insecure, image);
    assert.equal(await digest(podman, image), told);
  });

  it('takes its login from the file that it is told', async () => {
    const image = name('demo/file:v1');
    await load(image);
    const file = ['--authfile', path('login.json')];
    await login(nobody, berth.password, ...file);
    const told = await push(podman, ...file, image);
    await nobody('pull', insecure, ...file, image);
    assert.equal(await digest(nobody, image), told);
    await nobody('rmi', image);
    await assert.rejects(nobody('pull', insecure, image), refusal);
  });

  it('pushes an index that it made, with its images', async () => {
    const images = architectures.map((architecture) => name(`demo/${architecture}:v1`));
    const told: string[] = [];
    for (const image of images) {
      await load(image);
      told.push(await push(podman, image));
    }
    assert.deepEqual(await pushIndex(podman, 'demo/platforms:v1', images), told);
    const index = name('demo/platforms:v1');
    for (const [at, architecture] of architectures.entries()) {
      await podman('pull', insecure, '--arch', architecture, index);
      const found = await podman('image', 'inspect', '--format', '{{.RepoDigests}}', index);
      assert.ok(found.includes(`demo/platforms@${told[at]}`), `${told[at]} is not in ${found}`);
    }
  });

  it('lists tags, and searches the repositories', async () => {
    const images = ['demo/searched:v1', 'demo/searched:v2'].map(name);
    await load(images[0] ?? '');
    for (const image of images) await push(podman, images[0] ?? '', image);
    const repository = name('demo/searched');
    const search = async (...parameters: string[]) =>
      JSON.parse(await podman('search', insecure, '--format', 'json', ...parameters));
    const listed = await search('--list-tags', repository);
    assert.deepEqual(listed, [{ Name: repository, Tags: ['v1', 'v2'] }]);
    const found: { readonly Name: string }[] = await search(name('searche'));
    assert.deepEqual(
      found.map(({ Name }) => Name),
      [repository],
    );
  });

  it('is refused with a wrong password', async () => {
    await assert.rejects(
      login(nobody, 'not the password'),
      /invalid username\/password|unauthorized/i,
    );
  });

  it('is refused after it logged out', async () => {
    const image = name('demo/left:v1');
    await load(image);
    const file = ['--authfile', path('left.json')];
    await login(podman, berth.password, ...file);
    await push(podman, ...file, image);
    await podman('logout', ...file, berth.host);
    await assert.rejects(push(podman, ...file, image), refusal);
    await assert.rejects(podman('pull', insecure, ...file, image), refusal);
  });

  it('pulls without a login from an open project only, and pushes nowhere', async () => {
    const [open, closed] = [name('open/image:v1'), name('closed/image:v1')];
    await load(open);
    const told = await push(podman, open);
    await push(podman, open, closed);
    await byToken(berth, 'anonymous', () => nobody('pull', insecure, open));
    assert.equal(await digest(nobody, open), told);
    await refusedByToken(berth, () => assert.rejects(nobody('pull', insecure, closed), refusal));
    await assert.rejects(push(nobody, open, name('open/image:v2')), refusal);
  });
});

describe('buildah', { skip: unlessRoot('buildah') || unlessInstalled('buildah') }, () => {
  let buildah: Client;
  let nobody: Client;

  before(async () => {
    await start();
    buildah = await buildahIn(path('buildah'));
    nobody = await buildahIn(path('nobody'));
    await login(buildah, berth.password);
  });

  after(() => space.remove());

  /** Builds an image of one file, from nothing. */
  const build = async (image: string) => {
    await writeFile(path('file'), `the file of ${image}`);
    const container = (await buildah('from', 'scratch')).trim();
    await buildah('copy', container, path('file'), '/file');
    await buildah('commit', '--rm', container, image);
  };
  /** The digest and the file of an image that a client pulled. */
  const pulled = async (client: Client, image: string) => {
    const container = (await client('from', '--pull-never', image)).trim();
    const root = (await client('mount', container)).trim();
    const format = '{{.FromImageDigest}}';
    return {
      digest: (await client('inspect', '--format', format, container)).trim(),
      file: await readFile(join(root, 'file'), 'utf8'),
    };
  };

  it('pushes what it built from nothing, and another pulls it with the digest it told', async () => {
    const image = name('demo/built:v1');
    await build(image);
    const digest = await byToken(berth, 'user:admin', () => push(buildah, image));
    await byToken(berth, 'user:admin', () => nobody('pull', insecure, ...credentials(), image));
    assert.deepEqual(await pulled(nobody, image), { digest, file: `the file of ${image}` });
  });

  it('pushes with credentials of the call to where it never logged in', async () => {
    const image = name('demo/credentials:v1');
    await build(image);
    const file = ['--authfile', path('none.json')];
    await writeFile(path('none.json'), '{}');
    await assert.rejects(push(buildah, ...file, image), refusal);
    const digest = await push(buildah, ...file, ...credentials(), image);
    await nobody('pull', insecure, ...credentials(), image);
    assert.equal((await pulled(nobody, image)).digest, digest);
  });

  it('builds on an image that it pulls', async () => {
    const [base, image] = [name('demo/base:v1'), name('demo/derived:v1')];
    await build(base);
    await push(buildah, base);
    const container = (await nobody('from', insecure, ...credentials(), base)).trim();
    await nobody('config', '--label', 'derived=yes', container);
    await nobody('commit', '--rm', container, image);
    const digest = await push(nobody, ...credentials(), image);
    await buildah('pull', insecure, image);
    assert.deepEqual(await pulled(buildah, image), { digest, file: `the file of ${base}` });
  });

  it('pushes an index that it made, with its images', async () => {
    const images = architectures.map((architecture) => name(`demo/${architecture}:v1`));
    const told: string[] = [];
    for (const image of images) {
      await build(image);
      told.push(await push(buildah, image));
    }
    assert.deepEqual(await pushIndex(buildah, 'demo/platforms:v1', images), told);
    const index = name('demo/platforms:v1');
    for (const [at, architecture] of architectures.entries()) {
      await nobody('pull', insecure, ...credentials(), '--arch', architecture, index);
      const file = `the file of ${images[at]}`;
      assert.deepEqual(await pulled(nobody, index), { digest: told[at], file });
    }
  });

  it('pulls without a login from an open project only, and pushes nowhere', async () => {
    const [open, closed] = [name('open/built:v1'), name('closed/built:v1')];
    await build(open);
    const digest = await push(buildah, open);
    await push(buildah, open, closed);
    await byToken(berth, 'anonymous', () => nobody('pull', insecure, open));
    assert.equal((await pulled(nobody, open)).digest, digest);
    await refusedByToken(berth, () => assert.rejects(nobody('pull', insecure, closed), refusal));
    await assert.rejects(push(nobody, open, name('open/built:v2')), refusal);
  });

  it('is refused after it logged out', async () => {
    const image = name('demo/left:v1');
    await build(image);
    const file = ['--authfile', path('left.json')];
    await login(buildah, berth.password, ...file);
    await push(buildah, ...file, image);
    await buildah('logout', ...file, berth.host);
    await assert.rejects(push(buildah, ...file, image), refusal);
    await assert.rejects(nobody('pull', insecure, image), refusal);
  });
});
