// The specification's chapter "Content Management": deleting tags, manifests (end-9) and blobs (end-10).

import {
  answered,
  type Call,
  missBlob,
  missManifest,
  pullBlob,
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
  imageIndex,
  imageManifest,
  randomBlob,
} from '#test/support/manifests.ts';

const registry = useRegistry();

function deleteManifest(name: string, reference: string): Call {
  return {
    method: 'DELETE',
    path: `/v2/${name}/manifests/${reference}`,
    expect: { status: 202, body: '' },
  };
}

function deleteBlob(name: string, { digest }: Content): Call {
  return {
    method: 'DELETE',
    path: `/v2/${name}/blobs/${digest}`,
    expect: { status: 202, body: '' },
  };
}

const unknown = { status: 404, code: 'MANIFEST_UNKNOWN' } as const;
const unknownBlob = { status: 404, code: 'BLOB_UNKNOWN' } as const;

/** Refused while a manifest names it: "If blob deletion is disabled, … either a 400 … or a 405". */
function refuseBlob(name: string, blob: Content, naming: Content): Call {
  return {
    ...deleteBlob(name, blob),
    expect: {
      status: 405,
      code: 'UNSUPPORTED',
      headers: { Allow: 'GET, HEAD' },
      message: new RegExp(naming.digest),
    },
  };
}

function listTags(name: string, tags: readonly string[]): Call {
  return {
    method: 'GET',
    path: `/v2/${name}/tags/list`,
    expect: { status: 200, has: { name, tags } },
  };
}

const headMiss = (path: string): Call => ({ method: 'HEAD', path, expect: { status: 404 } });

/** A row in a repository of its own, so that it is known what is in it. */
let repositories = 0;
function row(description: string, callsIn: (name: string) => Call[]): Row {
  repositories += 1;
  return { description, calls: callsIn(`deleting/in-${repositories}`) };
}

testCalls('end-9, deleting tags', registry, [
  row(
    '"MUST respond with a 202"; then a GET of the tag is 404, and of its manifest is not',
    (name) => {
      const image = imageManifest();
      return [
        ...pushAll(name, image, 'v1'),
        pushManifest(name, image, 'v2'),
        deleteManifest(name, 'v1'),
        missManifest(name, 'v1'),
        headMiss(`/v2/${name}/manifests/v1`),
        pullManifest(name, image, 'v2'),
        pullManifest(name, image),
        listTags(name, ['v2']),
      ];
    },
  ),
  row('the last tag of a repository leaves its list of tags empty', (name) => {
    const image = imageManifest();
    return [
      ...pushAll(name, image, 'only'),
      deleteManifest(name, 'only'),
      listTags(name, []),
      pullManifest(name, image),
    ];
  }),
  row('a second time is 404, and so is a tag that never was', (name) => [
    ...pushAll(name, imageManifest(), 'v1'),
    deleteManifest(name, 'v1'),
    answered(deleteManifest(name, 'v1'), unknown),
    answered(deleteManifest(name, 'never'), unknown),
    answered(deleteManifest(name, '.never'), unknown),
  ]),
  row('a tag that was deleted can be pushed again', (name) => {
    const image = imageManifest();
    return [
      ...pushAll(name, image, 'v1'),
      deleteManifest(name, 'v1'),
      pushManifest(name, image, 'v1'),
      pullManifest(name, image, 'v1'),
      listTags(name, ['v1']),
    ];
  }),
]);

