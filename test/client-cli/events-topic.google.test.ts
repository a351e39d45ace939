// `berth events tail` on Google's own emulator of Pub/Sub: what is published there is printed, in order, and nothing is
// left behind.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PubSub } from '@google-cloud/pubsub';
import { openPubSubEvents, type PubSubEvents } from '#shared/google/pubsub-events.ts';
import { type Scratch, scratch } from '#test/clients/client.ts';
import { startEmulator } from '#test/support/emulators.ts';
import { openTopic } from '#test/support/topic.ts';
import { type Programs, programsIn } from './programs.ts';

const { host = '', skip } = await startEmulator('pubsub');

describe('berth events tail on Pub/Sub', { skip }, () => {
  let space: Scratch;
  let programs: Programs;
  let topic: Awaited<ReturnType<typeof openTopic>>;
  let events: PubSubEvents;
  let client: PubSub;
  before(async () => {
    space = await scratch();
    programs = programsIn(space.path, { PUBSUB_EMULATOR_HOST: host });
    topic = await openTopic([]);
    events = openPubSubEvents({ projectId: topic.projectId });
    client = new PubSub({ projectId: topic.projectId });
  });
  after(async () => {
    await space.remove();
    await events?.close();
    await client?.close();
    await topic?.close();
  });

  const subscriptions = async () => (await client.getSubscriptions())[0].length;
  const start = async (...parameters: string[]) => {
    const running = programs.startBerth([
      'events',
      'tail',
      '--topic',
      `projects/${topic.projectId}/topics/${topic.topic}`,
      ...parameters,
    ]);
    await running.until(({ stderr }) => stderr().includes('subscribed to'));
    return running;
  };
  const publish = (from: number, to: number) =>
    events.publish(
      topic.topic,
      'local/p/app',
      Array.from({ length: to - from }, (_, at) => ({
        data: Buffer.from(JSON.stringify({ action: 'INSERT', tag: `h:5000/p/app:t${from + at}` })),
        attributes: { eventId: `e${from + at}`, actor: 'robot:ci@p' },
      })),
    );

  it('prints each change once and in order, and removes its subscription at the end', async () => {
    const running = await start('-n', '150', '--json');
    assert.equal(await subscriptions(), 1);
    await publish(0, 60);
    // As a relay does that did not hear of its publication.
    await publish(40, 150);
    const { code, stdout } = await running.ended;
    assert.equal(code, 0);
    assert.deepEqual(
      stdout
        .trimEnd()
        .split('\n')
        .map((line) => JSON.parse(line).tag),
      Array.from({ length: 150 }, (_, at) => `t${at}`),
    );
    assert.equal(await subscriptions(), 0);
  });

  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    it(`and so it does at ${signal}, while it waits`, async () => {
      const running = await start();
      await publish(0, 1);
      await running.until(({ stdout }) => stdout().includes('h:5000/p/app  t0  -  robot:ci@p\n'));
      running.kill(signal);
      const { code, stderr } = await running.ended;
      assert.equal(code, 0, stderr);
      assert.equal(await subscriptions(), 0);
    });
  }
});
