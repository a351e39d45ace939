// Input that nobody should send: a clear error in the protocol's own form, nothing changed, nothing leaked.

import assert from 'node:assert/strict';
import { METHODS } from 'node:http';
import { connect } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
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

  const manifest = '/v2/a/manifests/v1';
  const others = METHODS.filter(
    (method) => !['GET', 'HEAD', 'PUT', 'DELETE', 'CONNECT'].includes(method),
  );
  for (const method of [...others, 'CONNECT']) {
    it(`refuse ${method} of a manifest, and say what is allowed`, async () => {
      const answer = await sendBytes(registry().url, text(method, manifest));
      assertRefusal(answer, 405, 'UNSUPPORTED');
      assert.match(answer.head, /^allow: GET, HEAD, PUT, DELETE$/im);
    });
  }

  it('refuse a method that is none', async () => {
    for (const method of ['BREW', 'get', 'G\0T', 'X'.repeat(1000)]) {
      assertRefusal(await sendBytes(registry().url, text(method, manifest)), 400, 'SIZE_INVALID');
    }
  });

  it('are answered, and never failed at, whatever is put together', async () => {
    const digest = digestOf(Buffer.from('x'));
    const segment = fc.constantFrom(
      ...['a', '..', '.', '', '%2e%2e', '%2f', '%00', '%', '%zz', '\\', 'A', '~', ':', '*'],
      ...['blobs', 'uploads', 'manifests', 'tags', 'list', 'referrers', '_catalog', 'token'],
      ...[digest, 'sha256:', 'sha512:00', '__proto__', 'constructor', 'x'.repeat(300), '%F0%9F'],
    );
    const parameter = fc
      .tuple(
        fc.constantFrom(
          ...['n', 'last', 'digest', 'mount', 'from', '_state', 'tag', 'artifactType'],
          ...['digest-algorithm', 'scope', 'service', 'account', '__proto__', ''],
        ),
        fc.constantFrom(
          ...['', '0', '-1', '1e9', '99999999999999999999', '%00', '%ff', '..', 'a', 'a/b', '*'],
          ...[digest, 'sha256:..', 'repository:a:pull', 'repository:..:*', 'a.b.sha256.c'],
        ),
      )
      .map((pair) => pair.join('='));
    const header = fc.constantFrom(
      ...['Range: bytes=0-', 'Range: bytes=9-1', 'Range: x', 'If-None-Match: *', 'If-Range: x'],
      ...['Content-Range: 0-1', 'Content-Range: 5-6', 'Content-Range: x', 'Content-Type: x'],
      ...['Content-Encoding: gzip', 'Accept: x', 'Expect: x', 'X-Forwarded-Proto: javascript'],
      ...['Upgrade: h2c', 'Cookie: a=b', 'X-HTTP-Method-Override: DELETE', 'Trailer: x'],
    );
    const anything = fc.record({
      method: fc.constantFrom('GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'),
      segments: fc.array(segment, { maxLength: 7 }),
      parameters: fc.array(parameter, { maxLength: 4 }),
      headers: fc.array(header, { maxLength: 3 }),
      body: fc.constantFrom('', '{}', '[]', '\0', 'grant_type=password&username=a&password=b'),
    });
    await fc.assert(
      fc.asyncProperty(anything, async ({ method, segments, parameters, headers, body }) => {
        const target = `/v2/${segments.join('/')}?${parameters.join('&')}`;
        const lengths = [`Content-Length: ${body.length}`, ...headers];
        const answer = await sendBytes(registry().url, text(method, target, lengths, body));
        assert.ok(answer.status >= 200 && answer.status < 500, `${answer.status} ${answer.body}`);
        if (answer.status >= 400 && method !== 'HEAD') {
          const { errors } = JSON.parse(answer.body);
          assertRefusal(answer, answer.status, errors[0].code);
        }
      }),
      { numRuns: 500 },
    );
    assert.deepEqual(registry().logged, []);
  });
});

