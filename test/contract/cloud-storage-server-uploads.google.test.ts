// The stand-in for Cloud Storage keeps the service's rules: uploads, and what becomes of those that break off.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { describe, it } from 'node:test';
import { Storage } from '@google-cloud/storage';
import { fakeClock } from '#test/support/clock.ts';
import {
  crc32cOf,
  createOnly,
  goneGeneration,
  useCloudStorage,
} from '#test/support/cloud-storage-client.ts';

const unit = 256 * 1024;
const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
const client = useCloudStorage({ clock });

type Headers = Readonly<Record<string, string>>;

/** An upload's first request, which may be its only one. */
function post(query: Record<string, string>, body: string | Buffer, headers: Headers = {}) {
  const url = `${client.server.url}/upload/storage/v1/b/the-blobs/o?${new URLSearchParams(query)}`;
  return fetch(url, { method: 'POST', headers, body: new Uint8Array(Buffer.from(body)) });
}

function multipart(...parts: readonly (readonly [type: string, body: string])[]): string {
  const texts = parts.map(([type, body]) => `--edge\r\nContent-Type: ${type}\r\n\r\n${body}\r\n`);
  return `${texts.join('')}--edge--`;
}

/** Sends pieces as they are; the connection breaks behind them when the length says that more should come. */
function sendPieces(
  method: string,
  url: string,
  pieces: readonly (string | Buffer)[],
  headers: Headers,
): Promise<number | 'broken'> {
  return new Promise((resolve) => {
    const sent = request(url, { method, headers }, (answer) => {
      answer.resume().once('end', () => resolve(answer.statusCode ?? 0));
    });
    sent.once('error', () => resolve('broken'));
    sent.once('socket', (socket) => socket.setNoDelay(true));
    const send = (at: number) => {
      const piece = pieces[at];
      if (piece !== undefined) sent.write(piece, () => send(at + 1));
      else if (headers['content-length'] === undefined) sent.end();
      else sent.destroy();
    };
    send(0);
  });
}

describe('uploads in one request', () => {
  it('are the bytes, and what the query and the headers say', async () => {
    const name = client.newName();
    const answer = await post({ uploadType: 'media', name }, 'bytes', { 'content-type': 'a/b' });
    assert.equal(answer.status, 200);
    const object = (await answer.json()) as Record<string, string>;
    assert.equal(object['name'], name);
    assert.equal(object['contentType'], 'a/b');
    assert.equal((await client.read(name))?.toString(), 'bytes');
  });

  it('have their metadata before them, wherever the network cuts', async () => {
    const media = 'a\r\n--edg\r\n\r\n--\r\r\n--edg';
    const type = { 'content-type': 'multipart/related; boundary="edge"' };
    for (const pieceBytes of [1, 7, 1000]) {
      const name = client.newName();
      const resource = JSON.stringify({ name, metadata: { from: 'a test' } });
      const whole = multipart(['application/json', resource], ['text/plain', media]);
      const pieces = whole.match(new RegExp(`[^]{1,${pieceBytes}}`, 'g')) ?? [];
      const url = `${client.server.url}/upload/storage/v1/b/the-blobs/o?uploadType=multipart`;
      assert.equal(await sendPieces('POST', url, pieces, type), 200);
      assert.equal((await client.read(name))?.toString(), media);
      const shown = (await (await client.ask(name)).json()) as Record<string, unknown>;
      assert.equal(shown['contentType'], 'text/plain');
      assert.deepEqual(shown['metadata'], { from: 'a test' });
    }
  });

  const json = ['application/json', '{"name":"never"}'] as const;
  const bodies: readonly (readonly [what: string, body: string])[] = [
    ['without a last boundary', multipart(json, ['a/b', 'x']).slice(0, -4)],
    ['of one part', multipart(json)],
    ['whose metadata is no JSON', multipart(['application/json', '{'], ['a/b', 'x'])],
    ['of three parts', multipart(json, ['a/b', 'x'], ['a/b', 'x'])],
    ['whose boundary goes on', multipart(json, ['a/b', 'x\r\n--edges\r\n'])],
    ['without a name', multipart(['application/json', '{}'], ['a/b', 'x'])],
    ['without parts', 'x'],
  ];
  for (const [what, body] of bodies)
    it(`are refused as multiparts ${what}`, async () => {
      const type = { 'content-type': 'multipart/related; boundary=edge' };
      assert.equal((await post({ uploadType: 'multipart' }, body, type)).status, 400);
      assert.equal(await client.read('never'), undefined);
    });

  it('have the checksums that they are said to have', async () => {
    const md5 = createHash('md5').update('bytes').digest('base64');
    const crc32c = crc32cOf(Buffer.from('bytes'));
    const table: readonly (readonly [headers: Headers, status: number])[] = [
      [{ 'x-goog-hash': `crc32c=${crc32c},md5=${md5}` }, 200],
      [{ 'x-goog-hash': 'crc32c=AAAAAA==' }, 400],
      [{ 'x-goog-hash': `crc32c=${crc32c}, md5=AAAAAAAAAAAAAAAAAAAAAA==` }, 400],
    ];
    for (const [headers, status] of table) {
      const name = client.newName();
      assert.equal((await post({ uploadType: 'media', name }, 'bytes', headers)).status, status);
      assert.equal((await client.read(name)) !== undefined, status === 200);
    }
    const told = (resource: Record<string, string>) =>
      post(
        { uploadType: 'multipart', name: client.newName() },
        multipart(['application/json', JSON.stringify(resource)], ['a/b', 'bytes']),
        { 'content-type': 'multipart/related; boundary=edge' },
      );
    assert.equal((await told({ crc32c, md5Hash: md5 })).status, 200);
    assert.equal((await told({ crc32c: 'AAAAAA==' })).status, 400);
    assert.equal((await told({ md5Hash: 'AAAAAAAAAAAAAAAAAAAAAA==' })).status, 400);
  });

  it('leave nothing when they break off', async () => {
    const bytes = Buffer.alloc(2 * unit);
    const length = { 'content-length': String(3 * unit) };
    for (const uploadType of ['media', 'multipart']) {
      const name = client.newName();
      const query = new URLSearchParams({ uploadType, name });
      const url = `${client.server.url}/upload/storage/v1/b/the-blobs/o?${query}`;
      const type = { 'content-type': 'multipart/related; boundary=edge' };
      const begin = uploadType === 'media' ? '' : multipart(json, ['a/b', '']).slice(0, -10);
      const sent = await sendPieces('POST', url, [begin, bytes], { ...length, ...type });
      assert.equal(sent, 'broken');
      assert.equal(await client.read(name), undefined);
    }
  });
});

