// The specification's chapter "Push", its manifests: end-7, of every type, and what is refused.

import assert from 'node:assert/strict';
import { mediaTypes } from '#shared/oci/media-types.ts';
import {
  type Call,
  type Expectation,
  errorsOf,
  missManifest,
  pullManifest,
  pushAll,
  pushBlob,
  pushManifest,
  pushParts,
  type Row,
  testCalls,
  useRegistry,
} from '#test/support/calls.ts';
import {
  type Algorithm,
  algorithms,
  artifact,
  type Content,
  contentOf,
  descriptorOf,
  digestOf,
  dockerManifest,
  dockerManifestList,
  emptyConfig,
  imageIndex,
  imageManifest,
  layerType,
  type Manifest,
  randomBlob,
  randomConfig,
} from '#test/support/manifests.ts';

const registry = useRegistry();
const name = 'spec/manifests';

/** PUT of a manifest, whatever comes of it. */
function put(manifest: Content, reference: string, expect: Expectation): Call {
  return { ...pushManifest(name, manifest, reference), expect };
}

/** PUT of a manifest under a tag that is new, refused; nothing of it is stored. */
function refuse(manifest: Content, expect: Partial<Expectation> = {}): Call[] {
  const tag = `refused-${manifest.digest.slice(7, 27)}`;
  return [
    put(manifest, tag, { status: 400, code: 'MANIFEST_INVALID', ...expect }),
    missManifest(name, tag),
    missManifest(name, manifest.digest),
  ];
}

const foreignLayers = [
  'application/vnd.oci.image.layer.nondistributable.v1.tar',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
  'application/vnd.oci.image.layer.nondistributable.v1.tar+zstd',
  'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
];

/** Every kind of manifest that is taken. */
const kinds: [string, (algorithm: Algorithm) => Manifest][] = [
  ['an image', (algorithm) => imageManifest({ algorithm })],
  [
    'an image of three layers, two of them the same',
    (algorithm) => {
      const layer = randomBlob();
      return imageManifest({ algorithm, layers: [layer, randomBlob(), layer] });
    },
  ],
  [
    'an image whose blobs have sha512 digests',
    (algorithm) =>
      imageManifest({
        algorithm,
        config: contentOf('{"os":"linux"}', mediaTypes.ociConfig, 'sha512'),
        layers: [randomBlob(64, 'sha512')],
      }),
  ],
  [
    'an image whose config names no platform that could be shown',
    (algorithm) => {
      const config = JSON.stringify({
        os: 'x'.repeat(1_000_000),
        architecture: '\ud800',
        algorithm,
      });
      return imageManifest({ algorithm, config: contentOf(config, mediaTypes.ociConfig) });
    },
  ],
  ['an image without layers', (algorithm) => imageManifest({ algorithm, layers: [] })],
  [
    'an image without the field mediaType',
    (algorithm) => imageManifest({ algorithm, fields: { mediaType: undefined } }),
  ],
  ['an index', (algorithm) => imageIndex([imageManifest(), imageManifest()], { algorithm })],
  [
    'an index whose children have sha512 digests',
    (algorithm) => imageIndex([imageManifest({ algorithm: 'sha512' })], { algorithm }),
  ],
  [
    'an index of indexes',
    (algorithm) =>
      imageIndex([imageIndex([imageManifest()]), imageIndex([imageManifest()])], { algorithm }),
  ],
  [
    'an empty index',
    (algorithm) => imageIndex([], { algorithm, fields: { annotations: { for: algorithm } } }),
  ],
  ['an artifact with an empty config', (algorithm) => artifact('application/x.a', { algorithm })],
  [
    'an artifact whose type is its config’s',
    (algorithm) =>
      imageManifest({ algorithm, config: contentOf('{"name":"chart"}', 'application/x.chart') }),
  ],
  [
    'an index of artifacts, with a type of its own',
    (algorithm) =>
      imageIndex([artifact('application/x.a'), artifact('application/x.b')], {
        algorithm,
        fields: { artifactType: 'application/x.list' },
      }),
  ],
  ['a Docker image, schema 2', () => dockerManifest()],
  ['a Docker manifest list', () => dockerManifestList([dockerManifest(), dockerManifest()])],
  [
    'an image that carries its blobs in the field data',
    (algorithm) => {
      const [config, layer] = [randomConfig(), randomBlob(32)];
      const withData = (content: Content) =>
        descriptorOf(content, { data: content.bytes.toString('base64') });
      const fields = { config: withData(config), layers: [withData(layer)] };
      return imageManifest({ algorithm, config, layers: [layer], fields });
    },
  ],
  [
    'an image with non-distributable layers that are elsewhere',
    (algorithm) => {
      const [config, here] = [randomConfig(), randomBlob()];
      const elsewhere = foreignLayers.map((mediaType) =>
        descriptorOf({ ...randomBlob(99), mediaType }, { urls: ['https://example.com/layer'] }),
      );
      const fields = { layers: [...elsewhere, descriptorOf(here)] };
      return imageManifest({ algorithm, config, layers: [here], fields });
    },
  ],
  [
    'an image with fields that the specification does not know',
    (algorithm) => {
      const [config, layer] = [randomConfig(), randomBlob()];
      const fields = {
        'org.example.custom': { nested: ['é', 1.5, null, true] },
        layers: [descriptorOf(layer, { 'org.example.more': 1 })],
      };
      return imageManifest({ algorithm, config, layers: [layer], fields });
    },
  ],
  [
    'an index with fields that the specification does not know',
    (algorithm) => imageIndex([imageManifest()], { algorithm, fields: { hello: 'world' } }),
  ],
  [
    "BuildKit's cache: an index whose entries are blobs",
    (algorithm) => {
      const blobs = [
        randomBlob(),
        contentOf('{"layers":[]}', 'application/vnd.buildkit.cacheconfig.v0'),
      ];
      const fields = { manifests: blobs.map((blob) => descriptorOf(blob)) };
      return { ...imageIndex([], { algorithm, fields }), blobs };
    },
  ],
];

