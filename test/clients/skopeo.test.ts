// skopeo against the real process.

import assert from 'node:assert/strict';
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { writeImage, writeIndex } from '#test/support/images.ts';
import { attempt, run, type Scratch, scratch, unlessInstalled } from './client.ts';

describe('skopeo', { skip: unlessInstalled('skopeo') }, () => {
  let berth: RunningBerth;
  let space: Scratch;
  /** What skopeo keeps between calls lies in a home of its own. */
  let environment: Record<string, string>;

  before(async () => {
    space = await scratch();
    environment = { HOME: space.path, REGISTRY_AUTH_FILE: join(space.path, 'auth.json') };
    berth = await startBerth({ environment: { BERTH_ANONYMOUS_PULL: 'open' } });
    space.after(() => berth.remove());
    await login(berth.password);
  });

  after(() => space.remove());

  const login = (password: string) =>
    run('skopeo', ['login', '--tls-verify=false', '-u', 'admin', '--password-stdin', berth.host], {
      environment,
      input: password,
    });
  const skopeo = (...parameters: string[]) => run('skopeo', parameters, { environment });
  const push = (from: string, to: string, ...more: string[]) =>
    skopeo(
      'copy',
      '--dest-tls-verify=false',
      ...more,
      `oci:${from}:latest`,
      `docker://${berth.host}/${to}`,
    );
  const inspect = async (name: string) =>
    JSON.parse(await skopeo('inspect', '--tls-verify=false', `docker://${berth.host}/${name}`));

  it('pushes an image of three layers and pulls it back with the same digest', async () => {
    const from = join(space.path, 'three');
    const image = await writeImage(from, { seed: 'three', layers: 3, bytesPerLayer: 700_000 });
    await push(from, 'demo/three:v1');
    assert.equal((await inspect('demo/three:v1')).Digest, image.digest);
    const to = join(space.path, 'three-back');
    await skopeo(
      'copy',
      '--src-tls-verify=false',
      `docker://${berth.host}/demo/three:v1`,
      `oci:${to}:latest`,
    );
    for (const digest of [image.digest, ...image.layers]) {
      const path = join('blobs/sha256', digest.slice('sha256:'.length));
      assert.deepEqual(await readFile(join(to, path)), await readFile(join(from, path)));
    }
  });

  it('pushes an image as Docker schema 2', async () => {
    const from = join(space.path, 'schema2');
    await writeImage(from, { seed: 'schema2', layers: 2, bytesPerLayer: 5000 });
    await push(from, 'demo/schema2:v1', '--format', 'v2s2');
    const raw = await skopeo(
      'inspect',
      '--raw',
      '--tls-verify=false',
      `docker://${berth.host}/demo/schema2:v1`,
    );
    assert.equal(JSON.parse(raw).mediaType, 'application/vnd.docker.distribution.manifest.v2+json');
  });

  it('pushes an index of two platforms whole', async () => {
    const from = join(space.path, 'index');
    const index = await writeIndex(from, { seed: 'index', layers: 2, bytesPerLayer: 5000 });
    await push(from, 'demo/index:v1', '--all');
    const to = join(space.path, 'index-back');
    await skopeo(
      'copy',
      '--all',
      '--src-tls-verify=false',
      `docker://${berth.host}/demo/index:v1`,
      `oci:${to}:latest`,
    );
    for (const digest of index.manifests) {
      const path = join('blobs/sha256', digest.slice('sha256:'.length));
      assert.deepEqual(await readFile(join(to, path)), await readFile(join(from, path)));
    }
  });

  it('copies between two repositories by mounts, not by bytes', async () => {
    const from = join(space.path, 'copied');
    const image = await writeImage(from, { seed: 'copied', layers: 2, bytesPerLayer: 50_000 });
    await push(from, 'demo/original:v1');
    const copied = await attempt(
      'skopeo',
      [
        '--debug',
        'copy',
        '--src-tls-verify=false',
        '--dest-tls-verify=false',
        `docker://${berth.host}/demo/original:v1`,
        `docker://${berth.host}/demo/copy:v2`,
      ],
      { environment },
    );
    assert.ok(copied.ok, copied.stderr);
    assert.equal(copied.stderr.match(/mount OK/g)?.length, 2);
    assert.equal((await inspect('demo/copy:v2')).Digest, image.digest);
  });

  it('lists tags, and no longer the one that it deleted', async () => {
    const from = join(space.path, 'listed');
    await writeImage(from, { seed: 'listed', layers: 1, bytesPerLayer: 100 });
    await push(from, 'demo/listed:keep', '--format', 'v2s2');
    await writeImage(from, { seed: 'listed again', layers: 1, bytesPerLayer: 100 });
    await push(from, 'demo/listed:drop');
    await skopeo('delete', '--tls-verify=false', `docker://${berth.host}/demo/listed:drop`);
    const listed = await skopeo(
      'list-tags',
      '--tls-verify=false',
      `docker://${berth.host}/demo/listed`,
    );
    assert.deepEqual(JSON.parse(listed).Tags, ['keep']);
    await assert.rejects(inspect('demo/listed:drop'), /manifest unknown|has no manifest/);
  });

  it('is refused with a wrong password', async () => {
    await assert.rejects(login('not the password'), /invalid username\/password|unauthorized/i);
    await login(berth.password);
  });

  it('pulls without credentials from an open project only, and pushes nowhere', async () => {
    const from = join(space.path, 'open');
    await writeImage(from, { seed: 'open', layers: 1, bytesPerLayer: 100 });
    await push(from, 'open/image:v1');
    await push(from, 'closed/image:v1');
    const nobody = { HOME: space.path, REGISTRY_AUTH_FILE: join(space.path, 'nobody.json') };
    const look = (name: string) =>
      attempt('skopeo', ['inspect', '--tls-verify=false', `docker://${berth.host}/${name}`], {
        environment: nobody,
      });
    assert.equal((await look('open/image:v1')).ok, true);
    const refused = await look('closed/image:v1');
    assert.equal(refused.ok, false);
    assert.match(refused.stderr, /unauthorized|authentication required|denied|not public/i);
    const pushed = await attempt(
      'skopeo',
      [
        'copy',
        '--dest-tls-verify=false',
        `oci:${from}:latest`,
        `docker://${berth.host}/open/image:v2`,
      ],
      { environment: nobody },
    );
    assert.equal(pushed.ok, false);
    assert.match(pushed.stderr, /unauthorized|authentication required|denied/i);
  });

  it('finds everything after the registry was killed and started again', async () => {
    const from = join(space.path, 'killed');
    const image = await writeImage(from, { seed: 'killed', layers: 2, bytesPerLayer: 300_000 });
    await push(from, 'demo/killed:v1');
    await berth.kill();
    const { dataDirectory } = berth;
    berth = await startBerth({ dataDirectory, environment: { BERTH_ANONYMOUS_PULL: 'open' } });
    await login(berth.password);
    const to = join(space.path, 'killed-back');
    await skopeo(
      'copy',
      '--src-tls-verify=false',
      `docker://${berth.host}/demo/killed:v1`,
      `oci:${to}:latest`,
    );
    assert.equal((await inspect('demo/killed:v1')).Digest, image.digest);
    await rm(to, { recursive: true });
  });
});
