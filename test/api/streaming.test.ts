// Layers pass through: none is held in memory, none is read back or hashed twice.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { type IncomingMessage, request } from 'node:http';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { after, before, describe, it } from 'node:test';
import { digestOf } from '#shared/oci/digest.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import type { Blobs } from '#shared/ports/blobs.ts';
import { repositoryAt } from '#shared/registry/layout.ts';
import { openSession } from '#shared/registry/sessions.ts';
import { appendChunk, finishUpload, pushBlob } from '#shared/registry/uploads.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { startTestRegistry } from '#test/support/registry.ts';

const mebibyte = 1024 * 1024;
const layerMebibytes = 256;
const memoryMebibytesMax = 200;

/** A layer that is made as it is sent: each mebibyte is filled with its number. */
function* layer(): Generator<Buffer> {
  for (let at = 0; at < layerMebibytes; at += 1) yield Buffer.alloc(mebibyte, String(at));
}

function layerDigest(algorithm: 'sha256' | 'sha512'): string {
  const hash = createHash(algorithm);
  for (const piece of layer()) hash.update(piece);
  return `${algorithm}:${hash.digest('hex')}`;
}

describe('a layer much larger than what the process may hold', () => {
  let berth: RunningBerth;
  before(async () => {
    berth = await startBerth();
  });
  after(() => berth.remove());

  const send = async (
    method: string,
    path: string,
    { body, headers = {} }: { body?: Iterable<Buffer>; headers?: Record<string, string> } = {},
  ): Promise<IncomingMessage> => {
    const basic = Buffer.from(`admin:${berth.password}`).toString('base64');
    const sent = request(new URL(path, berth.url), {
      method,
      headers: { authorization: `Basic ${basic}`, ...headers },
    });
    const answered = new Promise<IncomingMessage>((resolve, reject) => {
      sent.on('response', resolve).on('error', reject);
    });
    await pipeline(Readable.from(body ?? []), sent);
    return answered;
  };
  const openUpload = async (name: string) => {
    const answer = await send('POST', `/v2/${name}/blobs/uploads/`);
    answer.resume();
    return answer.headers.location ?? '';
  };
  /** The most memory the process ever had, in MiB; where the system does not tell, nothing. */
  const peakMebibytes = () => {
    const status = `/proc/${berth.process.pid}/status`;
    if (!existsSync(status)) return 0;
    const [, kibibytes] = /VmHWM:\s+(\d+) kB/.exec(readFileSync(status, 'utf8')) ?? [];
    return Number(kibibytes) / 1024;
  };

  it('goes in as one PATCH without a length, as docker sends it', async () => {
    const location = await openUpload('large/patched');
    const patched = await send('PATCH', location, { body: layer() });
    assert.equal(patched.statusCode, 202);
    assert.equal(patched.headers['range'], `0-${layerMebibytes * mebibyte - 1}`);
    const put = await send('PUT', `${location}&digest=${layerDigest('sha256')}`);
    assert.equal(put.statusCode, 201);
    assert.ok(peakMebibytes() < memoryMebibytesMax, `${peakMebibytes()} MiB`);
  });

  it('goes in as one PUT with its length, as containerd sends it', async () => {
    const location = await openUpload('other/put');
    const put = await send('PUT', `${location}&digest=${layerDigest('sha512')}`, {
      body: layer(),
      headers: { 'content-length': String(layerMebibytes * mebibyte) },
    });
    assert.equal(put.statusCode, 201);
    assert.ok(peakMebibytes() < memoryMebibytesMax, `${peakMebibytes()} MiB`);
  });

  it('comes out whole, and from any place', async () => {
    const path = `/v2/large/patched/blobs/${layerDigest('sha256')}`;
    const hash = createHash('sha256');
    for await (const piece of await send('GET', path)) hash.update(piece);
    assert.equal(`sha256:${hash.digest('hex')}`, layerDigest('sha256'));
    const start = 200 * mebibyte - 2;
    const range = await send('GET', path, { headers: { range: `bytes=${start}-${start + 5}` } });
    assert.equal(range.statusCode, 206);
    const [last, first] = [Buffer.alloc(mebibyte, '199'), Buffer.alloc(mebibyte, '200')];
    const expected = Buffer.concat([last.subarray(-2), first.subarray(0, 4)]);
    assert.deepEqual(Buffer.concat(await range.toArray()), expected);
  });
});

describe('each byte of a layer', () => {
  const bytes = Buffer.alloc(300_000, 'counted');
  const digest = digestOf(bytes);
  const name = parseRepositoryName('counted/layers');
  assert.ok(name !== undefined);
  const repository = repositoryAt('local', name);

  /** What a push does to the blob store, over a real one. */
  const counting = (blobs: Blobs) => {
    const counts = { read: 0, written: 0 };
    async function* count(body: AsyncIterable<Uint8Array>) {
      for await (const piece of body) {
        counts.written += piece.length;
        yield piece;
      }
    }
    const counted: Blobs = {
      replaces: blobs.replaces,
      write: (object, body, options) => blobs.write(object, count(body), options),
      read: (object, range) => {
        counts.read += 1;
        return blobs.read(object, range);
      },
      compose: (sources, object, options) => blobs.compose(sources, object, options),
      stat: (object) => blobs.stat(object),
      readUrl: (object, options) => blobs.readUrl(object, options),
      delete: (object, options) => blobs.delete(object, options),
      list: (prefix) => blobs.list(prefix),
    };
    return { counts, counted };
  };
  async function* pieces(of: Buffer) {
    for (let at = 0; at < of.length; at += 65_536) yield of.subarray(at, at + 65_536);
  }

  it('is written once and never read back, as docker, podman and crane push it', async () => {
    const registry = await startTestRegistry();
    const { counts, counted } = counting(registry.services.blobs);
    const store = { ...registry.services, blobs: counted };
    const session = openSession(repository, store);
    await appendChunk(store, session, '/', { body: pieces(bytes) });
    await finishUpload(store, session, '/', digest, { body: pieces(Buffer.alloc(0)), length: 0 });
    assert.deepEqual(counts, { read: 0, written: bytes.length });
    await registry.close();
  });

  it('is written once and never read back, as containerd, BuildKit and oras push it', async () => {
    const registry = await startTestRegistry();
    const { counts, counted } = counting(registry.services.blobs);
    const store = { ...registry.services, blobs: counted };
    const session = openSession(repository, store);
    await finishUpload(store, session, '/', digest, { body: pieces(bytes), length: bytes.length });
    assert.deepEqual(counts, { read: 0, written: bytes.length });
    await registry.close();
  });

  it('is not written at all where the project holds it already', async () => {
    const registry = await startTestRegistry();
    const { counts, counted } = counting(registry.services.blobs);
    const store = { ...registry.services, blobs: counted };
    await pushBlob(store, repository, digest, pieces(bytes));
    await pushBlob(store, repository, digest, pieces(bytes));
    assert.deepEqual(counts, { read: 0, written: bytes.length });
    await registry.close();
  });
});
