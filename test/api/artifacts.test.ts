// What belongs to images, and what is no image: signatures, attestations, SBOMs, charts, WASM and files, with the manifests
// that their tools write. They are pushed, found by the tag schema and by the referrers API, and pulled as they were pushed.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { mediaTypes } from '#shared/oci/media-types.ts';
import {
  type Artifact,
  artifacts,
  cosignByTag,
  cosignLayer,
  cosignSignatures,
  cosignTag,
  referrersOf,
} from '#test/support/artifacts.ts';
import { isOnGoogle } from '#test/support/backend.ts';
import {
  type Call,
  missManifest,
  pullBlob,
  pullManifest,
  pushAll,
  pushManifest,
  type Row,
  send,
  sendAll,
  testCalls,
  useRegistry,
} from '#test/support/calls.ts';
import {
  type Content,
  contentOf,
  descriptorOf,
  imageIndex,
  imageManifest,
} from '#test/support/manifests.ts';

const registry = useRegistry();
const name = 'artifacts/app';

const pullAll = ({ manifest }: Artifact, reference?: string): Call[] => [
  pullManifest(name, manifest, reference),
  ...manifest.blobs.map((blob) => pullBlob(name, blob)),
];

/** Asks for referrers, and expects just these, in any order. */
function listed(
  { digest }: Content,
  expected: readonly Record<string, unknown>[],
  artifactType?: string,
): Call {
  const query = artifactType === undefined ? '' : `?${new URLSearchParams({ artifactType })}`;
  const inOrder = (list: readonly Record<string, unknown>[]) =>
    list.toSorted((one, other) => (String(one['digest']) < String(other['digest']) ? -1 : 1));
  return {
    method: 'GET',
    path: `/v2/${name}/referrers/${digest}${query}`,
    expect: {
      status: 200,
      headers: {
        'Content-Type': mediaTypes.ociIndex,
        'OCI-Filters-Applied': artifactType === undefined ? undefined : 'artifactType',
      },
      also: ({ body }) => {
        const { manifests } = JSON.parse(String(body));
        assert.deepEqual(inOrder(manifests), inOrder(expected));
      },
    },
  };
}

const signed = imageManifest();
testCalls('by the tag schema, of cosign 2', registry, [
  ...cosignByTag(signed).map(
    (artifact): Row => ({
      description: `${artifact.tool}: not there, pushed, pulled, and no referrer by the API`,
      calls: [
        ...pushAll(name, signed, 'v1'),
        missManifest(name, artifact.tag),
        ...pushAll(name, artifact.manifest, artifact.tag),
        ...pullAll(artifact, artifact.tag),
        listed(signed, []),
      ],
    }),
  ),
  {
    description: 'another signature is a layer more under the same tag',
    calls: (() => {
      const image = imageManifest();
      const [first, second] = [cosignLayer(image), cosignLayer(image)];
      const tag = cosignTag(image, 'sig');
      const both = cosignSignatures([first, second]);
      return [
        ...pushAll(name, cosignSignatures([first]), tag),
        ...pushAll(name, both, tag),
        pullManifest(name, both, tag),
        pullBlob(name, first[0]),
      ];
    })(),
  },
]);

const [image, index, never] = [imageManifest(), imageIndex([imageManifest()]), imageManifest()];
testCalls(
  'by the referrers API',
  registry,
  Object.entries({
    image,
    'multi-platform index': index,
    'image that is not there': never,
  }).flatMap(([which, subject]): Row[] => {
    const attached = referrersOf(subject);
    const described = attached.map(({ manifest, type, annotations }) => ({
      ...descriptorOf(manifest),
      artifactType: type,
      ...(annotations === undefined ? {} : { annotations }),
    }));
    const given = [
      ...(subject === never ? [] : pushAll(name, subject)),
      ...attached.flatMap(({ manifest }) =>
        pushAll(name, manifest).map((call, at, calls) =>
          // By this a client knows that it need not write the index of the tag schema.
          at < calls.length - 1
            ? call
            : { ...call, expect: { status: 201, headers: { 'OCI-Subject': subject.digest } } },
        ),
      ),
    ];
    return [
      {
        description: `of an ${which}: all are listed with their types and annotations, and pulled`,
        calls: [
          ...given,
          listed(subject, described),
          ...attached.flatMap((artifact) => pullAll(artifact)),
        ],
      },
      ...attached.map(
        ({ tool, type }): Row => ({
          description: `of an ${which}: found by its type: ${tool}`,
          calls: [
            ...given,
            listed(
              subject,
              described.filter(({ artifactType }) => artifactType === type),
              type,
            ),
          ],
        }),
      ),
    ];
  }),
);

