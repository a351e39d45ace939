// What one client pushes, each of the others pulls: the same image, by the same digest.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { send } from '#test/support/calls.ts';
import { digestOf } from '#test/support/manifests.ts';
import { refusal, type Scratch, scratch } from './client.ts';
import { type CrossingClient, crossingClients, type Made } from './crossing.ts';
import { byToken, refusedByToken } from './tokens.ts';

interface ManifestJson {
  readonly layers?: readonly { readonly mediaType: string }[];
  readonly manifests?: readonly {
    readonly digest: string;
    readonly platform: { readonly architecture: string };
  }[];
}

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
  const pushOnce = (client: CrossingClient, image: string, made?: Made) => {
    const digest =
      pushed.get(image) ?? byToken(berth, 'user:admin', () => client.push(image, made));
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
        const pulled = await byToken(berth, 'user:admin', () => puller.pull(image));
        assert.equal(pulled, digest);
      });
    }
  }

  /** A manifest as the registry has it. */
  const manifestOf = async (name: string, digest: string): Promise<ManifestJson> => {
    const authorization = `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`;
    const path = `/v2/${name}/manifests/${digest}`;
    const { body } = await send(berth.url, { method: 'GET', path, authorization });
    assert.equal(digestOf(body), digest);
    return JSON.parse(String(body));
  };
  const here = process.arch === 'arm64' ? 'arm64' : 'amd64';

  for (const pusher of crossingClients) {
    for (const puller of crossingClients) {
      if (puller === pusher) continue;
      const skip = pusher.skip || puller.skip;
      const told = `${puller.name} pulls what ${pusher.name} pushed`;
      if (pusher.makes.includes('index')) {
        it(`${told}, out of an index`, { skip }, async () => {
          const name = `closed/index-by-${pusher.name}`;
          const digest = await pushOnce(pusher, `${berth.host}/${name}:v1`, 'index');
          const { manifests = [] } = await manifestOf(name, digest);
          const image = manifests.find(({ platform }) => platform.architecture === here)?.digest;
          const wanted = puller.hasIndexBy === 'index' ? digest : image;
          assert.equal(await puller.pull(`${berth.host}/${name}:v1`), wanted);
        });
      }
      // docker 20.10, which is Debian's, cannot unpack zstd: "invalid tar header".
      if (pusher.makes.includes('zstd') && puller.name !== 'docker') {
        it(`${told}, in layers of zstd`, { skip }, async () => {
          const name = `closed/zstd-by-${pusher.name}`;
          const digest = await pushOnce(pusher, `${berth.host}/${name}:v1`, 'zstd');
          const { layers = [] } = await manifestOf(name, digest);
          assert.ok(layers.length > 0 && layers.every(({ mediaType }) => /zstd$/.test(mediaType)));
          assert.equal(await puller.pull(`${berth.host}/${name}:v1`), digest);
        });
      }
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
      const pull = () => puller.pull(open, 'nobody');
      // containerd asks for a token where it is refused, and here it is not.
      const asksFirst = puller.name !== 'containerd';
      assert.equal(await (asksFirst ? byToken(berth, 'anonymous', pull) : pull()), digest);
      await refusedByToken(berth, () => assert.rejects(puller.pull(closed, 'nobody'), refusal));
    });
  }
});
