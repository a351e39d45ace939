// Tools that listen to gcr.io, on what a registry of ours tells: real pushes and deletions, through the real relay, as they
// are pushed to an endpoint. The messages are gcr.io's, byte for byte, on the topic `gcr`.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { PubSub } from '@google-cloud/pubsub';
import { backend, isOnGoogle } from '#test/support/backend.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { type Call, pushAll, pushManifest, sendAll } from '#test/support/calls.ts';
import {
  argoImageUpdater,
  flux,
  keel,
  keelSubscribes,
  spinnaker,
} from '#test/support/event-readers.ts';
import { type PushEndpoint, startPushEndpoint } from '#test/support/inbox.ts';
import { imageManifest } from '#test/support/manifests.ts';
import { adminPassword } from '#test/support/registry.ts';

const image = imageManifest();
const { digest } = image;

/** Who calls the registry what, and which of the tools take that for Google's. */
const rows = [
  { host: 'gcr.io', name: 'my-project/hello-world', isGoogles: true, keelKnows: true },
  { host: 'eu.gcr.io', name: 'my-project/team/backend/app', isGoogles: true, keelKnows: true },
  { host: 'us.gcr.io', name: 'example.com/my-project/app', isGoogles: true, keelKnows: true },
  { host: 'gcr.io.example.com', name: 'p/app', isGoogles: false, keelKnows: true },
  { host: 'registry.example.com', name: 'p/a-b/c.d/e__f', isGoogles: false, keelKnows: false },
  { host: 'registry.example.com:8443', name: 'p/app', isGoogles: false, keelKnows: false },
  {
    host: 'localhost:5000',
    name: 'example.com/my-project/app',
    isGoogles: false,
    keelKnows: false,
  },
] as const;

describe('what is told of an image', () => {
  let endpoint: PushEndpoint;
  let berth: RunningBerth;
  before(async () => {
    endpoint = await startPushEndpoint();
    berth = await startBerth({
      environment: {
        BERTH_ADMIN_PASSWORD: adminPassword,
        ...(isOnGoogle() ? {} : { BERTH_PUSH_ENDPOINTS: endpoint.url }),
      },
    });
    if (isOnGoogle()) await subscribe();
  });
  after(async () => {
    await berth?.remove();
    await endpoint?.close();
  });

  /** A push subscription of the topic, as any subscriber has it. */
  async function subscribe(): Promise<void> {
    const { GOOGLE_CLOUD_PROJECT: projectId = '' } = backend(berth.dataDirectory).environment;
    const pubsub = new PubSub({ projectId });
    await pubsub
      .topic(`projects/${projectId}/topics/gcr`)
      .createSubscription('readers', { pushEndpoint: endpoint.url, enableMessageOrdering: true });
    await pubsub.close();
  }

  for (const { host, name, isGoogles, keelKnows } of rows) {
    describe(`as ${host}/${name}`, () => {
      const named = `${host}/${name}`;
      /** What is told of a push by digest, one under a tag, and of the tag and the digest being deleted. */
      const told = [
        `{"action":"INSERT","digest":"${named}@${digest}"}`,
        `{"action":"INSERT","digest":"${named}@${digest}","tag":"${named}:v1.0_rc-1"}`,
        `{"action":"DELETE","tag":"${named}:v1.0_rc-1"}`,
        `{"action":"DELETE","digest":"${named}@${digest}"}`,
      ];
      let bodies: readonly string[] = [];

      before(async () => {
        const remove = (reference: string): Call => ({
          method: 'DELETE',
          path: `/v2/${name}/manifests/${reference}`,
          expect: { status: 202 },
        });
        const calls = [
          ...pushAll(name, image),
          pushManifest(name, image, 'v1.0_rc-1'),
          remove('v1.0_rc-1'),
          remove(digest),
        ];
        await sendAll(
          berth.url,
          calls.map((call) => ({ ...call, headers: { ...call.headers, host } })),
        );
        const ofThis = () =>
          endpoint.requests
            .map(({ body }) => body)
            .filter((body) => dataOf(body).includes(`"${named}`));
        await endpoint.inbox.until(() => new Set(ofThis().map(dataOf)).size === told.length);
        // It may come twice; what came first is in order.
        bodies = told.map((data) => ofThis().find((body) => dataOf(body) === data) ?? '');
      });

      it('is gcr.io’s message, byte for byte', () => {
        assert.deepEqual(bodies.map(dataOf), told);
      });

      it('has beside it what gcr.io does not tell', () => {
        const all = bodies.map((body) => JSON.parse(body).message.attributes);
        const size = String(image.bytes.length);
        const pushed = { repository: name, actor: 'user:admin', mediaType: image.mediaType, size };
        // Of a tag that is gone there is nothing more to tell.
        const wanted = [pushed, pushed, { repository: name, actor: 'user:admin' }, pushed];
        for (const [at, { eventId, requestId, time, ...attributes }] of all.entries()) {
          assert.deepEqual(attributes, wanted[at]);
          assert.match(requestId, /^[0-9a-f-]{36}$/);
          assert.equal(new Date(time).toISOString(), time);
          assert.ok(eventId.length > 20);
        }
        assert.equal(new Set(all.map(({ eventId }) => eventId)).size, told.length);
      });

      it('makes Keel update what runs the tag', () => {
        assert.equal(keelSubscribes(host), keelKnows);
        const [byDigest, byTag, ...deleted] = told.map(keel);
        assert.deepEqual(byTag, { image: named, tag: 'v1.0_rc-1' });
        assert.deepEqual([byDigest, ...deleted], [undefined, undefined, undefined]);
      });

      it('makes Spinnaker start a pipeline with the image by its digest', () => {
        const artifact = {
          reference: `${named}@${digest}`,
          name: named,
          version: digest,
          type: 'docker/image',
        };
        const pushed = { action: /^INSERT$/ };
        assert.deepEqual(
          told.map((data) => spinnaker(data, pushed)),
          [artifact, artifact, undefined, undefined],
        );
        const tagged = { ...pushed, tag: /:v1\.0_rc-1$/ };
        assert.deepEqual(
          told.map((data) => spinnaker(data, tagged)),
          [undefined, artifact, undefined, undefined],
        );
      });

      it(`makes Argo CD Image Updater ${isGoogles ? 'look for updates' : 'refuse it, since the host is not Google’s'}`, () => {
        const event = { registry: host, repository: name, digest };
        const wanted = isGoogles
          ? [{ ...event, tag: '' }, { ...event, tag: `${named}:v1.0_rc-1` }, 'ignored', 'ignored']
          : ['refused', 'refused', 'ignored', 'ignored'];
        for (const forms of [bodies, told]) assert.deepEqual(forms.map(argoImageUpdater), wanted);
      });

      it('makes Flux reconcile, where the push proves who sends it', () => {
        assert.deepEqual(
          bodies.map((body) => flux(body, 'Bearer a.b.c')),
          told.map((data) => JSON.parse(data)),
        );
        // On one machine nothing is proven, and so it is with a subscription without a service account.
        for (const { body, headers } of endpoint.requests) {
          assert.equal(flux(body, headers.authorization), 'refused');
        }
      });
    });
  }
});

function dataOf(body: string): string {
  return Buffer.from(JSON.parse(body).message.data, 'base64').toString();
}