/** "The registry MUST store the manifest in the exact byte representation provided by the client." */
for (const algorithm of algorithms) {
  testCalls(
    `end-7a, every kind of manifest, by ${algorithm} digest`,
    registry,
    kinds.map(([kind, build]) => {
      // A Docker manifest is built under sha256, and pushed under the digest at hand.
      const built = build(algorithm);
      const manifest = { ...built, digest: digestOf(built.bytes, algorithm) };
      const { digest } = manifest;
      return {
        description: `${kind} is taken with 201 and its digest, and served back byte for byte`,
        calls: [
          ...pushParts(name, manifest),
          {
            ...put(manifest, digest, {
              status: 201,
              headers: {
                Location: `/v2/${name}/manifests/${digest}`,
                'Docker-Content-Digest': digest,
                'OCI-Subject': undefined,
                'OCI-Tag': undefined,
              },
            }),
            keep: { manifest: 'Location' },
          },
          { ...pullManifest(name, manifest), path: '{manifest}' },
        ],
      };
    }),
  );
}

testCalls(
  'end-7a, every kind of manifest, by tag',
  registry,
  kinds.map(([kind, build], at) => {
    const built = build('sha256');
    const tag = `kind-${at}`;
    return {
      description: `${kind} is taken under a tag, and served back byte for byte`,
      calls: [
        ...pushParts(name, built),
        put(built, tag, {
          status: 201,
          headers: {
            Location: `/v2/${name}/manifests/${built.digest}`,
            'Docker-Content-Digest': built.digest,
          },
        }),
        pullManifest(name, built, tag),
        pullManifest(name, built),
      ],
    };
  }),
);