describe('resumable uploads', () => {
  async function start(query: Record<string, string> = {}, headers: Headers = {}) {
    const name = client.newName();
    const answer = await post({ uploadType: 'resumable', name, ...query }, '', headers);
    assert.equal(answer.status, 200);
    const uri = answer.headers.get('location') ?? '';
    const put = async (range: string | undefined, body = Buffer.alloc(0), more: Headers = {}) => {
      const headers = { ...(range !== undefined && { 'content-range': range }), ...more };
      const { status, ...rest } = await fetch(uri, {
        method: 'PUT',
        headers,
        body: new Uint8Array(body),
      }).then(async (found) => ({
        status: found.status,
        range: found.headers.get('range') ?? undefined,
        text: await found.text(),
      }));
      return { status, ...rest };
    };
    return { name, uri, put };
  }

  it('come in chunks, and are visible at their end', async () => {
    const { name, put } = await start();
    const whole = Buffer.concat([
      Buffer.alloc(unit, 'a'),
      Buffer.alloc(2 * unit, 'b'),
      Buffer.from('c'),
    ]);
    assert.deepEqual(await put('bytes */*'), { status: 308, range: undefined, text: '' });
    const first = await put(`bytes 0-${unit - 1}/*`, whole.subarray(0, unit));
    assert.deepEqual(first, { status: 308, range: `bytes=0-${unit - 1}`, text: '' });
    const second = await put(
      `bytes ${unit}-${3 * unit - 1}/${whole.length}`,
      whole.subarray(unit, 3 * unit),
    );
    assert.equal(second.range, `bytes=0-${3 * unit - 1}`);
    assert.equal((await put(`bytes */${whole.length}`)).range, second.range);
    assert.equal(await client.read(name), undefined);
    const last = await put(
      `bytes ${3 * unit}-${3 * unit}/${whole.length}`,
      whole.subarray(3 * unit),
    );
    assert.equal(last.status, 200);
    assert.equal(JSON.parse(last.text).crc32c, crc32cOf(whole));
    assert.deepEqual(await client.read(name), whole);
    assert.deepEqual(await put('bytes */*'), last);
    assert.deepEqual(await put(undefined, Buffer.from('more')), last);
  });

  const endings: readonly (readonly [range: string | undefined, body: string])[] = [
    ['bytes 0-*/*', 'hello'],
    ['bytes 0-*/5', 'hello'],
    ['bytes 0-4/5', 'hello'],
    [undefined, 'hello'],
    ['bytes 0-*/*', ''],
    ['bytes */0', ''],
  ];
  for (const [range, body] of endings)
    it(`end with one request of ${range ?? 'no range'}, "${body}"`, async () => {
      const { name, put } = await start();
      assert.equal((await put(range, Buffer.from(body))).status, 200);
      assert.equal((await client.read(name))?.toString(), body);
    });

  it('of whole chunks end when their size is told', async () => {
    const { name, put } = await start();
    assert.equal((await put(`bytes 0-${unit - 1}/*`, Buffer.alloc(unit))).status, 308);
    assert.equal((await put(`bytes */${unit}`)).status, 200);
    assert.equal((await client.read(name))?.length, unit);
  });

  const refused: readonly (readonly [
    what: string,
    range: string,
    bytes: number,
    status: number,
  ])[] = [
    ['a chunk that is no multiple of 256 KiB', `bytes 0-${unit}/*`, unit + 1, 400],
    ['a small chunk that is not the last', 'bytes 0-4/100', 5, 400],
    ['a chunk behind what is there', `bytes ${unit}-${2 * unit - 1}/*`, unit, 503],
    ['fewer bytes than its range has', `bytes 0-${unit - 1}/*`, 5, 400],
    ['more bytes than its range has', 'bytes 0-4/5', 6, 400],
    ['more bytes than the object has', 'bytes 0-*/5', 6, 400],
    ['a range that ends before it begins', 'bytes 0--1/0', 0, 400],
    ['a range behind the end', 'bytes 0-5/5', 6, 400],
    ['a range of lines', 'lines 0-4/5', 5, 400],
  ];
  for (const [what, range, bytes, status] of refused)
    it(`do not take ${what}, and go on`, async () => {
      const { put } = await start();
      assert.equal((await put(range, Buffer.alloc(bytes))).status, status);
      assert.equal((await put('bytes */*')).range, undefined);
      assert.equal((await put('bytes 0-4/5', Buffer.from('hello'))).status, 200);
    });

  it('ignore what they have', async () => {
    const { name, put } = await start();
    const first = Buffer.alloc(2 * unit, 'a');
    await put(`bytes 0-${2 * unit - 1}/*`, first);
    const again = Buffer.alloc(unit, 'A');
    assert.equal((await put(`bytes 0-${unit - 1}/*`, again)).range, `bytes=0-${2 * unit - 1}`);
    const rest = Buffer.concat([Buffer.alloc(unit, 'A'), Buffer.from('end')]);
    assert.equal((await put(`bytes ${unit}-*/*`, rest)).status, 200);
    assert.deepEqual(await client.read(name), Buffer.concat([first, Buffer.from('end')]));
  });

  it('keep one size', async () => {
    const { put } = await start({}, { 'x-upload-content-length': '5' });
    assert.equal((await put('bytes 0-5/6', Buffer.alloc(6))).status, 400);
    assert.equal((await put('bytes 0-*/*', Buffer.alloc(6))).status, 400);
    assert.equal((await put('bytes 0-*/*', Buffer.alloc(5))).status, 200);
  });

  it('keep whole units of a request that breaks off, and go on from there', async () => {
    const { name, uri, put } = await start();
    const whole = Buffer.alloc(3 * unit, 'a');
    const sent = await sendPieces('PUT', uri, [whole.subarray(0, 2 * unit + 1000)], {
      'content-length': String(whole.length),
      'content-range': `bytes 0-${whole.length - 1}/${whole.length}`,
    });
    assert.equal(sent, 'broken');
    assert.equal(await client.read(name), undefined);
    const { status, range } = await put('bytes */*');
    assert.equal(status, 308);
    // How many of them had come when it broke is nobody's promise.
    const persisted = range === undefined ? 0 : Number(range.split('-')[1]) + 1;
    assert.ok(persisted <= 2 * unit && persisted % unit === 0);
    const rest = whole.subarray(persisted);
    assert.equal((await put(`bytes ${persisted}-*/${whole.length}`, rest)).status, 200);
    assert.deepEqual(await client.read(name), whole);
  });

  it('break off where a fault has it', async () => {
    const { put } = await start();
    client.server.failNext({ operation: 'uploads.put', breakRequestAfterBytes: unit + 1 });
    await assert.rejects(put(`bytes 0-${3 * unit - 1}/*`, Buffer.alloc(3 * unit)));
    assert.equal((await put('bytes */*')).range, `bytes=0-${unit - 1}`);
  });

  it('are finished though the answer is lost', async () => {
    const { name, put } = await start({ ifGenerationMatch: '0' });
    client.server.failNext({ operation: 'uploads.put', loseAnswer: true });
    await assert.rejects(put('bytes 0-*/*', Buffer.from('hello')));
    const { status, text } = await put('bytes */*');
    assert.equal(status, 200);
    assert.equal(JSON.parse(text).name, name);
  });

  it('look at preconditions when they begin and when they end', async () => {
    const { name } = await client.store('first');
    const begin = (ifGenerationMatch: string) =>
      post({ uploadType: 'resumable', name, ifGenerationMatch }, '');
    assert.equal((await begin('0')).status, 412);
    assert.equal((await begin(goneGeneration)).status, 412);
    const upload = await start({ ifGenerationMatch: '0' });
    await client.store('in between', upload.name);
    assert.equal((await upload.put('bytes 0-*/*', Buffer.from('late'))).status, 412);
    assert.equal((await client.read(upload.name))?.toString(), 'in between');
    assert.equal((await upload.put('bytes */*')).status, 410);
  });

  it('have the checksums that the first or the last request says', async () => {
    const right = { 'x-goog-hash': `crc32c=${crc32cOf(Buffer.from('hello'))}` };
    const wrong = { 'x-goog-hash': 'crc32c=AAAAAA==' };
    for (const [headers, status] of [
      [right, 200],
      [wrong, 400],
    ] as const) {
      const { name, put } = await start();
      assert.equal((await put('bytes 0-*/*', Buffer.from('hello'), headers)).status, status);
      assert.equal((await client.read(name)) !== undefined, status === 200);
    }
    const { put } = await start({}, wrong);
    assert.equal((await put('bytes 0-*/*', Buffer.from('hello'))).status, 400);
  });

  it('are cancelled with 499, and gone', async () => {
    const { name, uri, put } = await start();
    assert.equal((await fetch(uri, { method: 'DELETE' })).status, 499);
    assert.equal((await put('bytes 0-*/*', Buffer.from('hello'))).status, 410);
    assert.equal((await put('bytes */*')).status, 410);
    assert.equal(await client.read(name), undefined);
  });

  it('end after a week, and are not known before they begin', async () => {
    const { uri, put } = await start();
    clock.advance(7 * 24 * 60 * 60 * 1000);
    assert.equal((await put('bytes */*')).status, 308);
    clock.advance(1);
    assert.equal((await put('bytes */*')).status, 404);
    const unknown = await fetch(uri.replace(/upload_id=.*/, 'upload_id=x'), { method: 'PUT' });
    assert.equal(unknown.status, 404);
  });

  it('are written by who came last', async () => {
    const { name, uri, put } = await start();
    const range = { 'content-length': String(3 * unit), 'content-range': 'bytes 0-*/*' };
    const stuck = request(uri, { method: 'PUT', headers: { ...range, expect: '100-continue' } });
    const broke = new Promise((resolve) => stuck.once('error', resolve));
    await new Promise((resolve) => stuck.once('continue', resolve));
    stuck.write(Buffer.alloc(5));
    assert.equal((await put('bytes 0-*/*', Buffer.from('end'))).status, 200);
    await broke;
    assert.equal((await client.read(name))?.toString(), 'end');
  });
});

