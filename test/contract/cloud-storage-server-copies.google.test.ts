// The stand-in for Cloud Storage keeps the service's rules: objects that are made of others.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { crc32cText, joinCrc32c, startCrc32c } from '#test/support/cloud-storage/crc32c.ts';
import {
  crc32cOf,
  createOnly,
  goneGeneration,
  useCloudStorage,
} from '#test/support/cloud-storage-client.ts';

const mebibyte = 1_048_576;
const client = useCloudStorage({ rewriteStepBytes: mebibyte });
const simple = { resumable: false } as const;

describe('compose', () => {
  it('joins objects, with their checksum and without an MD5', async () => {
    const parts = [Buffer.alloc(300_000, 'a'), Buffer.alloc(0), Buffer.from('the end')];
    const sources = await Promise.all(parts.map((part) => client.store(part)));
    const target = client.bucket().file(client.newName());
    await client.bucket().combine(
      sources.map(({ file }) => file),
      target,
    );
    const whole = Buffer.concat(parts);
    const [metadata] = await target.getMetadata();
    assert.equal(metadata.componentCount, 3);
    assert.equal(metadata.md5Hash, undefined);
    assert.equal(metadata.crc32c, crc32cOf(whole));
    assert.deepEqual(await client.read(target.name), whole);
    for (const { file } of sources) await file.delete();
    await client.bucket().combine([target, (await client.store('!')).file], target);
    assert.equal((await target.getMetadata())[0].componentCount, 4);
    const range = await client.ask(target.name, 'alt=media', {
      headers: { range: 'bytes=299998-' },
    });
    assert.equal(await range.text(), 'aathe end!');
  });

  async function compose(body: unknown, query = ''): Promise<number> {
    const path = `/storage/v1/b/the-blobs/o/${encodeURIComponent(client.newName())}/compose?${query}`;
    const answer = await fetch(client.server.url + path, {
      method: 'POST',
      body: JSON.stringify(body),
    });
    return answer.status;
  }

  it('takes 1 to 32 sources, which are there and as they are said to be', async () => {
    const { name, generation } = await client.store('x');
    const of = (...sourceObjects: unknown[]) => compose({ sourceObjects });
    assert.equal(await of(...Array.from({ length: 32 }, () => ({ name }))), 200);
    assert.equal(await of(...Array.from({ length: 33 }, () => ({ name }))), 400);
    assert.equal(await of(), 400);
    assert.equal(await of({ name }, { name: 'not-here' }), 404);
    assert.equal(await of({ name, generation }), 200);
    assert.equal(await of({ name, generation: Number(generation) }), 200);
    assert.equal(await of({ name, generation: goneGeneration }), 404);
    const withMatch = (ifGenerationMatch: string) => ({
      name,
      objectPreconditions: { ifGenerationMatch },
    });
    assert.equal(await of(withMatch(generation)), 200);
    assert.equal(await of(withMatch(goneGeneration)), 412);
    const one = { sourceObjects: [{ name }] };
    assert.equal(await compose(one, 'ifGenerationMatch=0'), 200);
    assert.equal(await compose(one, `ifGenerationMatch=${goneGeneration}`), 412);
  });
});

describe('rewrite', () => {
  const mebibyte = 1_048_576;

  it('copies in steps, and in none if the target is not as it should be', async () => {
    const bytes = Buffer.alloc(2 * mebibyte + 5, 'b');
    const { file, metadata } = await client.store(bytes);
    const target = client.bucket('the-staging').file(client.newName());
    client.server.resetRequests();
    await file.copy(target, { preconditionOpts: createOnly });
    assert.deepEqual(client.server.counts(), { 'objects.rewrite': 3 });
    assert.deepEqual(await client.read(target.name, 'the-staging'), bytes);
    const [copied] = await target.getMetadata();
    assert.equal(copied.md5Hash, metadata.md5Hash);
    assert.notEqual(copied.generation, metadata.generation);
    await assert.rejects(file.copy(target, { preconditionOpts: createOnly }), { code: 412 });
  });

  async function rewrite(name: string, to: string, query: Record<string, string>) {
    const target = `b/the-staging/o/${encodeURIComponent(to)}`;
    const path = `/storage/v1/b/the-blobs/o/${encodeURIComponent(name)}/rewriteTo/${target}`;
    const found = new URLSearchParams(query);
    const answer = await fetch(`${client.server.url}${path}?${found}`, { method: 'POST' });
    const body = (await answer.json()) as { done?: boolean; rewriteToken?: string };
    return { status: answer.status, ...body };
  }

  it('remembers by its token what was asked at the beginning', async () => {
    const { name } = await client.store(Buffer.alloc(mebibyte + 1));
    const to = client.newName();
    const first = await rewrite(name, to, { ifGenerationMatch: '0' });
    assert.equal(first.done, false);
    assert.equal((await client.bucket('the-staging').file(to).exists())[0], false);
    await client.bucket('the-staging').file(to).save('in between', simple);
    const { rewriteToken = '' } = first;
    assert.equal((await rewrite(name, client.newName(), { rewriteToken })).status, 400);
    assert.equal((await rewrite(name, to, { rewriteToken })).status, 412);
  });

  it('ends when its source does', async () => {
    const { name, file } = await client.store(Buffer.alloc(mebibyte + 1));
    const to = client.newName();
    const { rewriteToken = '' } = await rewrite(name, to, {});
    await file.save('another', simple);
    assert.equal((await rewrite(name, to, { rewriteToken })).status, 404);
  });

  it('asks for the source that was meant', async () => {
    const { name, generation } = await client.store('x');
    const status = async (query: Record<string, string>) =>
      (await rewrite(name, client.newName(), query)).status;
    assert.equal(await status({ ifSourceGenerationMatch: generation }), 200);
    assert.equal(await status({ ifSourceGenerationMatch: goneGeneration }), 412);
    assert.equal(await status({ sourceGeneration: goneGeneration }), 404);
    assert.equal(await status({ maxBytesRewrittenPerCall: '1000' }), 400);
  });
});

describe('move', () => {
  it('takes an object away and puts it under another name', async () => {
    const { file } = await client.store('moved');
    const taken = await client.store('taken');
    const preconditionOpts = createOnly;
    const onto = file.moveFileAtomic(taken.name, { preconditionOpts });
    await assert.rejects(onto, { code: 412 });
    const to = client.newName();
    await file.moveFileAtomic(to, { preconditionOpts });
    assert.equal((await client.bucket().file(to).download())[0].toString(), 'moved');
    await assert.rejects(file.getMetadata(), { code: 404 });
  });
});

describe('CRC32C', () => {
  it('is that of the standard', async () => {
    const crc32c = (await startCrc32c()).update('123456789').digest('hex');
    assert.equal(crc32c, 'e3069283');
    assert.equal(crc32cText(0xe3069283), '4waSgw==');
  });

  it('of two halves makes that of the whole', async () => {
    const hasher = await startCrc32c();
    const of = (bytes: Uint8Array) =>
      Number.parseInt(hasher.init().update(bytes).digest('hex'), 16);
    fc.assert(
      fc.property(fc.uint8Array(), fc.uint8Array({ maxLength: 1000 }), (first, second) => {
        const joined = joinCrc32c(of(first), of(second), second.length);
        assert.equal(joined, of(Buffer.concat([first, second])));
      }),
    );
  });
});
