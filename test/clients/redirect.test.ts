// Blobs that lie elsewhere: a GET is sent on to there, by an address that anyone may read for some minutes.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { after, before, describe, it } from 'node:test';
import { type Call, pushBlob, send, sendAll } from '#test/support/calls.ts';
import { contentOf } from '#test/support/manifests.ts';
import { adminPassword, startTestRegistry, type TestRegistry } from '#test/support/registry.ts';
import { type Scratch, scratch } from './client.ts';
import { crossingClients } from './crossing.ts';
import { type Elsewhere, startElsewhere } from './elsewhere.ts';
import {
  bearing,
  challenged,
  headBlob,
  ping,
  scopeOf,
  service,
  tokenByGet,
} from './replayed/steps.ts';

let registry: TestRegistry;
let elsewhere: Elsewhere;

before(async () => {
  registry = await startTestRegistry();
  // Clients compare what they are told with their own clock.
  registry.clock.advance(Date.now() - registry.clock.now());
  elsewhere = await startElsewhere(registry.services);
});
after(async () => {
  elsewhere.close();
  await registry.close();
});

/** A config that is pushed here has some hundred bytes, a layer of containerd's image two thousand and more. */
const layerBytesMin = 1500;

describe('a blob that lies elsewhere', () => {
  const name = 'replay/elsewhere';
  const blob = contentOf(randomBytes(100_000));
  const path = `/v2/${name}/blobs/${blob.digest}`;
  let token: string;

  before(async () => {
    const basic = Buffer.from(`admin:${adminPassword}`).toString('base64');
    const calls = [
      challenged(ping),
      tokenByGet([scopeOf(name, 'pull,push'), service]),
      ...bearing([pushBlob(name, blob)]),
    ];
    token = (await sendAll(registry.url, calls, new Map([['basic', basic]]))).get('token') ?? '';
  });

  const redirected = (headers: Call['headers'] = {}): Call => ({
    method: 'GET',
    path,
    headers,
    authorization: `Bearer ${token}`,
    expect: {
      status: 307,
      headers: {
        Location: new RegExp(`^http://${elsewhere.host}/`),
        'Docker-Content-Digest': blob.digest,
      },
      body: '',
    },
    keep: { location: 'Location' },
  });
  /** Asks the registry and goes where it points, as clients do. */
  const follow = async (headers: Record<string, string>, forwards: boolean) => {
    const kept = await sendAll(registry.url, [redirected(headers)]);
    const target = new URL(kept.get('location') ?? '');
    const authorization = forwards ? `Bearer ${token}` : null;
    const asked = { method: 'GET', path: target.pathname + target.search, headers, authorization };
    return send(target.origin, asked);
  };

  for (const [client, forwards] of [
    ['newer Go, which sends its Bearer on to another port of the host', true],
    ['older Go, which does not', false],
  ] as const) {
    it(`comes whole to ${client}`, async () => {
      const { status, body } = await follow({}, forwards);
      assert.equal(status, 200);
      assert.ok(body.equals(blob.bytes));
      assert.equal(elsewhere.asked.at(-1)?.authorization, forwards ? `Bearer ${token}` : undefined);
    });

    it(`goes on where it broke off, by the registry again, to ${client}`, async () => {
      elsewhere.breaks = 1;
      await assert.rejects(follow({}, forwards), { code: 'ECONNRESET' });
      const { status, headers, body } = await follow({ Range: 'bytes=50000-' }, forwards);
      assert.equal(status, 206);
      assert.equal(headers['content-range'], 'bytes 50000-99999/100000');
      assert.ok(body.equals(blob.bytes.subarray(50_000)));
    });
  }

  it('is known to HEAD without a look elsewhere', async () => {
    const before = elsewhere.asked.length;
    await sendAll(registry.url, bearing([headBlob(name, blob, 200)]), new Map([['token', token]]));
    assert.equal(elsewhere.asked.length, before);
  });

  it('is not sent for where a range begins behind its end, or the client has it', async () => {
    const headers = { Range: 'bytes=100000-' };
    await sendAll(registry.url, [
      { ...redirected(headers), expect: { status: 416, code: 'SIZE_INVALID' }, keep: {} },
      {
        ...redirected({ 'If-None-Match': `"${blob.digest}"` }),
        expect: { status: 304, headers: { Location: undefined } },
        keep: {},
      },
    ]);
  });
});

