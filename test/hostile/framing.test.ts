// Bytes that say two things at once, or nothing: where a request ends, whom it is for, and what protocol it is. To
// each there is one answer in the registry's own form, or an end, and nobody else's request is touched.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { errorCodesForTests } from '#test/support/error-codes.ts';
import { contentOf, randomBlob } from '#test/support/manifests.ts';
import {
  assertServed,
  call,
  discard,
  leavesNothing,
  open,
  openUpload,
  request,
  statusesOf,
} from './bystanders.ts';
import { readReply, type WireReply } from './wire-client.ts';

let berth: RunningBerth;
before(async () => {
  berth = await startBerth();
});
after(() => discard(berth));

/** Sends bytes, leaves our side open, and reads until the registry ends the connection. */
async function answersTo(bytes: string | Uint8Array): Promise<string> {
  let received = '';
  await leavesNothing(berth, async () => {
    const wire = await open(berth);
    wire.socket.write(bytes);
    await assertServed(berth);
    received = await wire.ended();
  });
  return received;
}

/** All answers in what came. */
function repliesIn(received: string, method = ''): WireReply[] {
  const replies: WireReply[] = [];
  let left = Buffer.from(received, 'latin1');
  while (left.length > 0) {
    const found = readReply(left, method);
    assert.ok(found !== undefined, `cut short: ${left.toString('latin1', 0, 300)}`);
    replies.push(found.reply);
    left = Buffer.from(found.rest);
  }
  return replies;
}