function manifestRows(algorithm: Algorithm): Row[] {
  return [
    row(
      '"MUST respond with a 202"; then it and "any tag pointing to that digest will return a 404"',
      (name) => {
        const [image, other] = [imageManifest({ algorithm }), imageManifest()];
        return [
          ...pushAll(name, other, 'stays'),
          ...pushParts(name, image),
          pushManifest(name, image, `${image.digest}?tag=v1&tag=v2`),
          deleteManifest(name, image.digest),
          missManifest(name, image.digest),
          missManifest(name, 'v1'),
          missManifest(name, 'v2'),
          headMiss(`/v2/${name}/manifests/${image.digest}`),
          headMiss(`/v2/${name}/manifests/v1`),
          listTags(name, ['stays']),
          pullManifest(name, other, 'stays'),
        ];
      },
    ),
    row('a tag that has moved on to another manifest stays', (name) => {
      const [before, after] = [imageManifest({ algorithm }), imageManifest({ algorithm })];
      return [
        ...pushParts(name, before),
        pushManifest(name, before, `${before.digest}?tag=v1`),
        ...pushParts(name, after),
        pushManifest(name, after, `${after.digest}?tag=v1`),
        deleteManifest(name, before.digest),
        pullManifest(name, after, 'v1'),
        listTags(name, ['v1']),
      ];
    }),
    row('a second time is 404, and so is one that never was', (name) => {
      const image = imageManifest({ algorithm });
      return [
        ...pushAll(name, image),
        ...pushAll(name, imageManifest()),
        deleteManifest(name, image.digest),
        answered(deleteManifest(name, image.digest), unknown),
        answered(deleteManifest(name, digestOf(Buffer.from('never pushed'), algorithm)), unknown),
      ];
    }),
    row('its blobs stay for others that name them, and can be named again', (name) => {
      const layer = randomBlob(64, algorithm);
      const [image, sharing] = [
        imageManifest({ layers: [layer] }),
        imageManifest({ layers: [layer] }),
      ];
      return [
        ...pushAll(name, image),
        ...pushAll(name, sharing),
        deleteManifest(name, image.digest),
        pullBlob(name, layer),
        pullManifest(name, sharing),
        pushManifest(name, image),
        pullManifest(name, image),
      ];
    }),
    row('in another repository the same manifest stays', (name) => {
      const image = imageManifest({ algorithm });
      return [
        ...pushAll(name, image),
        ...pushAll(`${name}/other`, image),
        deleteManifest(name, image.digest),
        pullManifest(`${name}/other`, image),
        ...image.blobs.map((blob) => pullBlob(`${name}/other`, blob)),
      ];
    }),
    row('an index and then its children can be deleted, and so can an index of indexes', (name) => {
      const image = imageManifest({ algorithm });
      const inner = imageIndex([image], { algorithm });
      const outer = imageIndex([inner], { algorithm });
      return [
        ...pushAll(name, outer),
        deleteManifest(name, outer.digest),
        pullManifest(name, inner),
        deleteManifest(name, inner.digest),
        pullManifest(name, image),
        deleteManifest(name, image.digest),
        missManifest(name, image.digest),
      ];
    }),
    row('what refers to it stays, and so does the subject of what is deleted', (name) => {
      const subject = imageManifest({ algorithm });
      const referring = artifact('application/x.sbom', { subject });
      return [
        ...pushAll(name, subject),
        ...pushAll(name, referring),
        deleteManifest(name, subject.digest),
        pullManifest(name, referring),
        ...pushAll(name, subject),
        deleteManifest(name, referring.digest),
        pullManifest(name, subject),
      ];
    }),
  ];
}

for (const algorithm of algorithms) {
  testCalls(`end-9, deleting manifests, ${algorithm}`, registry, manifestRows(algorithm));
}

testCalls('end-9, what is not there or is asked for wrongly', registry, [
  row('"If the repository does not exist, the response MUST return 404 Not Found"', (name) => [
    answered(deleteManifest(name, imageManifest().digest), unknown),
    answered(deleteManifest(name, 'latest'), unknown),
  ]),
  row('a digest that is malformed is 400', (name) => [
    answered(deleteManifest(name, 'sha256:bad'), { status: 400, code: 'DIGEST_INVALID' }),
  ]),
  row('a manifest of 3.9 MB is gone as a small one is', (name) => {
    const annotations = { 'org.example.long': 'A'.repeat(3_900_000) };
    const large = imageManifest({ fields: { annotations } });
    return [
      ...pushAll(name, large, 'large'),
      // It is kept as a blob, which it names itself: that cannot be taken from under it.
      refuseBlob(name, large, large),
      pullManifest(name, large),
      deleteManifest(name, large.digest),
      missManifest(name, large.digest),
      missManifest(name, 'large'),
      ...large.blobs.map((blob) => deleteBlob(name, blob)),
      ...pushAll(name, large, 'large'),
      pullManifest(name, large, 'large'),
    ];
  }),
]);