const [plain, moved, repeated, spaced] = [
  imageManifest(),
  imageManifest(),
  imageManifest(),
  imageManifest(),
];
const indented = {
  ...spaced,
  ...contentOf(
    `\n${JSON.stringify(JSON.parse(String(spaced.bytes)), null, '\t')}\r\n `,
    spaced.mediaType,
  ),
};
const longTag = `_${'a.B-9'.repeat(25)}ab`;
testCalls('end-7a, tags and types', registry, [
  {
    description: 'spaces and line breaks are kept, and are part of the digest',
    calls: [...pushAll(name, indented), pullManifest(name, indented)],
  },
  {
    description: '"The registry SHOULD ignore parameters on the Content-Type header"',
    calls: [
      ...pushParts(name, plain),
      {
        ...pushManifest(name, plain, 'parameters'),
        headers: { 'Content-Type': `${plain.mediaType}; charset=utf-8` },
      },
      pullManifest(name, plain, 'parameters'),
    ],
  },
  {
    description: 'without a Content-Type, the field mediaType says what it is',
    calls: [
      ...pushParts(name, plain),
      { ...pushManifest(name, plain, 'untyped'), headers: {} },
      pullManifest(name, plain, 'untyped'),
    ],
  },
  {
    description: 'a tag moves to what was pushed last; what it pointed at stays',
    calls: [
      ...pushAll(name, plain, 'moving'),
      ...pushAll(name, moved, 'moving'),
      pullManifest(name, moved, 'moving'),
      pullManifest(name, plain),
    ],
  },
  {
    description: 'the same manifest again is 201, under the same tag and another',
    calls: [
      ...pushAll(name, repeated, 'same'),
      pushManifest(name, repeated, 'same'),
      pushManifest(name, repeated, 'other'),
      pullManifest(name, repeated, 'other'),
    ],
  },
  {
    description: 'a tag of 128 characters of every kind is a tag',
    calls: [...pushAll(name, plain, longTag), pullManifest(name, plain, longTag)],
  },
  ...[`${longTag}c`, '.hidden', '-dash', 'a%20b', 'ä', 'a+b'].map(
    (tag): Row => ({
      description: `${decodeURIComponent(tag).slice(0, 20)} is no tag: 400`,
      calls: [
        ...pushParts(name, plain),
        put(plain, encodeURI(decodeURIComponent(tag)), { status: 400, code: 'MANIFEST_INVALID' }),
      ],
    }),
  ),
]);

const tenTags = Array.from({ length: 10 }, (_, at) => `tag-${at}`);
for (const algorithm of algorithms) {
  const index = imageIndex([imageManifest({ algorithm })], { algorithm });
  const parameters = tenTags.map((tag) => `tag=${algorithm}-${tag}`);
  testCalls(`end-7b, tags beside a ${algorithm} digest`, registry, [
    {
      description: 'ten tags at once all point at it, and OCI-Tag names each',
      calls: [
        ...pushParts(name, index),
        {
          ...put(index, `${index.digest}?${parameters.join('&')}`, {
            status: 201,
            headers: { 'Docker-Content-Digest': index.digest },
            also: ({ headers }) => {
              const named = String(headers['oci-tag']).split(/, */);
              assert.deepEqual(
                named.sort(),
                tenTags.map((tag) => `${algorithm}-${tag}`),
              );
            },
          }),
        },
        pullManifest(name, index),
        ...tenTags.map((tag) => pullManifest(name, index, `${algorithm}-${tag}`)),
        {
          method: 'HEAD',
          path: `/v2/${name}/manifests/${algorithm}-tag-9`,
          expect: { status: 200, headers: { 'Docker-Content-Digest': index.digest } },
        },
      ],
    },
    {
      description: 'a tag that pointed elsewhere moves, and one named twice is one',
      calls: [
        ...pushAll(name, plain, `${algorithm}-elsewhere`),
        ...pushParts(name, index),
        put(index, `${index.digest}?tag=${algorithm}-elsewhere&tag=${algorithm}-elsewhere`, {
          status: 201,
          headers: { 'OCI-Tag': `${algorithm}-elsewhere` },
        }),
        pullManifest(name, index, `${algorithm}-elsewhere`),
      ],
    },
  ]);
}

const [badTag, manyTags] = [imageManifest(), imageManifest()];
const hundredTags = Array.from({ length: 101 }, (_, at) => `tag=many-${at}`).join('&');
testCalls('end-7b, tags that are refused', registry, [
  {
    description: 'one bad tag among good ones is 400, and nothing is stored or tagged',
    calls: [
      ...pushParts(name, badTag),
      put(badTag, `${badTag.digest}?tag=good-one&tag=.bad`, {
        status: 400,
        code: 'MANIFEST_INVALID',
      }),
      missManifest(name, badTag.digest),
      missManifest(name, 'good-one'),
    ],
  },
  {
    description: 'more tags than the limit are 414, which the specification allows from 11 on',
    calls: [
      ...pushParts(name, manyTags),
      put(manyTags, `${manyTags.digest}?${hundredTags}`, { status: 414 }),
      missManifest(name, manyTags.digest),
    ],
  },
]);

