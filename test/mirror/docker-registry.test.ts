// Another registry than Berth as the upstream: Debian's docker-registry, where it is installed.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { hasDockerRegistry, startDockerRegistry } from '#test/bench/servers.ts';
import { type Call, pushManifest, sendAll } from '#test/support/calls.ts';
import { type Content, imageIndex, imageManifest, randomBlob } from '#test/support/manifests.ts';
import { mirrorHost, startMirror } from './mirrors.ts';

const skip = hasDockerRegistry() ? false : 'docker-registry is not installed';

/** It takes no blob in one POST. */
function pushBlob(name: string, { digest, bytes }: Content): Call[] {
  return [
    {
      method: 'POST',
      path: `/v2/${name}/blobs/uploads/`,
      expect: { status: 202 },
      keep: {
        upload: ({ headers: { location = '' } }) => {
          const { pathname, search } = new URL(location);
          return pathname + search;
        },
      },
    },
    {
      method: 'PUT',
      path: `{upload}&digest=${digest}`,
      headers: { 'Content-Type': 'application/octet-stream' },
      body: bytes,
      expect: { status: 201 },
    },
  ];
}

describe('a mirror of docker-registry', { skip }, () => {
  it('gives its images and indexes, by tag and by digest, in any state', async (t) => {
    const directory = await mkdtemp(join(tmpdir(), 'berth-upstream-'));
    const server = await startDockerRegistry(directory);
    t.after(async () => {
      await server.stop();
      await rm(directory, { recursive: true });
    });
    const url = `http://${server.host}:${server.port}`;
    const { pull, registry } = await startMirror(t, {
      hosts: new Map([[mirrorHost, new URL(url)]]),
    });
    const children = [1, 2].map(() => imageManifest({ layers: [randomBlob(200_000)] }));
    const index = imageIndex(children);
    for (const child of children) {
      await sendAll(url, [
        ...child.blobs.flatMap((blob) => pushBlob('library/app', blob)),
        pushManifest('library/app', child),
      ]);
    }
    await sendAll(url, [pushManifest('library/app', index, 'v1')]);
    for (const _ of ['fetched', 'kept', 'asked for again']) {
      const { body, headers } = await pull('/v2/library/app/manifests/v1');
      assert.deepEqual(body, index.bytes);
      assert.equal(headers['content-type'], index.mediaType);
      assert.equal(headers['warning'], undefined);
      for (const child of children) {
        const manifest = await pull(`/v2/library/app/manifests/${child.digest}`);
        assert.deepEqual(manifest.body, child.bytes);
        for (const { digest, bytes } of child.blobs) {
          const path = `/v2/library/app/blobs/${digest}`;
          const { headers: told } = await pull(path, { method: 'HEAD' });
          assert.equal(told['content-length'], String(bytes.length));
          assert.deepEqual((await pull(path)).body, bytes);
        }
      }
      registry.clock.advance(400_000);
    }
    assert.equal((await pull('/v2/library/app/manifests/none')).status, 404);
    assert.equal((await pull('/v2/library/none/manifests/v1')).status, 404);
  });
});
