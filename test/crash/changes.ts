// Requests that change what a repository holds, each with what the ledger is to say of it.

import type { Content } from '#test/support/manifests.ts';
import type { Client } from './client.ts';
import type { Phase } from './killer.ts';
import { blobThing, type Held, manifestThing, type Thing, tagThing } from './ledger.ts';
import { inPieces } from './uploads.ts';

export async function mountBlob(
  client: Client,
  digest: string,
  from: string,
  into: string,
): Promise<void> {
  await client.ask({
    method: 'POST',
    path: `/v2/${into}/blobs/uploads/?mount=${digest}&from=${from}`,
    expect: [201],
    phase: 'mount',
    writes: [[blobThing(into, digest), digest]],
  });
}

/** Under its one tag, or under its digest with several tags or none. */
export async function putManifest(
  client: Client,
  repository: string,
  manifest: Content,
  { tags, phase = 'manifest PUT' }: { tags: readonly string[]; phase?: Phase | undefined },
): Promise<void> {
  const there = client.ledger.certain(manifestThing(repository, manifest.digest)) !== undefined;
  const [only = manifest.digest] = tags;
  const query = tags.map((tag) => `tag=${tag}`).join('&');
  await client.ask({
    method: 'PUT',
    path: `/v2/${repository}/manifests/${tags.length > 1 ? `${manifest.digest}?${query}` : only}`,
    headers: {
      'content-type': manifest.mediaType,
      'content-length': String(manifest.bytes.length),
    },
    body: inPieces(manifest.bytes),
    expect: [201],
    bodyPhase: 'manifest PUT body',
    phase: there ? 'tag move' : phase,
    writes: [
      [manifestThing(repository, manifest.digest), manifest.digest],
      ...tags.map((tag): [Thing, Held] => [tagThing(repository, tag), manifest.digest]),
    ],
  });
}

export async function deleteTag(
  client: Client,
  repository: string,
  tag: string,
  expect: readonly number[] = [202],
): Promise<void> {
  await client.ask({
    method: 'DELETE',
    path: `/v2/${repository}/manifests/${tag}`,
    expect,
    phase: 'DELETE of a tag',
    writes: [[tagThing(repository, tag), undefined]],
  });
}

/** Its tags go with it. Nobody else may move tags of the repository meanwhile. */
export async function deleteManifest(
  client: Client,
  repository: string,
  digest: string,
): Promise<void> {
  const tags = client.ledger
    .things()
    .filter((thing) => thing.startsWith(`tag ${repository} `))
    .filter((thing) => client.ledger.certain(thing) === digest);
  await client.ask({
    method: 'DELETE',
    path: `/v2/${repository}/manifests/${digest}`,
    expect: [202],
    phase: 'DELETE of a manifest',
    writes: [manifestThing(repository, digest), ...tags].map((thing) => [thing, undefined]),
  });
}

export async function deleteBlob(
  client: Client,
  repository: string,
  digest: string,
): Promise<void> {
  await client.ask({
    method: 'DELETE',
    path: `/v2/${repository}/blobs/${digest}`,
    expect: [202],
    phase: 'DELETE of a blob',
    writes: [[blobThing(repository, digest), undefined]],
  });
}
