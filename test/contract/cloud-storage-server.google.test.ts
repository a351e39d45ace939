// The stand-in for Cloud Storage keeps the service's rules: buckets and objects, preconditions, reads and lists.

import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { before, describe, it } from 'node:test';
import { startCloudStorage } from '#test/support/cloud-storage/server.ts';
import {
  crc32cOf,
  createOnly,
  goneGeneration,
  storageOn,
  useCloudStorage,
} from '#test/support/cloud-storage-client.ts';

const client = useCloudStorage();
const simple = { resumable: false } as const;

describe('buckets', () => {
  it('are what they were made as, and made once', async () => {
    const storage = storageOn(client.server.url);
    const given = {
      location: 'us-central1',
      storageClass: 'STANDARD',
      iamConfiguration: {
        uniformBucketLevelAccess: { enabled: true },
        publicAccessPrevention: 'enforced',
      },
      lifecycle: { rule: [{ action: { type: 'Delete' as const }, condition: { age: 2 } }] },
      softDeletePolicy: { retentionDurationSeconds: 0 },
    };
    await storage.createBucket('a-new-bucket', given);
    const [metadata] = await storage.bucket('a-new-bucket').getMetadata();
    assert.deepEqual(
      { ...given, location: 'US-CENTRAL1' },
      Object.fromEntries(
        Object.keys(given).map((key) => [key, metadata[key as keyof typeof metadata]]),
      ),
    );
    await assert.rejects(storage.createBucket('a-new-bucket'), { code: 409 });
    await storage.bucket('a-new-bucket').delete();
    await assert.rejects(storage.bucket('a-new-bucket').getMetadata(), { code: 404 });
  });

  for (const name of ['ab', 'Upper', '-a-dash', 'a..b', '192.168.5.4', 'goog-mine', 'my-google'])
    it(`are not called ${name}`, async () => {
      await assert.rejects(storageOn(client.server.url).createBucket(name), { code: 400 });
    });

  it('that do not exist have no objects, and take none', async () => {
    const missing = storageOn(client.server.url).bucket('not-here');
    await assert.rejects(missing.file('a').save('a', simple), { code: 404 });
    await assert.rejects(missing.file('a').save('a', { resumable: true }), { code: 404 });
    await assert.rejects(missing.file('a').getMetadata(), { code: 404 });
    await assert.rejects(missing.getFiles(), { code: 404 });
  });

  it('that have objects are not deleted', async () => {
    await client.store('x');
    await assert.rejects(client.bucket().delete(), { code: 409 });
  });

  it('tell what may be done in them', async () => {
    const [granted] = await client.bucket().iam.testPermissions(['storage.objects.get']);
    assert.deepEqual(granted, { 'storage.objects.get': true });
  });
});

