// Hosts are locations: what was pushed by one host is there by all hosts of its location, and by no other.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { serve } from '#functions/serve.ts';
import { isOnGoogle } from '#test/support/backend.ts';
import {
  type Answer,
  type Call,
  type CallHeaders,
  missBlob,
  missManifest,
  openUpload,
  pullBlob,
  pullManifest,
  pushAll,
  pushBlob,
  send,
  sendAll,
  testCalls,
  useRegistry,
} from '#test/support/calls.ts';
import { imageManifest, randomBlob } from '#test/support/manifests.ts';
import { adminBasic, adminPassword } from '#test/support/registry.ts';

const us = 'us.registry.test';
const alsoUs = 'america.registry.test:5000';
const eu = 'eu.registry.test';
const anonymousPull = new Set(['open']);
const registry = useRegistry({
  anonymousPull,
  hosts: { [us]: 'us', [alsoUs]: 'us', [eu]: 'eu' },
  functionSettings: {
    BERTH_BLOBS_BUCKET: 'blobs-{location}',
    BERTH_STAGING_BUCKET: 'staging-{location}',
  },
});

/** The calls, to a host. */
function at(host: string, ...calls: readonly Call[]): Call[] {
  return calls.map((call) => ({ ...call, headers: { ...call.headers, host } as CallHeaders }));
}

const tokenOf = ({ body }: Answer) => `Bearer ${JSON.parse(String(body)).token}`;
const unknown = {
  status: 404,
  code: 'NAME_UNKNOWN',
  headers: { 'WWW-Authenticate': undefined },
} as const;

describe('a host that is none of the registry’s', () => {
  const elsewhere = 'registry.evil.test';
  const image = imageManifest();
  const digest = image.digest;
  testCalls(
    'is refused whatever is asked',
    registry,
    (
      [
        ['GET', '/v2/'],
        ['GET', '/v2/token?scope=repository:open/app:pull'],
        ['POST', '/v2/token'],
        ['GET', '/.well-known/jwks.json'],
        ['GET', '/v2/_catalog'],
        ['GET', '/v2/open/app/tags/list'],
        ['GET', '/v2/open/app/manifests/v1'],
        ['PUT', '/v2/open/app/manifests/v1'],
        ['DELETE', `/v2/open/app/manifests/${digest}`],
        ['GET', `/v2/open/app/blobs/${digest}`],
        ['GET', `/v2/open/app/referrers/${digest}`],
        ['POST', '/v2/open/app/blobs/uploads/'],
        ['PATCH', '/v2/open/app/blobs/uploads/x?_state=y'],
        ['GET', '/api/v1/openapi.json'],
        ['GET', '/api/v1/whoami'],
        ['GET', '/api/v1/projects/open/policy'],
      ] as const
    ).flatMap(([method, path]) =>
      [adminBasic, null].map((authorization) => ({
        description: `${method} ${path}, by ${authorization === null ? 'nobody' : 'the admin'}`,
        calls: at(elsewhere, {
          method,
          path,
          authorization,
          expect: { ...unknown, message: /^this registry is not called registry\.evil\.test: / },
        }),
      })),
    ),
  );

  testCalls('is only', registry, [
    ...[
      elsewhere,
      'registry.test',
      `x.${us}`,
      `${us}.evil.test`,
      `${us}:5000`,
      'america.registry.test',
      'america.registry.test:5001',
      `${us}:8080`,
      '127.0.0.1',
      '[::1]:5000',
    ].map((host) => ({
      description: host,
      calls: at(host, { method: 'GET', path: '/v2/', expect: unknown }),
    })),
  ]);

  if (!isOnGoogle()) {
    testCalls(
      'may be what a process is called by who looks after it',
      registry,
      ['/healthz', '/readyz', '/metrics'].map((path) => ({
        description: path,
        calls: at(elsewhere, { method: 'GET', path, expect: { status: 200 } }),
      })),
    );

    it('is refused before anything is asked of a store', async () => {
      const nothing = new Proxy({}, { get: (_, name) => assert.fail(`asked for ${String(name)}`) });
      const stores = { documents: nothing, blobs: nothing, authenticator: nothing } as never;
      const server = createServer(serve({ ...registry().services, ...Object(stores) }));
      await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
      const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      try {
        const call = { method: 'GET', path: '/v2/open/app/manifests/v1' };
        const { status } = await send(url, { ...call, headers: { host: elsewhere } });
        assert.equal(status, 404);
      } finally {
        server.close();
      }
    });
  }
});

