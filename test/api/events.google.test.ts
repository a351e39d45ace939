// Changes told through Firestore and Pub/Sub, on Google's emulators: pushes, deletions and relays side by side.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it } from 'node:test';
import { PubSub } from '@google-cloud/pubsub';
import { type EventsServices, relayEntry } from '#functions/events/relay.ts';
import { sweepLocations } from '#functions/events/sweep.ts';
import { openFileBlobs } from '#shared/embedded/file-blobs.ts';
import { openFirestoreDocuments } from '#shared/google/firestore-documents.ts';
import { pathOf } from '#shared/google/firestore-keys.ts';
import { openPubSubEvents } from '#shared/google/pubsub-events.ts';
import { digestOf } from '#shared/oci/digest.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { parseRepositoryName, parseTag } from '#shared/oci/reference.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { repositoryAt } from '#shared/registry/layout.ts';
import { deleteManifest } from '#shared/registry/manifests.ts';
import { pushManifest } from '#shared/registry/push-manifest.ts';
import { eventsTopic } from '#shared/registry/relay.ts';
import { startEmulator } from '#test/support/emulators.ts';
import { Inbox } from '#test/support/inbox.ts';

const firestore = await startEmulator('firestore');
const pubsub = await startEmulator('pubsub');
const skip = firestore.skip || pubsub.skip;

const location = 'local';
const repository = repositoryAt(location, parseRepositoryName('google/app') ?? assert.fail());
const cause = { by: 'test', host: 'registry.example' };
const tagOf = (text: string) => ({ kind: 'tag', tag: parseTag(text) ?? assert.fail() }) as const;

/** An index that names nothing needs no blobs. */
function indexOf(name: string) {
  const { ociIndex: mediaType } = mediaTypes;
  const manifest = { schemaVersion: 2, mediaType, manifests: [], annotations: { name } };
  return Buffer.from(JSON.stringify(manifest));
}

/** The registry's rules on the emulators, in a project of their own, and what a subscriber of it gets. */
async function openWorld() {
  const projectId = `berth-${randomUUID()}`;
  const directory = await mkdtemp(join(tmpdir(), 'berth-google-'));
  const clock = systemClock;
  const documents = openFirestoreDocuments({ projectId, clock });
  const blobs = await openFileBlobs({ directory, durable: false });
  const events = openPubSubEvents({ projectId });
  const client = new PubSub({ projectId });
  const [topic] = await client.createTopic(eventsTopic);
  const [subscription] = await topic.createSubscription('test', { enableMessageOrdering: true });
  const inbox = new Inbox();
  subscription.on('message', (message) => {
    const { id: messageId, attributes, orderingKey = '' } = message;
    inbox.receive({ data: message.data.toString(), attributes, orderingKey, messageId });
    message.ack();
  });
  const log = () => undefined;
  const services: EventsServices = { documents, clock, events, log };
  return {
    store: { documents, blobs, clock },
    services,
    inbox,
    close: async () => {
      await subscription.close();
      await client.close();
      await events.close();
      await documents.close();
      await rm(directory, { recursive: true });
    },
  };
}

describe('changes on Firestore', { skip }, () => {
  it('reach a subscriber of Pub/Sub in the order of their commits, whoever relays them', async () => {
    const { store, services, inbox, close } = await openWorld();
    const { documents } = store;
    try {
      const push = (name: string, tag: string) => {
        const options = { tags: [], bytes: indexOf(name), contentType: mediaTypes.ociIndex };
        return pushManifest(store, repository, { ...options, ...cause, reference: tagOf(tag) });
      };
      /** What the trigger does, for each entry that is there now. */
      const wake = async () => {
        const prefix = [location, '-', 'outbox'];
        const entries = await documents.list({ prefix, limit: 100 });
        const woken = entries.map(({ key }) => {
          const { collection, id } = pathOf(key);
          return relayEntry({ document: `${collection}/${id}` }, services);
        });
        await Promise.all(woken);
      };
      // One writer, whose order is known, and relays that are woken meanwhile.
      const writing = (async () => {
        for (let at = 0; at < 8; at += 1) await push(`n${at}`, 'latest');
        await deleteManifest(store, repository, tagOf('latest'), cause);
      })();
      const waking = (async () => {
        for (let round = 0; round < 6; round += 1) await wake();
      })();
      await Promise.all([writing, waking]);
      await sweepLocations(services, [location]);
      const image = 'registry.example/google/app';
      const wanted = [
        ...Array.from({ length: 8 }, (_, at) => {
          const digest = digestOf(indexOf(`n${at}`));
          return `{"action":"INSERT","digest":"${image}@${digest}","tag":"${image}:latest"}`;
        }),
        `{"action":"DELETE","tag":"${image}:latest"}`,
      ];
      await inbox.until((one) => one.firsts().length === wanted.length);
      assert.deepEqual(inbox.firsts(), wanted);
      for (const kind of ['outbox', 'relays']) {
        assert.deepEqual(await documents.list({ prefix: [location, '-', kind], limit: 10 }), []);
      }
    } finally {
      await close();
    }
  });
});