describe('objects', () => {
  it('are shown as the reference has it', async () => {
    const { name, metadata } = await client.store('hello');
    const { generation, etag, id, timeCreated, updated, ...rest } = metadata;
    assert.match(String(generation), /^\d{16}$/);
    assert.match(String(etag), /^C[A-Za-z0-9+/]+=*$/);
    assert.equal(id, `the-blobs/${name}/${generation}`);
    assert.equal(timeCreated, updated);
    assert.deepEqual(rest, {
      kind: 'storage#object',
      name,
      bucket: 'the-blobs',
      metageneration: '1',
      storageClass: 'STANDARD',
      size: '5',
      md5Hash: createHash('md5').update('hello').digest('base64'),
      crc32c: crc32cOf(Buffer.from('hello')),
      contentType: 'application/octet-stream',
      timeFinalized: updated,
      timeStorageClassUpdated: updated,
    });
  });

  it('have generations that rise, whatever the clock does', async () => {
    const name = client.newName();
    const generations: bigint[] = [];
    for (let round = 0; round < 5; round += 1)
      generations.push(BigInt((await client.store('x', name)).generation));
    for (const [at, generation] of generations.entries())
      assert.ok(generation > (generations[at - 1] ?? 0n));
  });

  it('have any name, which is encoded in paths', async () => {
    for (const name of ['a/b/c', 'a b+c', '%2F', 'ü/☃/𝔘', "#?&='()*!", '/', 'sha256:ab']) {
      const { file } = await client.store(name, name);
      assert.equal((await file.download())[0].toString(), name);
      assert.equal((await file.getMetadata())[0].name, name);
      await file.delete();
    }
  });

  for (const name of ['.', '..', 'a\nb', 'x'.repeat(1025)])
    it(`are not called ${JSON.stringify(name.slice(0, 5))}`, async () => {
      const query = new URLSearchParams({ uploadType: 'media', name });
      const answer = await fetch(`${client.server.url}/upload/storage/v1/b/the-blobs/o?${query}`, {
        method: 'POST',
        body: 'x',
      });
      assert.equal(answer.status, 400);
    });

  it('keep what they are said to be, and count its changes', async () => {
    const { file } = await client.store('x');
    await file.setMetadata({ contentType: 'text/plain', metadata: { from: 'a test' } });
    const [metadata] = await file.getMetadata();
    assert.equal(metadata.metageneration, '2');
    assert.equal(metadata.contentType, 'text/plain');
    assert.deepEqual(metadata.metadata, { from: 'a test' });
  });

  it('that are not there are 404, in the form of the API', async () => {
    const answer = await client.ask('not-here', '');
    const message = 'No such object: the-blobs/not-here';
    assert.equal(answer.status, 404);
    assert.deepEqual(await answer.json(), {
      error: { code: 404, message, errors: [{ domain: 'global', reason: 'notFound', message }] },
    });
  });
});

describe('preconditions', () => {
  it('of generation 0 create only', async () => {
    const name = client.newName();
    await client
      .bucket()
      .file(name)
      .save('first', { ...simple, preconditionOpts: createOnly });
    for (const resumable of [false, true]) {
      const again = client
        .bucket()
        .file(name)
        .save('again', { resumable, preconditionOpts: createOnly });
      await assert.rejects(again, { code: 412 });
    }
    assert.equal((await client.bucket().file(name).download())[0].toString(), 'first');
  });

  it('of a generation write over that one', async () => {
    const { file, name, generation } = await client.store('first');
    const over = (ifGenerationMatch: string) =>
      client
        .bucket()
        .file(name)
        .save('second', {
          ...simple,
          preconditionOpts: { ifGenerationMatch: Number(ifGenerationMatch) },
        });
    await assert.rejects(over(goneGeneration), { code: 412 });
    await over(generation);
    await assert.rejects(over(generation), { code: 412 });
    assert.equal((await file.download())[0].toString(), 'second');
  });

  const table: readonly (readonly [query: string, method: string, status: number])[] = [
    ['ifGenerationMatch={g}', 'GET', 200],
    ['ifGenerationMatch=1', 'GET', 412],
    ['ifGenerationMatch=0', 'GET', 412],
    ['ifGenerationNotMatch={g}', 'GET', 304],
    ['ifGenerationNotMatch={g}&alt=media', 'GET', 304],
    ['ifGenerationNotMatch=0', 'GET', 200],
    ['ifMetagenerationMatch=1', 'GET', 200],
    ['ifMetagenerationMatch=2', 'GET', 412],
    ['ifMetagenerationNotMatch=1', 'GET', 304],
    ['ifGenerationMatch=x', 'GET', 400],
    ['generation={g}', 'GET', 200],
    ['generation=1', 'GET', 404],
    ['generation=1&alt=media', 'GET', 404],
    ['ifGenerationMatch=1', 'DELETE', 412],
    ['generation=1', 'DELETE', 404],
    ['ifMetagenerationMatch=2', 'DELETE', 412],
    ['ifMetagenerationMatch=2', 'PATCH', 412],
    ['ifGenerationMatch={g}', 'DELETE', 204],
  ];
  for (const [query, method, status] of table)
    it(`answer ${method} with ${query} ${status}`, async () => {
      const { name, generation } = await client.store('x');
      const answer = await client.ask(name, query.replace('{g}', generation), { method });
      assert.equal(answer.status, status);
      if (status === 412) {
        const { error } = (await answer.json()) as { error: { errors: { reason: string }[] } };
        assert.equal(error.errors[0]?.reason, 'conditionNotMet');
      }
      const deleted = method === 'DELETE' && status === 204;
      assert.equal((await client.ask(name, '')).status, deleted ? 404 : 200);
    });

  it('of a delete do not hold for an object that is goneGeneration', async () => {
    const { name, file, generation } = await client.store('x');
    await file.delete();
    const answer = await client.ask(name, `ifGenerationMatch=${generation}`, { method: 'DELETE' });
    assert.equal(answer.status, 404);
  });
});