testCalls('a host as clients write it', registry, [
  ...(
    [
      [us, us, 'http'],
      ['US.Registry.TEST', us, 'http'],
      [`${us}:80`, us, 'http'],
      [us, us, 'https'],
      [`${us}:443`, us, 'https'],
      [alsoUs, alsoUs, 'http'],
      ['America.registry.test:5000', alsoUs, 'https'],
    ] as const
  ).map(([written, host, scheme]) => ({
    description: `${scheme}://${written} is ${host}: its realm is there, and its tokens are good by any of its names`,
    calls: [
      ...at(written, {
        method: 'GET',
        path: '/v2/',
        headers: { 'X-Forwarded-Proto': scheme },
        authorization: null,
        expect: {
          status: 401,
          headers: {
            'WWW-Authenticate': `Bearer realm="${scheme}://${written.toLowerCase()}/v2/token",service="${host}"`,
          },
        },
      }),
      ...at(written, {
        method: 'GET',
        path: `/v2/token?service=${host}`,
        expect: { status: 200 },
        keep: { token: tokenOf },
      }),
      ...at(host, {
        method: 'GET',
        path: '/v2/',
        authorization: '{token}',
        expect: { status: 200 },
      }),
    ],
  })),
]);

const others = [us, alsoUs, eu].flatMap((one) =>
  [us, alsoUs, eu].filter((other) => other !== one).map((other) => [one, other] as const),
);
const form = (fields: Readonly<Record<string, string>>) => ({
  headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
  body: new URLSearchParams(fields).toString(),
});

testCalls('what was got by one host opens nothing by another', registry, [
  ...others.map(([one, other]) => ({
    description: `a token of ${one} at ${other}`,
    calls: [
      ...at(one, {
        method: 'GET',
        path: '/v2/token?scope=repository:open/tokens:pull,push',
        expect: { status: 200 },
        keep: { token: tokenOf },
      }),
      ...at(one, { ...pushBlob('open/tokens', randomBlob(10)), authorization: '{token}' }),
      ...at(other, {
        method: 'POST',
        path: '/v2/open/tokens/blobs/uploads/',
        authorization: '{token}',
        expect: {
          status: 401,
          code: 'UNAUTHORIZED',
          headers: {
            'WWW-Authenticate': `Bearer realm="http://${other}/v2/token",service="${other}",scope="repository:open/tokens:pull,push",error="invalid_token"`,
          },
        },
      }),
    ],
  })),
  ...others.map(([one, other]) => ({
    description: `a refresh token of ${one} at ${other}`,
    calls: [
      ...at(one, {
        method: 'POST',
        path: '/v2/token',
        authorization: null,
        ...form({
          grant_type: 'password',
          username: 'admin',
          password: adminPassword,
          access_type: 'offline',
          service: one,
          client_id: 'test',
        }),
        expect: { status: 200 },
        keep: { refresh: ({ body }) => JSON.parse(String(body)).refresh_token },
      }),
      ...[one, other].flatMap((host) =>
        at(host, {
          method: 'POST',
          path: '/v2/token',
          authorization: null,
          headers: { 'Content-Type': 'application/x-www-form-urlencoded' },
          body: 'grant_type=refresh_token&refresh_token={refresh}&client_id=test',
          expect: host === one ? { status: 200 } : { status: 401, code: 'UNAUTHORIZED' },
        }),
      ),
    ],
  })),
]);

const image = imageManifest();
const [config] = image.blobs;
assert.ok(config);
const blob = randomBlob(600);
const [early, late] = [Buffer.from(blob.bytes.subarray(0, 200)), blob.bytes.subarray(200)];
const mount = (into: string, from: string, status: 201 | 202): Call => ({
  method: 'POST',
  path: `/v2/${into}/blobs/uploads/?mount=${blob.digest}&from=${from}`,
  expect: { status },
});
const tags = (name: string, ...list: readonly string[]): Call => ({
  method: 'GET',
  path: `/v2/${name}/tags/list`,
  expect:
    list.length === 0
      ? { status: 404, code: 'NAME_UNKNOWN' }
      : { status: 200, also: ({ body }) => assert.deepEqual(JSON.parse(String(body)).tags, list) },
});

