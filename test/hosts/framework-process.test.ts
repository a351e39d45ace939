// functions-framework as it is run: what starts, what does not, and what becomes of requests on their way through it.
// Where it answers by itself, it does so with a page of its own: that is written down here, so that it is known.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { gzipSync } from 'node:zlib';
import { type Call, pushAll, send, sendAll } from '#test/support/calls.ts';
import { type RunningFunction, runUnknown, startFunction } from '#test/support/framework.ts';
import { imageManifest } from '#test/support/manifests.ts';
import { sendBytes } from '#test/support/wire.ts';

const basic = ({ password }: RunningFunction) =>
  `Basic ${Buffer.from(`admin:${password}`).toString('base64')}`;

describe('a target', () => {
  const image = imageManifest();
  const get = (path: string, status: number): Call => ({ method: 'GET', path, expect: { status } });
  const own: Readonly<Record<string, readonly Call[]>> = {
    token: [
      get('/v2/token?service={host}', 200),
      get('/v2/', 404),
      get('/v2/a/image/manifests/v1', 404),
    ],
    manifests: [get('/v2/a/image/manifests/v1', 200), get('/v2/token', 404)],
    blobs: [get(`/v2/a/image/blobs/${image.blobs[0]?.digest}`, 200), get('/v2/token', 404)],
    discovery: [
      get('/v2/a/image/tags/list', 200),
      get('/v2/', 200),
      get('/v2/_catalog', 200),
      { method: 'POST', path: '/v2/a/image/blobs/uploads/', expect: { status: 404 } },
    ],
    console: [
      { ...get('/a/image', 200), headers: { accept: 'text/html' } },
      { ...get('/', 200), headers: { accept: 'text/html' } },
      get('/a/image', 404),
      get('/v2/', 404),
    ],
  };
  for (const [target, calls] of Object.entries(own)) {
    it(`${target} answers its own routes, and ends when it is told to`, async () => {
      const running = await startFunction(target);
      try {
        const asAdmin = (call: Call): Call => ({ ...call, authorization: basic(running) });
        await sendAll(running.others, pushAll('a/image', image, 'v1').map(asAdmin));
        await sendAll(running.url, calls.map(asAdmin));
        assert.equal(await running.stop(), 0);
      } finally {
        await running.remove();
      }
    });
  }

  const unknown: readonly (readonly [string, readonly string[], Record<string, string>, RegExp])[] =
    [
      ['that does not exist', ['--target=missing'], {}, /no function 'missing'/],
      [
        'that the environment misspells',
        [],
        { FUNCTION_TARGET: 'manifest' },
        /no function 'manifest'/,
      ],
      ['that is not named', [], { FUNCTION_TARGET: '' }, /no function ''/],
      ['that takes bodies of any size', ['--target', 'uploads'], {}, /no function 'uploads'/],
      ['that every object has', ['--target=toString'], {}, /no function 'toString'/],
    ];
  for (const [what, parameters, environment, said] of unknown) {
    it(`${what} does not start, and says what there is`, () => {
      const { code, printed } = runUnknown(parameters, environment);
      assert.equal(code, 1);
      assert.match(printed, said);
      assert.match(printed, /there is: token, manifests, blobs, discovery/);
    });
  }
});

