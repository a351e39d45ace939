// What an instance keeps of the manifests it has read: a bounded part, those used last, each as of its repository.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { digestOf } from '#shared/oci/digest.ts';
import { manifestInlineBytesMax, recentManifestBytesMax } from '#shared/oci/limits.ts';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import { type Repository, repositoryAt } from '#shared/registry/layout.ts';
import { type ReadManifest, RecentManifests } from '#shared/registry/recent-manifests.ts';

function repository(location: string, text: string): Repository {
  const name = parseRepositoryName(text);
  assert.ok(name !== undefined);
  return repositoryAt(location, name);
}

const here = repository('local', 'one/a');

function manifest(text: string, size = manifestInlineBytesMax): ReadManifest {
  const bytes = Buffer.from(text);
  return { digest: digestOf(bytes), mediaType: mediaTypes.ociManifest, size, bytes };
}

describe('recent manifests', () => {
  it('are found by the repository that was read, and by no other', () => {
    const recent = new RecentManifests();
    const one = manifest('one');
    recent.keep(here, one);
    assert.equal(recent.find(here, one.digest), one);
    assert.equal(recent.find(repository('local', 'one/b'), one.digest), undefined);
    assert.equal(recent.find(repository('eu', 'one/a'), one.digest), undefined);
  });

  it('have a bounded size, and those that were used last stay', () => {
    const recent = new RecentManifests();
    const room = recentManifestBytesMax / manifestInlineBytesMax;
    const many = Array.from({ length: room + 2 }, (_, n) => manifest(`manifest ${n}`));
    const [first, second, third] = many;
    assert.ok(first !== undefined && second !== undefined && third !== undefined);
    for (const one of many.slice(0, room)) recent.keep(here, one);
    assert.equal(recent.find(here, first.digest), first);
    for (const one of many.slice(room)) recent.keep(here, one);
    const kept = many.filter(({ digest }) => recent.find(here, digest) !== undefined);
    assert.equal(kept.length, room);
    assert.ok(kept.includes(first));
    assert.ok(!kept.includes(second) && !kept.includes(third));
  });

  it('are counted once though they are read twice', () => {
    const recent = new RecentManifests();
    const one = manifest('one');
    const two = manifest('two');
    recent.keep(here, two);
    for (let time = 0; time < 100; time += 1) recent.keep(here, one);
    assert.equal(recent.find(here, two.digest), two);
  });

  it('keep the bytes that were read, whatever else is learnt of them', () => {
    const recent = new RecentManifests();
    const one = manifest('one');
    const { bytes: _, ...withoutBytes } = one;
    recent.keep(here, withoutBytes);
    assert.equal(recent.find(here, one.digest), withoutBytes);
    recent.keep(here, one);
    recent.keep(here, withoutBytes);
    assert.equal(recent.find(here, one.digest), one);
  });

  it('have room for many whose bytes were not read, and for no more than that', () => {
    const recent = new RecentManifests();
    const { bytes: _, ...withoutBytes } = manifest('one');
    const all = Array.from({ length: 20_000 }, (_, n) => digestOf(Buffer.from(String(n))));
    for (const digest of all) recent.keep(here, { ...withoutBytes, digest });
    const kept = all.filter((digest) => recent.find(here, digest) !== undefined);
    assert.ok(kept.length > 10_000 && kept.length < all.length, `${kept.length} are kept`);
  });

  it('are not large ones', () => {
    const recent = new RecentManifests();
    const large = manifest('large', manifestInlineBytesMax + 1);
    recent.keep(here, large);
    assert.equal(recent.find(here, large.digest), undefined);
  });
});
