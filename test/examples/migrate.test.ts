// The example, as the guide to moving here has it run: from another registry, Debian's docker-registry where it is installed
// and else another Berth, with the skopeo that is there.

import assert from 'node:assert/strict';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { hasDockerRegistry, startDockerRegistry } from '#test/bench/servers.ts';
import {
  attempt,
  type Client,
  type Scratch,
  scratch,
  unlessInstalled,
} from '#test/clients/client.ts';
import { skopeoIn } from '#test/clients/skopeo.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { type MadeImage, writeImage, writeIndex } from '#test/support/images.ts';

const script = join(import.meta.dirname, '../../examples/migrate/migrate.sh');

describe('moving here by examples/migrate', { skip: unlessInstalled('skopeo', 'jq') }, () => {
  let berth: RunningBerth;
  let space: Scratch;
  let skopeo: Client;
  let old: string;
  let image: MadeImage;
  let index: MadeImage;

  before(async () => {
    space = await scratch();
    berth = await startBerth();
    space.after(() => berth.remove());
    const home = join(space.path, 'home');
    await mkdir(home);
    skopeo = skopeoIn(home);
    await login(berth);
    old = await startOld();
    image = await writeImage(join(space.path, 'image'), {
      seed: 'moving',
      layers: 2,
      bytesPerLayer: 300_000,
    });
    index = await writeIndex(join(space.path, 'index'), {
      seed: 'moving too',
      layers: 1,
      bytesPerLayer: 10_000,
    });
    await push('image', 'team/app', 'v1', 'latest');
    await push('index', 'team/tools/lint', '2');
  });
  after(() => space.remove());

  const login = async ({ host, password }: RunningBerth) => {
    const flags = ['login', '--tls-verify=false', '-u', 'admin', '--password-stdin'];
    const { ok, stderr } = await skopeo.attempt([...flags, host], password);
    assert.ok(ok, stderr);
  };
  const startOld = async () => {
    if (hasDockerRegistry()) {
      const server = await startDockerRegistry(join(space.path, 'old'));
      space.after(() => server.stop());
      return `${server.host}:${server.port}`;
    }
    const other = await startBerth();
    space.after(() => other.remove());
    await login(other);
    return other.host;
  };
  const push = async (from: string, name: string, ...tags: string[]) => {
    for (const tag of tags) {
      const to = `docker://${old}/${name}:${tag}`;
      await skopeo('copy', '--all', '--dest-tls-verify=false', `oci:${join(space.path, from)}`, to);
    }
  };
  const migrate = (names: string, to = `${berth.host}/moved`) =>
    attempt('sh', [script, old, to], {
      input: names,
      environment: {
        HOME: join(space.path, 'home'),
        REGISTRY_AUTH_FILE: join(space.path, 'home', 'auth.json'),
        _CONTAINERS_ROOTLESS_UID: '1000',
        INSECURE: '1',
      },
    });
  const digestHere = async (reference: string) => {
    const raw = ['inspect', '--tls-verify=false', '--format', '{{.Digest}}'];
    return (await skopeo(...raw, `docker://${berth.host}/moved/${reference}`)).trim();
  };

  it('copies every tag with its digest, and the platforms of an index', async () => {
    // The last line without its end, as files are that people write.
    const { ok, stdout, stderr } = await migrate('team/app\nteam/tools/lint');
    assert.ok(ok, stderr);
    assert.match(stdout, /^3 copied, 0 already there, 0 failed$/m);
    assert.equal(await digestHere('team/app:v1'), image.digest);
    assert.equal(await digestHere('team/app:latest'), image.digest);
    assert.equal(await digestHere('team/tools/lint:2'), index.digest);
    for (const digest of index.manifests) {
      const reference = `docker://${berth.host}/moved/team/tools/lint@${digest}`;
      await skopeo('inspect', '--raw', '--tls-verify=false', reference);
    }
  });

  it('copies, when it is run again, only what has changed meanwhile', async () => {
    await push('index', 'team/app', 'latest');
    const { ok, stdout, stderr } = await migrate('team/app\nteam/tools/lint\n');
    assert.ok(ok, stderr);
    assert.match(stdout, /^1 copied, 2 already there, 0 failed$/m);
    assert.equal(await digestHere('team/app:latest'), index.digest);
  });

  it('goes on after what cannot be copied, and says so', async () => {
    const { ok, stdout, stderr } = await migrate('team/none\nteam/app\n');
    assert.ok(!ok);
    assert.match(stderr, /cannot list .*\/team\/none/);
    assert.match(stdout, /^0 copied, 2 already there, 1 failed$/m);
  });

  it('says how it is called', async () => {
    const { ok, stderr } = await attempt('sh', [script, old]);
    assert.ok(!ok);
    assert.match(stderr, /^usage: /);
  });
});
