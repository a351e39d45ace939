// The specification's chapter "Pull", clause by clause: end-1, end-2 and end-3.

import { mediaTypes } from '#shared/oci/media-types.ts';
import { isOnGoogle } from '#test/support/backend.ts';
import {
  type Call,
  type Expectation,
  missBlob,
  missManifest,
  pullBlob,
  pullManifest,
  pushAll,
  pushBlob,
  type Row,
  testCalls,
  useRegistry,
} from '#test/support/calls.ts';
import {
  algorithms,
  type Content,
  contentOf,
  digestOf,
  imageIndex,
  imageManifest,
  type Manifest,
  randomBlob,
} from '#test/support/manifests.ts';

const registry = useRegistry();

testCalls('end-1, determining support', registry, [
  {
    description: '"If the response is 200 OK, then the registry implements this specification"',
    method: 'GET',
    path: '/v2/',
    expect: {
      status: 200,
      headers: {
        'Content-Type': 'application/json',
        'Docker-Distribution-API-Version': 'registry/2.0',
      },
      json: {},
    },
  },
  {
    description: 'HEAD is answered as GET, for clients that ask so',
    method: 'HEAD',
    path: '/v2/',
    expect: { status: 200 },
  },
  {
    description: 'the slash at the end may be left out',
    method: 'GET',
    path: '/v2',
    expect: { status: 200 },
  },
]);

const name = 'spec/pull';
const nowhere = digestOf(Buffer.from('what nobody pushed'));

for (const algorithm of algorithms) {
  const blob = randomBlob(2048, algorithm);
  const path = `/v2/${name}/blobs/${blob.digest}`;
  const described = {
    'Content-Length': '2048',
    'Content-Type': 'application/octet-stream',
    'Docker-Content-Digest': blob.digest,
    'Accept-Ranges': 'bytes',
    ETag: `"${blob.digest}"`,
  };
  testCalls(`end-2, pulling blobs, ${algorithm}`, registry, [
    {
      description: 'GET MUST provide the blob with 200, its digest and its length',
      calls: [
        pushBlob(name, blob),
        { method: 'GET', path, expect: { status: 200, headers: described, body: blob.bytes } },
      ],
    },
    {
      description: 'HEAD MUST return 200 with the digest and the length, and no body',
      calls: [
        pushBlob(name, blob),
        { method: 'HEAD', path, expect: { status: 200, headers: described } },
      ],
    },
    {
      description: 'a digest whose colon is percent-encoded is the same digest',
      calls: [
        pushBlob(name, blob),
        {
          method: 'GET',
          path: path.replace(`${algorithm}:`, `${algorithm}%3A`),
          expect: { status: 200, body: blob.bytes },
        },
      ],
    },
    {
      description: 'a blob that is not in the repository MUST be 404, for GET and for HEAD',
      calls: [
        missBlob(name, randomBlob(16, algorithm)),
        {
          method: 'HEAD',
          path: `/v2/${name}/blobs/${randomBlob(16, algorithm).digest}`,
          expect: { status: 404 },
        },
      ],
    },
    ...rangeRows(blob),
    ...conditionalRows(path, blob),
  ]);
}

/** "A registry SHOULD support the Range request header in accordance with RFC 9110 (section 14)." */
function otherIfRange(whole: Expectation): [string, Record<string, string>, Expectation][] {
  const date = 'Tue, 24 Nov 2026 12:00:00 GMT';
  return [
    ['If-Range of another is the whole', { 'If-Range': '"other"', Range: 'bytes=0-9' }, whole],
    ['If-Range of a date is the whole', { 'If-Range': date, Range: 'bytes=0-9' }, whole],
  ];
}

function rangeRows(blob: Content): Row[] {
  const part = (start: number, end: number): Expectation => ({
    status: 206,
    headers: {
      'Content-Range': `bytes ${start}-${end}/2048`,
      'Content-Length': String(end - start + 1),
      'Content-Type': 'application/octet-stream',
      'Docker-Content-Digest': blob.digest,
    },
    body: blob.bytes.subarray(start, end + 1),
  });
  const whole: Expectation = {
    status: 200,
    headers: { 'Content-Range': undefined, 'Content-Length': '2048' },
    body: blob.bytes,
  };
  const outside: Expectation = { status: 416, headers: { 'Content-Range': 'bytes */2048' } };
  const ranges: [string, Expectation][] = [
    ['bytes=500-1499', part(500, 1499)],
    ['bytes=0-0', part(0, 0)],
    ['bytes=2047-2047', part(2047, 2047)],
    ['bytes=0-', part(0, 2047)],
    ['bytes=500-', part(500, 2047)],
    ['bytes=-500', part(1548, 2047)],
    ['bytes=-5000', part(0, 2047)],
    ['bytes=2000-5000', part(2000, 2047)],
    ['bytes=500-0', outside],
    ['bytes=2048-', outside],
    ['bytes=5000-10000', outside],
    ['bytes=-0', outside],
    ['bytes=0-99,200-299', whole],
    ['lines=1-2', whole],
    ['bytes=a-b', whole],
    ['bytes=-', whole],
  ];
  return ranges.map(([range, expect]) => ({
    description: `Range ${range} of 2048 bytes is ${expect.status}`,
    calls: [
      pushBlob(name, blob),
      get(`/v2/${name}/blobs/${blob.digest}`, { Range: range }, expect),
    ],
  }));
}

