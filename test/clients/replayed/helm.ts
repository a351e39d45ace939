// What helm sends, which is made with oras-go as oras is.

import assert from 'node:assert/strict';
import { artifacts } from '#test/support/artifacts.ts';
import type { Call } from '#test/support/calls.ts';
import {
  bearing,
  carrying,
  challenged,
  getBlob,
  getManifest,
  headBlob,
  headManifest,
  octets,
  post,
  put,
  putManifest,
  type ReplayedClient,
  scopeOf,
  service,
  tokenByGet,
} from './steps.ts';

export function helm(): ReplayedClient {
  const name = 'replay/charts/web';
  const [chart] = artifacts().filter(({ tool }) => tool.startsWith('helm'));
  assert.ok(chart !== undefined);
  const { manifest, tag } = chart;
  const accept = { Accept: manifest.mediaType };
  const [first, ...others] = manifest.blobs;
  assert.ok(first !== undefined);
  const tags: Call = {
    method: 'GET',
    path: `/v2/${name}/tags/list`,
    expect: {
      status: 200,
      // Helm reads no more of it than that.
      also: ({ body }) => assert.deepEqual(JSON.parse(String(body)).tags, [tag]),
    },
  };
  return {
    client: 'helm 3.18',
    headers: { 'User-Agent': 'Helm/3.18.4' },
    replays: [
      {
        description: 'pushes a chart with its provenance, lists its versions, and pulls it',
        calls: [
          challenged(headBlob(name, first, 404), `repository:${name}:pull`),
          tokenByGet([scopeOf(name, 'pull,push'), service]),
          ...bearing([
            ...[first, ...others].flatMap((blob) => [
              headBlob(name, blob, 404),
              post(name),
              put(blob, octets, blob.bytes),
            ]),
            headManifest(name, manifest.digest),
            putManifest(name, tag, manifest),
          ]),
          challenged(tags, `repository:${name}:pull`),
          tokenByGet([scopeOf(name, 'pull'), service]),
          ...bearing([
            tags,
            carrying(accept, headManifest(name, tag, manifest)),
            carrying(accept, getManifest(name, manifest.digest, manifest)),
            ...manifest.blobs.map((blob) => getBlob(name, blob)),
          ]),
        ],
      },
    ],
  };
}
