// The specification's chapter "Push", its blobs: end-4, end-5, end-6, end-13 and end-14, every way to upload.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import type { ErrorCode } from '#shared/oci/errors.ts';
import {
  answered,
  type Call,
  missBlob,
  openUpload,
  pullBlob,
  type Row,
  send,
  testCalls,
  useRegistry,
} from '#test/support/calls.ts';
import {
  type Algorithm,
  algorithms,
  type Content,
  contentOf,
  digestOf,
  randomBlob,
} from '#test/support/manifests.ts';

const registry = useRegistry();
const name = 'spec/uploads';
const bytesType = { 'Content-Type': 'application/octet-stream' };
const uploadPath = /^\/v2\/spec\/uploads\/blobs\/uploads\/[^/?]+\?_state=[^&]+$/;

/** PATCH with a chunk that says where it belongs. */
function patchChunk({ bytes }: Content, start: number, end: number): Call {
  return {
    method: 'PATCH',
    path: '{upload}',
    headers: { ...bytesType, 'Content-Range': `${start}-${end - 1}` },
    body: bytes.subarray(start, end),
    expect: {
      status: 202,
      headers: { Location: uploadPath, Range: `0-${end - 1}` },
    },
    keep: { upload: 'Location' },
  };
}

/** PATCH with a body that says no length: chunked, in pieces. */
function patchStream({ bytes }: Content, received = bytes.length): Call {
  const middle = Math.floor(bytes.length / 2);
  return {
    method: 'PATCH',
    path: '{upload}',
    headers: bytesType,
    body: [bytes.subarray(0, middle), bytes.subarray(middle)],
    expect: {
      status: 202,
      headers: { Location: uploadPath, Range: `0-${Math.max(0, received - 1)}` },
    },
    keep: { upload: 'Location' },
  };
}

/** The closing PUT, with the whole body, the last of it or nothing. "MUST be 201 Created, and MUST have Location". */
function put(digest: string, body: Uint8Array = Buffer.alloc(0), range?: string): Call {
  return {
    method: 'PUT',
    path: `{upload}&digest=${digest}`,
    headers: { ...bytesType, ...(range === undefined ? {} : { 'Content-Range': range }) },
    body,
    expect: {
      status: 201,
      headers: { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest },
    },
    keep: { blob: 'Location' },
  };
}

const refused = (call: Call, status: number, code: ErrorCode): Call =>
  answered(call, { status, code });

/** "Here, <blob-location> is a pullable blob URL". */
function pullLocation({ bytes, digest }: Content): Call {
  return {
    method: 'GET',
    path: '{blob}',
    expect: { status: 200, headers: { 'Docker-Content-Digest': digest }, body: bytes },
  };
}

/** "If a chunk is uploaded out of order, the registry MUST respond with a 416": and says what it has. */
function outOfOrder(call: Call, received: number): Call {
  return answered(call, {
    status: 416,
    code: 'BLOB_UPLOAD_INVALID',
    headers: { Location: uploadPath, Range: `0-${Math.max(0, received - 1)}` },
  });
}

/** end-13: "MUST be a 204 No Content … and MUST have the following headers". */
function uploadStatus(received: number): Call {
  return {
    method: 'GET',
    path: '{upload}',
    expect: {
      status: 204,
      headers: {
        Location: uploadPath,
        Range: `0-${Math.max(0, received - 1)}`,
        'Docker-Upload-UUID': /^[0-9a-f-]{36}$/,
      },
      body: '',
    },
    keep: { upload: 'Location' },
  };
}

function monolithic({ bytes, digest }: Content): Call {
  return {
    method: 'POST',
    path: `/v2/${name}/blobs/uploads/?digest=${digest}`,
    headers: bytesType,
    body: bytes,
    expect: {
      status: 201,
      headers: { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest },
    },
    keep: { blob: 'Location' },
  };
}

