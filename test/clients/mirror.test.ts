// A mirror of a registry, as dockerd, containerd and podman are told of one: they ask for images of docker.io, and never reach
// it. When the upstream is dead, they have what was pulled before.

import assert from 'node:assert/strict';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { freePort } from '#test/support/free-port.ts';
import { layerFile, writeImage } from '#test/support/images.ts';
import { type Client, type Scratch, scratch, unlessInstalled, unlessRoot } from './client.ts';
import { startContainerd } from './containerd.ts';
import { startDocker } from './dockerd.ts';
import { podmanIn } from './podman.ts';
import { skopeoIn } from './skopeo.ts';

const image = { seed: 'mirrored', layers: 2, bytesPerLayer: 300_000 };

describe('a mirror, asked by', { skip: unlessRoot('dockerd') || unlessInstalled('skopeo') }, () => {
  let upstream: RunningBerth;
  let mirror: RunningBerth;
  let space: Scratch;
  let digest: string;

  const push = async (skopeo: Client, layout: string, name: string) => {
    await skopeo(
      ...['copy', '--dest-tls-verify=false', '--dest-creds', `admin:${upstream.password}`],
      ...[`oci:${layout}:latest`, `docker://${upstream.host}/${name}`],
    );
  };

  before(async () => {
    space = await scratch();
    upstream = await startBerth({ environment: { BERTH_ANONYMOUS_PULL: '*' } });
    space.after(() => upstream.remove());
    const port = await freePort('127.0.0.1');
    mirror = await startBerth({
      environment: {
        PORT: String(port),
        BERTH_MIRRORS: `127.0.0.1:${port}=${upstream.url}`,
        BERTH_MIRROR_UPSTREAMS: `docker.io=${upstream.url}`,
      },
    });
    space.after(() => mirror.remove());
    await mkdir(join(space.path, 'skopeo'));
    const skopeo = skopeoIn(join(space.path, 'skopeo'));
    const layout = join(space.path, 'image');
    ({ digest } = await writeImage(layout, image));
    for (const name of ['docker', 'containerd', 'podman']) {
      await push(skopeo, layout, `library/for-${name}:v1`);
    }
  });

  after(() => space.remove());

  /** The requests that the mirror was asked, as its log tells. */
  const requests = () =>
    mirror
      .output()
      .split('\n')
      .filter((line) => line.includes('"message":"request"') && line.includes('"route":"mirror'));

  it('dockerd: --registry-mirror', { skip: unlessInstalled('dockerd', 'docker') }, async () => {
    const flags = [`--registry-mirror=${mirror.url}`];
    const docker = await startDocker(join(space.path, 'docker'), {}, flags);
    space.after(() => docker.stop());
    const before = requests().length;
    const pulled = await docker('pull', 'for-docker:v1');
    assert.match(pulled, new RegExp(digest));
    assert.ok(requests().length > before);
    await docker('rmi', 'for-docker:v1');
    await docker('pull', 'for-docker:v1');
    const made = (await docker('create', 'for-docker:v1')).trim();
    const copied = join(space.path, 'layer-0.bin');
    await docker('cp', `${made}:/layer-0.bin`, copied);
    assert.deepEqual(await readFile(copied), layerFile(image, 0));
  });

  it('containerd: hosts.toml, with ns', {
    skip: unlessInstalled('containerd', 'ctr'),
  }, async () => {
    const ctr = await startContainerd(join(space.path, 'containerd'));
    space.after(() => ctr.stop());
    const hosts = join(space.path, 'hosts');
    await mkdir(join(hosts, 'docker.io'), { recursive: true });
    await writeFile(
      join(hosts, 'docker.io/hosts.toml'),
      `server = "http://127.0.0.1:1"\n[host."${mirror.url}"]\n  capabilities = ["pull", "resolve"]\n`,
    );
    const name = 'docker.io/library/for-containerd:v1';
    await ctr('images', 'pull', '--hosts-dir', hosts, name);
    assert.equal(await ctr.digest(name), digest);
  });

  it('podman: registry.mirror', { skip: unlessInstalled('podman') }, async () => {
    const registries = join(space.path, 'registries.conf');
    await writeFile(
      registries,
      `[[registry]]
prefix = "docker.io"
location = "docker.io"
[[registry.mirror]]
location = "${mirror.host}"
insecure = true
`,
    );
    const podman = await podmanIn(join(space.path, 'podman'), {
      CONTAINERS_REGISTRIES_CONF: registries,
    });
    await podman('pull', 'docker.io/library/for-podman:v1');
    const told = await podman('image', 'inspect', '--format', '{{.Digest}}', 'for-podman:v1');
    assert.equal(told.trim(), digest);
  });

  it('all of them again, when the upstream is dead', async () => {
    await upstream.kill();
    const skopeo = skopeoIn(join(space.path, 'skopeo'));
    for (const name of ['docker', 'containerd', 'podman']) {
      const to = `dir:${join(space.path, `again-${name}`)}`;
      const from = `docker://${mirror.host}/library/for-${name}:v1`;
      await skopeo('copy', '--src-tls-verify=false', from, to);
    }
  });
});
