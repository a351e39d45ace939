// Tags as the upstream says: asked again after a while, and where it does not answer, as it said last.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { imageManifest } from '#test/support/manifests.ts';
import { gate, startMirror } from './mirrors.ts';

const tag = '/v2/team/image/manifests/v1';
const heads = /manifests\/v1/;
const stale = '110 - "Response is Stale"';

describe('a tag', () => {
  it('is asked for again when it is not fresh, and by HEAD alone while it stays', async (t) => {
    const { upstream, registry, pull } = await startMirror(t);
    const [first, second] = [imageManifest(), imageManifest()];
    await upstream.push('team/image', first, 'v1');
    assert.deepEqual((await pull(tag)).body, first.bytes);
    registry.clock.advance(599_000);
    assert.equal((await pull(tag)).headers['age'], '599');
    assert.equal(upstream.seen.length, 1);
    registry.clock.advance(2000);
    const { headers } = await pull(tag);
    assert.equal(headers['age'], '0');
    assert.equal(headers['warning'], undefined);
    assert.deepEqual(
      upstream.seen.map(({ method }) => method),
      ['GET', 'HEAD'],
    );
    await upstream.push('team/image', second, 'v1');
    assert.deepEqual((await pull(tag)).body, first.bytes);
    registry.clock.advance(601_000);
    assert.deepEqual((await pull(tag)).body, second.bytes);
    assert.equal(upstream.count('GET', heads), 2);
    // Back again to what is kept already.
    await upstream.push('team/image', first, 'v1');
    registry.clock.advance(601_000);
    assert.deepEqual((await pull(tag)).body, first.bytes);
    assert.equal(upstream.count('GET', heads), 2);
  });

  it('is served stale while the upstream is dead, and asked for again when it is back', async (t) => {
    const { upstream, registry, pull } = await startMirror(t);
    const [first, second] = [imageManifest(), imageManifest()];
    await upstream.push('team/image', first, 'v1');
    await pull(tag);
    await upstream.push('team/image', second, 'v1');
    await upstream.die();
    registry.clock.advance(700_000);
    for (const _ of [1, 2]) {
      const { status, headers, body } = await pull(tag);
      assert.equal(status, 200);
      assert.equal(headers['warning'], stale);
      assert.equal(headers['age'], '700');
      assert.deepEqual(body, first.bytes);
    }
    assert.equal((await pull('/v2/team/image/manifests/other')).status, 502);
    await upstream.live();
    registry.clock.advance(11_000);
    assert.deepEqual((await pull(tag)).body, second.bytes);
  });

  for (const status of [500, 503]) {
    it(`is served stale where the upstream answers ${status}`, async (t) => {
      const { upstream, registry, pull } = await startMirror(t);
      await upstream.push('team/image', imageManifest(), 'v1');
      await pull(tag);
      upstream.fault = () => ({ status });
      registry.clock.advance(700_000);
      assert.equal((await pull(tag)).headers['warning'], stale);
    });
  }

  it('is served stale where the upstream is slow, and what it says later counts', async (t) => {
    const { upstream, registry, pull } = await startMirror(t);
    const [first, second] = [imageManifest(), imageManifest()];
    await upstream.push('team/image', first, 'v1');
    await pull(tag);
    await upstream.push('team/image', second, 'v1');
    const { opened, open } = gate();
    upstream.fault = () => ({ before: opened });
    registry.clock.advance(700_000);
    const late = await pull(tag);
    assert.equal(late.headers['warning'], stale);
    assert.deepEqual(late.body, first.bytes);
    open();
    upstream.fault = () => undefined;
    assert.deepEqual((await pull(tag)).body, second.bytes);
  });

  it('is served stale after 429, and the upstream is left in peace as long as it says', async (t) => {
    const { upstream, registry, pull } = await startMirror(t);
    await upstream.push('team/image', imageManifest(), 'v1');
    await pull(tag);
    upstream.fault = () => ({ status: 429, headers: { 'retry-after': '120' } });
    registry.clock.advance(700_000);
    const before = upstream.seen.length;
    for (const _ of [1, 2, 3]) assert.equal((await pull(tag)).headers['warning'], stale);
    const other = await pull('/v2/team/image/manifests/other');
    assert.equal(other.status, 429);
    assert.equal(other.headers['retry-after'], '120');
    assert.equal(upstream.seen.length, before + 1);
    upstream.fault = () => undefined;
    registry.clock.advance(121_000);
    assert.equal((await pull(tag)).headers['warning'], undefined);
  });

  it('that is gone upstream is gone, and that something is missing is known for a minute', async (t) => {
    const { upstream, registry, pull } = await startMirror(t);
    const image = imageManifest();
    await upstream.push('team/image', image, 'v1');
    await pull(tag);
    upstream.fault = () => ({ status: 404 });
    registry.clock.advance(700_000);
    for (const _ of [1, 2, 3]) assert.equal((await pull(tag)).status, 404);
    assert.equal(upstream.count('HEAD', heads), 1);
    const blob = `/v2/team/image/blobs/${imageManifest().digest}`;
    for (const _ of [1, 2]) assert.equal((await pull(blob)).status, 404);
    assert.equal(upstream.count('GET', /blobs/), 1);
    upstream.fault = () => undefined;
    registry.clock.advance(61_000);
    assert.deepEqual((await pull(tag)).body, image.bytes);
  });

  for (const status of [401, 403]) {
    it(`that the upstream keeps for others (${status}) is not there: clients go on`, async (t) => {
      const { upstream, pull } = await startMirror(t);
      upstream.fault = () => ({ status });
      assert.equal((await pull(tag)).status, 404);
    });
  }
});