describe('headers', () => {
  it('of more than 64 KiB are refused with 431', async () => {
    const answer = await sendBytes(
      registry().url,
      text('GET', '/v2/', [`X: ${'x'.repeat(70_000)}`]),
    );
    assertRefusal(answer, 431, 'SIZE_INVALID');
  });

  it('of two hosts are refused: which is meant, nobody knows (RFC 9112 section 3.2)', async () => {
    for (const second of ['elsewhere', new URL(registry().url).host]) {
      const answer = await sendBytes(registry().url, text('GET', '/v2/', [`Host: ${second}`]));
      assert.equal(answer.status, 400);
      assert.doesNotMatch(answer.head, /www-authenticate/i);
    }
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

  const ambiguous: readonly (readonly string[])[] = [
    ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: chunked', 'Content-Length: 5'],
    ['Content-Length: 5', 'Content-Length: 6'],
    ['Content-Length: 5, 6'],
    ['Content-Length: +5'],
    ['Content-Length: -5'],
    ['Content-Length: 0x5'],
    ['Content-Length: 99999999999999999999'],
    ['Transfer-Encoding: xchunked'],
    ['Transfer-Encoding: chunked, identity'],
    ['Transfer-Encoding: \u000bchunked'],
    ['Transfer-Encoding : chunked'],
    ['Transfer-Encoding:', ' chunked'],
    ['X: y', ' Transfer-Encoding: chunked'],
  ];
  for (const lines of ambiguous) {
    it(`cannot leave the end of the body open: ${JSON.stringify(lines)}`, async () => {
      const bytes = Buffer.from(`smuggled by ${lines}`);
      const stored = `/v2/hostile/smuggled/blobs/uploads/?digest=${digestOf(bytes)}`;
      const behind = text('POST', stored, [`Content-Length: ${bytes.length}`], bytes.toString());
      const request = text('POST', '/v2/a/blobs/uploads/', lines, `0\r\n\r\n${behind}`);
      const answer = await sendBytes(registry().url, request);
      assertRefusal(answer, 400, 'SIZE_INVALID');
      await sendAll(registry().url, [
        {
          method: 'HEAD',
          path: `/v2/hostile/smuggled/blobs/${digestOf(bytes)}`,
          expect: { status: 404 },
        },
      ]);
    });
  }

  it('that are not HTTP, behind a request that is, do not cut into its answer', async () => {
    const bytes = Buffer.alloc(16 * 1024 * 1024, 'the answer, and nothing but it. ');
    const path = `/v2/hostile/answers/blobs/${digestOf(bytes)}`;
    await sendAll(registry().url, [
      {
        method: 'POST',
        path: `/v2/hostile/answers/blobs/uploads/?digest=${digestOf(bytes)}`,
        body: bytes,
        expect: { status: 201 },
      },
    ]);
    const get = text('GET', path).replace('Connection: close', 'Connection: keep-alive');
    const answer = await sendBytes(registry().url, `${get}hello\r\n\r\n`);
    // It may have broken off, for then it is seen to be short; what did come must be the blob's.
    const received = Buffer.from(answer.body, 'latin1').subarray(0, bytes.length);
    const wrongAt = received.findIndex((byte, at) => byte !== bytes[at]);
    assert.equal(wrongAt, -1, received.subarray(wrongAt, wrongAt + 200).toString());
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

  for (const afterwards of ['end', 'reset'] as const) {
    it(`leave no manifest when they break off: ${afterwards}`, async () => {
      const cut = put([], '{"schemaVersion":2}').slice(0, -5);
      assert.notEqual((await sendBytes(registry().url, cut, { afterwards })).status, 201);
      const found = await sendBytes(registry().url, text('GET', '/v2/hostile/bodies/manifests/v1'));
      assertRefusal(found, 404, 'MANIFEST_UNKNOWN');
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
    const gzip = ['Content-Length: 5', 'Content-Encoding: gzip'];
    for (const [method, target] of [
      ['PATCH', location],
      ['PUT', `${location}&digest=${digest}`],
      ['POST', `/v2/${name}/blobs/uploads/?digest=${digest}`],
    ] as const) {
      const answer = await sendBytes(registry().url, text(method, target, gzip, '12345'));
      assertRefusal(answer, 415, 'UNSUPPORTED');
      await received(location, '0-0');
    }
  });

  it('take no gzip as a transfer coding either (RFC 9112 section 6.1)', async () => {
    const location = await open();
    const coded = text(
      'PATCH',
      location,
      ['Transfer-Encoding: gzip, chunked'],
      '5\r\n12345\r\n0\r\n\r\n',
    );
    const { status } = await sendBytes(registry().url, coded);
    assert.ok([400, 415, 501].includes(status), `answered ${status}`);
    await received(location, '0-0');
  });

  it('take no chunk whose framing is broken', async () => {
    const location = await open();
    for (const body of ['zz\r\n', '-5\r\n12345\r\n', '5\r\n1234567\r\n', 'fffffffffffffffff\r\n']) {
      const broken = text('PATCH', location, ['Transfer-Encoding: chunked'], body);
      assertRefusal(await sendBytes(registry().url, broken), 400, 'SIZE_INVALID');
      await received(location, '0-0');
    }
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
    it(`are not known by an address ${what}, whatever is asked of it`, async () => {
      const location = await open();
      const address = new URL(forge(location), registry().url);
      address.searchParams.set('digest', digest);
      for (const method of ['GET', 'PATCH', 'PUT', 'DELETE']) {
        const request = text(method, address.pathname + address.search, announced, bytes);
        const answer = await sendBytes(registry().url, request);
        assertRefusal(answer, 404, 'BLOB_UPLOAD_UNKNOWN');
      }
      await received(location, '0-0');
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

describe('downloads that break off', () => {
  it('stop being read from the store, and are no failure of the registry', {
    timeout: 20_000,
  }, async () => {
    const bytes = Buffer.alloc(32 * 1024 * 1024, 'much more than a socket holds');
    const path = `/v2/hostile/downloads/blobs/${digestOf(bytes)}`;
    await sendAll(registry().url, [
      {
        method: 'POST',
        path: `/v2/hostile/downloads/blobs/uploads/?digest=${digestOf(bytes)}`,
        body: bytes,
        expect: { status: 201 },
      },
    ]);
    const { blobs } = registry().services;
    const read = blobs.read.bind(blobs);
    let sent = 0;
    const stopped = new Promise<void>((resolve) => {
      async function* watch(pieces: AsyncIterable<Uint8Array>) {
        try {
          for await (const piece of pieces) {
            sent += piece.length;
            yield piece;
          }
        } finally {
          resolve();
        }
      }
      blobs.read = async (object, range) => {
        const pieces = await read(object, range);
        return pieces && watch(pieces);
      };
    });
    const { hostname, port } = new URL(registry().url);
    const socket = connect(Number(port), hostname, () => socket.write(text('GET', path)));
    socket.once('data', () => socket.resetAndDestroy());
    await stopped;
    blobs.read = read;
    assert.ok(sent < bytes.length, `${sent} bytes were read`);
    assert.deepEqual(registry().logged, []);
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