/** One refusal, in the specification's form, and the connection ended. */
function assertRefused(received: string, status: number, code: string): void {
  const [reply, ...more] = repliesIn(received);
  assert.ok(reply !== undefined, 'there is no answer');
  assert.deepEqual(more, [], 'there is more than one answer');
  assert.equal(reply.status, status, String(reply.body));
  assert.equal(reply.headers.get('content-type'), 'application/json');
  assert.equal(reply.headers.get('connection'), 'close');
  const { errors } = JSON.parse(String(reply.body)) as {
    errors: { code: string; message: string; detail: { requestId: string } }[];
  };
  assert.deepEqual(
    errors.map((error) => error.code),
    [code],
  );
  assert.ok(errorCodesForTests.has(code));
  assert.equal(errors[0]?.detail.requestId, reply.headers.get('x-request-id'));
  assert.doesNotMatch(received, /node:|\.ts\b|\bat \w+ \(/);
}

const closing = 'Connection: close';

describe('the end of a request', () => {
  const ambiguous: readonly (readonly string[])[] = [
    ['Content-Length: 5', 'Transfer-Encoding: chunked'],
    ['Transfer-Encoding: chunked', 'Content-Length: 5'],
    ['Content-Length: 5', 'Content-Length: 6'],
    ['Content-Length: 5', 'Content-Length: 5'],
    ['Content-Length: 5, 6'],
    ['Content-Length: +5'],
    ['Content-Length: -5'],
    ['Content-Length: 0x5'],
    ['Content-Length: 5 5'],
    ['Content-Length: 99999999999999999999'],
    ['Content-Length:'],
    ['Transfer-Encoding: xchunked'],
    ['Transfer-Encoding: chunked, identity'],
    ['Transfer-Encoding: \u000bchunked'],
    ['Transfer-Encoding : chunked'],
    ['Transfer-Encoding:', ' chunked'],
    ['Transfer-Encoding: chunked', 'Transfer-Encoding: identity'],
    ['X: y', ' Transfer-Encoding: chunked'],
    ['X: y\rTransfer-Encoding: chunked'],
    ['X: y\0'],
    ['X : y'],
    [': y'],
  ];
  for (const lines of ambiguous) {
    it(`cannot be left open by ${JSON.stringify(lines)}: what is behind is not done`, async () => {
      const { bytes, digest } = randomBlob(20);
      const target = `/v2/smuggled/blob/blobs/uploads/?digest=${digest}`;
      const body = bytes.toString('latin1');
      const behind = request(berth, `POST ${target}`, [`Content-Length: ${bytes.length}`], body);
      const first = request(berth, 'POST /v2/a/blobs/uploads/', lines, `0\r\n\r\n${behind}`);
      assertRefused(await answersTo(Buffer.from(first, 'latin1')), 400, 'SIZE_INVALID');
      const found = await call(berth, {
        method: 'HEAD',
        path: `/v2/smuggled/blob/blobs/${digest}`,
      });
      assert.equal(found.status, 404);
    });
  }

  const chunks = [
    'zz\r\n',
    '-5\r\n12345\r\n',
    '5\r\n1234567\r\n',
    'fffffffffffffffff\r\n',
    '5\n12345',
    ' 5\r\n12345',
    '5;\0\r\n12345\r\n',
    '\r\n',
    '0\r\nX : y\r\n\r\n',
  ];
  for (const body of chunks) {
    it(`is not guessed where chunks are broken: ${JSON.stringify(body)}`, async () => {
      const { location, range } = await openUpload(berth, 'broken/chunks');
      const sent = request(berth, `PATCH ${location}`, ['Transfer-Encoding: chunked'], body);
      assertRefused(await answersTo(sent), 400, 'SIZE_INVALID');
      assert.equal(await range(), '0-0');
    });
  }

  it('is found in each of a hundred that are sent at once, and answered in their order', async () => {
    const asked = Array.from({ length: 100 }, (_, at) => {
      const { bytes, digest } = contentOf(`blob ${at}\r\n\r\nGET / HTTP/1.1\r\n`);
      const target = `/v2/many/at-once/blobs/uploads/?digest=${digest}`;
      const text =
        at % 2 === 0
          ? request(berth, `POST ${target}`, [`Content-Length: ${bytes.length}`], String(bytes))
          : request(
              berth,
              `POST ${target}`,
              ['Transfer-Encoding: chunked'],
              `${bytes.length.toString(16)}\r\n${bytes}\r\n0\r\n\r\n`,
            );
      return { text, digest };
    });
    const last = request(berth, 'GET /v2/', [closing]);
    const replies = repliesIn(await answersTo(`${asked.map(({ text }) => text).join('')}${last}`));
    assert.deepEqual(
      replies.map(({ status }) => status),
      [...asked.map(() => 201), 200],
    );
    const digests = replies.slice(0, -1).map(({ headers }) => headers.get('docker-content-digest'));
    assert.deepEqual(
      digests,
      asked.map(({ digest }) => digest),
    );
  });
});

describe('whom a request is for', () => {
  it('must not be said twice: two Host headers are refused (RFC 9112 section 3.2)', async () => {
    for (const second of ['elsewhere', berth.host, '']) {
      const received = await answersTo(request(berth, 'GET /v2/', [`Host: ${second}`, closing]));
      assertRefused(received, 400, 'NAME_INVALID');
      assert.doesNotMatch(received, /www-authenticate/i);
    }
  });

  it('must be said, by HTTP/1.0 as well', async () => {
    for (const version of ['1.1', '1.0']) {
      const received = await answersTo(`GET /v2/ HTTP/${version}\r\n${closing}\r\n\r\n`);
      assertRefused(received, 400, 'NAME_INVALID');
    }
  });

  const targets: readonly (readonly [string, string, number, string])[] = [
    ['a tunnel', 'CONNECT elsewhere:443', 405, 'UNSUPPORTED'],
    ['a tunnel to a path', 'CONNECT /v2/a/manifests/v1', 405, 'UNSUPPORTED'],
    ['an asterisk', 'OPTIONS *', 404, 'NAME_UNKNOWN'],
    ['an asterisk that is read', 'GET *', 404, 'NAME_UNKNOWN'],
    ['a whole URL of elsewhere', 'GET http://elsewhere/v2/', 404, 'NAME_UNKNOWN'],
    ['a URL of a file', 'GET file:///etc/passwd', 404, 'NAME_UNKNOWN'],
    ['two slashes', 'GET //v2/', 404, 'NAME_UNKNOWN'],
  ];
  for (const [what, line, status, code] of targets) {
    it(`is nobody here, where the target is ${what}`, async () => {
      assertRefused(await answersTo(request(berth, line, [closing])), status, code);
    });
  }
});

describe('another protocol', () => {
  const hello = `160301002f0100002b0303${'00'.repeat(32)}000002c02f01000000`;
  const protocols: readonly (readonly [string, string | Buffer, string?])[] = [
    // Which had no headers, and so cannot say whom it is for.
    ['HTTP/0.9', 'GET /v2/\r\n\r\n', 'NAME_INVALID'],
    ['HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'],
    ['HTTP/3 by name', 'GET /v2/ HTTP/3.0\r\nHost: a\r\n\r\n'],
    ['TLS', Buffer.from(hello, 'hex')],
    ['SSH', 'SSH-2.0-OpenSSH_9.6\r\n'],
    ['SMTP', 'EHLO elsewhere\r\n'],
    ['a proxy’s preamble', 'PROXY TCP4 192.0.2.1 192.0.2.2 1 2\r\nGET /v2/ HTTP/1.1\r\n\r\n'],
    ['no text at all', Buffer.alloc(5000)],
  ];
  for (const [what, bytes, code = 'SIZE_INVALID'] of protocols) {
    it(`is told that this is none: ${what}`, async () => {
      assertRefused(await answersTo(bytes), 400, code);
    });
  }

  it('that is offered and not taken leaves those behind it answered, or the connection ended', async () => {
    const upgrade = request(berth, 'GET /v2/', ['Connection: Upgrade', 'Upgrade: h2c']);
    const received = await answersTo(`${upgrade}${request(berth, 'GET /v2/', [closing])}`);
    const [first] = statusesOf(received);
    assert.equal(first, 200);
  });
});

describe('what is no HTTP behind a request that is', () => {
  it('does not cut into its answer', async () => {
    const { bytes, digest } = contentOf(
      Buffer.alloc(16 * 1024 * 1024, 'the answer, and nothing else. '),
    );
    const path = '/v2/answers/whole/blobs';
    const pushed = { method: 'POST', path: `${path}/uploads/?digest=${digest}`, body: bytes };
    assert.equal((await call(berth, pushed)).status, 201);
    const received = await answersTo(`${request(berth, `GET ${path}/${digest}`)}hello\r\n\r\n`);
    const found = readReply(Buffer.from(received, 'latin1'), 'GET');
    assert.ok(found !== undefined, `the answer ended after ${received.length} bytes`);
    assert.equal(found.reply.status, 200);
    assert.ok(found.reply.body.equals(bytes), 'something else came within the answer');
    if (found.rest.length > 0) assertRefused(found.rest.toString('latin1'), 400, 'SIZE_INVALID');
  });

  it('does not keep what was asked before it from being done', async () => {
    const { bytes, digest } = randomBlob(20);
    const target = `/v2/answers/done/blobs/uploads/?digest=${digest}`;
    const post = request(berth, `POST ${target}`, [`Content-Length: ${bytes.length}`]);
    const received = await answersTo(
      Buffer.concat([Buffer.from(post), bytes, Buffer.from('\0\0\0\0\r\n\r\n')]),
    );
    assert.equal(statusesOf(received)[0], 201, received);
  });
});

describe('Expect: 100-continue', () => {
  const expecting = ['Expect: 100-continue', 'Content-Length: 5'];

  it('is answered by the refusal, and no 100, where nobody may send a body', async () => {
    const text = request(berth, 'POST /v2/a/blobs/uploads/', expecting).replace(
      /Authorization: .*\r\n/,
      '',
    );
    assertRefused(await answersTo(text), 401, 'UNAUTHORIZED');
  });

  it('is answered by the refusal, and no 100, where the body would be too large', async () => {
    const length = `Content-Length: ${4 * 1024 * 1024 + 1}`;
    const text = request(berth, 'PUT /v2/a/manifests/v1', ['Expect: 100-continue', length]);
    assertRefused(await answersTo(text), 413, 'SIZE_INVALID');
  });

  it('is answered by 100 and then by the answer, where the body is wanted', async () => {
    const { bytes, digest } = contentOf('12345');
    const wire = await open(berth);
    const target = `POST /v2/a/b/blobs/uploads/?digest=${digest}`;
    wire.socket.write(request(berth, target, [...expecting, closing]));
    assert.match(await wire.until(/\r\n\r\n/), /^HTTP\/1\.1 100 Continue\r\n\r\n$/);
    wire.socket.write(bytes);
    assert.deepEqual(statusesOf(await wire.ended()), [100, 201]);
  });
});
