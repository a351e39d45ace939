// What a subscriber hears of what clients do, from the process that `npm start` runs: gcr.io's messages, byte for byte.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import {
  answered,
  type Call,
  pullManifest,
  pushAll,
  pushManifest,
  pushParts,
  sendAll,
} from '#test/support/calls.ts';
import { Inbox, type PushEndpoint, startPushEndpoint } from '#test/support/inbox.ts';
import { type Content, imageIndex, imageManifest } from '#test/support/manifests.ts';
import { adminPassword } from '#test/support/registry.ts';

function remove(name: string, reference: string, status: 202 | 404 = 202): Call {
  return { method: 'DELETE', path: `/v2/${name}/manifests/${reference}`, expect: { status } };
}

/** A registry that tells whoever has this address. */
function startTelling(
  endpoint: string,
  options: { readonly dataDirectory?: string } = {},
): Promise<RunningBerth> {
  const environment = { BERTH_ADMIN_PASSWORD: adminPassword, BERTH_PUSH_ENDPOINTS: endpoint };
  return startBerth({ ...options, environment });
}

const image = imageManifest();
const other = imageManifest();

describe('a subscriber', () => {
  let endpoint: PushEndpoint;
  let berth: RunningBerth;
  before(async () => {
    endpoint = await startPushEndpoint();
    berth = await startTelling(endpoint.url);
  });
  after(async () => {
    await berth.remove();
    await endpoint.close();
  });

  /** Of an image as messages name it. */
  const insertion = (name: string, { digest }: Content, tag?: string) => {
    const named = `${berth.host}/${name}`;
    const tagged = tag === undefined ? '' : `,"tag":"${named}:${tag}"`;
    return `{"action":"INSERT","digest":"${named}@${digest}"${tagged}}`;
  };
  const deletion = (name: string, what: Content | string) => {
    const named = `${berth.host}/${name}`;
    return typeof what === 'string'
      ? `{"action":"DELETE","tag":"${named}:${what}"}`
      : `{"action":"DELETE","digest":"${named}@${what.digest}"}`;
  };

  const rows: readonly {
    readonly description: string;
    readonly name: string;
    readonly calls: (name: string) => readonly Call[];
    readonly told: (name: string) => readonly string[];
  }[] = [
    {
      description: 'of a push under a tag: its digest and tag',
      name: 'events/tag',
      calls: (name) => pushAll(name, image, 'v1'),
      told: (name) => [insertion(name, image, 'v1')],
    },
    {
      description: 'of a push by digest: its digest',
      name: 'example.com/project/digest',
      calls: (name) => pushAll(name, image),
      told: (name) => [insertion(name, image)],
    },
    {
      description: 'of a push under several tags: each, in their order',
      name: 'events/tags',
      calls: (name) => pushAll(name, image, `${image.digest}?tag=b&tag=a&tag=b`),
      told: (name) => [insertion(name, image, 'b'), insertion(name, image, 'a')],
    },
    {
      description: 'of an image that was there already: the new tag, and what is pushed again',
      name: 'events/again',
      calls: (name) => [
        ...pushAll(name, image, 'v1'),
        pushManifest(name, image, 'v2'),
        pushManifest(name, image, 'v2'),
        pushManifest(name, image),
      ],
      told: (name) => [
        insertion(name, image, 'v1'),
        insertion(name, image, 'v2'),
        insertion(name, image, 'v2'),
        insertion(name, image),
      ],
    },
    {
      description: 'of a tag that moves: where it points now',
      name: 'events/moved',
      calls: (name) => [...pushAll(name, image, 'v1'), ...pushAll(name, other, 'v1')],
      told: (name) => [insertion(name, image, 'v1'), insertion(name, other, 'v1')],
    },
    {
      description: 'of an index: its images, then itself',
      name: 'events/index',
      calls: (name) => pushAll(name, imageIndex([image, other]), 'v1'),
      told: (name) => [
        insertion(name, image),
        insertion(name, other),
        insertion(name, imageIndex([image, other]), 'v1'),
      ],
    },
    {
      description: 'of a tag that is deleted: the tag',
      name: 'events/untagged',
      calls: (name) => [...pushAll(name, image, 'v1'), remove(name, 'v1')],
      told: (name) => [insertion(name, image, 'v1'), deletion(name, 'v1')],
    },
    {
      description: 'of a manifest that is deleted: its tags, then its digest',
      name: 'events/deleted',
      calls: (name) => [
        ...pushAll(name, image, `${image.digest}?tag=b&tag=a`),
        ...pushAll(name, other, 'c'),
        remove(name, image.digest),
      ],
      told: (name) => [
        insertion(name, image, 'b'),
        insertion(name, image, 'a'),
        insertion(name, other, 'c'),
        deletion(name, 'a'),
        deletion(name, 'b'),
        deletion(name, image),
      ],
    },
    {
      description: 'nothing of what is refused, read, or a blob',
      name: 'events/nothing',
      calls: (name) => [
        answered(pushManifest(name, image, 'v1'), { status: 404, code: 'MANIFEST_BLOB_UNKNOWN' }),
        remove(name, 'v1', 404),
        ...pushParts(name, image),
        pushManifest(name, image, 'v1'),
        pullManifest(name, image, 'v1'),
        remove(name, 'v2', 404),
        remove(name, 'v1'),
      ],
      told: (name) => [insertion(name, image, 'v1'), deletion(name, 'v1')],
    },
  ];

  for (const { description, name, calls, told } of rows) {
    it(`hears ${description}`, async () => {
      await sendAll(berth.url, calls(name));
      const wanted = told(name);
      const heard = () =>
        endpoint.inbox.deliveries.filter(({ orderingKey }) => orderingKey === `local/${name}`);
      await endpoint.inbox.until(() => heard().length >= wanted.length);
      assert.deepEqual(
        heard().map(({ data }) => data),
        wanted,
      );
    });
  }

  it('hears who did it, when, by which request, and what it is', async () => {
    const name = 'events/attributes';
    const before = Date.now();
    const [last, ...parts] = pushAll(name, image, 'v1').reverse();
    const pushed: Call = { ...(last ?? assert.fail()), keep: { requestId: 'X-Request-Id' } };
    const kept = await sendAll(berth.url, [...parts.reverse(), pushed]);
    const found = () =>
      endpoint.inbox.deliveries.find(({ attributes }) => attributes['repository'] === name);
    await endpoint.inbox.until(() => found() !== undefined);
    const { attributes } = found() ?? assert.fail();
    const { eventId, time = '', ...rest } = attributes;
    assert.deepEqual(rest, {
      repository: name,
      mediaType: image.mediaType,
      size: String(image.bytes.length),
      actor: 'user:admin',
      requestId: kept.get('requestId'),
    });
    assert.match(eventId ?? '', /^[0-9a-f-]{20,}$/);
    assert.equal(new Date(time).toISOString(), time);
    assert.ok(Date.parse(time) >= before && Date.parse(time) <= Date.now());
  });

  it('hears the name that the client called the registry by', async () => {
    const name = 'events/host';
    const host = 'registry.example.com:8443';
    const calls = pushAll(name, image, 'v1').map((call) => ({
      ...call,
      headers: { ...call.headers, host },
    }));
    await sendAll(berth.url, calls);
    await endpoint.inbox.until((inbox) => inbox.firsts(`local/${name}`).length > 0);
    assert.deepEqual(endpoint.inbox.firsts(`local/${name}`), [
      `{"action":"INSERT","digest":"${host}/${name}@${image.digest}","tag":"${host}/${name}:v1"}`,
    ]);
  });
});