testCalls('end-4a, opening a session', registry, [
  {
    description: '"MUST have a code of 202 Accepted, and MUST include Location"; 0-0 is received',
    method: 'POST',
    path: `/v2/${name}/blobs/uploads/`,
    expect: {
      status: 202,
      headers: {
        Location: uploadPath,
        Range: '0-0',
        'Docker-Upload-UUID': /^[0-9a-f-]{36}$/,
        'OCI-Chunk-Min-Length': undefined,
      },
      body: '',
    },
  },
  {
    description: 'the slash at the end may be left out',
    method: 'POST',
    path: `/v2/${name}/blobs/uploads`,
    expect: { status: 202, headers: { Location: uploadPath } },
  },
  ...algorithms.map(
    (algorithm): Row => ({
      description: `end-4c: "digest-algorithm=${algorithm}" is accepted`,
      method: 'POST',
      path: `/v2/${name}/blobs/uploads/?digest-algorithm=${algorithm}`,
      expect: { status: 202, headers: { Location: uploadPath } },
    }),
  ),
  {
    description: 'end-4c: an algorithm that is not supported is 400',
    method: 'POST',
    path: `/v2/${name}/blobs/uploads/?digest-algorithm=md5`,
    expect: { status: 400, code: 'DIGEST_INVALID' },
  },
]);

it('"Registries MUST support concurrent uploads": two sessions take turns and both close', async () => {
  const blobs = [randomBlob(3000), randomBlob(3000)];
  const ask = (method: string, path: string, body: Uint8Array = Buffer.alloc(0)) =>
    send(registry().url, { method, path, body });
  const opened = await Promise.all(blobs.map(() => ask('POST', `/v2/${name}/blobs/uploads/`)));
  const locations = opened.map(({ headers }) => String(headers.location));
  assert.notEqual(locations[0], locations[1]);
  for (const part of [0, 1]) {
    const patched = await Promise.all(
      blobs.map(({ bytes }, at) =>
        ask('PATCH', locations[at] ?? '', bytes.subarray(part * 1500, part * 1500 + 1500)),
      ),
    );
    assert.deepEqual(
      patched.map(({ status }) => status),
      [202, 202],
    );
  }
  const closed = await Promise.all(
    blobs.map(({ digest }, at) => ask('PUT', `${locations[at]}&digest=${digest}`)),
  );
  assert.deepEqual(
    closed.map(({ status }) => status),
    [201, 201],
  );
});

/** Every way to upload a blob. Sessions are opened with `query`. */
const ways: [string, (blob: Content, query: string) => Call[]][] = [
  ['a single POST (end-4b)', (blob) => [monolithic(blob)]],
  [
    'POST, then PUT (end-6)',
    ({ bytes, digest }, query) => [openUpload(name, query), put(digest, bytes)],
  ],
  [
    'POST, then PUT with a Content-Range',
    ({ bytes, digest }, query) => [
      openUpload(name, query),
      put(digest, bytes, `0-${bytes.length - 1}`),
    ],
  ],
  [
    'a streamed PATCH (end-5)',
    (blob, query) => [
      openUpload(name, query),
      patchStream(blob),
      uploadStatus(blob.bytes.length),
      put(blob.digest),
    ],
  ],
  [
    'a PATCH of one announced chunk',
    (blob, query) => [
      openUpload(name, query),
      patchChunk(blob, 0, blob.bytes.length),
      put(blob.digest),
    ],
  ],
  [
    'three chunks by PATCH',
    (blob, query) => [
      openUpload(name, query),
      patchChunk(blob, 0, 1024),
      patchChunk(blob, 1024, 2048),
      patchChunk(blob, 2048, blob.bytes.length),
      put(blob.digest),
    ],
  ],
  [
    'two chunks by PATCH and the final one in the PUT',
    (blob, query) => [
      openUpload(name, query),
      patchChunk(blob, 0, 1024),
      patchChunk(blob, 1024, 2048),
      put(blob.digest, blob.bytes.subarray(2048), `2048-${blob.bytes.length - 1}`),
    ],
  ],
  [
    'a streamed PATCH and the rest in the PUT, neither with a range',
    ({ bytes, digest }, query) => [
      openUpload(name, query),
      patchStream(contentOf(bytes.subarray(0, 1024))),
      put(digest, bytes.subarray(1024)),
    ],
  ],
  [
    'two streamed PATCHes',
    ({ bytes, digest }, query) => [
      openUpload(name, query),
      patchStream(contentOf(bytes.subarray(0, 1024))),
      patchStream(contentOf(bytes.subarray(1024)), bytes.length),
      put(digest),
    ],
  ],
];