const subject = imageManifest();
const subjects: [string, Content][] = [
  ['that is there', subject],
  ['that is missing', { ...imageManifest(), digest: digestOf(Buffer.from('missing content')) }],
  ['with a sha512 digest', imageManifest({ algorithm: 'sha512' })],
];
testCalls(
  '"MUST respond with the response header OCI-Subject: <subject digest>"',
  registry,
  subjects.flatMap(([which, of]): Row[] => {
    const image = imageManifest({ fields: { subject: descriptorOf(of) } });
    const index = imageIndex([imageManifest()], { fields: { subject: descriptorOf(of) } });
    return [image, index, artifact('application/x.sbom', { subject: of })].map((manifest, at) => ({
      description: `${['an image', 'an index', 'an artifact'][at]} of a subject ${which} is taken, by digest and by tag`,
      calls: [
        ...pushAll(name, subject),
        ...pushParts(name, manifest),
        put(manifest, manifest.digest, { status: 201, headers: { 'OCI-Subject': of.digest } }),
        put(manifest, 'with-subject', { status: 201, headers: { 'OCI-Subject': of.digest } }),
        pullManifest(name, manifest),
      ],
    }));
  }),
);

/** An image of exactly so many bytes, by long annotations. */
function imageOfSize(size: number): Manifest {
  const [config, layers] = [randomConfig(), [randomBlob()]];
  const withPadding = (padding: string[]) => {
    const annotations = Object.fromEntries(padding.map((text, at) => [`org.example.${at}`, text]));
    return imageManifest({ config, layers, fields: { annotations } });
  };
  const pieces = Array.from({ length: Math.floor(size / 10_100) }, () => 'A'.repeat(10_000));
  const left = size - withPadding([...pieces, '']).bytes.length;
  return withPadding([...pieces, 'B'.repeat(left)]);
}

const fourMiB = 4 * 1024 * 1024;
const tooLarge = imageOfSize(fourMiB + 1);
testCalls('"manifest pushes of at least 4 megabytes"', registry, [
  ...[3_900_000, fourMiB].map(imageOfSize).map(
    (manifest): Row => ({
      description: `one of ${manifest.bytes.length} bytes is taken, and served back byte for byte`,
      calls: [
        ...pushAll(name, manifest, 'large'),
        pullManifest(name, manifest, 'large'),
        pullManifest(name, manifest),
        {
          method: 'HEAD',
          path: `/v2/${name}/manifests/large`,
          expect: {
            status: 200,
            headers: {
              'Content-Length': String(manifest.bytes.length),
              'Content-Type': manifest.mediaType,
              'Docker-Content-Digest': manifest.digest,
            },
          },
        },
        pushManifest(name, manifest, 'large-again'),
      ],
    }),
  ),
  {
    description:
      '"SHOULD respond … over this limit with 413", whether or not its length is announced',
    calls: [
      ...pushParts(name, tooLarge),
      put(tooLarge, 'too-large', { status: 413, code: 'SIZE_INVALID' }),
      {
        ...put(tooLarge, 'too-large', { status: 413, code: 'SIZE_INVALID' }),
        body: [tooLarge.bytes.subarray(0, 1000), tooLarge.bytes.subarray(1000)],
      },
      missManifest(name, 'too-large'),
    ],
  },
]);

const mislabelled = imageManifest();
testCalls('a manifest under a digest that is not its own', registry, [
  {
    description: 'is 400 DIGEST_INVALID, in both algorithms, and is not stored',
    calls: [
      ...pushParts(name, mislabelled),
      ...[plain.digest, digestOf(Buffer.from('another'), 'sha512')].map((digest) =>
        put(mislabelled, digest, { status: 400, code: 'DIGEST_INVALID' }),
      ),
      missManifest(name, mislabelled.digest),
      missManifest(name, digestOf(Buffer.from('another'), 'sha512')),
    ],
  },
  {
    description: 'is 400 when two spaces were added after the digest was taken',
    calls: [
      ...pushParts(name, mislabelled),
      {
        ...put(mislabelled, mislabelled.digest, { status: 400, code: 'DIGEST_INVALID' }),
        body: Buffer.concat([mislabelled.bytes, Buffer.from('  ')]),
      },
      missManifest(name, mislabelled.digest),
    ],
  },
  {
    description: 'is 400 when the digest is malformed or of an unsupported algorithm',
    calls: ['sha256:baddigeststring', 'sha256:totallywrong', `md5:${'0'.repeat(32)}`].map(
      (digest) => put(mislabelled, digest, { status: 400, code: 'DIGEST_INVALID' }),
    ),
  },
]);

