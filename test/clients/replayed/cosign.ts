// What cosign sends, which is made with go-containerregistry as crane is.

import assert from 'node:assert/strict';
import { cosignByTag, cosignTag, referrersOf } from '#test/support/artifacts.ts';
import type { Call } from '#test/support/calls.ts';
import { imageManifest, type Manifest } from '#test/support/manifests.ts';
import {
  bearing,
  carrying,
  challenged,
  getBlob,
  getManifest,
  headBlob,
  headManifest,
  patch,
  ping,
  post,
  put,
  putManifest,
  type ReplayedClient,
  referrersList,
  scopeOf,
  service,
  tokenByGet,
} from './steps.ts';

export function cosign(): ReplayedClient {
  const [byTag, byApi] = ['replay/cosign', 'replay/cosign-referrers'];
  const image = imageManifest();
  const kept = cosignByTag(image);
  const accept = {
    Accept:
      'application/vnd.docker.distribution.manifest.v1+json,application/vnd.docker.distribution.manifest.v1+prettyjws,application/vnd.docker.distribution.manifest.v2+json,application/vnd.oci.image.manifest.v1+json,application/vnd.docker.distribution.manifest.list.v2+json,application/vnd.oci.image.index.v1+json',
  };
  const token = (name: string, actions: string) => [
    challenged(ping),
    tokenByGet([scopeOf(name, actions), service]),
  ];
  const upload = (name: string, manifest: Manifest, reference: string): Call[] => [
    ...manifest.blobs.flatMap((blob) => [
      headBlob(name, blob, 404),
      post(name, { 'Content-Type': 'application/json' }),
      patch(blob, { chunked: false }),
      put(blob),
    ]),
    putManifest(name, reference, manifest),
  ];
  const push = (name: string, manifest: Manifest, reference: string) => [
    ...token(name, 'push,pull'),
    ...bearing(upload(name, manifest, reference)),
  ];
  const missing = (name: string, reference: string): Call => ({
    method: 'GET',
    path: `/v2/${name}/manifests/${reference}`,
    headers: accept,
    expect: { status: 404, code: 'MANIFEST_UNKNOWN' },
  });
  const [bundle] = referrersOf(image).filter(({ tool }) => tool === 'cosign 3, a bundle');
  assert.ok(bundle !== undefined);
  return {
    client: 'cosign 2 and 3',
    headers: { 'User-Agent': 'cosign/v2.4.1 (linux; amd64) go-containerregistry/v0.20.2' },
    replays: [
      {
        description: 'signs, attests and attaches by tags that it looks for first, and verifies',
        calls: [
          ...push(byTag, image, 'v1'),
          ...kept.flatMap(({ manifest, tag }) => [
            ...token(byTag, 'pull'),
            ...bearing([headManifest(byTag, 'v1', image), missing(byTag, tag)]),
            ...push(byTag, manifest, tag),
          ]),
          ...token(byTag, 'pull'),
          ...bearing([
            carrying(accept, getManifest(byTag, 'v1', image)),
            ...kept.flatMap(({ manifest, tag }) => [
              carrying(accept, getManifest(byTag, tag, manifest)),
              ...manifest.blobs.map((blob) => getBlob(byTag, blob)),
            ]),
          ]),
        ],
      },
      {
        description: 'attaches a bundle by its subject, writes no index, and finds it by the API',
        calls: [
          ...push(byApi, image, 'v1'),
          ...push(byApi, bundle.manifest, bundle.manifest.digest).map(
            (call): Call =>
              call.method === 'PUT' && call.path.includes('/manifests/')
                ? {
                    ...call,
                    expect: { status: 201, headers: { 'OCI-Subject': image.digest } },
                  }
                : call,
          ),
          ...token(byApi, 'pull'),
          ...bearing([
            referrersList(byApi, image, [bundle.manifest.digest]),
            referrersList(byApi, image, [bundle.manifest.digest], bundle.type),
            carrying(accept, getManifest(byApi, bundle.manifest.digest, bundle.manifest)),
            ...bundle.manifest.blobs.map((blob) => getBlob(byApi, blob)),
            // What cosign 2 left would be here.
            missing(byApi, cosignTag(image, 'sig')),
          ]),
        ],
      },
    ],
  };
}
