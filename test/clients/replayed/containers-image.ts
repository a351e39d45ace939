// What podman, buildah and skopeo send.

import { imageManifest, type Manifest } from '#test/support/manifests.ts';
import {
  bearing,
  carrying,
  catalog,
  challenged,
  deleteManifest,
  everyKind,
  getBlob,
  getManifest,
  headBlob,
  headManifest,
  listTags,
  loggedIn,
  mount,
  octets,
  patch,
  ping,
  post,
  put,
  putManifest,
  type ReplayedClient,
  refusedRefresh,
  scopeOf,
  service,
  tokenByForm,
  tokenByGet,
} from './steps.ts';

/** They send a line each. */
const accept = {
  Accept: [
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
    'application/vnd.docker.distribution.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
    'application/vnd.oci.image.index.v1+json',
  ],
};

export function containersImage(): ReplayedClient {
  const [name, source, target] = ['replay/image', 'replay/image-a', 'replay/image-b'];
  const [image, layers, deleted] = [imageManifest(), imageManifest(), imageManifest()];
  const kinds = everyKind('replay/image-kinds', accept);
  const account = ['account', 'admin'] as const;
  const token = (...scopes: (readonly [string, string])[]) => [
    challenged(ping),
    tokenByGet([account, ...scopes, service]),
  ];
  const push = (to: string, pushed: Manifest) => [
    ...token(scopeOf(to, 'pull,push')),
    ...bearing([
      ...pushed.blobs.flatMap((blob) => [
        headBlob(to, blob, 404),
        post(to),
        // The config is in its memory, and so has a length.
        patch(blob, { chunked: blob !== pushed.blobs[0], headers: octets }),
        put(blob, octets),
      ]),
      putManifest(to, 'v1', pushed),
    ]),
  ];
  const byRefresh = (refreshToken: string) =>
    tokenByForm(
      [
        ['client_id', 'containers/image'],
        ['grant_type', 'refresh_token'],
        ['refresh_token', refreshToken],
        scopeOf(name, 'pull,push'),
        service,
      ],
      { 'Transfer-Encoding': 'chunked' },
    );
  return {
    client: 'podman, buildah and skopeo (containers/image 5.23)',
    headers: {
      'User-Agent': 'containers/5.23.1 (github.com/containers/image)',
      Connection: 'close',
    },
    replays: [
      { description: 'logs in', calls: [...token(), ...bearing([ping])] },
      {
        description: 'pushes by HEAD, POST, one PATCH and an empty PUT, and pulls the tag by GET',
        calls: [
          ...push(name, image),
          ...token(scopeOf(name, 'pull')),
          ...bearing([
            carrying(accept, getManifest(name, 'v1', image)),
            ...image.blobs.map((blob) => getBlob(name, blob)),
          ]),
        ],
      },
      {
        description: 'finds manifests of every kind by six Accept lines',
        calls: [
          ...token(scopeOf('replay/image-kinds', 'pull,push')),
          ...bearing([...kinds.push, ...kinds.pull]),
        ],
      },
      {
        description: 'looks for the blob in the source before it mounts it',
        calls: [
          ...push(source, layers),
          ...token(scopeOf(target, 'pull,push'), scopeOf(source, 'pull')),
          ...bearing([
            ...layers.blobs.flatMap((blob) => [
              headBlob(target, blob, 404),
              headBlob(source, blob, 200),
              mount(target, source, blob, ['from', 'mount']),
            ]),
            putManifest(target, 'v1', layers),
          ]),
        ],
      },
      {
        description: 'deletes what a tag names by a token for everything',
        calls: [
          ...push('replay/image-deleted', deleted),
          ...token(scopeOf('replay/image-deleted', '*')),
          ...bearing([
            carrying(accept, getManifest('replay/image-deleted', 'v1', deleted)),
            deleteManifest('replay/image-deleted', deleted.digest),
            headManifest('replay/image-deleted', 'v1'),
          ]),
        ],
      },
      {
        description:
          'lists tags with no limit, and searches what was never here before the catalog',
        calls: [
          ...push('replay/image-listed', image),
          ...token(scopeOf('replay/image-listed', 'pull')),
          ...bearing([listTags('replay/image-listed', '')]),
          {
            method: 'GET',
            path: '/v1/search?n=25&q=replay',
            authorization: null,
            expect: { status: 404 },
          },
          challenged(ping),
          tokenByGet([account, ['scope', 'registry:catalog:*'], service]),
          ...bearing([catalog('replay/image-listed', '')]),
        ],
      },
      {
        description: 'comes in by the refresh token that docker was given, in a chunked form',
        calls: [
          ...loggedIn(account),
          challenged(ping),
          byRefresh('{refresh}'),
          ...bearing([post(name)]),
        ],
      },
      {
        description: 'is told to log in again by what is no refresh token',
        calls: [challenged(ping), refusedRefresh(byRefresh('an identity token'))],
      },
    ],
  };
}
