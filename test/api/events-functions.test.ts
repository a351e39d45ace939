// The functions that relay changes in the cloud, over the real rules and the embedded stores: what wakes them, and what
// does not.

import assert from 'node:assert/strict';
import { it } from 'node:test';
import { type EventsServices, relayEntry } from '#functions/events/relay.ts';
import { sweepLocations } from '#functions/events/sweep.ts';
import { openPushEvents } from '#shared/embedded/push-events.ts';
import { pathOf } from '#shared/google/firestore-keys.ts';
import { eventsTopic } from '#shared/registry/relay.ts';
import { pushAll, pushManifest, sendAll, useRegistry } from '#test/support/calls.ts';
import { type PushEndpoint, startPushEndpoint } from '#test/support/inbox.ts';
import { imageManifest } from '#test/support/manifests.ts';

const registry = useRegistry();
const image = imageManifest();

/** The services of these functions, with a subscriber. */
async function withServices(
  test: (services: EventsServices, endpoint: PushEndpoint, logged: string[]) => Promise<void>,
): Promise<void> {
  const { documents, clock } = registry().services;
  const endpoint = await startPushEndpoint();
  const subscriptions = [{ topic: eventsTopic, endpoint: endpoint.url }];
  const events = openPushEvents({ documents, clock, subscriptions });
  const logged: string[] = [];
  const log: EventsServices['log'] = (severity, message) => logged.push(`${severity} ${message}`);
  try {
    await test({ documents, clock, events, log }, endpoint, logged);
  } finally {
    await events.close();
    await endpoint.close();
  }
}

/** The paths of what the outbox holds, as Firestore's events name them. */
async function pendingPaths(): Promise<string[]> {
  const { documents } = registry().services;
  const entries = await documents.list({ prefix: ['local', '-', 'outbox'], limit: 100 });
  return entries.map(({ key }) => {
    const { collection, id } = pathOf(key);
    return `${collection}/${id}`;
  });
}

const tagsOf = ({ inbox }: PushEndpoint) => inbox.firsts().map((data) => JSON.parse(data).tag);

for (const [attribute, before] of [
  ['document', ''],
  ['subject', 'documents/'],
] as const) {
  it(`an entry’s ${attribute} wakes the relay of its repository, and of no other`, () =>
    withServices(async (services, endpoint) => {
      const name = `functions.${attribute}/a__b/c-d`;
      await sendAll(registry().url, [
        ...pushAll(name, image, 'v1'),
        pushManifest(name, image, 'v2'),
        ...pushAll(`functions/other-${attribute}`, image, 'v1'),
      ]);
      const paths = (await pendingPaths()).filter((path) =>
        path.includes(`functions.E${attribute}`),
      );
      assert.equal(paths.length, 2);
      // They come late, twice and in any order.
      for (const path of [...paths.reverse(), ...paths]) {
        await relayEntry({ [attribute]: `${before}${path}` }, services);
      }
      await endpoint.inbox.until(({ deliveries }) => deliveries.length > 1);
      const { host } = new URL(registry().url);
      assert.deepEqual(tagsOf(endpoint), [`${host}/${name}:v1`, `${host}/${name}:v2`]);
      assert.ok((await pendingPaths()).every((path) => path.includes(`other-${attribute}`)));
      await sweepLocations(services, ['local']);
    }));
}

it('an event that is of no entry is told to the log, and not to be sent again', () =>
  withServices(async (services, _, logged) => {
    await sendAll(registry().url, pushAll('functions/left', image, 'v1'));
    const [path = ''] = await pendingPaths();
    for (const event of [
      {},
      { document: 7 },
      { document: '' },
      { document: path.replace('/outbox/', '/tags/') },
      { document: `${path}/more` },
      { document: path.replace('functions', 'others') },
      { subject: `other/${path}` },
      { subject: 'documents/local/-/outbox/..!' },
    ]) {
      logged.length = 0;
      await relayEntry(event, services);
      assert.deepEqual(logged, ['ERROR this event is of no entry in the outbox']);
    }
    assert.deepEqual(await pendingPaths(), [path]);
    await sweepLocations(services, ['local']);
  }));

it('a sweep relays what was left, in every location, and says what it did', () =>
  withServices(async (services, endpoint, logged) => {
    await sendAll(registry().url, [
      ...pushAll('functions/one', image, 'v1'),
      ...pushAll('functions/two', image, 'v1'),
    ]);
    const { status, body } = await sweepLocations(services, ['local', 'elsewhere']);
    assert.equal(status, 200);
    assert.deepEqual(JSON.parse(String(body)), {
      local: { repositories: 2, published: 2, more: false, oldestPendingSeconds: 0, failed: 0 },
      elsewhere: { repositories: 0, published: 0, more: false, oldestPendingSeconds: 0, failed: 0 },
    });
    assert.deepEqual(logged, ['INFO the outbox was swept', 'INFO the outbox was swept']);
    await endpoint.inbox.until(({ deliveries }) => deliveries.length === 2);
    assert.deepEqual(await pendingPaths(), []);
  }));

it('a sweep tells that a relay failed, goes on with the others, and leaves what was not published', () =>
  withServices(async (services, endpoint, logged) => {
    await sendAll(registry().url, [
      ...pushAll('functions/failing', image, 'v1'),
      ...pushAll('functions/well', image, 'v1'),
    ]);
    const { events } = services;
    registry().clock.advance(90_000);
    const failing: typeof events = {
      publish: async (topic, key, messages) => {
        if (key.endsWith('failing')) throw new Error('out of reach');
        await events.publish(topic, key, messages);
      },
    };
    const { status, body } = await sweepLocations({ ...services, events: failing }, ['local']);
    assert.equal(status, 500);
    const { failed, oldestPendingSeconds } = JSON.parse(String(body)).local;
    assert.deepEqual({ failed, oldestPendingSeconds }, { failed: 1, oldestPendingSeconds: 90 });
    assert.deepEqual(logged, ['ERROR events were not published', 'INFO the outbox was swept']);
    await endpoint.inbox.until(({ deliveries }) => deliveries.length === 1);
    assert.equal((await pendingPaths()).length, 1);
    // The lease was given up: it need not run out first.
    assert.equal((await sweepLocations(services, ['local'])).status, 200);
    await endpoint.inbox.until(({ deliveries }) => deliveries.length === 2);
  }));
