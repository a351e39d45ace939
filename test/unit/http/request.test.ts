// Requests: the Host that the challenge repeats, and a body that is taken once, whole or not at all.

import assert from 'node:assert/strict';
import { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { parseRequest } from '#shared/http/request.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { urlCharactersMax } from '#shared/oci/limits.ts';

function messageOf(
  headers: Record<string, string>,
  { url = '/v2/', body = [] as readonly string[] } = {},
): IncomingMessage {
  const message = new IncomingMessage(new Socket());
  message.method = 'PUT';
  message.url = url;
  message.headers = headers;
  for (const piece of body) message.push(Buffer.from(piece));
  message.push(null);
  return message;
}

function refusal(code: string, status: number) {
  return (error: unknown) =>
    error instanceof RegistryError && error.code === code && error.status === status;
}

describe('the Host header', () => {
  it('is taken, in lower case, where it is a host name or an address, with a port or without', () => {
    for (const host of [
      'localhost',
      'localhost:5000',
      'REGISTRY.Example.com',
      '127.0.0.1:5000',
      '[::1]:5000',
      '[2001:db8::1]',
      'a',
      'a-b.c:1',
    ]) {
      const { host: read, origin } = parseRequest(messageOf({ host }));
      assert.equal(read, host.toLowerCase());
      assert.equal(origin, `http://${host.toLowerCase()}`);
    }
  });

  it('is one with the ports 80 and 443 and without, and is written in the origin as it came', () => {
    for (const [written, host] of [
      ['registry.example.com:80', 'registry.example.com'],
      ['Registry.example.com:443', 'registry.example.com'],
      ['[::1]:80', '[::1]'],
      ['registry.example.com:8080', 'registry.example.com:8080'],
      ['registry.example.com:4430', 'registry.example.com:4430'],
    ] as const) {
      const { host: read, origin } = parseRequest(messageOf({ host: written }));
      assert.equal(read, host);
      assert.equal(origin, `http://${written.toLowerCase()}`);
    }
  });

  it('is refused where it is missing or could break out of what it is written into', () => {
    for (const host of [
      '',
      ' ',
      'a b',
      'a"b',
      'a",realm="http://evil',
      'a,b',
      'a/b',
      'a\\b',
      'a@b',
      'a?b',
      'a#b',
      'a%0d%0aX:y',
      'a\r\nX: y',
      'a\n',
      'a:',
      'a:b',
      'a:123456',
      'a:5000:1',
      '-a',
      'a.',
      '.a',
      '[::1',
      '[::1]x',
      '[evil]',
      'ä',
      'a\0',
    ]) {
      const wrong = refusal('NAME_INVALID', 400);
      assert.throws(() => parseRequest(messageOf({ host })), wrong, JSON.stringify(host));
    }
    assert.throws(() => parseRequest(messageOf({})), refusal('NAME_INVALID', 400));
  });

  it('never comes through with a quote, a comma, a space or a control character', () => {
    const text = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.string({ unit: fc.constantFrom(...'ab01.-:[]", \r\n/@\\%') }),
    );
    fc.assert(
      fc.property(text, (host) => {
        try {
          assert.match(parseRequest(messageOf({ host })).host, /^[a-z0-9.:[\]-]+$/);
        } catch (error) {
          assert.ok(refusal('NAME_INVALID', 400)(error), String(error));
        }
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the host in HTTP/2', () => {
  const hostOf = (...rawHeaders: string[]) => {
    const message = messageOf({ host: rawHeaders[rawHeaders.indexOf('host') + 1] ?? '' });
    return parseRequest(Object.assign(message, { httpVersionMajor: 2, rawHeaders })).host;
  };

  it('is :authority, or Host where a proxy has left that', () => {
    assert.equal(hostOf(':path', '/', ':authority', 'A:1'), 'a:1');
    assert.equal(hostOf('host', 'a:1'), 'a:1');
    assert.equal(hostOf(':authority', 'a:1', 'host', 'A:1'), 'a:1');
  });

  it('is refused where the two differ, or one of them is there twice', () => {
    const wrong = refusal('NAME_INVALID', 400);
    assert.throws(() => hostOf(':authority', 'a', 'host', 'b'), wrong);
    assert.throws(() => hostOf(':authority', 'a', ':authority', 'a'), wrong);
    assert.throws(() => hostOf('host', 'a', 'host', 'a'), wrong);
    assert.throws(() => hostOf(':path', '/'), wrong);
  });
});

describe('the URL', () => {
  it('is split at the first question mark, and its path stays as it was sent', () => {
    const url = '/v2//a/%2e%2e/b?n=1&last=a%3Fb?c&n=2';
    const { path, query } = parseRequest(messageOf({ host: 'a' }, { url }));
    assert.equal(path, '/v2//a/%2e%2e/b');
    assert.deepEqual(query.getAll('n'), ['1', '2']);
    assert.equal(query.get('last'), 'a?b?c');
  });

  it('may have so many characters and no more', () => {
    const url = (characters: number) => `/${'a'.repeat(characters - 1)}`;
    const fits = messageOf({ host: 'a' }, { url: url(urlCharactersMax) });
    assert.equal(parseRequest(fits).path.length, urlCharactersMax);
    const long = messageOf({ host: 'a' }, { url: url(urlCharactersMax + 1) });
    assert.throws(() => parseRequest(long), refusal('NAME_INVALID', 414));
  });
});

describe('the body', () => {
  const read = async (headers: Record<string, string>, body: readonly string[], max: number) =>
    (await parseRequest(messageOf({ host: 'a', ...headers }, { body })).body.bytes(max)).toString();

  it('is read up to its greatest size, whether its length was announced or not', async () => {
    assert.equal(await read({}, ['ab', 'cd'], 4), 'abcd');
    assert.equal(await read({ 'content-length': '4' }, ['abcd'], 4), 'abcd');
    assert.equal(await read({ 'content-encoding': 'identity' }, ['abcd'], 4), 'abcd');
    await assert.rejects(read({}, ['ab', 'cd', 'e'], 4), refusal('SIZE_INVALID', 413));
    await assert.rejects(read({ 'content-length': '5' }, [], 4), refusal('SIZE_INVALID', 413));
  });

  it('is refused where it is encoded, streamed or at once', async () => {
    for (const encoding of ['gzip', 'GZIP', 'br', 'deflate', 'identity, gzip', 'x']) {
      const headers = { host: 'a', 'content-encoding': encoding };
      const wrong = refusal('UNSUPPORTED', 415);
      await assert.rejects(read(headers, ['abcd'], 4), wrong, encoding);
      const { body } = parseRequest(messageOf(headers, { body: ['abcd'] }));
      await assert.rejects(Array.fromAsync(body.stream()), wrong, encoding);
    }
  });

  it('has the length that was announced, none where it comes in chunks, and 0 where there is no body', () => {
    const lengthOf = (headers: Record<string, string>) =>
      parseRequest(messageOf({ host: 'a', ...headers })).body.length;
    assert.equal(lengthOf({ 'content-length': '17' }), 17);
    assert.equal(lengthOf({ 'transfer-encoding': 'chunked' }), undefined);
    assert.equal(lengthOf({}), 0);
  });

  it('has a length in HTTP/2 that was announced, or none where more than the headers comes', () => {
    const lengthOf = (headers: Record<string, string>, complete: boolean) =>
      parseRequest(
        Object.assign(messageOf({ host: 'a', ...headers }), { httpVersionMajor: 2, complete }),
      ).body.length;
    assert.equal(lengthOf({ 'content-length': '17' }, false), 17);
    assert.equal(lengthOf({}, false), undefined);
    assert.equal(lengthOf({}, true), 0);
  });
});