describe('downloads', () => {
  it('have headers that tell what they are of', async () => {
    const { name, metadata } = await client.store('0123456789');
    const { headers } = await client.ask(name, 'alt=media');
    const hash = `crc32c=${metadata.crc32c},md5=${metadata.md5Hash}`;
    assert.equal(headers.get('x-goog-hash'), hash);
    assert.equal(headers.get('x-goog-generation'), metadata.generation);
    assert.equal(headers.get('x-goog-stored-content-length'), '10');
    assert.equal(headers.get('etag'), metadata.etag);
    assert.equal(headers.get('content-type'), 'application/octet-stream');
  });

  const table: readonly (readonly [range: string, status: number, body: string, told?: string])[] =
    [
      ['bytes=0-3', 206, '0123', 'bytes 0-3/10'],
      ['bytes=4-', 206, '456789', 'bytes 4-9/10'],
      ['bytes=-3', 206, '789', 'bytes 7-9/10'],
      ['bytes=-30', 206, '0123456789', 'bytes 0-9/10'],
      ['bytes=9-100', 206, '9', 'bytes 9-9/10'],
      ['bytes=10-', 416, 'Request range not satisfiable', 'bytes */10'],
      ['bytes=-0', 416, 'Request range not satisfiable', 'bytes */10'],
      ['bytes=5-4', 200, '0123456789'],
      ['bytes=0-1,3-4', 200, '0123456789'],
      ['lines=0-3', 200, '0123456789'],
    ];
  for (const [range, status, body, told] of table)
    it(`of ${range} are ${status}`, async () => {
      const { name } = await client.store('0123456789');
      const answer = await client.ask(name, 'alt=media', { headers: { range } });
      assert.equal(answer.status, status);
      assert.equal(answer.headers.get('content-range') ?? undefined, told);
      assert.equal(await answer.text(), body);
    });

  it('go to their end though the object is deleted meanwhile', async () => {
    const bytes = Buffer.alloc(12_000_000, 'a');
    const { name, file } = await client.store(bytes);
    const answer = await client.ask(name, 'alt=media');
    await file.delete();
    assert.equal((await answer.arrayBuffer()).byteLength, bytes.length);
  });

  it('are also under /download', async () => {
    const { name } = await client.store('here');
    const path = `/download/storage/v1/b/the-blobs/o/${encodeURIComponent(name)}?alt=media`;
    assert.equal(await (await fetch(client.server.url + path)).text(), 'here');
  });
});