const [sparse, sparseIndex, onlySubject, besideMissing] = [
  imageManifest({ layers: [randomBlob(), randomBlob(), randomBlob()] }),
  imageIndex([imageManifest(), imageManifest(), imageManifest()]),
  imageManifest({ fields: { subject: descriptorOf(imageManifest()) } }),
  imageManifest(),
];
const cache = randomBlob();
const sparseCache = imageIndex([], { fields: { manifests: [descriptorOf(cache)] } });

/** Refused, and the errors name just these. */
function missing(named: readonly Content[]): Expectation {
  return {
    status: 404,
    code: 'MANIFEST_BLOB_UNKNOWN',
    also: (answer) => {
      const digests = errorsOf(answer).map(({ detail }) => detail['digest']);
      assert.deepEqual(digests.sort(), named.map(({ digest }) => digest).sort());
    },
  };
}

testCalls('"it MUST result in one or more MANIFEST_BLOB_UNKNOWN errors"', registry, [
  {
    description:
      'every blob that is missing is named, in one answer, and the tag stays where it was',
    calls: [
      ...pushAll(name, plain, 'stays'),
      put(sparse, 'stays', missing(sparse.blobs)),
      pullManifest(name, plain, 'stays'),
      missManifest(name, sparse.digest),
    ],
  },
  {
    description: 'what is there is not named',
    calls: [
      ...sparse.blobs.slice(0, 2).map((blob) => pushBlob(name, blob)),
      put(sparse, sparse.digest, missing(sparse.blobs.slice(2))),
    ],
  },
  {
    description: 'every manifest that an index misses is named',
    calls: [
      ...sparseIndex.children.slice(0, 1).flatMap((child) => pushAll(name, child)),
      put(sparseIndex, sparseIndex.digest, missing(sparseIndex.children.slice(1))),
      missManifest(name, sparseIndex.digest),
    ],
  },
  {
    description: 'an index entry that is a blob must be there too',
    calls: [put(sparseCache, sparseCache.digest, missing([cache]))],
  },
  {
    description: 'a blob of another repository is missing here',
    calls: [
      ...pushAll('spec/neighbour', besideMissing),
      put(besideMissing, besideMissing.digest, missing(besideMissing.blobs)),
    ],
  },
  {
    description: 'a missing subject is not named among what is missing',
    calls: [put(onlySubject, onlySubject.digest, missing(onlySubject.blobs))],
  },
]);

const [config, layer, image] = [randomConfig(), randomBlob(), imageManifest()];
const pushedParts = [
  ...[config, layer].map((blob) => pushBlob(name, blob)),
  ...pushAll(name, image),
];
const of = (fields: Record<string, unknown>) => imageManifest({ config, layers: [layer], fields });
const indexOf = (fields: Record<string, unknown>) => imageIndex([image], { fields });
const layersWith = (more: Record<string, unknown>) => of({ layers: [descriptorOf(layer, more)] });
const thousand = (count: number) => Array.from({ length: count }, () => descriptorOf(layer));