describe('a blob whose address is', () => {
  const name = 'replay/address';
  const blob = contentOf(randomBytes(1000));
  before(() => sendAll(registry.url, [pushBlob(name, blob)]));

  /** GET of a registry that is called so, whose store gives that address. */
  const get = async (host: string, address: string, range?: string) => {
    const { blobs } = registry.services;
    const { readUrl } = blobs;
    blobs.readUrl = async () => address;
    try {
      const headers = { host, ...(range === undefined ? {} : { range }) };
      return await send(registry.url, {
        method: 'GET',
        path: `/v2/${name}/blobs/${blob.digest}`,
        headers,
      });
    } finally {
      blobs.readUrl = readUrl;
    }
  };

  // Clients keep their Authorization on the way to a sub-domain, and a store refuses who is authorised twice.
  for (const [host, address] of [
    ['registry.example', 'https://blobs.registry.example/signed'],
    ['registry.example:5000', 'http://blobs.registry.example:9000/signed'],
    ['REGISTRY.example', 'https://a.b.Registry.Example/signed'],
  ] as const) {
    it(`${address}, below ${host}, is sent by the registry itself`, async () => {
      const { status, body } = await get(host, address);
      assert.equal(status, 200);
      assert.ok(body.equals(blob.bytes));
      const part = await get(host, address, 'bytes=10-19');
      assert.equal(part.status, 206);
      assert.ok(part.body.equals(blob.bytes.subarray(10, 20)));
    });
  }

  for (const [host, address] of [
    ['registry.example', 'https://registry.example:9000/signed'],
    ['registry.example', 'https://notregistry.example/signed'],
    ['registry.example', 'https://registry.example.org/signed'],
    ['a.registry.example', 'https://registry.example/signed'],
    ['[::1]:5000', 'http://[::1]:9000/signed'],
    ['registry.example:99999', 'https://storage.example/signed'],
  ] as const) {
    it(`${address}, not below ${host}, is found there`, async () => {
      const { status, headers } = await get(host, address);
      assert.deepEqual([status, headers.location], [307, address]);
    });
  }
});

describe('what lies elsewhere', () => {
  let space: Scratch;
  before(async () => {
    space = await scratch();
    const reached = { host: new URL(registry.url).host, password: adminPassword };
    for (const { skip, start } of crossingClients) {
      if (skip === false) await start(space, reached);
    }
  });
  after(() => space.remove());

  for (const [at, puller] of crossingClients.entries()) {
    const pusher = crossingClients.at(at - 1);
    assert.ok(pusher !== undefined);
    const skip = pusher.skip || puller.skip;
    it(`${puller.name} pulls, pushed by ${pusher.name}`, { skip }, async () => {
      const image = `${new URL(registry.url).host}/elsewhere/${puller.name}:v1`;
      const digest = await pusher.push(image);
      const before = elsewhere.asked.length;
      assert.equal(await puller.pull(image), digest);
      // Its config and its layers.
      assert.ok(elsewhere.asked.length >= before + 2, 'the blobs came from another place');
      assert.deepEqual(new Set(elsewhere.asked.map(({ method }) => method)), new Set(['GET']));
    });

    // The others of these versions give up.
    if (puller.name !== 'docker' && puller.name !== 'containerd') continue;
    it(`${puller.name} goes on with, where it broke off`, { skip }, async () => {
      const image = `${new URL(registry.url).host}/elsewhere/${puller.name}-broken:v1`;
      const digest = await pusher.push(image);
      const before = elsewhere.asked.length;
      // docker begins anew with a config, and only goes on with a layer; which it asks for first is chance.
      elsewhere.breaksFromBytes = puller.name === 'docker' ? layerBytesMin : 0;
      elsewhere.breaks = 1;
      assert.equal(await puller.pull(image), digest);
      const ranges = elsewhere.asked.slice(before).map(({ range }) => range);
      assert.ok(ranges.some((range) => range !== undefined && /^bytes=[1-9]\d*-/.test(range)));
    });
  }
});
