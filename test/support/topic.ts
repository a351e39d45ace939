// A topic on Google's emulator of Pub/Sub, and who subscribes to it.

import { randomUUID } from 'node:crypto';
import { type Message, PubSub } from '@google-cloud/pubsub';
import type { Inbox } from './inbox.ts';

/** A project, its own when left out, with a topic that is subscribed to by each inbox, and one by nobody. */
export async function openTopic(inboxes: readonly Inbox[], projectId = `berth-${randomUUID()}`) {
  const pubsub = new PubSub({ projectId });
  const topic = 'gcr';
  const deserted = 'deserted';
  await pubsub.createTopic(deserted);
  const [created] = await pubsub.createTopic(topic);
  const subscriptions = await Promise.all(
    inboxes.map(async (inbox, at) => {
      const options = { enableMessageOrdering: true };
      const [subscription] = await created.createSubscription(`subscriber-${at}`, options);
      subscription.on('message', (message: Message) => {
        const { id: messageId, attributes, orderingKey = '' } = message;
        const data = message.data.toString();
        if (inbox.receive({ data, attributes, orderingKey, messageId })) message.ack();
        else message.nack();
      });
      return subscription;
    }),
  );
  return {
    projectId,
    topic,
    deserted,
    close: async () => {
      for (const subscription of subscriptions) await subscription.close();
      await pubsub.close();
    },
  };
}
