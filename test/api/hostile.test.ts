// Input that nobody should send: a clear error in the protocol's own form, nothing changed, nothing leaked.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '#shared/oci/digest.ts';
import { sendAll, useRegistry } from '#test/support/calls.ts';
import { errorCodesForTests } from '#test/support/error-codes.ts';
import { adminBasic } from '#test/support/registry.ts';
import { sendBytes, type WireAnswer } from '#test/support/wire.ts';

const registry = useRegistry();

/** A request as text; `Connection: close` so that the answer ends. */
function text(method: string, target: string, headers: readonly string[] = [], body = ''): string {
  const lines = [
    `${method} ${target} HTTP/1.1`,
    `Host: ${new URL(registry().url).host}`,
    `Authorization: ${adminBasic}`,
    'Connection: close',
    ...headers,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** What every refusal has in common, whatever it refuses. */
function assertRefusal(answer: WireAnswer, status: number, code: string): void {
  assert.equal(answer.status, status, `${answer.head}\n${answer.body}`);
  assert.match(answer.head, /^content-type: application\/json$/im);
  const { errors } = JSON.parse(answer.body);
  assert.equal(errors[0].code, code);
  assert.ok(errorCodesForTests.has(code), `${code} is none of the specification's`);
  assert.ok(errors[0].message.length > 10 && errors[0].message.length < 1000);
  const [, id] = /^x-request-id: (\S+)$/im.exec(answer.head) ?? [];
  assert.equal(errors[0].detail.requestId, id);
  assert.doesNotMatch(answer.body, /node:|\.ts\b|\bat \w+ \(/);
}

describe('paths and methods', () => {
  const refused: readonly (readonly [string, string, string, number, string])[] = [
    ['dots that climb', 'GET', '/v2/../../etc/passwd', 404, 'NAME_UNKNOWN'],
    ['dots in a name', 'GET', '/v2/a/../b/manifests/v1', 400, 'NAME_INVALID'],
    ['encoded dots', 'GET', '/v2/a/%2e%2e/manifests/v1', 400, 'NAME_INVALID'],
    ['an encoded slash', 'GET', '/v2/a%2fb/manifests/v1', 400, 'NAME_INVALID'],
    ['an empty segment', 'GET', '/v2/a//b/manifests/v1', 400, 'NAME_INVALID'],
    ['an encoded NUL', 'GET', '/v2/a/manifests/v1%00', 404, 'MANIFEST_UNKNOWN'],
    ['a backslash', 'GET', '/v2/a\\b/manifests/v1', 400, 'NAME_INVALID'],
    ['upper case', 'GET', '/v2/Demo/manifests/v1', 400, 'NAME_INVALID'],
    ['a name of 256 characters', 'GET', `/v2/${'a'.repeat(256)}/tags/list`, 400, 'NAME_INVALID'],
    [
      'a URL of 20,000 characters',
      'GET',
      `/v2/${'a/'.repeat(10_000)}tags/list`,
      414,
      'NAME_INVALID',
    ],
    ['10,000 parameters', 'GET', `/v2/a/tags/list?${'n=1&'.repeat(10_000)}`, 414, 'NAME_INVALID'],
    ['a whole URL of another host', 'GET', 'http://elsewhere/v2/', 404, 'NAME_UNKNOWN'],
    ['an asterisk', 'OPTIONS', '*', 404, 'NAME_UNKNOWN'],
    ['what is not of the registry', 'GET', '/index.html', 404, 'NAME_UNKNOWN'],
    ['a method of WebDAV', 'PROPFIND', '/v2/', 405, 'UNSUPPORTED'],
    ['TRACE', 'TRACE', '/v2/a/manifests/v1', 405, 'UNSUPPORTED'],
    ['PATCH of a manifest', 'PATCH', '/v2/a/manifests/v1', 405, 'UNSUPPORTED'],
    ['a page that is no number', 'GET', '/v2/a/tags/list?n=-1', 400, 'UNSUPPORTED'],
    ['a last with a NUL', 'GET', '/v2/a/tags/list?last=%00', 400, 'UNSUPPORTED'],
    ['a digest that is none', 'GET', '/v2/a/blobs/sha256:..%2f..', 400, 'DIGEST_INVALID'],
    [
      'an algorithm that is none',
      'POST',
      '/v2/a/blobs/uploads/?digest-algorithm=md5',
      400,
      'DIGEST_INVALID',
    ],
  ];
  for (const [what, method, target, status, code] of refused) {
    it(`refuse ${what}`, async () => {
      const answer = await sendBytes(registry().url, text(method, target));
      assertRefusal(answer, status, code);
      if (status === 405) assert.match(answer.head, /^allow: /im);
    });
  }
});

describe('headers', () => {
  it('of more than 64 KiB are refused with 431', async () => {
    const answer = await sendBytes(
      registry().url,
      text('GET', '/v2/', [`X: ${'x'.repeat(70_000)}`]),
    );
    assertRefusal(answer, 431, 'SIZE_INVALID');
  });

  for (const host of ['a"b', 'a b', 'a,realm="http://evil"', '<script>', '../..', '']) {
    it(`name no host as ${JSON.stringify(host)}, and it is not repeated in a challenge`, async () => {
      const request = `GET /v2/ HTTP/1.1\r\nHost: ${host}\r\nConnection: close\r\n\r\n`;
      const answer = await sendBytes(registry().url, request);
      assert.equal(answer.status, 400);
      assert.doesNotMatch(answer.head, /www-authenticate/i);
    });
  }

  it('must have a host', async () => {
    const answer = await sendBytes(
      registry().url,
      'GET /v2/ HTTP/1.1\r\nConnection: close\r\n\r\n',
    );
    assertRefusal(answer, 400, 'NAME_INVALID');
  });

  it('cannot say two lengths: what is smuggled behind is not answered', async () => {
    const smuggled = 'GET /v2/_catalog HTTP/1.1\r\nHost: x\r\n\r\n';
    const answer = await sendBytes(
      registry().url,
      text(
        'POST',
        '/v2/a/blobs/uploads/',
        ['Content-Length: 3', 'Transfer-Encoding: chunked'],
        `0\r\n\r\n${smuggled}`,
      ),
    );
    assertRefusal(answer, 400, 'SIZE_INVALID');
    assert.doesNotMatch(answer.body, /repositories/);
  });

  it('that are not HTTP are refused in the registry’s own form', async () => {
    assertRefusal(await sendBytes(registry().url, 'hello\r\n\r\n'), 400, 'SIZE_INVALID');
  });
});

describe('bodies', () => {
  const put = (headers: readonly string[], body: string) =>
    text(
      'PUT',
      '/v2/hostile/bodies/manifests/v1',
      [`Content-Length: ${Buffer.byteLength(body)}`, ...headers],
      body,
    );
  const refused: readonly (readonly [string, readonly string[], string, number, string])[] = [
    ['gzip', ['Content-Encoding: gzip'], 'xx', 415, 'UNSUPPORTED'],
    ['no JSON', [], 'blablabla', 400, 'MANIFEST_INVALID'],
    ['JSON that is no object', [], '[]', 400, 'MANIFEST_INVALID'],
    ['a media type of something else', ['Content-Type: text/html'], '{}', 400, 'MANIFEST_INVALID'],
    ['JSON nested a million deep', [], '['.repeat(1_000_000), 400, 'MANIFEST_INVALID'],
    ['objects nested a million deep', [], '{"a":'.repeat(200_000), 400, 'MANIFEST_INVALID'],
    ['nothing', [], '', 400, 'MANIFEST_INVALID'],
  ];
  for (const [what, headers, body, status, code] of refused) {
    it(`refuse a manifest of ${what}`, async () => {
      assertRefusal(await sendBytes(registry().url, put(headers, body)), status, code);
    });
  }

  it('refuse a manifest of more than 4 MiB before it was sent', async () => {
    const head = text('PUT', '/v2/hostile/bodies/manifests/v1', [
      `Content-Length: ${4 * 1024 * 1024 + 1}`,
    ]);
    assertRefusal(await sendBytes(registry().url, head), 413, 'SIZE_INVALID');
  });

  it('are not waited for where the client may not push: it hears so at once, and the connection ends', async () => {
    const request = `PATCH /v2/a/blobs/uploads/x HTTP/1.1\r\nHost: localhost\r\nContent-Length: ${10 ** 12}\r\n\r\n`;
    const answer = await sendBytes(registry().url, `${request}${'x'.repeat(100_000)}`);
    assertRefusal(answer, 401, 'UNAUTHORIZED');
    assert.match(answer.head, /^connection: close$/im);
  });
});

describe('uploads that break off', () => {
  const name = 'hostile/broken';
  const bytes = 'these bytes never arrive whole';
  const digest = digestOf(Buffer.from(bytes));
  const open = async () => {
    const kept = await sendAll(registry().url, [
      {
        method: 'POST',
        path: `/v2/${name}/blobs/uploads/`,
        expect: { status: 202 },
        keep: { location: 'Location' },
      },
    ]);
    return kept.get('location') ?? '';
  };
  const received = (location: string, range: string) =>
    sendAll(registry().url, [
      { method: 'GET', path: location, expect: { status: 204, headers: { range } } },
      { method: 'HEAD', path: `/v2/${name}/blobs/${digest}`, expect: { status: 404 } },
    ]);
  const announced = [`Content-Length: ${bytes.length}`];

  for (const afterwards of ['end', 'reset'] as const) {
    it(`leave the session as it was: PATCH, ${afterwards}`, async () => {
      const location = await open();
      const cut = text('PATCH', location, announced, bytes.slice(0, 10));
      assert.notEqual((await sendBytes(registry().url, cut, { afterwards })).status, 202);
      await received(location, '0-0');
    });

    it(`leave nothing: PUT of the whole, ${afterwards}`, async () => {
      const location = await open();
      const cut = text('PUT', `${location}&digest=${digest}`, announced, bytes.slice(0, 10));
      assert.notEqual((await sendBytes(registry().url, cut, { afterwards })).status, 201);
      await received(location, '0-0');
    });

    it(`leave nothing: POST of the whole, ${afterwards}`, async () => {
      const target = `/v2/${name}/blobs/uploads/?digest=${digest}`;
      const cut = text('POST', target, announced, bytes.slice(0, 10));
      assert.notEqual((await sendBytes(registry().url, cut, { afterwards })).status, 201);
      await received(await open(), '0-0');
    });
  }

  const chunks: readonly (readonly [string, string, string, number, string])[] = [
    ['longer than its range', '0-3', '12345', 400, 'SIZE_INVALID'],
    ['shorter than its range', '0-9', '12345', 400, 'SIZE_INVALID'],
    ['that begins too late', '5-9', '12345', 416, 'BLOB_UPLOAD_INVALID'],
    ['whose range is none', 'five', '12345', 400, 'BLOB_UPLOAD_INVALID'],
    ['whose range runs backwards', '4-0', '12345', 400, 'BLOB_UPLOAD_INVALID'],
  ];
  for (const [what, range, body, status, code] of chunks) {
    it(`take no chunk ${what}`, async () => {
      const location = await open();
      const headers = [`Content-Length: ${body.length}`, `Content-Range: ${range}`];
      assertRefusal(
        await sendBytes(registry().url, text('PATCH', location, headers, body)),
        status,
        code,
      );
      await received(location, '0-0');
      const chunked = text(
        'PATCH',
        location,
        ['Transfer-Encoding: chunked', `Content-Range: ${range}`],
        `5\r\n${body}\r\n0\r\n\r\n`,
      );
      assertRefusal(await sendBytes(registry().url, chunked), status, code);
      await received(location, '0-0');
    });
  }

  it('take no gzip', async () => {
    const location = await open();
    const gzip = text('PATCH', location, ['Content-Length: 5', 'Content-Encoding: gzip'], '12345');
    assertRefusal(await sendBytes(registry().url, gzip), 415, 'UNSUPPORTED');
    await received(location, '0-0');
  });

  const forged: readonly (readonly [string, (location: string) => string])[] = [
    ['of another repository', (location) => location.replace(name, 'hostile/other')],
    ['of another session', (location) => location.replace(/uploads\/.{8}/, 'uploads/00000000')],
    [
      'with a later beginning',
      (location) => location.replace(/_state=([^.]+)\.[^.]+/, '_state=$1.zzzzzz'),
    ],
    ['with another signature', (location) => location.slice(0, -3)],
    ['with no state', (location) => location.replace(/\?.*/, '')],
  ];
  for (const [what, forge] of forged) {
    it(`are not known by an address ${what}`, async () => {
      const answer = await sendBytes(registry().url, text('GET', forge(await open())));
      assertRefusal(answer, 404, 'BLOB_UPLOAD_UNKNOWN');
    });
  }

  it('go on where they stood', async () => {
    const location = await open();
    await sendBytes(registry().url, text('PATCH', location, announced, bytes.slice(0, 10)), {
      afterwards: 'reset',
    });
    await sendAll(registry().url, [
      {
        method: 'PATCH',
        path: location,
        body: bytes.slice(0, 20),
        expect: { status: 202, headers: { range: '0-19' } },
      },
      {
        method: 'PUT',
        path: `${location}&digest=${digest}`,
        body: bytes.slice(20),
        expect: { status: 201 },
      },
    ]);
  });

  it('are forgotten after a day', async () => {
    const location = await open();
    registry().clock.advance(24 * 60 * 60 * 1000);
    assertRefusal(
      await sendBytes(registry().url, text('GET', location)),
      404,
      'BLOB_UPLOAD_UNKNOWN',
    );
  });
});

describe('after all of this', () => {
  it('the registry has failed nowhere, and works', async () => {
    assert.deepEqual(registry().logged, []);
    const bytes = Buffer.from('as if nothing had happened');
    const digest = digestOf(bytes);
    await sendAll(registry().url, [
      {
        method: 'POST',
        path: `/v2/hostile/after/blobs/uploads/?digest=${digest}`,
        body: bytes,
        expect: { status: 201 },
      },
      {
        method: 'GET',
        path: `/v2/hostile/after/blobs/${digest}`,
        expect: { status: 200, body: bytes },
      },
    ]);
  });
});