describe('a request through functions-framework', () => {
  let running: RunningFunction;
  before(async () => {
    running = await startFunction('manifests');
  });
  after(() => running.remove());

  const ask = (call: Omit<Call, 'expect'>) =>
    send(running.url, { authorization: basic(running), ...call });
  const put = (body: string | Uint8Array, headers: Record<string, string>) =>
    ask({ method: 'PUT', path: '/v2/a/image/manifests/v1', headers, body });
  const manifestType = { 'Content-Type': 'application/vnd.oci.image.manifest.v1+json' };
  const zipped = gzipSync('{"schemaVersion":2}');

  const image = imageManifest();
  for (const [how, headers] of [
    ['with its type', { 'Content-Type': image.mediaType }],
    ['with none, and so not read before', {}],
    ['in chunks', { 'Content-Type': image.mediaType, 'Transfer-Encoding': 'chunked' }],
  ] as const) {
    it(`brings its body as it was sent, ${how}`, async () => {
      const asAdmin = (call: Call): Call => ({ ...call, authorization: basic(running) });
      await sendAll(running.others, pushAll('a/image', image).map(asAdmin));
      const { status, headers: answered } = await put(image.bytes, headers);
      assert.equal(status, 201);
      assert.equal(answered['docker-content-digest'], image.digest);
    });
  }

  const ours: readonly (readonly [string, () => ReturnType<typeof ask>, number, string])[] = [
    ['a manifest that is no JSON', () => put('{"a', manifestType), 400, 'MANIFEST_INVALID'],
    ['a body that is no manifest and has no type', () => put('{"a', {}), 400, 'MANIFEST_INVALID'],
    [
      'a body that it has inflated',
      () => put(zipped, { ...manifestType, 'Content-Encoding': 'gzip' }),
      415,
      'UNSUPPORTED',
    ],
    [
      'a body that it has left as it is',
      () => put(zipped, { 'Content-Encoding': 'gzip' }),
      415,
      'UNSUPPORTED',
    ],
    [
      'a manifest that is too large',
      () => put(Buffer.alloc(4 * 1024 * 1024 + 1), manifestType),
      413,
      'SIZE_INVALID',
    ],
    ['a path with two slashes', () => ask({ method: 'GET', path: '//v2/' }), 404, 'NAME_UNKNOWN'],
    [
      'a name that is percent-encoded',
      () => ask({ method: 'GET', path: '/v2/%61/%2e%2e/manifests/v1' }),
      400,
      'NAME_INVALID',
    ],
    ['a method that is none', () => ask({ method: 'OPTIONS', path: '/v2/' }), 405, 'UNSUPPORTED'],
  ];
  for (const [what, call, status, code] of ours) {
    it(`is refused in the registry's form: ${what}`, async () => {
      const answer = await call();
      assert.equal(answer.status, status);
      assert.equal(answer.headers['content-type'], 'application/json');
      const { errors } = JSON.parse(String(answer.body)) as { errors: { code: string }[] };
      assert.deepEqual(
        errors.map((error) => error.code),
        [code],
      );
    });
  }

  const theirs: readonly (readonly [string, () => ReturnType<typeof ask>, number])[] = [
    ['plain JSON that is none', () => put('{"a', { 'Content-Type': 'application/json' }), 400],
    [
      'an encoding that is not what it says',
      () => put('abc', { ...manifestType, 'Content-Encoding': 'gzip' }),
      400,
    ],
    [
      'an encoding that nobody knows',
      () => put('abc', { ...manifestType, 'Content-Encoding': 'x' }),
      415,
    ],
    ['a path that is no text', () => ask({ method: 'GET', path: '/v2/%zz/manifests/v1' }), 400],
  ];
  for (const [what, call, status] of theirs) {
    it(`is refused by a page of the framework's, which tells nothing: ${what}`, async () => {
      const answer = await call();
      assert.equal(answer.status, status);
      assert.match(answer.headers['content-type'] ?? '', /^text\/html/);
      assert.doesNotMatch(String(answer.body), /node_modules|at \w+/);
    });
  }

  it('for what browsers and crawlers look for ends in the framework', async () => {
    for (const path of ['/favicon.ico', '/robots.txt']) {
      assert.equal((await ask({ method: 'GET', path })).status, 404);
    }
  });

  it('is answered with no header of the framework’s own', async () => {
    for (const method of ['GET', 'HEAD']) {
      const { status, headers, body } = await ask({ method, path: '/v2/' });
      assert.equal(status, 200);
      assert.deepEqual(
        new Set(Object.keys(headers)),
        new Set([
          ...['connection', 'content-length', 'content-type', 'date', 'keep-alive'],
          ...['docker-distribution-api-version', 'x-request-id'],
        ]),
      );
      assert.equal(body.length, method === 'HEAD' ? 0 : 2);
    }
  });

  it('is challenged by the scheme and host that the load balancer was asked by', async () => {
    const { headers } = await ask({
      method: 'GET',
      path: '/v2/',
      authorization: null,
      headers: { Host: 'registry.example', 'X-Forwarded-Proto': 'https' },
    });
    assert.match(
      headers['www-authenticate'] ?? '',
      /realm="https:\/\/registry\.example\/v2\/token"/,
    );
  });

  it('that waits for 100 Continue is told to go on', async () => {
    const lines = [
      'PUT /v2/a/image/manifests/v1 HTTP/1.1',
      'Host: a',
      `Authorization: ${basic(running)}`,
      'Expect: 100-continue',
      'Content-Length: 3',
      'Connection: close',
    ];
    const { head, body } = await sendBytes(running.url, `${lines.join('\r\n')}\r\n\r\n{"a`);
    assert.equal(head, 'HTTP/1.1 100 Continue');
    assert.match(body, /HTTP\/1\.1 400 Bad Request\r\n/);
  });

  it('leaves nothing of its body in the log, whoever refuses it', async () => {
    await put('{"password":"hunter2', { 'Content-Type': 'application/json' });
    await put(`password=hunter2&${'a=&'.repeat(2000)}`, {
      'Content-Type': 'application/x-www-form-urlencoded',
    });
    await put('hunter2', { ...manifestType, 'Content-Encoding': 'br' });
    assert.match(running.output(), /refused a request: 400 SyntaxError, entity.parse.failed/);
    assert.doesNotMatch(running.output(), /hunter2/);
    for (const line of running.output().trim().split('\n').slice(2)) JSON.parse(line);
  });
});
