// skopeo against the real process.

import assert from 'node:assert/strict';
import { mkdir, readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { artifacts, cosignByTag } from '#test/support/artifacts.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { pushAll, sendAll } from '#test/support/calls.ts';
import {
  layerFile,
  type MadeImage,
  writeDockerArchive,
  writeImage,
  writeIndex,
} from '#test/support/images.ts';
import { contentOf, digestOf, emptyConfig } from '#test/support/manifests.ts';
import { type Client, refusal, type Scratch, scratch, unlessInstalled } from './client.ts';
import { skopeoIn } from './skopeo.ts';
import { byToken, refusedByToken } from './tokens.ts';

const insecure = '--tls-verify=false';
const fromInsecure = '--src-tls-verify=false';
const toInsecure = '--dest-tls-verify=false';

describe('skopeo', { skip: unlessInstalled('skopeo') }, () => {
  let berth: RunningBerth;
  let space: Scratch;
  let skopeo: Client;
  /** skopeo that never logged in. */
  let nobody: Client;

  before(async () => {
    space = await scratch();
    skopeo = skopeoIn(join(space.path, 'home'));
    nobody = skopeoIn(join(space.path, 'nobody'));
    for (const home of ['home', 'nobody']) await mkdir(join(space.path, home));
    berth = await startBerth({ environment: { BERTH_ANONYMOUS_PULL: 'open' } });
    space.after(() => berth.remove());
    await login(berth.password);
  });

  after(() => space.remove());

  const login = async (password: string, client = skopeo) => {
    const { ok, stderr } = await client.attempt(
      ['login', insecure, '-u', 'admin', '--password-stdin', berth.host],
      password,
    );
    if (!ok) throw new Error(stderr);
  };
  const at = (name: string) => `docker://${berth.host}/${name}`;
  const path = (name: string) => join(space.path, name);
  const push = (from: string, to: string, ...more: string[]) =>
    skopeo('copy', toInsecure, ...more, from, at(to));
  const pull = (from: string, to: string, ...more: string[]) =>
    skopeo('copy', fromInsecure, ...more, at(from), to);
  const inspect = async (name: string, client = skopeo) =>
    JSON.parse(await client('inspect', insecure, at(name)));
  const inspectRaw = (name: string) => skopeo('inspect', '--raw', insecure, at(name));

  /** Makes an image of some layers and pushes it. @returns also where its OCI layout lies */
  const pushed = async (
    name: string,
    { layers = 2, bytesPerLayer = 5000, index = false }: Partial<Options> = {},
    ...more: string[]
  ): Promise<MadeImage & { readonly layout: string }> => {
    const layout = path(name.replace(/\W/g, '-'));
    const write = index ? writeIndex : writeImage;
    const made = await write(layout, { seed: name, layers, bytesPerLayer });
    await push(`oci:${layout}:latest`, name, ...(index ? ['--all'] : []), ...more);
    return { ...made, layout };
  };
  interface Options {
    readonly layers: number;
    readonly bytesPerLayer: number;
    readonly index: boolean;
  }

  const blobPath = (digest: string) => join('blobs/sha256', digest.slice('sha256:'.length));
  /** That two OCI layouts hold the same bytes under these digests. */
  const assertSame = async (one: string, other: string, digests: readonly string[]) => {
    for (const digest of digests) {
      const [here, there] = [join(one, blobPath(digest)), join(other, blobPath(digest))];
      assert.deepEqual(await readFile(here), await readFile(there));
    }
  };

  it('pushes an image of three layers and pulls it back with the same digest', async () => {
    const options = { layers: 3, bytesPerLayer: 700_000 };
    const image = await byToken(berth, 'user:admin', () => pushed('demo/three:v1', options));
    assert.equal((await inspect('demo/three:v1')).Digest, image.digest);
    const back = `oci:${path('three-back')}:latest`;
    await byToken(berth, 'user:admin', () => pull('demo/three:v1', back));
    await assertSame(path('three-back'), image.layout, [image.digest, ...image.layers]);
  });

  it('pulls by digest', async () => {
    const image = await pushed('demo/by-digest:v1');
    await pull(`demo/by-digest@${image.digest}`, `oci:${path('by-digest-back')}:latest`);
    await assertSame(path('by-digest-back'), image.layout, [image.digest, ...image.layers]);
  });

  it('pushes an image as Docker schema 2', async () => {
    await pushed('demo/schema2:v1', {}, '--format', 'v2s2');
    const { mediaType } = JSON.parse(await inspectRaw('demo/schema2:v1'));
    assert.equal(mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
  });

  it('pushes an index of two platforms whole', async () => {
    const index = await pushed('demo/index:v1', { index: true });
    assert.equal(digestOf(Buffer.from(await inspectRaw('demo/index:v1'))), index.digest);
    await pull('demo/index:v1', `oci:${path('index-back')}:latest`, '--all');
    await assertSame(path('index-back'), index.layout, [...index.manifests, ...index.layers]);
  });

  it('pulls the image of one platform out of an index', async () => {
    const index = await pushed('demo/platforms:v1', { index: true });
    const to = path('platform');
    await skopeo(
      '--override-arch',
      'arm64',
      'copy',
      fromInsecure,
      at('demo/platforms:v1'),
      `dir:${to}`,
    );
    assert.equal(digestOf(await readFile(join(to, 'manifest.json'))), index.manifests[1]);
  });

  it('copies to a directory, and from it to another repository with the same digest', async () => {
    const image = await pushed('demo/to-directory:v1');
    await pull('demo/to-directory:v1', `dir:${path('directory')}`);
    assert.equal(digestOf(await readFile(join(path('directory'), 'manifest.json'))), image.digest);
    await push(`dir:${path('directory')}`, 'other/from-directory:v1');
    assert.equal((await inspect('other/from-directory:v1')).Digest, image.digest);
  });

  it('copies signatures, charts, WASM and files as they are, by their tags, and out of one registry into it again', async () => {
    const signed = await pushed('artifacts/app:v1');
    const { digest } = contentOf(await inspectRaw('artifacts/app:v1'));
    assert.equal(digest, signed.digest);
    const all = [...cosignByTag({ ...emptyConfig, digest }), ...artifacts()];
    for (const { manifest, tag, tool } of all) {
      const calls = pushAll('artifacts/app', manifest, tag);
      const basic = `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`;
      await sendAll(
        berth.url,
        calls.map((call) => ({ ...call, authorization: basic })),
      );
      const directory = path(`artifact-${tag.slice(-20)}`);
      await pull(`artifacts/app:${tag}`, `dir:${directory}`);
      for (const blob of manifest.blobs) {
        assert.deepEqual(await readFile(join(directory, blob.digest.slice(7))), blob.bytes, tool);
      }
      await push(`dir:${directory}`, `artifacts/from-directory:${tag}`);
      await push(at(`artifacts/app:${tag}`), `artifacts/copied:${tag}`, fromInsecure);
      for (const name of ['from-directory', 'copied']) {
        const raw = await inspectRaw(`artifacts/${name}:${tag}`);
        assert.equal(digestOf(Buffer.from(raw)), manifest.digest, tool);
      }
    }
  });

  it('copies from an archive of docker and to another, which holds the same layers', async () => {
    const options = { seed: 'archive', layers: 2, bytesPerLayer: 5000 };
    await writeDockerArchive(path('archive.tar'), 'any/name:v1', options);
    await push(`docker-archive:${path('archive.tar')}`, 'demo/archive:v1');
    await pull('demo/archive:v1', `docker-archive:${path('back.tar')}:any/name:v1`);
    // The config names the layers by the digests of what is in them.
    const configs = await Promise.all(
      ['archive.tar', 'back.tar'].map((file) =>
        skopeo('inspect', '--config', '--raw', `docker-archive:${path(file)}`),
      ),
    );
    assert.equal(configs[0], configs[1]);
    const archive = await readFile(path('back.tar'));
    assert.ok(archive.includes(layerFile(options, 0)));
    assert.ok(archive.includes(layerFile(options, 1)));
  });

  it('inspects an image: what it is, its manifest and its config', async () => {
    const image = await pushed('demo/inspected:v1', { layers: 3 });
    const told = await inspect('demo/inspected:v1');
    assert.deepEqual(told.RepoTags, ['v1']);
    assert.deepEqual(told.Layers, image.layers);
    const raw = await inspectRaw('demo/inspected:v1');
    assert.equal(digestOf(Buffer.from(raw)), image.digest);
    const config = await skopeo('inspect', '--config', '--raw', insecure, at('demo/inspected:v1'));
    assert.equal(digestOf(Buffer.from(config)), JSON.parse(raw).config.digest);
  });

  it('copies between two repositories by mounts, not by bytes', async () => {
    const image = await pushed('demo/original:v1', { bytesPerLayer: 50_000 });
    const copied = await skopeo.attempt([
      '--debug',
      'copy',
      fromInsecure,
      toInsecure,
      at('demo/original:v1'),
      at('demo/copy:v2'),
    ]);
    assert.ok(copied.ok, copied.stderr);
    assert.equal(copied.stderr.match(/mount OK/g)?.length, 2);
    assert.equal((await inspect('demo/copy:v2')).Digest, image.digest);
  });

  it('lists tags, and no longer the one that it deleted', async () => {
    const kept = await pushed('demo/listed:keep', {}, '--format', 'v2s2');
    await push(`oci:${kept.layout}:latest`, 'demo/listed:drop', '--format', 'oci');
    const list = async () =>
      JSON.parse(await skopeo('list-tags', insecure, at('demo/listed'))).Tags;
    assert.deepEqual(await list(), ['drop', 'keep']);
    await skopeo('delete', insecure, at('demo/listed:drop'));
    assert.deepEqual(await list(), ['keep']);
    await assert.rejects(inspect('demo/listed:drop'), /manifest unknown|has no manifest/);
    await pull('demo/listed:keep', `dir:${path('kept')}`);
  });

  it('syncs every tag of a repository to a directory, from it, and to another repository', async () => {
    const images = [await pushed('sync/image:v1'), await pushed('sync/image:v2')];
    const directory = path('synced');
    await skopeo(
      'sync',
      fromInsecure,
      '--src',
      'docker',
      '--dest',
      'dir',
      `${berth.host}/sync/image`,
      directory,
    );
    assert.deepEqual((await readdir(directory)).sort(), ['image:v1', 'image:v2']);
    await skopeo(
      'sync',
      toInsecure,
      '--src',
      'dir',
      '--dest',
      'docker',
      directory,
      `${berth.host}/from-directory`,
    );
    await skopeo(
      'sync',
      ...[fromInsecure, toInsecure, '--src', 'docker', '--dest', 'docker'],
      ...[`${berth.host}/sync/image`, `${berth.host}/from-registry`],
    );
    for (const project of ['from-directory', 'from-registry']) {
      const [first, second] = await Promise.all(
        ['v1', 'v2'].map((tag) => inspect(`${project}/image:${tag}`)),
      );
      assert.deepEqual([first.Digest, second.Digest], [images[0]?.digest, images[1]?.digest]);
    }
  });

  it('pushes layers compressed by zstd, and pulls them again', async () => {
    const options = { seed: 'zstd', layers: 2, bytesPerLayer: 5000 };
    await writeDockerArchive(path('zstd.tar'), 'any/name:v1', options);
    await push(
      `docker-archive:${path('zstd.tar')}`,
      'demo/zstd:v1',
      ...['--format', 'oci', '--dest-compress-format', 'zstd'],
    );
    const raw = await inspectRaw('demo/zstd:v1');
    const types = JSON.parse(raw).layers.map(({ mediaType }: { mediaType: string }) => mediaType);
    const zstd = 'application/vnd.oci.image.layer.v1.tar+zstd';
    assert.deepEqual(types, [zstd, zstd]);
    await pull('demo/zstd:v1', `dir:${path('zstd')}`);
    assert.equal(await readFile(join(path('zstd'), 'manifest.json'), 'utf8'), raw);
  });

  it('is refused with a wrong password', async () => {
    await assert.rejects(
      login('not the password', nobody),
      /invalid username\/password|unauthorized/i,
    );
  });

  it('takes credentials with the call, and keeps none', async () => {
    await pushed('demo/credentials:v1');
    const credentials = ['--creds', `admin:${berth.password}`];
    await byToken(berth, 'user:admin', () =>
      nobody('inspect', insecure, ...credentials, at('demo/credentials:v1')),
    );
    await assert.rejects(inspect('demo/credentials:v1', nobody), refusal);
    await assert.rejects(
      nobody('inspect', insecure, '--creds', 'admin:wrong', at('demo/credentials:v1')),
      refusal,
    );
  });

  it('is refused after it logged out', async () => {
    await pushed('demo/left:v1');
    const leaving = skopeoIn(path('leaving'));
    await mkdir(path('leaving'));
    await login(berth.password, leaving);
    await inspect('demo/left:v1', leaving);
    await leaving('logout', berth.host);
    await assert.rejects(inspect('demo/left:v1', leaving), refusal);
  });

  it('pulls without credentials from an open project only, and pushes nowhere', async () => {
    const open = await pushed('open/image:v1');
    await pushed('closed/image:v1');
    const to = path('open-back');
    await byToken(berth, 'anonymous', () =>
      nobody('copy', fromInsecure, at('open/image:v1'), `oci:${to}:latest`),
    );
    await assertSame(to, open.layout, [open.digest, ...open.layers]);
    await refusedByToken(berth, () => assert.rejects(inspect('closed/image:v1', nobody), refusal));
    const from = `oci:${open.layout}:latest`;
    await assert.rejects(nobody('copy', toInsecure, from, at('open/image:v2')), refusal);
    await assert.rejects(nobody('delete', insecure, at('open/image:v1')), refusal);
    assert.equal((await inspect('open/image:v1')).Digest, open.digest);
  });

  it('finds everything after the registry was killed and started again', async () => {
    const image = await pushed('demo/killed:v1', { bytesPerLayer: 300_000 });
    await berth.kill();
    const { dataDirectory } = berth;
    berth = await startBerth({ dataDirectory, environment: { BERTH_ANONYMOUS_PULL: 'open' } });
    await login(berth.password);
    await pull('demo/killed:v1', `oci:${path('killed-back')}:latest`);
    await assertSame(path('killed-back'), image.layout, [image.digest, ...image.layers]);
  });
});