testCalls('a location', registry, [
  {
    description: 'has what was pushed by any of its hosts, and no other location has it',
    calls: [
      ...at(us, ...pushAll('open/app', image, 'v1')),
      ...[us, alsoUs].flatMap((host) =>
        at(host, pullManifest('open/app', image, 'v1'), pullBlob('open/app', config), {
          ...tags('open/app', 'v1'),
        }),
      ),
      ...at(eu, missManifest('open/app', 'v1'), missManifest('open/app', image.digest)),
      ...at(eu, missBlob('open/app', config), tags('open/app')),
      ...at(eu, {
        method: 'PUT',
        path: '/v2/open/app/manifests/v1',
        headers: { 'Content-Type': image.mediaType },
        body: image.bytes,
        expect: { status: 404, code: 'MANIFEST_BLOB_UNKNOWN' },
      }),
    ],
  },
  {
    description: 'has tags of its own under a name that another location has, too',
    calls: [
      ...at(us, ...pushAll('open/both', image, 'v1')),
      ...at(eu, ...pushAll('open/both', image, 'v2')),
      ...at(alsoUs, tags('open/both', 'v1')),
      ...at(eu, tags('open/both', 'v2')),
      ...at(eu, {
        method: 'DELETE',
        path: `/v2/open/both/manifests/${image.digest}`,
        expect: { status: 202 },
      }),
      ...at(eu, missManifest('open/both', image.digest)),
      ...at(us, pullManifest('open/both', image, 'v1'), pullBlob('open/both', config)),
    ],
  },
  {
    description: 'mounts what it has itself; from another location it is an upload',
    calls: [
      ...at(us, pushBlob('open/source', blob), mount('open/target', 'open/source', 201)),
      ...at(alsoUs, mount('other/target', 'open/source', 201), pullBlob('other/target', blob)),
      ...at(eu, mount('open/target', 'open/source', 202), missBlob('open/target', blob)),
      ...at(eu, mount('other/target', 'open/source', 202), missBlob('other/target', blob)),
      ...at(eu, mount('open/target', 'open/target', 202)),
    ],
  },
  {
    description: 'takes an upload on by any of its hosts, and no other location’s',
    calls: [
      ...at(us, openUpload('open/upload')),
      ...at(us, { method: 'PATCH', path: '{upload}', body: early, expect: { status: 202 } }),
      ...at(
        eu,
        ...(['GET', 'PATCH', 'DELETE'] as const).map((method) => ({
          method,
          path: '{upload}',
          body: method === 'PATCH' ? late : '',
          expect: { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' } as const,
        })),
        {
          method: 'PUT',
          path: `{upload}&digest=${blob.digest}`,
          body: late,
          expect: { status: 404, code: 'BLOB_UPLOAD_UNKNOWN' },
        },
      ),
      ...at(alsoUs, {
        method: 'PUT',
        path: `{upload}&digest=${blob.digest}`,
        body: late,
        expect: { status: 201 },
      }),
      ...at(us, pullBlob('open/upload', blob)),
      ...at(eu, missBlob('open/upload', blob)),
    ],
  },
]);

describe('lists', () => {
  const catalogOf = async (host: string) => {
    const call = { method: 'GET', path: '/v2/_catalog', headers: { host } };
    const { body } = await send(registry().url, call);
    return JSON.parse(String(body)).repositories as readonly string[];
  };

  it('show the repositories of the location that was asked', async () => {
    const { url } = registry();
    await sendAll(url, at(us, ...pushAll('listed/in-us', image, 'v1')));
    await sendAll(url, at(eu, ...pushAll('listed/in-eu', image, 'v1')));
    const inListed = async (host: string) =>
      (await catalogOf(host)).filter((name) => name.startsWith('listed/'));
    assert.deepEqual(await inListed(us), ['listed/in-us']);
    assert.deepEqual(await inListed(alsoUs), ['listed/in-us']);
    assert.deepEqual(await inListed(eu), ['listed/in-eu']);
  });

  it('show what is the same for all: policies, robots and the audit', async () => {
    const { url } = registry();
    const project = '/api/v1/projects/listed';
    await sendAll(url, [
      ...at(us, {
        method: 'POST',
        path: `${project}/robots`,
        headers: { 'Content-Type': 'application/json' },
        body: JSON.stringify({ name: 'ci', role: 'reader' }),
        expect: { status: 201 },
      }),
      ...at(eu, { method: 'GET', path: `${project}/robots/ci`, expect: { status: 200 } }),
    ]);
  });
});