describe('changes', () => {
  /** Runs with a subscriber, and what starts a registry that tells it; both end with the test. */
  async function withSubscriber(
    options: Parameters<typeof startPushEndpoint>[0],
    test: (
      endpoint: PushEndpoint,
      start: (options?: {
        readonly query?: string;
        readonly dataDirectory?: string;
      }) => Promise<RunningBerth>,
    ) => Promise<void>,
  ): Promise<void> {
    const endpoint = await startPushEndpoint(options);
    const started: RunningBerth[] = [];
    const start = async ({
      query = '',
      ...more
    }: {
      query?: string;
      dataDirectory?: string;
    } = {}) => {
      const berth = await startTelling(`${endpoint.url}${query}`, more);
      started.push(berth);
      return berth;
    };
    try {
      await test(endpoint, start);
    } finally {
      for (const berth of started) await berth.remove();
      await endpoint.close();
    }
  }

  it('are told after a crash, all of them and in their order, to whom did not hear them before', () => {
    let listens = false;
    return withSubscriber({ inbox: new Inbox(() => listens) }, async ({ inbox }, start) => {
      const berth = await start();
      const name = 'events/crash';
      const tags = ['t1', 't2', 't3', 't4'];
      await sendAll(berth.url, [
        ...pushParts(name, image),
        ...tags.map((tag) => pushManifest(name, image, tag)),
      ]);
      await berth.kill();
      listens = true;
      await start({ dataDirectory: berth.dataDirectory });
      await inbox.until(() => inbox.firsts().length === tags.length);
      assert.deepEqual(
        inbox.firsts().map((data) => JSON.parse(data).tag),
        tags.map((tag) => `${berth.host}/${name}:${tag}`),
      );
    });
  });

  it('do not wait for a subscriber, and neither does the end of the process', () => {
    const name = 'events/silent';
    return withSubscriber({ silent: `local/${name}` }, async ({ inbox }, start) => {
      const berth = await start();
      await sendAll(berth.url, pushAll(name, image, 'v1'));
      await inbox.until(({ deliveries }) => deliveries.length > 0);
      await sendAll(berth.url, [pushManifest(name, image, 'v2')]);
      assert.equal(await berth.stop(), 0);
    });
  });

  it('leave a line in the log where nobody takes them, without what an address may hide', () =>
    withSubscriber({ inbox: new Inbox(() => false) }, async (endpoint, start) => {
      const berth = await start({ query: '?token=hidden' });
      await sendAll(berth.url, pushAll('events/refused', image, 'v1'));
      await endpoint.inbox.until(({ deliveries }) => deliveries.length > 1);
      await berth.stop();
      const lines = berth.output().split('\n');
      const line = lines.find((text) => text.includes('an event was not taken')) ?? '{}';
      const { time: _, ...warning } = JSON.parse(line);
      assert.deepEqual(warning, {
        severity: 'WARNING',
        message: 'an event was not taken',
        endpoint: endpoint.url,
        orderingKey: 'local/events/refused',
        times: 1,
        error: 'it answered 500',
      });
      assert.ok(!berth.output().includes('hidden'));
    }));
});