/** What is wrong, the manifest, and what the message must speak of. */
const invalid: [string, Manifest, RegExp][] = [
  ['a config whose size lies', of({ config: descriptorOf(config, { size: 1 }) }), /size/],
  ['a layer whose size lies', layersWith({ size: 9999 }), /size/],
  ['a child whose size lies', indexOf({ manifests: [descriptorOf(image, { size: 1 })] }), /size/],
  ['data of another length', layersWith({ data: 'aGVsbG8=' }), /data/],
  [
    'data of the same length that is another content',
    layersWith({ data: randomBlob(layer.bytes.length).bytes.toString('base64') }),
    /data/,
  ],
  [
    'data that is the content and more',
    layersWith({ data: Buffer.concat([layer.bytes, Buffer.from('x')]).toString('base64') }),
    /data/,
  ],
  ['an image that is an index too', of({ manifests: [] }), /manifests/],
  ['an index with layers', indexOf({ layers: [descriptorOf(layer)] }), /layers/],
  ['an index with a config', indexOf({ config: descriptorOf(config) }), /config/],
  ['an image without a config', of({ config: undefined }), /config/],
  ['an image without a list of layers', of({ layers: undefined }), /layers/],
  ['an index without a list of manifests', indexOf({ manifests: undefined }), /manifests/],
  ['no schemaVersion', of({ schemaVersion: undefined }), /schemaVersion/],
  ['schemaVersion 3', of({ schemaVersion: 3 }), /schemaVersion/],
  ['a malformed digest', layersWith({ digest: 'sha256:baddigeststring' }), /digest/],
  [
    'a digest of an unsupported algorithm',
    layersWith({ digest: `md5:${'0'.repeat(32)}` }),
    /digest/,
  ],
  ['no digest', layersWith({ digest: undefined }), /digest/],
  ['a negative size', layersWith({ size: -1 }), /size/],
  ['a size that is no whole number', layersWith({ size: 1.5 }), /size/],
  ['no media type in a descriptor', layersWith({ mediaType: undefined }), /mediaType/],
  ['a media type that is none', layersWith({ mediaType: 'tarball' }), /mediaType/],
  ['a malformed subject', of({ subject: { digest: 'sha256:0' } }), /subject/],
  ['an annotation that is no text', of({ annotations: { a: 1 } }), /annotations/],
  ['1,001 descriptors', of({ layers: thousand(1001) }), /1000/],
];
testCalls(
  'a manifest that is not one is 400 MANIFEST_INVALID, says where, and is not stored',
  registry,
  [
    ...invalid.map(
      ([what, manifest, message]): Row => ({
        description: what,
        calls: [...pushedParts, ...refuse(manifest, { message })],
      }),
    ),
    ...['', '{', '[]', 'null', '"text"', '{"schemaVersion":2}', '\u0000', '{}{}'].map(
      (text): Row => ({
        description: `the body ${JSON.stringify(text)}`,
        calls: refuse(contentOf(text, mediaTypes.ociManifest)),
      }),
    ),
    {
      description: 'a body that begins with a byte order mark',
      calls: [
        ...pushedParts,
        ...refuse(contentOf(`\ufeff${of({}).bytes}`, mediaTypes.ociManifest)),
      ],
    },
    {
      description: 'a body that is not UTF-8',
      calls: refuse(contentOf(Buffer.from([0x7b, 0xff, 0xfe, 0x7d]), mediaTypes.ociManifest)),
    },
    {
      description: '1,000 descriptors, which are taken',
      calls: [...pushedParts, pushManifest(name, of({ layers: thousand(1000) }))],
    },
  ],
);

const schema1 = {
  schemaVersion: 1,
  name,
  tag: 'v1',
  architecture: 'amd64',
  fsLayers: [{ blobSum: layer.digest }],
  history: [],
};
testCalls('types that are refused with MANIFEST_INVALID', registry, [
  ...[
    'application/vnd.docker.distribution.manifest.v1+json',
    'application/vnd.docker.distribution.manifest.v1+prettyjws',
    mediaTypes.json,
    mediaTypes.ociManifest,
  ].map(
    (mediaType): Row => ({
      description: `schema 1 as ${mediaType}, with a message that says what to do`,
      calls: refuse(contentOf(JSON.stringify(schema1), mediaType), { message: /schema 2/ }),
    }),
  ),
  {
    description: 'a Content-Type that is not what the field mediaType says',
    calls: [
      ...pushedParts,
      ...[mediaTypes.dockerManifest, mediaTypes.ociIndex, mediaTypes.json].map((mediaType) =>
        put({ ...of({}), mediaType }, 'mismatch', {
          status: 400,
          code: 'MANIFEST_INVALID',
          message: /mediaType/,
        }),
      ),
      missManifest(name, 'mismatch'),
    ],
  },
  ...[mediaTypes.json, 'text/plain', layerType, emptyConfig.mediaType].map(
    (mediaType): Row => ({
      description: `an image of the type ${mediaType}`,
      calls: [
        ...pushedParts,
        ...refuse({ ...of({ mediaType: undefined, type: mediaType }), mediaType }),
      ],
    }),
  ),
  {
    description: 'an index of the type of an image, and an image of the type of an index',
    calls: [
      ...pushedParts,
      ...refuse({ ...indexOf({ mediaType: undefined }), mediaType: mediaTypes.ociManifest }),
      ...refuse({ ...of({ mediaType: undefined }), mediaType: mediaTypes.ociIndex }),
    ],
  },
]);
