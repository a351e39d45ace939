// The events' contract on HTTP push, and what is the embedded adapter's own.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { openPushEvents } from '#shared/embedded/push-events.ts';
import type { Refusal } from '#shared/embedded/push-subscription.ts';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { type FakeClock, fakeClock } from '#test/support/clock.ts';
import { Inbox, type PushEndpoint, startPushEndpoint, type Takes } from '#test/support/inbox.ts';
import { eventsContract } from './events.ts';

const start = Date.parse('2026-11-24T12:00:00Z');
const topic = 'gcr';
const patience = { answerMs: 10_000, firstPauseMs: 1, mostPauseMs: 8 };

/** Opens documents, which events are kept in, in a directory of their own. */
async function openDocuments(clock: FakeClock) {
  const directory = await mkdtemp(join(tmpdir(), 'berth-push-'));
  const file = join(directory, 'documents.sqlite');
  const documents = openSqliteDocuments({ file, clock, durable: false });
  return {
    documents,
    close: async () => {
      documents.close();
      await rm(directory, { recursive: true });
    },
  };
}

eventsContract('HTTP push', async (inboxes) => {
  const clock = fakeClock(start);
  const { documents, close } = await openDocuments(clock);
  const endpoints = await Promise.all(inboxes.map((inbox) => startPushEndpoint({ inbox })));
  const subscriptions = endpoints.map(({ url }) => ({ topic, endpoint: url }));
  const events = openPushEvents({ documents, clock, subscriptions, patience });
  return {
    events,
    topic,
    deserted: 'another',
    close: async () => {
      await events.close();
      await close();
      for (const endpoint of endpoints) await endpoint.close();
    },
  };
});