const announcements: [string, Algorithm, string][] = [
  ['sha256', 'sha256', ''],
  ['sha512, announced in the POST', 'sha512', '?digest-algorithm=sha512'],
  ['sha512, known only at the PUT', 'sha512', ''],
];
for (const [title, algorithm, query] of announcements) {
  testCalls(
    `every way to upload, ${title}`,
    registry,
    ways.map(([way, callsOf]) => {
      const blob = randomBlob(3067, algorithm);
      return {
        description: `${way} stores the blob, and its Location is pullable`,
        calls: [
          missBlob(name, blob),
          ...callsOf(blob, query),
          pullLocation(blob),
          pullBlob(name, blob),
        ],
      };
    }),
  );
  testCalls(
    `a digest that is not the content's, ${title}`,
    registry,
    ways.map(([way, callsOf]) => {
      const [blob, other] = [randomBlob(3067, algorithm), randomBlob(16, algorithm)];
      const calls = callsOf(blob, query);
      const last = calls.slice(-1);
      return {
        description: `${way}: 400 DIGEST_INVALID, nothing is stored, and the right digest still closes it`,
        calls: [
          ...calls.slice(0, -1),
          ...last.map((call) =>
            refused(
              { ...call, path: call.path.replace(blob.digest, other.digest) },
              400,
              'DIGEST_INVALID',
            ),
          ),
          missBlob(name, blob),
          missBlob(name, other),
          ...last,
          pullBlob(name, blob),
        ],
      };
    }),
  );
}

const chunked = () => randomBlob(3067);
testCalls('chunks MUST be uploaded in order', registry, [
  ((blob) => ({
    description: 'a first chunk that does not begin with 0 is 416, with Location and Range',
    calls: [
      openUpload(name),
      outOfOrder(patchChunk(blob, 1024, 2048), 0),
      uploadStatus(0),
      patchChunk(blob, 0, 3067),
      put(blob.digest),
      pullBlob(name, blob),
    ],
  }))(chunked()),
  ((blob) => ({
    description:
      'a chunk that skips ahead is 416; GET tells where to go on, and the upload goes on',
    calls: [
      openUpload(name),
      patchChunk(blob, 0, 1024),
      outOfOrder(patchChunk(blob, 2048, 3067), 1024),
      uploadStatus(1024),
      patchChunk(blob, 1024, 2048),
      patchChunk(blob, 2048, 3067),
      put(blob.digest),
      pullBlob(name, blob),
    ],
  }))(chunked()),
  ((blob) => ({
    description: 'a chunk that is sent again is 416, and nothing is written twice',
    calls: [
      openUpload(name),
      patchChunk(blob, 0, 1024),
      outOfOrder(patchChunk(blob, 0, 1024), 1024),
      uploadStatus(1024),
      patchChunk(blob, 1024, 3067),
      put(blob.digest),
      pullBlob(name, blob),
    ],
  }))(chunked()),
  ((blob) => ({
    description: 'a final chunk in the PUT that is out of order is 416, and the session goes on',
    calls: [
      openUpload(name),
      patchChunk(blob, 0, 1024),
      outOfOrder(put(blob.digest, blob.bytes.subarray(2048), '2048-3066'), 1024),
      missBlob(name, blob),
      uploadStatus(1024),
      patchChunk(blob, 1024, 2048),
      put(blob.digest, blob.bytes.subarray(2048), '2048-3066'),
      pullBlob(name, blob),
    ],
  }))(chunked()),
  ((blob) => ({
    description: 'a PUT whose only chunk does not begin with 0 is 416',
    calls: [
      openUpload(name),
      outOfOrder(put(blob.digest, blob.bytes, '1-3067'), 0),
      uploadStatus(0),
      put(blob.digest, blob.bytes, '0-3066'),
    ],
  }))(chunked()),
  ((blob) => ({
    description: 'a chunk that is not as long as its range says is 400, and nothing is received',
    calls: [
      openUpload(name),
      {
        ...refused(patchChunk(blob, 0, 1024), 400, 'SIZE_INVALID'),
        headers: { ...bytesType, 'Content-Range': '0-2047' },
      },
      {
        ...refused(patchStream(blob), 400, 'SIZE_INVALID'),
        headers: { ...bytesType, 'Content-Range': '0-2047' },
      },
      uploadStatus(0),
    ],
  }))(chunked()),
  ((blob) => ({
    description: '<range> "MUST match ^[0-9]+-[0-9]+$": another is 400',
    calls: [
      openUpload(name),
      ...['1024', '-1024', '0-', 'a-b', '5-2'].map((range) => ({
        ...refused(patchStream(blob), 400, 'BLOB_UPLOAD_INVALID'),
        headers: { ...bytesType, 'Content-Range': range },
      })),
      uploadStatus(0),
    ],
  }))(chunked()),
]);