/** RFC 9110, sections 13 and 14.2. */
function conditionalRows(path: string, blob: Content): Row[] {
  const etag = `"${blob.digest}"`;
  const same: Expectation = { status: 304, headers: { ETag: etag }, body: '' };
  const part: Expectation = { status: 206, body: blob.bytes.subarray(0, 10) };
  const whole: Expectation = { status: 200, body: blob.bytes };
  const requests: [string, Record<string, string>, Expectation][] = [
    ['If-None-Match of the digest is 304', { 'If-None-Match': etag }, same],
    ['If-None-Match of a list with the digest is 304', { 'If-None-Match': `"a", ${etag}` }, same],
    ['If-None-Match compares weakly', { 'If-None-Match': `W/${etag}` }, same],
    ['If-None-Match of anything is 304', { 'If-None-Match': '*' }, same],
    ['If-None-Match of another is 200', { 'If-None-Match': '"sha256:0"' }, whole],
    [
      'If-None-Match comes before Range',
      { 'If-None-Match': etag, Range: 'bytes=5000-10000' },
      same,
    ],
    ['If-Range of the digest lets the Range apply', { 'If-Range': etag, Range: 'bytes=0-9' }, part],
    // The address of the bytes names their digest: where a store sends them, If-Range is its own matter.
    ...(isOnGoogle() ? [] : otherIfRange(whole)),
  ];
  return [
    ...requests.map(([description, headers, expect]) => ({
      description,
      calls: [pushBlob(name, blob), get(path, headers, expect)],
    })),
    {
      description:
        'a HEAD ignores Range: "GET is the only method for which range handling is defined"',
      calls: [
        pushBlob(name, blob),
        ...['bytes=0-9', 'bytes=5000-10000'].map((range) => ({
          method: 'HEAD',
          path,
          headers: { Range: range },
          expect: {
            status: 200,
            headers: { 'Content-Length': '2048', 'Content-Range': undefined },
          },
        })),
      ],
    },
  ];
}

function get(path: string, headers: Record<string, string>, expect: Expectation): Call {
  return { method: 'GET', path, headers, expect };
}

const empty = contentOf('');
testCalls('end-2, what is asked for wrongly or is empty', registry, [
  {
    description: 'an empty blob is 200 with no bytes, and no Range of it can be satisfied',
    calls: [
      pushBlob(name, empty),
      pullBlob(name, empty),
      get(`/v2/${name}/blobs/${empty.digest}`, { Range: 'bytes=0-' }, { status: 416 }),
      {
        method: 'HEAD',
        path: `/v2/${name}/blobs/${empty.digest}`,
        expect: { status: 200, headers: { 'Content-Length': '0' } },
      },
    ],
  },
  ...['sha256:baddigeststring', `md5:${'0'.repeat(32)}`, `sha256:${'A'.repeat(64)}`, 'latest'].map(
    (digest): Row => ({
      description: `the digest ${digest.slice(0, 24)} is 400`,
      method: 'GET',
      path: `/v2/${name}/blobs/${digest}`,
      expect: { status: 400, code: 'DIGEST_INVALID' },
    }),
  ),
  {
    description: '"An attempt to pull a nonexistent repository MUST return 404": a blob of one',
    method: 'GET',
    path: `/v2/spec/never/blobs/${nowhere}`,
    expect: { status: 404, code: 'BLOB_UNKNOWN' },
  },
]);

for (const algorithm of algorithms) {
  const image = imageManifest({ algorithm });
  const index = imageIndex([image], { algorithm });
  testCalls(`end-3, pulling manifests, ${algorithm}`, registry, [
    ...manifestRows('an image', image),
    ...manifestRows('an index', index),
  ]);
}

