// What oras sends.

import { referrersOf } from '#test/support/artifacts.ts';
import type { Call } from '#test/support/calls.ts';
import { artifact } from '#test/support/manifests.ts';
import {
  bearing,
  carrying,
  challenged,
  deleteManifest,
  getBlob,
  getManifest,
  headBlob,
  headManifest,
  listTags,
  mount,
  octets,
  post,
  put,
  putManifest,
  type ReplayedClient,
  referrersList,
  scopeOf,
  service,
  tokenByGet,
} from './steps.ts';

export function oras(): ReplayedClient {
  const [source, target, deleted] = ['replay/oras-a', 'replay/oras-b', 'replay/oras-deleted'];
  const attached = 'replay/oras-attached';
  const image = artifact('application/vnd.example.thing');
  // The config and the layer of an artifact may be the same blob: it is sent once.
  const blobs = image.blobs.slice(0, 1);
  const referrers = referrersOf(image);
  const accept = {
    Accept:
      'application/vnd.docker.distribution.manifest.v2+json, application/vnd.docker.distribution.manifest.list.v2+json, application/vnd.oci.image.manifest.v1+json, application/vnd.oci.image.index.v1+json, application/vnd.oci.artifact.manifest.v1+json',
  };
  const push = (to: string) => [
    ...blobs.flatMap((blob) => [
      challenged(headBlob(to, blob, 404), `repository:${to}:pull`),
      tokenByGet([scopeOf(to, 'pull,push'), service]),
      ...bearing([headBlob(to, blob, 404), post(to), put(blob, octets, blob.bytes)]),
    ]),
    ...bearing([putManifest(to, 'v1', image)]),
  ];
  return {
    client: 'oras 1.3',
    headers: { 'User-Agent': 'oras/1.3.0' },
    replays: [
      {
        description: 'pushes by HEAD, POST and one PUT, never pings, and pulls',
        calls: [
          ...push('replay/oras'),
          challenged(
            carrying(accept, getManifest('replay/oras', 'v1', image)),
            'repository:replay/oras:pull',
          ),
          tokenByGet([scopeOf('replay/oras', 'pull'), service]),
          ...bearing([
            carrying(accept, getManifest('replay/oras', 'v1', image)),
            ...blobs.map((blob) => getBlob('replay/oras', blob)),
          ]),
        ],
      },
      {
        description: 'mounts by a token for two scopes',
        calls: [
          ...push(source),
          ...blobs.flatMap((blob) => [
            challenged(
              mount(target, source, blob, ['mount', 'from']),
              `repository:${target}:pull,push`,
            ),
            tokenByGet([scopeOf(target, 'pull,push'), scopeOf(source, 'pull'), service]),
            ...bearing([mount(target, source, blob, ['mount', 'from'])]),
          ]),
          ...bearing([putManifest(target, 'v1', image)]),
        ],
      },
      {
        description:
          'deletes by a token for that, which it gets when a token for pull is not enough',
        calls: [
          ...push(deleted),
          tokenByGet([scopeOf(deleted, 'pull'), service]),
          ...bearing([headManifest(deleted, 'v1', image)]),
          {
            ...deleteManifest(deleted, image.digest),
            authorization: 'Bearer {token}',
            expect: {
              status: 401,
              headers: {
                'WWW-Authenticate': `Bearer realm="http://{host}/v2/token",service="{host}",scope="repository:${deleted}:delete",error="insufficient_scope"`,
              },
            },
          },
          tokenByGet([scopeOf(deleted, 'delete,pull'), service]),
          ...bearing([deleteManifest(deleted, image.digest), headManifest(deleted, 'v1')]),
        ],
      },
      {
        description:
          'attaches by the subject, and writes no index when it is told so; discovers by type',
        calls: [
          ...push(attached),
          ...bearing([headManifest(attached, 'v1', image)]),
          ...referrers.flatMap(({ manifest }) => [
            tokenByGet([scopeOf(attached, 'pull,push'), service]),
            ...bearing([
              // The empty config is there, since the image has it.
              ...manifest.blobs
                .filter((blob) => blob.digest !== blobs[0]?.digest)
                .flatMap((blob) => [
                  headBlob(attached, blob, 404),
                  post(attached),
                  put(blob, octets, blob.bytes),
                ]),
              {
                ...putManifest(attached, manifest.digest, manifest),
                expect: { status: 201, headers: { 'OCI-Subject': image.digest } },
              } satisfies Call,
            ]),
          ]),
          tokenByGet([scopeOf(attached, 'pull'), service]),
          ...bearing([
            referrersList(
              attached,
              image,
              referrers.map(({ manifest }) => manifest.digest),
            ),
            ...referrers.map(({ manifest, type }) =>
              referrersList(attached, image, [manifest.digest], type),
            ),
            // A subject that is not there: what oras asks to find out whether there is an API.
            referrersList(attached, { ...image, digest: `sha256:${'0'.repeat(64)}` }, []),
          ]),
        ],
      },
      {
        description: 'lists tags with no limit',
        calls: [
          ...push('replay/oras-listed'),
          tokenByGet([scopeOf('replay/oras-listed', 'pull'), service]),
          ...bearing([listTags('replay/oras-listed', '')]),
        ],
      },
    ],
  };
}
