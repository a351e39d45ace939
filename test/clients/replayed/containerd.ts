// What containerd sends, and BuildKit and docker's newer image store, which are made of it.

import type { Call } from '#test/support/calls.ts';
import { imageManifest } from '#test/support/manifests.ts';
import {
  bearing,
  carrying,
  challenged,
  getBlob,
  getManifest,
  headBlob,
  headManifest,
  mount,
  octets,
  post,
  put,
  putManifest,
  type ReplayedClient,
  scopeOf,
  service,
  tokenByForm,
  tokenByGet,
} from './steps.ts';

/** containerd, and what is built on its library: they differ in the name that they give themselves. */
export function containerd(
  client: string,
  clientId: string,
  headers: Readonly<Record<string, string>>,
): ReplayedClient {
  const name = `replay/${clientId}`;
  const [target, closed, open] = [`${name}/target`, `${name}/closed`, `open/${clientId}`];
  const image = imageManifest();
  const resolve = {
    Accept:
      'application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, */*',
  };
  const exact = { Accept: 'application/vnd.oci.image.manifest.v1+json, */*' };
  const token = (scopes: string) =>
    tokenByForm([
      ['client_id', clientId],
      ['grant_type', 'password'],
      ['password', '{password}'],
      ['scope', scopes],
      service,
      ['username', 'admin'],
    ]);
  const pulls = (of: string) => `repository:${of}:pull`;
  /** It asks for what the challenge says and for what it will need. */
  const pushes = (of: string) => `${pulls(of)} repository:${of}:pull,push`;
  const startPush = (to: string, scopes: string) => [
    challenged(carrying(resolve, headManifest(to, 'v1')), `repository:${to}:pull`),
    token(scopes),
    ...bearing([carrying(resolve, headManifest(to, 'v1'))]),
  ];
  const pushParts = (to: string) =>
    bearing([
      ...image.blobs.flatMap((blob) => [
        headBlob(to, blob, 404),
        post(to),
        put(blob, octets, blob.bytes),
      ]),
      putManifest(to, 'v1', image),
    ]);
  const push = (to: string) => [...startPush(to, pushes(to)), ...pushParts(to)];
  /** Where anyone may pull, nothing is challenged before the first POST. */
  const pushOpen = (to: string) => [
    carrying(resolve, headManifest(to, 'v1')),
    challenged(post(to), `repository:${to}:pull,push`),
    token(pushes(to)),
    ...pushParts(to),
  ];
  const getAll = (of: string, query: string) => [
    carrying(exact, getManifest(of, `${image.digest}${query}`, image)),
    ...image.blobs.map((blob) => {
      const call = getBlob(of, blob);
      return { ...call, path: `${call.path}${query}` };
    }),
  ];
  const pull = (of: string, query = '') => {
    const head = carrying(resolve, headManifest(of, `v1${query}`, image));
    const all = getAll(of, query);
    return [
      challenged(head, `repository:${of}:pull`),
      token(pulls(of)),
      ...bearing([head]),
      // Its token is forgotten between the resolver and the fetcher.
      ...all.slice(0, 1).map((call) => challenged(call, `repository:${of}:pull`)),
      token(pulls(of)),
      ...bearing(all),
    ];
  };
  return {
    client,
    headers,
    replays: [
      {
        description:
          'pushes by HEAD, POST and one PUT, with a token by form for scopes in one text',
        calls: push(`${name}/pushed`),
      },
      {
        description: 'pulls by HEAD of the tag and GET of the digest, challenged at both',
        calls: [...push(`${name}/pulled`), ...pull(`${name}/pulled`)],
      },
      {
        description: 'mounts by a token whose one text of scopes holds the source',
        calls: [
          ...push(`${name}/source`),
          ...startPush(target, `${pulls(`${name}/source`)} ${pushes(target)}`),
          ...bearing([
            ...image.blobs.flatMap((blob) => [
              headBlob(target, blob, 404),
              mount(target, `${name}/source`, blob, ['mount', 'from']),
            ]),
            putManifest(target, 'v1', image),
          ]),
        ],
      },
      {
        description: 'pulls with no credentials: at once what is open, and never what is not',
        calls: [
          ...pushOpen(open),
          carrying(resolve, headManifest(open, 'v1', image)),
          ...getAll(open, '').map((call) => ({ ...call, authorization: null })),
          ...push(closed),
          challenged(headManifest(closed, 'v1', image), `repository:${closed}:pull`),
          tokenByGet([scopeOf(closed, 'pull'), service], null),
          ...bearing([{ ...headManifest(closed, 'v1'), expect: { status: 403 } }]),
          // For a mount, which it may not: of what it may pull it has got the right.
          tokenByGet([scopeOf(open, 'pull'), scopeOf(closed, 'pull,push'), service], null),
          ...bearing([
            carrying(resolve, headManifest(open, 'v1', image)),
            ...getAll(open, ''),
            ...image.blobs.map(
              (blob): Call => ({
                ...mount(closed, open, blob, ['mount', 'from']),
                expect: { status: 403, code: 'DENIED' },
              }),
            ),
          ]),
        ],
      },
      {
        description: 'pulls through a mirror, with the namespace on each request',
        calls: [...push(`${name}/ns`), ...pull(`${name}/ns`, '?ns=docker.io')],
      },
    ],
  };
}