function blobRows(algorithm: Algorithm): Row[] {
  const blobOf = (size = 64) => randomBlob(size, algorithm);
  return [
    row(
      '"MUST respond with code 202"; then HEAD and GET are 404, and a second time too',
      (name) => {
        const blob = blobOf();
        return [
          pushBlob(name, blob),
          deleteBlob(name, blob),
          missBlob(name, blob),
          headMiss(`/v2/${name}/blobs/${blob.digest}`),
          answered(deleteBlob(name, blob), unknownBlob),
        ];
      },
    ),
    row('"If the blob is not found, a 404 Not Found code MUST be returned"', (name) => [
      answered(deleteBlob(name, blobOf()), unknownBlob),
      pushBlob(name, blobOf()),
      answered(deleteBlob(name, blobOf()), unknownBlob),
    ]),
    row('one that a manifest names is 405 until the last manifest that does is gone', (name) => {
      const layer = blobOf();
      const [image, sharing] = [
        imageManifest({ layers: [layer] }),
        imageManifest({ layers: [layer] }),
      ];
      return [
        ...pushAll(name, image, 'v1'),
        refuseBlob(name, layer, image),
        ...image.blobs.map((blob) => refuseBlob(name, blob, image)),
        ...pushAll(name, sharing),
        deleteManifest(name, image.digest),
        refuseBlob(name, layer, sharing),
        pullBlob(name, layer),
        deleteManifest(name, sharing.digest),
        deleteBlob(name, layer),
        missBlob(name, layer),
      ];
    }),
    row('one that an index names is 405 as well', (name) => {
      const blob = blobOf();
      const fields = { manifests: [descriptorOf(blob)] };
      const cache = { ...imageIndex([], { fields }), blobs: [blob] };
      return [
        ...pushAll(name, cache),
        refuseBlob(name, blob, cache),
        deleteManifest(name, cache.digest),
        deleteBlob(name, blob),
      ];
    }),
    row('one that only another repository’s manifest names is this one’s to delete', (name) => {
      const layer = blobOf();
      const image = imageManifest({ layers: [layer] });
      return [
        pushBlob(name, layer),
        ...pushAll(`${name}/other`, image),
        deleteBlob(name, layer),
        missBlob(name, layer),
        pullBlob(`${name}/other`, layer),
      ];
    }),
    row('one that was deleted can be pushed again, at once', (name) => {
      const blob = blobOf();
      return [
        pushBlob(name, blob),
        deleteBlob(name, blob),
        pushBlob(name, blob),
        pullBlob(name, blob),
      ];
    }),
    row('and a manifest cannot name it any more', (name) => {
      const layer = blobOf();
      const image = imageManifest({ layers: [layer] });
      return [
        ...pushParts(name, image),
        deleteBlob(name, layer),
        answered(pushManifest(name, image), { status: 404, code: 'MANIFEST_BLOB_UNKNOWN' }),
        missManifest(name, image.digest),
      ];
    }),
  ];
}

for (const algorithm of algorithms) {
  testCalls(`end-10, deleting blobs, ${algorithm}`, registry, blobRows(algorithm));
}

testCalls('end-10, what is asked for wrongly or is empty', registry, [
  row('a digest that is malformed is 400', (name) => [
    answered(deleteBlob(name, { ...contentOf(''), digest: 'sha256:bad' }), {
      status: 400,
      code: 'DIGEST_INVALID',
    }),
  ]),
  row('an empty blob is deleted as another is', (name) => [
    pushBlob(name, contentOf('')),
    deleteBlob(name, contentOf('')),
    missBlob(name, contentOf('')),
  ]),
]);

/** The catalog's page that begins just before a name, and would have it. */
function inCatalog(name: string, listed: boolean): Call {
  return {
    method: 'GET',
    path: `/v2/_catalog?n=1&last=${name.slice(0, -1)}`,
    expect: {
      status: 200,
      ...(listed ? { json: { repositories: [name] } } : { json: { repositories: [] } }),
    },
  };
}

testCalls('a repository whose last manifest was deleted', registry, [
  {
    description: 'is not in the catalog any more, and comes back with the next manifest',
    calls: (() => {
      const name = 'zzz/disappears';
      const [first, second] = [imageManifest(), imageManifest()];
      return [
        ...pushAll(name, first, 'v1'),
        ...pushAll(name, second, 'v2'),
        inCatalog(name, true),
        deleteManifest(name, first.digest),
        inCatalog(name, true),
        deleteManifest(name, second.digest),
        inCatalog(name, false),
        missManifest(name, 'v1'),
        missManifest(name, second.digest),
        ...pushAll(name, second, 'v3'),
        inCatalog(name, true),
        listTags(name, ['v3']),
      ];
    })(),
  },
  // The official suite of 1.0 and 1.1.0 ends so: "GET request to tags list should reflect manifest
  // deletion" takes no answer but 200, when the blobs are still to be deleted.
  row(
    'and which still holds blobs answers 200 with no tags, as the official suite asks',
    (name) => {
      const image = imageManifest();
      return [
        ...pushAll(name, image, 'tagtest0'),
        listTags(name, ['tagtest0']),
        deleteManifest(name, 'tagtest0'),
        deleteManifest(name, image.digest),
        missManifest(name, image.digest),
        listTags(name, []),
        ...image.blobs.map((blob) => deleteBlob(name, blob)),
        ...image.blobs.map((blob) => missBlob(name, blob)),
      ];
    },
  ),
  row('and whose blobs were deleted too is unknown', (name) => {
    const image = imageManifest();
    return [
      ...pushAll(name, image, 'v1'),
      deleteManifest(name, image.digest),
      ...image.blobs.map((blob) => deleteBlob(name, blob)),
      {
        method: 'GET',
        path: `/v2/${name}/tags/list`,
        expect: { status: 404, code: 'NAME_UNKNOWN' },
      },
    ];
  }),
]);