describe('events by HTTP push', () => {
  const message = (text: string) => ({ data: Buffer.from(text), attributes: { eventId: text } });

  /** A subscriber, and what opens the events for it: each time anew, as a process does that is started again. */
  async function withSubscriber(
    takes: Takes,
    test: (world: {
      readonly endpoint: PushEndpoint;
      readonly clock: FakeClock;
      readonly refusals: readonly Refusal[];
      open(
        others?: readonly string[],
        times?: Partial<typeof patience>,
      ): ReturnType<typeof openPushEvents>;
    }) => Promise<void>,
  ): Promise<void> {
    const clock = fakeClock(start);
    const { documents, close } = await openDocuments(clock);
    const endpoint = await startPushEndpoint({ inbox: new Inbox(takes) });
    const refusals: Refusal[] = [];
    const opened: ReturnType<typeof openPushEvents>[] = [];
    const open = (others: readonly string[] = [], times = {}) => {
      const events = openPushEvents({
        documents,
        clock,
        subscriptions: [endpoint.url, ...others].map((url) => ({ topic, endpoint: url })),
        refused: (refusal) => refusals.push(refusal),
        patience: { ...patience, ...times },
      });
      opened.push(events);
      return events;
    };
    try {
      await test({ endpoint, clock, refusals, open });
    } finally {
      for (const events of opened) await events.close();
      await close();
      await endpoint.close();
    }
  }

  it('come in the envelope in which Pub/Sub pushes', () =>
    withSubscriber(
      () => true,
      async ({ endpoint, open }) => {
        await open().publish(topic, 'local/a', [message('x'), message('y')]);
        await endpoint.inbox.until(({ deliveries }) => deliveries.length === 2);
        const { headers, body } = endpoint.requests[1] ?? assert.fail();
        assert.equal(headers['content-type'], 'application/json');
        const { subscription, ...envelope } = JSON.parse(body);
        assert.deepEqual(envelope, {
          message: {
            attributes: { eventId: 'y' },
            data: Buffer.from('y').toString('base64'),
            messageId: '2',
            message_id: '2',
            orderingKey: 'local/a',
            publishTime: '2026-11-24T12:00:00.000Z',
            publish_time: '2026-11-24T12:00:00.000Z',
          },
        });
        assert.match(subscription, /^projects\/berth\/subscriptions\/push-[0-9a-f]{16}$/);
      },
    ));

  it('that were not taken are pushed when they are opened again, and those that were are not', () => {
    let takesAll = false;
    return withSubscriber(
      ({ data }) => takesAll || data === 'a',
      async ({ endpoint, open }) => {
        const before = open();
        await before.publish(topic, 'local/a', ['a', 'b', 'c'].map(message));
        // Once it was pushed for the second time, what was taken before it has been removed.
        const came = (text: string) =>
          endpoint.inbox.deliveries.filter(({ data }) => data === text).length;
        await endpoint.inbox.until(() => came('b') > 1);
        await before.close();
        takesAll = true;
        const again = open();
        await again.publish(topic, 'local/a', [message('d')]);
        await endpoint.inbox.until(() => came('d') > 0);
        assert.deepEqual(endpoint.inbox.firsts(), ['a', 'b', 'c', 'd']);
        assert.equal(came('a'), 1);
      },
    );
  });

  it('wait for a subscriber that is not there, and come in order when it is, while others have had them', () =>
    withSubscriber(
      () => true,
      async ({ endpoint, refusals, open }) => {
        const absent = await startPushEndpoint();
        await absent.close();
        const events = open([absent.url]);
        const texts = ['a', 'b', 'c'];
        for (const text of texts) await events.publish(topic, 'local/a', [message(text)]);
        await endpoint.inbox.until(({ deliveries }) => deliveries.length === 3);
        const back = await startPushEndpoint({ port: Number(new URL(absent.url).port) });
        await back.inbox.until(({ deliveries }) => deliveries.length >= 3);
        assert.deepEqual(back.inbox.firsts(), texts);
        await events.close();
        await back.close();
        for (const refusal of refusals) assert.equal(refusal.endpoint, absent.url);
      },
    ));

  it('tell how often they were refused in a row', () => {
    let refused = 0;
    const refusesSome: Takes = ({ data }) => {
      if (data !== 'a' || refused === 5) return true;
      refused += 1;
      return false;
    };
    return withSubscriber(refusesSome, async ({ endpoint, refusals, open }) => {
      await open().publish(topic, 'local/a', [message('a'), message('b')]);
      await endpoint.inbox.until((inbox) => inbox.firsts().includes('b'));
      assert.deepEqual(
        refusals.map(({ times, orderingKey, error }) => [times, orderingKey, String(error)]),
        [1, 2, 3, 4, 5].map((times) => [times, 'local/a', 'Error: it answered 500']),
      );
    });
  });

  it('of many repositories that are refused keep no other from its turn', () =>
    withSubscriber(
      ({ orderingKey }) => orderingKey === 'local/~last',
      async ({ endpoint, open }) => {
        const events = open();
        for (let at = 0; at < 250; at += 1) {
          await events.publish(topic, `local/${at}`, [message(`${at}`)]);
        }
        await events.publish(topic, 'local/~last', [message('taken')]);
        await endpoint.inbox.until((inbox) => inbox.firsts('local/~last').length > 0);
      },
    ));

  it('of one repository that is never answered keep no other waiting', () =>
    withSilentOnes(async (hanging) =>
      withSubscriber(
        () => true,
        async ({ open }) => {
          const events = open([hanging.url]);
          for (const key of ['silent', 'a', 'b']) {
            await events.publish(topic, key, [message(key)]);
          }
          await hanging.inbox.until((inbox) => inbox.firsts().includes('b'));
          assert.equal(hanging.inbox.firsts('a').length, 1);
        },
      ),
    ));

  it('that are not answered in time are pushed again', () =>
    withSilentOnes(async (hanging) =>
      withSubscriber(
        () => true,
        async ({ refusals, open }) => {
          const events = open([hanging.url], { answerMs: 20 });
          await events.publish(topic, 'silent', [message('x')]);
          await hanging.inbox.until(({ deliveries }) => deliveries.length > 2);
          assert.match(String(refusals[0]?.error), /TimeoutError/);
        },
      ),
    ));

  it('are not taken by who sends them elsewhere', async () => {
    const elsewhere = await startPushEndpoint();
    const sendsOn = await startPushEndpoint({
      inbox: new Inbox(() => false),
      location: elsewhere.url,
    });
    await withSubscriber(
      () => true,
      async ({ refusals, open }) => {
        await open([sendsOn.url]).publish(topic, 'local/a', [message('x')]);
        await sendsOn.inbox.until(({ deliveries }) => deliveries.length > 1);
        assert.equal(String(refusals[0]?.error), 'Error: it answered 307');
      },
    );
    await sendsOn.close();
    await elsewhere.close();
    assert.deepEqual(elsewhere.inbox.deliveries, []);
  });

  it('are kept for a week', () => {
    let takesAll = false;
    return withSubscriber(
      () => takesAll,
      async ({ endpoint, clock, open }) => {
        const events = open();
        await events.publish(topic, 'local/a', [message('old')]);
        await endpoint.inbox.until(({ deliveries }) => deliveries.length > 0);
        await events.close();
        clock.advance(7 * 24 * 60 * 60 * 1000);
        takesAll = true;
        const had = endpoint.inbox.deliveries.length;
        await open().publish(topic, 'local/a', [message('new')]);
        await endpoint.inbox.until(({ deliveries }) => deliveries.length > had);
        assert.equal(endpoint.inbox.deliveries[had]?.data, 'new');
      },
    );
  });

  /** A subscriber that never answers what has the key `silent`. */
  async function withSilentOnes(test: (hanging: PushEndpoint) => Promise<void>): Promise<void> {
    const hanging = await startPushEndpoint({ silent: 'silent' });
    await test(hanging);
    await hanging.close();
  }
});
