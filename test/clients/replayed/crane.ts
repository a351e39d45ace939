// What crane sends.

import { imageManifest } from '#test/support/manifests.ts';
import {
  bearing,
  carrying,
  catalog,
  challenged,
  deleteManifest,
  getBlob,
  getManifest,
  headBlob,
  headManifest,
  listTags,
  mount,
  patch,
  ping,
  post,
  put,
  putManifest,
  type ReplayedClient,
  scopeOf,
  service,
  tokenByGet,
} from './steps.ts';

export function crane(): ReplayedClient {
  const [source, target, listed] = ['replay/crane-a', 'replay/crane-b', 'replay/crane-listed'];
  const image = imageManifest();
  const accept = {
    Accept:
      'application/vnd.docker.distribution.manifest.v1+json,application/vnd.docker.distribution.manifest.v1+prettyjws,application/vnd.docker.distribution.manifest.v2+json,application/vnd.oci.image.manifest.v1+json,application/vnd.docker.distribution.manifest.list.v2+json,application/vnd.oci.image.index.v1+json',
  };
  const token = (...scopes: (readonly [string, string])[]) => [
    challenged(ping),
    tokenByGet([...scopes, service]),
  ];
  const push = (to: string) => [
    ...token(scopeOf(to, 'push,pull')),
    ...bearing([
      ...image.blobs.flatMap((blob) => [
        headBlob(to, blob, 404),
        post(to, { 'Content-Type': 'application/json' }),
        patch(blob, { chunked: false }),
        put(blob),
      ]),
      putManifest(to, 'v1', image),
    ]),
  ];
  return {
    client: 'crane 0.20',
    headers: { 'User-Agent': 'crane/0.20.2 go-containerregistry/0.20.2' },
    replays: [
      {
        description: 'pushes by HEAD, POST, one PATCH with a length and an empty PUT, and pulls',
        calls: [
          ...push('replay/crane'),
          ...token(scopeOf('replay/crane', 'pull')),
          ...bearing([
            carrying(accept, getManifest('replay/crane', 'v1', image)),
            ...image.blobs.map((blob) => getBlob('replay/crane', blob)),
          ]),
        ],
      },
      {
        description: 'mounts and says which registry the source is of',
        calls: [
          ...push(source),
          ...token(scopeOf(target, 'push,pull'), scopeOf(source, 'pull')),
          ...bearing([
            ...image.blobs.flatMap((blob) => [
              headBlob(target, blob, 404),
              mount(target, source, blob, ['from', 'mount', 'origin']),
            ]),
            putManifest(target, 'v1', image),
          ]),
        ],
      },
      {
        description: 'deletes by a token that it asked for push and pull',
        calls: [
          ...push('replay/crane-deleted'),
          ...token(scopeOf('replay/crane-deleted', 'push,pull')),
          ...bearing([
            deleteManifest('replay/crane-deleted', image.digest),
            headManifest('replay/crane-deleted', 'v1'),
          ]),
        ],
      },
      {
        description: 'lists tags and repositories a thousand at a time',
        calls: [
          ...push(listed),
          ...token(scopeOf(listed, 'pull')),
          ...bearing([listTags(listed, '?n=1000')]),
          ...token(['scope', 'registry:catalog:*']),
          ...bearing([catalog(listed, '?n=1000')]),
        ],
      },
    ],
  };
}