describe('the SDK', () => {
  const whole = Buffer.alloc(5 * unit + 7, 'x');

  it('uploads in one request and in chunks, and names its checksum', async () => {
    for (const options of [{}, { chunkSize: 2 * unit }]) {
      const file = client.bucket().file(client.newName());
      const preconditionOpts = createOnly;
      await pipeline(
        Readable.from([whole]),
        file.createWriteStream({ ...options, preconditionOpts }),
      );
      assert.deepEqual(await client.read(file.name), whole);
    }
  });

  it('goes on after a break, from where it was', async () => {
    const retryOptions = { autoRetry: true, maxRetries: 1, maxRetryDelay: 1, totalTimeout: 60 };
    const { url } = client.server;
    const storage = new Storage({ apiEndpoint: url, projectId: 'a-project', retryOptions });
    const file = storage.bucket('the-blobs').file(client.newName());
    client.server.failNext({
      operation: 'uploads.put',
      skip: 1,
      breakRequestAfterBytes: unit + 1,
    });
    client.server.resetRequests();
    await pipeline(
      Readable.from([whole]),
      file.createWriteStream({ chunkSize: 2 * unit, preconditionOpts: createOnly }),
    );
    assert.deepEqual(
      client.server.requests.map(({ operation, status }) => `${operation} ${status}`),
      [
        'uploads.start 200',
        'uploads.put 308',
        'uploads.put 0',
        'uploads.put 308',
        'uploads.put 308',
        'uploads.put 200',
      ],
    );
    assert.deepEqual(await client.read(file.name), whole);
  });
});