function manifestRows(what: string, manifest: Manifest): Row[] {
  const { digest, bytes, mediaType } = manifest;
  const tag = `v-${digest.slice(7, 17)}`;
  const pushed = [
    ...pushAll(name, manifest),
    {
      method: 'PUT',
      path: `/v2/${name}/manifests/${digest}?tag=${tag}`,
      headers: { 'Content-Type': mediaType },
      body: bytes,
      expect: { status: 201 },
    },
  ];
  const described = {
    'Content-Type': mediaType,
    'Content-Length': String(bytes.length),
    'Docker-Content-Digest': digest,
    ETag: `"${digest}"`,
  };
  const byDigest = `/v2/${name}/manifests/${digest}`;
  const byTag = `/v2/${name}/manifests/${tag}`;
  return [
    {
      description: `GET of ${what} MUST provide it with 200 and its digest, by digest and by tag`,
      calls: [
        ...pushed,
        get(byDigest, {}, { status: 200, headers: described, body: bytes }),
        get(byTag, {}, { status: 200, headers: described, body: bytes }),
      ],
    },
    {
      description: `HEAD of ${what} MUST return 200 with the digest and the length`,
      calls: [
        ...pushed,
        { method: 'HEAD', path: byDigest, expect: { status: 200, headers: described } },
        { method: 'HEAD', path: byTag, expect: { status: 200, headers: described } },
      ],
    },
    {
      description: `${what} that the client holds already is 304, by digest and by tag`,
      calls: [
        ...pushed,
        get(byDigest, { 'If-None-Match': `"${digest}"` }, { status: 304, body: '' }),
        get(byTag, { 'If-None-Match': `"${digest}"` }, { status: 304, body: '' }),
        get(byTag, { 'If-None-Match': '"sha256:0"' }, { status: 200, body: bytes }),
      ],
    },
    {
      description: `the type of ${what} is the one it was pushed with, whatever Accept says`,
      calls: [
        ...pushed,
        ...[mediaTypes.ociManifest, mediaTypes.dockerManifest, '*/*', 'text/html'].map((accept) =>
          get(byTag, { Accept: accept }, { status: 200, headers: described }),
        ),
      ],
    },
  ];
}

const image = imageManifest();
testCalls('end-3, what is not there or is asked for wrongly', registry, [
  {
    description: 'a manifest that is not in the repository MUST be 404, by tag, digest and HEAD',
    calls: [
      ...pushAll(name, image, 'here'),
      missManifest(name, 'elsewhere'),
      missManifest(name, nowhere),
      missManifest(name, digestOf(Buffer.from('nor this'), 'sha512')),
      { method: 'HEAD', path: `/v2/${name}/manifests/elsewhere`, expect: { status: 404 } },
      { method: 'HEAD', path: `/v2/${name}/manifests/${nowhere}`, expect: { status: 404 } },
    ],
  },
  {
    description: '"An attempt to pull a nonexistent repository MUST return 404"',
    calls: [missManifest('spec/never', 'latest'), missManifest('spec/never', nowhere)],
  },
  {
    description: 'what can be no tag was never pushed: 404',
    calls: [
      missManifest(name, '.INVALID_MANIFEST_NAME'),
      missManifest(name, `a${'b'.repeat(128)}`),
    ],
  },
  {
    description: 'a digest that is malformed or of an unsupported algorithm is 400',
    calls: ['sha256:baddigeststring', 'sha256:totallywrong', 'md5:00', ':'].map((reference) => ({
      method: 'GET',
      path: `/v2/${name}/manifests/${reference}`,
      expect: { status: 400, code: 'DIGEST_INVALID' },
    })),
  },
  {
    description: 'a manifest is no blob and a blob is no manifest',
    calls: [
      ...pushAll(name, image),
      missBlob(name, image),
      ...image.blobs.map((blob) => missManifest(name, blob.digest)),
    ],
  },
  {
    description: 'a name of 255 characters and one of every separator are names',
    calls: ['a/'.repeat(127).concat('z'), 'a.b_c__d-e---f/0'].flatMap((long) => [
      ...pushAll(long, image, 'v1'),
      pullManifest(long, image, 'v1'),
    ]),
  },
  {
    description: 'what "<name> MUST match" does not match is NAME_INVALID',
    calls: ['Upper/case', 'a___b', 'a..b', '-a', 'a-', 'a/_b', 'a'.repeat(256)].map((wrong) => ({
      method: 'GET',
      path: `/v2/${wrong}/manifests/latest`,
      expect: { status: 400, code: 'NAME_INVALID' },
    })),
  },
]);
