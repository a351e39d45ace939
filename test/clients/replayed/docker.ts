// What docker sends, with the image store that it had from the first.

import { dockerManifest, type Manifest } from '#test/support/manifests.ts';
import {
  bearing,
  carrying,
  challenged,
  everyKind,
  getBlob,
  getManifest,
  headBlob,
  headManifest,
  loggedIn,
  mount,
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

/** It sends a line each. */
const accept = {
  Accept: [
    'application/vnd.docker.distribution.manifest.v2+json',
    'application/vnd.docker.distribution.manifest.list.v2+json',
    'application/vnd.oci.image.index.v1+json',
    'application/vnd.oci.image.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
    'application/json',
  ],
};

export function docker(): ReplayedClient {
  const [name, source, target] = ['replay/docker', 'replay/docker-a', 'replay/docker-b'];
  const [image, layers] = [dockerManifest(), dockerManifest()];
  const kinds = everyKind('replay/docker-kinds', accept);
  const account = ['account', 'admin'] as const;
  const token = (...scopes: ReturnType<typeof scopeOf>[]) => [
    challenged(ping),
    tokenByGet([account, ...scopes, service]),
  ];
  const push = (to: string, pushed: Manifest) => [
    ...token(scopeOf(to, 'push,pull')),
    ...bearing([
      ...pushed.blobs.flatMap((blob) => [
        headBlob(to, blob, 404),
        post(to, { 'Content-Type': '' }),
        patch(blob, { chunked: true }),
        put(blob),
        headBlob(to, blob, 200),
      ]),
      putManifest(to, 'v1', pushed),
    ]),
  ];
  const byRefresh = (refreshToken: string) =>
    tokenByForm([
      ['client_id', 'docker'],
      ['grant_type', 'refresh_token'],
      ['refresh_token', refreshToken],
      scopeOf(name, 'push,pull'),
      service,
    ]);
  return {
    client: 'docker 20.10',
    headers: { 'User-Agent': 'docker/20.10.24 go/go1.19.8 os/linux arch/amd64' },
    replays: [
      {
        description: 'logs in, and comes back by the refresh token that it was given',
        calls: [
          ...loggedIn(account),
          challenged(ping),
          byRefresh('{refresh}'),
          ...bearing([post(name, { 'Content-Type': '' })]),
        ],
      },
      {
        description: 'pushes by HEAD, POST, one chunked PATCH, an empty PUT and HEAD, and pulls',
        calls: [
          ...push(name, image),
          ...token(scopeOf(name, 'pull')),
          ...bearing([
            carrying(accept, headManifest(name, 'v1', image)),
            carrying(accept, getManifest(name, image.digest, image)),
            ...image.blobs.map((blob) => getBlob(name, blob)),
          ]),
        ],
      },
      {
        description: 'finds manifests of every kind by six Accept lines',
        calls: [
          ...token(scopeOf('replay/docker-kinds', 'push,pull')),
          ...bearing([...kinds.push, ...kinds.pull]),
        ],
      },
      {
        description: 'mounts by a token for two scopes, and looks whether it is there',
        calls: [
          ...push(source, layers),
          ...token(scopeOf(target, 'push,pull'), scopeOf(source, 'pull')),
          ...bearing([
            ...layers.blobs.flatMap((blob) => [
              mount(target, source, blob, ['from', 'mount']),
              headBlob(target, blob, 200),
            ]),
            putManifest(target, 'v1', layers),
          ]),
        ],
      },
      {
        description: 'is told to log in again by what is no refresh token',
        calls: [challenged(ping), refusedRefresh(byRefresh('an identity token'))],
      },
    ],
  };
}
