// The events' contract on Pub/Sub, by Google's emulator, and what is this adapter's own.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { connect, createServer, type Socket } from 'node:net';
import { describe, it } from 'node:test';
import { PubSub } from '@google-cloud/pubsub';
import { openPubSubEvents } from '#shared/google/pubsub-events.ts';
import { startEmulator } from '#test/support/emulators.ts';
import { freePort } from '#test/support/free-port.ts';
import { Inbox } from '#test/support/inbox.ts';
import { openTopic } from '#test/support/topic.ts';
import { eventsContract } from './events.ts';

const { skip } = await startEmulator('pubsub');

eventsContract(
  'Pub/Sub',
  async (inboxes) => {
    const { projectId, topic, deserted, close } = await openTopic(inboxes);
    const events = openPubSubEvents({ projectId });
    return {
      events,
      topic,
      deserted,
      close: async () => {
        await events.close();
        await close();
      },
    };
  },
  { skip },
);

describe('events on Pub/Sub', { skip }, () => {
  const message = (text: string) => ({ data: Buffer.from(text), attributes: { eventId: text } });

  /** Opens the events of a project as if the emulator were at another address. */
  function openAt(host: string, projectId: string, publishMs: number) {
    const emulator = process.env['PUBSUB_EMULATOR_HOST'];
    process.env['PUBSUB_EMULATOR_HOST'] = host;
    try {
      return openPubSubEvents({ projectId, publishMs });
    } finally {
      process.env['PUBSUB_EMULATOR_HOST'] = emulator;
    }
  }

  it('are refused while their topic is not there, and taken in order when it is', async () => {
    const projectId = `berth-${randomUUID()}`;
    const events = openPubSubEvents({ projectId });
    await assert.rejects(events.publish('late', 'local/a', [message('a')]), /not.?found/i);
    const pubsub = new PubSub({ projectId });
    await pubsub.createTopic('late');
    await events.publish('late', 'local/a', [message('a')]);
    await events.publish('late', 'local/a', [message('b')]);
    await events.close();
    await pubsub.close();
  });

  it('are refused in time where nothing listens, and taken when something does', async () => {
    const { host: emulator = '' } = await startEmulator('pubsub');
    const inbox = new Inbox();
    const { projectId, topic, close } = await openTopic([inbox]);
    const port = await freePort('127.0.0.1');
    const events = openAt(`127.0.0.1:${port}`, projectId, 1000);
    await assert.rejects(events.publish(topic, 'local/a', [message('a')]));
    const passage = await passOn(port, emulator);
    // By now the client may be waiting before it tries to connect again: for a second or so.
    let attempts = 0;
    while (await events.publish(topic, 'local/a', ['a', 'b'].map(message)).catch(() => true)) {
      attempts += 1;
      assert.ok(attempts < 10, 'it does not connect again');
    }
    await inbox.until((one) => one.firsts().length === 2);
    assert.deepEqual(inbox.firsts(), ['a', 'b']);
    await events.close();
    await close();
    passage.close();
  });

  it('are counted', async () => {
    const { projectId, topic, close } = await openTopic([]);
    const counted = new Map<string, number>();
    const events = openPubSubEvents({
      projectId,
      meter: (operation, times = 1) =>
        counted.set(operation, (counted.get(operation) ?? 0) + times),
    });
    await events.publish(topic, 'local/a', ['a', 'b', 'c'].map(message));
    await events.publish(topic, 'local/a', []);
    assert.deepEqual([...counted], [['messagePublished', 3]]);
    await events.close();
    await close();
  });
});

/** Passes connections to a port on to a host. */
async function passOn(port: number, host: string) {
  const [hostname = '', hostPort] = host.split(':');
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    const onward = connect(Number(hostPort), hostname);
    for (const one of [socket, onward]) sockets.add(one.on('error', () => undefined));
    socket.pipe(onward).pipe(socket);
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return {
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
}
