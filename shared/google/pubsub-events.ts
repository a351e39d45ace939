// Change events on Pub/Sub. Each `publish` is one call of its API, which keeps the order of its messages; whoever
// publishes waits for one call before the next. The SDK's own publisher would gather messages, put them in order
// and remember for each key what failed: all that is the caller's already, who has it from the outbox.
//
// Pub/Sub keeps the order of a key where its messages are published in one region. A function runs in one, and
// reaches the API's nearest endpoint, its region's.

import { PubSub, v1 } from '@google-cloud/pubsub';
import type { Events } from '../ports/events.ts';
import type { Meter } from '../ports/meter.ts';

export interface PubSubEventsOptions {
  readonly projectId: string;
  readonly meter?: Meter;
  /** How long one `publish` may take, with its repetitions, in milliseconds. */
  readonly publishMs?: number;
}

export interface PubSubEvents extends Events {
  /** Ends the connections. */
  close(): Promise<void>;
}

/** Within the port's half a minute, and within a relay's lease. */
const usualPublishMs = 20_000;

/**
 * Connects at the first call; `PUBSUB_EMULATOR_HOST` leads to an emulator. Topics must be there: to one that is
 * not, `publish` rejects, and so nothing is lost of what a deployment forgot.
 */
export function openPubSubEvents(options: PubSubEventsOptions): PubSubEvents {
  const { projectId, meter, publishMs = usualPublishMs } = options;
  const pubsub = new PubSub({ projectId });
  let connected: Promise<v1.PublisherClient> | undefined;
  const connect = () => {
    connected ??= newClient(pubsub).catch((error: unknown) => {
      // The next call tries again.
      connected = undefined;
      throw error;
    });
    return connected;
  };
  return {
    async publish(topic, orderingKey, messages) {
      if (messages.length === 0) return;
      const signal = AbortSignal.timeout(publishMs);
      const client = await unlessAborted(connect(), signal);
      meter?.('messagePublished', messages.length);
      const request = {
        topic: client.projectTopicsPath(projectId, topic),
        messages: messages.map(({ data, attributes }) => ({ data, attributes, orderingKey })),
      };
      // What is worth repeating, and after which pauses, is Pub/Sub's own advice, which the client brings.
      await client.publish(request, { timeout: publishMs, signal });
    },
    close: async () => {
      await connected?.then((client) => client.close());
      await pubsub.close();
    },
  };
}

async function newClient(pubsub: PubSub): Promise<v1.PublisherClient> {
  const client = new v1.PublisherClient({ ...(await pubsub.getClientConfig()) });
  await client.initialize();
  return client;
}

/** What a promise becomes, or the signal's reason where that is first: to look for credentials may take forever. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  const { promise: aborted, reject } = Promise.withResolvers<never>();
  signal.addEventListener('abort', () => reject(signal.reason), { once: true });
  return Promise.race([promise, aborted]);
}