testCalls(
  'by itself',
  registry,
  artifacts().map((artifact) => ({
    description: `${artifact.tool}: pushed, listed by its tag, and pulled by tag and digest`,
    calls: [
      ...pushAll(name, artifact.manifest, artifact.tag),
      ...pullAll(artifact, artifact.tag),
      pullManifest(name, artifact.manifest),
      {
        method: 'GET',
        path: `/v2/${name}/tags/list`,
        expect: {
          status: 200,
          also: ({ body }) => assert.ok(JSON.parse(String(body)).tags.includes(artifact.tag)),
        },
      },
    ],
  })),
);

testCalls('the tag schema of referrers, which clients write where they found no API', registry, [
  {
    description: 'its index is a manifest like any, whose children must be there',
    calls: (() => {
      const subject = imageManifest();
      const attached = referrersOf(subject).map(({ manifest, type }) => ({ manifest, type }));
      const content = {
        schemaVersion: 2,
        mediaType: mediaTypes.ociIndex,
        manifests: attached.map(({ manifest, type }) =>
          descriptorOf(manifest, { artifactType: type }),
        ),
      };
      const list = contentOf(JSON.stringify(content), mediaTypes.ociIndex);
      const tag = subject.digest.replace(':', '-');
      return [
        missManifest(name, tag),
        {
          ...pushManifest(name, list, tag),
          expect: { status: 404, code: 'MANIFEST_BLOB_UNKNOWN' },
        },
        ...attached.flatMap(({ manifest }) => pushAll(name, manifest)),
        pushManifest(name, list, tag),
        pullManifest(name, list, tag),
      ];
    })(),
  },
]);

/** An emulator takes a minute for as many as files and SQLite do in a moment. */
const signers = isOnGoogle() ? 6 : 20;

it(`of ${signers} who sign one image at once under cosign's tag, with If-Match, no signature is lost`, async () => {
  const { url } = registry();
  const subject = imageManifest();
  const path = `/v2/${name}/manifests/${cosignTag(subject, 'sig')}`;
  await sendAll(url, pushAll(name, subject, 'signed'));
  const layers = Array.from({ length: signers }, () => cosignLayer(subject));
  const sign = async (layer: (typeof layers)[number]) => {
    for (;;) {
      const found = await send(url, { method: 'GET', path });
      const before = found.status === 404 ? [] : JSON.parse(String(found.body)).layers;
      const next = cosignSignatures([layer]);
      const { layers: mine, ...rest } = JSON.parse(String(next.bytes));
      const bytes = Buffer.from(JSON.stringify({ ...rest, layers: [...before, ...mine] }));
      await sendAll(url, pushAll(name, { ...next, children: [] }).slice(0, -1));
      const condition =
        found.status === 404
          ? { 'If-None-Match': '*' }
          : { 'If-Match': String(found.headers['etag']) };
      const headers = { 'Content-Type': mediaTypes.ociManifest, ...condition };
      const { status } = await send(url, { method: 'PUT', path, headers, body: bytes });
      if (status === 201) return;
      assert.equal(status, 412);
    }
  };
  await Promise.all(layers.map(sign));
  const { body } = await send(url, { method: 'GET', path });
  const signatures: readonly { digest: string }[] = JSON.parse(String(body)).layers;
  assert.equal(signatures.length, signers);
  assert.deepEqual(
    new Set(signatures.map(({ digest }) => digest)),
    new Set(layers.map(([{ digest }]) => digest)),
  );
});