describe('lists', () => {
  const names = ['list/a/1', 'list/a/2', 'list/b', 'list/c/1', 'list/z', 'list/\uffff', 'list/𝔘'];

  async function list(query: Record<string, string>) {
    const found = new URLSearchParams({ prefix: 'list/', ...query });
    const answer = await fetch(`${client.server.url}/storage/v1/b/the-blobs/o?${found}`);
    const page = (await answer.json()) as {
      items?: { name: string }[];
      prefixes?: string[];
      nextPageToken?: string;
    };
    const { items = [], prefixes = [], nextPageToken } = page;
    return { names: items.map(({ name }) => name), prefixes, nextPageToken };
  }

  before(async () => {
    for (const name of names.toReversed()) await client.store('x', name);
  });

  it('are in the order of UTF-8', async () => {
    assert.deepEqual((await list({})).names, names);
  });

  it('fold what has the delimiter', async () => {
    const page = await list({ delimiter: '/' });
    assert.deepEqual(page.prefixes, ['list/a/', 'list/c/']);
    assert.deepEqual(page.names, ['list/b', 'list/z', 'list/\uffff', 'list/𝔘']);
  });

  it('begin and end where they are told to', async () => {
    const page = await list({ startOffset: 'list/b', endOffset: 'list/z' });
    assert.deepEqual(page.names, ['list/b', 'list/c/1']);
  });

  for (const delimiter of ['', '/'])
    it(`come in pages that make the whole, with the delimiter "${delimiter}"`, async () => {
      const whole = await list({ delimiter });
      for (let maxResults = 1; maxResults <= names.length; maxResults += 1) {
        const pages = { names: [] as string[], prefixes: [] as string[] };
        let pageToken: string | undefined = '';
        while (pageToken !== undefined) {
          const page = await list({ delimiter, maxResults: String(maxResults), pageToken });
          assert.ok(page.names.length + page.prefixes.length <= maxResults);
          pages.names.push(...page.names);
          pages.prefixes.push(...page.prefixes);
          pageToken = page.nextPageToken;
        }
        assert.deepEqual({ ...pages, nextPageToken: undefined }, whole);
      }
    });

  it('are read by the SDK', async () => {
    const [files] = await client.bucket().getFiles({ prefix: 'list/' });
    assert.deepEqual(
      files.map(({ name }) => name),
      names,
    );
  });
});

describe('the token', () => {
  it('is asked for, where there is one', async () => {
    const guarded = await startCloudStorage({
      requireToken: 'secret',
      buckets: { 'the-blobs': {} },
    });
    try {
      const status = async (authorization?: string) => {
        const headers = authorization === undefined ? {} : { authorization };
        return (await fetch(`${guarded.url}/storage/v1/b/the-blobs`, { headers })).status;
      };
      assert.equal(await status(), 401);
      assert.equal(await status('Bearer wrong'), 401);
      assert.equal(await status('Bearer secret'), 200);
    } finally {
      await guarded.close();
    }
  });
});

describe('faults', () => {
  it('hit the requests that were named, and no more', async () => {
    const { name } = await client.store('x');
    const other = await client.store('x');
    client.server.failNext({
      operation: 'objects.get',
      path: encodeURIComponent(name),
      skip: 1,
      times: 2,
      status: 429,
      retryAfterSeconds: 7,
    });
    const statuses: number[] = [];
    for (let round = 0; round < 4; round += 1) {
      const answer = await client.ask(name, '');
      statuses.push(answer.status);
      if (answer.status === 429) assert.equal(answer.headers.get('retry-after'), '7');
      assert.equal((await client.ask(other.name, '')).status, 200);
    }
    assert.deepEqual(statuses, [200, 429, 429, 200]);
  });

  it('carry out what they lose the answer of', async () => {
    const { name } = await client.store('x');
    client.server.failNext({ operation: 'objects.delete', loseAnswer: true });
    await assert.rejects(client.ask(name, '', { method: 'DELETE' }));
    assert.equal((await client.ask(name, '')).status, 404);
  });

  it('break a request before anything of it was done', async () => {
    const { name } = await client.store('x');
    client.server.failNext({ operation: 'objects.delete', breakRequestAfterBytes: 0 });
    await assert.rejects(client.ask(name, '', { method: 'DELETE' }));
    assert.equal((await client.ask(name)).status, 200);
  });

  it('break a download after as many bytes as they say', async () => {
    const { name } = await client.store(Buffer.alloc(5_000_000));
    client.server.failNext({ operation: 'objects.getMedia', breakResponseAfterBytes: 1_234_567 });
    const answer = await client.ask(name, 'alt=media');
    let received = 0;
    await assert.rejects(async () => {
      for await (const piece of answer.body ?? []) received += piece.length;
    });
    assert.equal(received, 1_234_567);
  });

  it('hold an answer back until they are told', async () => {
    const { name } = await client.store('x');
    const { promise, resolve } = Promise.withResolvers<void>();
    client.server.failNext({ operation: 'objects.get', answerAfter: promise });
    const steps: string[] = [];
    const held = client.ask(name, '').then(() => steps.push('held'));
    await client.ask(name, 'alt=media');
    steps.push('another');
    resolve();
    await held;
    assert.deepEqual(steps, ['another', 'held']);
  });
});
