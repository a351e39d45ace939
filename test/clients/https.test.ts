// Over HTTPS, as behind a load balancer: a front ends TLS with a certificate that the clients check, and speaks HTTP/2
// to the streaming server. What each pushes, the next one pulls.

import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { isOnGoogle } from '#test/support/backend.ts';
import { startBerth, streamingArguments } from '#test/support/berth.ts';
import { startFront } from '#test/support/front.ts';
import { type Scratch, scratch, unlessInstalled } from './client.ts';
import { crossingClients, type Reached } from './crossing.ts';
import { skopeoIn } from './skopeo.ts';

const skipAll = unlessInstalled('nghttpx', 'openssl');

describe('over HTTPS and HTTP/2', { skip: skipAll }, () => {
  let registry: Reached;
  let space: Scratch;

  before(async () => {
    space = await scratch();
    // On Google's services the gateway stands between, which leads to each function's process.
    const berth = await startBerth(isOnGoogle() ? {} : { run: streamingArguments });
    space.after(() => berth.remove());
    const { port } = new URL(berth.url);
    const protocol = isOnGoogle() ? 'http/1.1' : 'h2';
    const front = await startFront(join(space.path, 'front'), { port, protocol });
    space.after(() => front.stop());
    registry = { host: front.host, password: berth.password, trusted: front.trusted };
    for (const { skip, start } of crossingClients) {
      if (skip === false) await start(space, registry);
    }
  });

  after(() => space.remove());

  for (const [at, puller] of crossingClients.entries()) {
    const pusher = crossingClients.at(at - 1);
    assert.ok(pusher !== undefined);
    const skip = pusher.skip || puller.skip;
    it(`${puller.name} pulls what ${pusher.name} pushed, by the digest it told`, {
      skip,
    }, async () => {
      const image = `${registry.host}/https/from-${pusher.name}:v1`;
      const digest = await pusher.push(image);
      assert.match(digest, /^sha256:[0-9a-f]{64}$/);
      assert.equal(await puller.pull(image), digest);
    });
  }

  it('a client that does not trust the authority sends nothing', {
    skip: unlessInstalled('skopeo'),
  }, async () => {
    const stranger = skopeoIn(join(space.path, 'stranger'));
    const credentials = ['--creds', `admin:${registry.password}`];
    const { ok, stderr } = await stranger.attempt([
      'list-tags',
      ...credentials,
      `docker://${registry.host}/https/from-skopeo`,
    ]);
    assert.ok(!ok);
    assert.match(stderr, /x509|certificate/);
  });
});
