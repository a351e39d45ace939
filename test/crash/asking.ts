// Requests to a registry that is in trouble, and what may be answered then.

import assert from 'node:assert/strict';
import { statfsSync } from 'node:fs';
import type { RunningBerth } from '#test/support/berth.ts';
import { type Content, digestOf, type Manifest } from '#test/support/manifests.ts';
import { type Answer, Connection, type Outgoing } from './connection.ts';

const octets = { 'content-type': 'application/octet-stream' };

/** Sends one request on a connection of its own. */
export async function ask(berth: RunningBerth, outgoing: Outgoing): Promise<Answer> {
  const connection = new Connection(berth);
  try {
    return await connection.send(outgoing);
  } finally {
    connection.close();
  }
}

/** How a blob is pushed: each answers with what its last request was answered, or the first that failed. */
export const pushes = {
  'POST with the whole': (berth: RunningBerth, name: string, { bytes, digest }: Content) =>
    ask(berth, {
      method: 'POST',
      path: `/v2/${name}/blobs/uploads/?digest=${digest}`,
      headers: octets,
      body: bytes,
    }),
  'PUT with the whole': async (berth: RunningBerth, name: string, { bytes, digest }: Content) => {
    const path = `${await openUpload(berth, name)}&digest=${digest}`;
    return ask(berth, { method: 'PUT', path, headers: octets, body: bytes });
  },
  'PATCH and PUT': async (berth: RunningBerth, name: string, { bytes, digest }: Content) => {
    const path = await openUpload(berth, name);
    const patched = await ask(berth, { method: 'PATCH', path, headers: octets, body: bytes });
    if (patched.status !== 202) return patched;
    return ask(berth, { method: 'PUT', path: `${path}&digest=${digest}` });
  },
} as const;

export async function openUpload(berth: RunningBerth, name: string): Promise<string> {
  const { headers } = await ask(berth, { method: 'POST', path: `/v2/${name}/blobs/uploads/` });
  return headers.location ?? assert.fail('no Location');
}

export function pushManifest(
  berth: RunningBerth,
  name: string,
  { bytes, mediaType }: Content,
  reference: string,
): Promise<Answer> {
  return ask(berth, {
    method: 'PUT',
    path: `/v2/${name}/manifests/${reference}`,
    headers: { 'content-type': mediaType },
    body: bytes,
  });
}

/** Pushes an image that must be taken. */
export async function pushImage(
  berth: RunningBerth,
  name: string,
  image: Manifest,
  tag: string,
): Promise<void> {
  for (const blob of image.blobs) {
    const { status } = await pushes['PATCH and PUT'](berth, name, blob);
    assert.equal(status, 201, blob.digest);
  }
  const { status } = await pushManifest(berth, name, image, tag);
  assert.equal(status, 201, tag);
}

/** Pulls an image by its tag and its digest, byte for byte. */
export async function pullImage(
  berth: RunningBerth,
  name: string,
  image: Manifest,
  tag: string,
): Promise<void> {
  const paths: [string, Content][] = [
    [`/v2/${name}/manifests/${tag}`, image],
    [`/v2/${name}/manifests/${image.digest}`, image],
    ...image.blobs.map((blob): [string, Content] => [`/v2/${name}/blobs/${blob.digest}`, blob]),
  ];
  for (const [path, content] of paths) {
    const got = await ask(berth, { method: 'GET', path });
    assert.equal(got.status, 200, path);
    assert.equal(digestOf(got.body), content.digest, path);
    assert.equal(got.headers['docker-content-digest'], content.digest, path);
    assert.equal((await ask(berth, { method: 'HEAD', path })).status, 200, `HEAD ${path}`);
  }
}

/** A failure of the registry's own, told in its own form, and nothing of its inside with it. */
export function assertFailed(berth: RunningBerth, { status, headers, body }: Answer): void {
  const text = String(body);
  assert.ok(status >= 500 && status <= 599, `${status}: ${text}`);
  assert.equal(headers['content-type'], 'application/json');
  const { errors } = JSON.parse(text) as { errors: { code: string; message: string }[] };
  assert.ok(errors.length > 0, text);
  for (const { code, message } of errors) assert.ok(code.length > 0 && message.length > 0, text);
  assert.ok(!text.includes(berth.dataDirectory), text);
  assert.doesNotMatch(text, /\bat .*:\d+:\d+|\.ts\b|node:|sqlite|ENOSPC|EROFS|errno/i);
}

/** What could be written to the file system of a directory. */
export function freeBytes(directory: string): number {
  const { bavail, bsize } = statfsSync(directory);
  return bavail * bsize;
}
