// What one client pushes, each of the others pulls: the same image, by the same digest.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { refusal, type Scratch, scratch } from './client.ts';
import { type CrossingClient, crossingClients } from './crossing.ts';

describe('crossing', () => {
  let berth: RunningBerth;
  let space: Scratch;

  before(async () => {
    space = await scratch();
    berth = await startBerth({ environment: { BERTH_ANONYMOUS_PULL: 'open' } });
    space.after(() => berth.remove());
    for (const { skip, start } of crossingClients) {
      if (skip === false) await start(space, berth);
    }
  });

  after(() => space.remove());

  /** Digests of what was pushed: by client and project, once however many pull it. */
  const pushed = new Map<string, Promise<string>>();
  const pushOnce = (client: CrossingClient, image: string) => {
    const digest = pushed.get(image) ?? client.push(image);
    pushed.set(image, digest);
    return digest;
  };

  for (const pusher of crossingClients) {
    for (const puller of crossingClients) {
      if (puller === pusher) continue;
      const skip = pusher.skip || puller.skip;
      it(`${puller.name} pulls what ${pusher.name} pushed, by the digest it told`, {
        skip,
      }, async () => {
        const image = `${berth.host}/closed/from-${pusher.name}:v1`;
        const digest = await pushOnce(pusher, image);
        assert.match(digest, /^sha256:[0-9a-f]{64}$/);
        assert.equal(await puller.pull(image), digest);
      });
    }
  }

  for (const [at, puller] of crossingClients.entries()) {
    const pusher = crossingClients.at(at - 1);
    assert.ok(pusher !== undefined);
    const skip = pusher.skip || puller.skip;
    it(`${puller.name} pulls with no credentials what is open, and nothing else`, {
      skip,
    }, async () => {
      const [open, closed] = ['open', 'closed'].map(
        (project) => `${berth.host}/${project}/by-${pusher.name}:v1`,
      );
      assert.ok(open !== undefined && closed !== undefined);
      const digest = await pushOnce(pusher, open);
      await pushOnce(pusher, closed);
      assert.equal(await puller.pull(open, 'nobody'), digest);
      await assert.rejects(puller.pull(closed, 'nobody'), refusal);
    });
  }
});
