// Change events on one machine: each subscriber is an address that messages are pushed to over HTTP, as Pub/Sub
// pushes them, so that one written for Pub/Sub need not know. What it has not taken is kept in the documents:
//
//   - / - /
//     published   / topic                                 how many messages the topic has had
//     pushes      / subscription / ordering key / number  a message that this subscriber has not taken yet
//
// A message has one number in all subscriptions, its id. Numbers rise, and so the order of the keys is the order
// in which messages were published.

import { createHash } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';
import type { Documents, Key, Transaction } from '../ports/documents.ts';
import type { Events } from '../ports/events.ts';
import { type PushPatience, PushSubscription, type Refusal } from './push-subscription.ts';

/** As long as Pub/Sub keeps what a subscriber does not take. */
const retentionMs = 7 * 24 * 60 * 60 * 1000;

export interface PushEventsOptions {
  readonly documents: Documents;
  readonly clock: Clock;
  /** Each endpoint is the address of a subscriber. */
  readonly subscriptions: readonly { readonly topic: string; readonly endpoint: string }[];
  /** Is told of every push that was not answered 2xx. */
  readonly refused?: (refusal: Refusal) => void;
  /** Pub/Sub's own when left out. */
  readonly patience?: PushPatience;
}

export interface PushEvents extends Events {
  /** Pushes no more, and resolves when nothing is under way. What was not taken is pushed when it is opened again. */
  close(): Promise<void>;
}

/** Opens the topics, and goes on with what subscribers have not taken. */
export function openPushEvents(options: PushEventsOptions): PushEvents {
  const { documents, clock } = options;
  const subscriptions = options.subscriptions.map(({ topic, endpoint }) => {
    const name = subscriptionName(topic, endpoint);
    const prefix: Key = ['-', '-', 'pushes', name];
    const push = new PushSubscription({ ...options, name, endpoint, prefix });
    return { topic, prefix, push };
  });
  return {
    async publish(topic, orderingKey, messages) {
      const subscribed = subscriptions.filter((subscription) => subscription.topic === topic);
      if (subscribed.length === 0 || messages.length === 0) return;
      const publishedAt = clock.now();
      const expiresAt = publishedAt + retentionMs;
      await documents.transact(async (transaction) => {
        let number = await addToCount(transaction, topic, messages.length);
        for (const { data, attributes } of messages) {
          number += 1;
          const value = { bytes: data, attributes, publishedAt };
          for (const { prefix } of subscribed) {
            transaction.set([...prefix, orderingKey, sortable(number)], value, { expiresAt });
          }
        }
      });
      for (const { push } of subscribed) push.wake();
    },
    close: async () => {
      await Promise.all(subscriptions.map(({ push }) => push.close()));
    },
  };
}

async function addToCount(transaction: Transaction, topic: string, added: number): Promise<number> {
  const key: Key = ['-', '-', 'published', topic];
  const count = Number((await transaction.get(key))?.value['count'] ?? 0);
  transaction.set(key, { count: count + added });
  return count;
}

/** The same at every start, and says nothing of the address, which may hold a secret. */
function subscriptionName(topic: string, endpoint: string): string {
  const hash = createHash('sha256')
    .update(JSON.stringify([topic, endpoint]))
    .digest('hex');
  return `push-${hash.slice(0, 16)}`;
}

/** A number as text whose order is the number's. */
function sortable(number: number): string {
  return number.toString().padStart(16, '0');
}