const [kept, cancelled, again, late] = [chunked(), chunked(), chunked(), chunked()];
testCalls('end-13 and end-14, a session through its life', registry, [
  {
    description: 'a session that received nothing answers Range 0-0 to GET',
    calls: [openUpload(name), uploadStatus(0)],
  },
  {
    description: "the POST's Location stays valid after a PATCH: for GET, PATCH and PUT",
    calls: [
      { ...openUpload(name), keep: { upload: 'Location', first: 'Location' } },
      { ...patchChunk(kept, 0, 1024), path: '{first}', keep: {} },
      { ...uploadStatus(1024), path: '{first}', keep: {} },
      { ...patchChunk(kept, 1024, 3067), path: '{first}', keep: {} },
      { ...put(kept.digest), path: `{first}&digest=${kept.digest}` },
      pullBlob(name, kept),
    ],
  },
  {
    description: '"MUST respond with 204" to a cancel; the session is gone, and twice is 404',
    calls: [
      openUpload(name),
      patchChunk(cancelled, 0, 1024),
      { method: 'DELETE', path: '{upload}', expect: { status: 204, body: '' } },
      refused(uploadStatus(1024), 404, 'BLOB_UPLOAD_UNKNOWN'),
      refused(patchChunk(cancelled, 1024, 2048), 404, 'BLOB_UPLOAD_UNKNOWN'),
      refused(put(cancelled.digest, cancelled.bytes), 404, 'BLOB_UPLOAD_UNKNOWN'),
      {
        method: 'DELETE',
        path: '{upload}',
        expect: { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' },
      },
      missBlob(name, cancelled),
    ],
  },
  {
    description: 'a session that received nothing can be cancelled',
    calls: [
      openUpload(name),
      { method: 'DELETE', path: '{upload}', expect: { status: 204 } },
      refused(uploadStatus(0), 404, 'BLOB_UPLOAD_UNKNOWN'),
    ],
  },
  {
    description: 'a closed session takes no more; the closing PUT can be repeated',
    calls: [
      openUpload(name),
      patchStream(again),
      put(again.digest),
      put(again.digest),
      refused(uploadStatus(0), 404, 'BLOB_UPLOAD_UNKNOWN'),
      refused(patchStream(again), 404, 'BLOB_UPLOAD_UNKNOWN'),
      refused(put(randomBlob().digest), 404, 'BLOB_UPLOAD_UNKNOWN'),
      pullBlob(name, again),
    ],
  },
  {
    description: 'an address that we did not give is 404 BLOB_UPLOAD_UNKNOWN',
    calls: ['GET', 'PATCH', 'PUT', 'DELETE'].map((method) => ({
      method,
      path: `/v2/${name}/blobs/uploads/0b4c2c5e-0000-4000-8000-000000000000?digest=${late.digest}`,
      expect: { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' },
    })),
  },
  ...Object.entries({
    'to who encodes its address more than is needed': '%7E',
    'by an address of before there were marks': '',
  }).map(
    ([who, mark]): Row => ({
      description: `a session is the same ${who}`,
      calls: [
        {
          ...openUpload(name),
          keep: { upload: ({ headers }) => String(headers.location).replace('~', mark) },
        },
        patchStream(late),
        put(late.digest),
      ],
    }),
  ),
  {
    description: "a session is its repository's: through another it is 404",
    calls: [
      {
        ...openUpload(name),
        keep: {
          upload: ({ headers }) => String(headers.location).replace(name, 'spec/others'),
        },
      },
      refused(uploadStatus(0), 404, 'BLOB_UPLOAD_UNKNOWN'),
      refused(put(late.digest, late.bytes), 404, 'BLOB_UPLOAD_UNKNOWN'),
      missBlob('spec/others', late),
    ],
  },
]);

for (const algorithm of algorithms) {
  const empty = contentOf('', 'application/octet-stream', algorithm);
  const stores = (title: string, calls: Call[]): Row => ({
    description: `${title} stores it, ${algorithm}`,
    calls: [...calls, pullLocation(empty)],
  });
  testCalls(`an empty blob, ${algorithm}`, registry, [
    stores('a single POST', [monolithic(empty)]),
    stores('POST, then PUT', [openUpload(name), put(empty.digest)]),
    stores('an empty PATCH, then PUT', [openUpload(name), patchStream(empty), put(empty.digest)]),
    stores('a PATCH of length 0, then PUT', [
      openUpload(name),
      { ...patchStream(empty), body: '' },
      put(empty.digest),
    ]),
    {
      description: `a blob that is not empty is not stored for no bytes, ${algorithm}`,
      calls: [
        openUpload(name),
        refused(put(randomBlob(16, algorithm).digest), 400, 'DIGEST_INVALID'),
      ],
    },
  ]);
}

const malformed = [
  'sha256:baddigeststring',
  `md5:${'0'.repeat(32)}`,
  `sha384:${'0'.repeat(96)}`,
  `sha256:${'G'.repeat(64)}`,
  `sha512:${'0'.repeat(64)}`,
  '',
];
testCalls('"if the digest is invalid or uses an unsupported algorithm … 400"', registry, [
  ...malformed.map(
    (digest): Row => ({
      description: `${digest.slice(0, 24) || 'no digest'} is 400 in a POST and in a PUT, which leaves the session as it was`,
      calls: [
        refused(monolithic({ ...late, digest }), 400, 'DIGEST_INVALID'),
        openUpload(name),
        patchChunk(late, 0, 1024),
        refused(put(digest, late.bytes), 400, 'DIGEST_INVALID'),
        uploadStatus(1024),
      ],
    }),
  ),
  {
    description: 'a PUT without a digest is 400',
    calls: [
      openUpload(name),
      { ...refused(put(''), 400, 'DIGEST_INVALID'), path: '{upload}' },
      uploadStatus(0),
    ],
  },
]);

testCalls('a blob that is there already', registry, [
  ...ways.map(
    ([way, callsOf]): Row => ({
      description: `${way} of it again succeeds`,
      calls: [monolithic(late), ...callsOf(late, ''), pullBlob(name, late)],
    }),
  ),
  {
    description: 'other bytes under its digest are refused all the same, and it stays as it was',
    calls: [
      monolithic(late),
      refused({ ...monolithic(late), body: Buffer.alloc(3067) }, 400, 'DIGEST_INVALID'),
      openUpload(name),
      refused(put(late.digest, Buffer.alloc(3067)), 400, 'DIGEST_INVALID'),
      pullBlob(name, late),
    ],
  },
  {
    description: 'the same bytes under the other algorithm are a blob of their own',
    calls: [
      monolithic(late),
      missBlob(name, { ...late, digest: digestOf(late.bytes, 'sha512') }),
      monolithic({ ...late, digest: digestOf(late.bytes, 'sha512') }),
      pullBlob(name, { ...late, digest: digestOf(late.bytes, 'sha512') }),
      pullBlob(name, late),
    ],
  },
]);
