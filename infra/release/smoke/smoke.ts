// The smoke test of a release: what a client does with a registry, through the load balancer, from the challenge to the
// deletion, with all bytes looked at.

import { Failure } from '../failure.ts';
import { type Answer, ask, type Connection, originOf } from './connection.ts';
import { type Blob, digestOf, type Image, makeImage } from './image.ts';
import {
  type Credentials,
  challengeOf,
  expectStatus,
  jsonOf,
  openSession,
  type Session,
} from './session.ts';

export interface Smoking extends Omit<Connection, 'domain'> {
  readonly credentials: Credentials;
  /** For how long a registry may yet become reachable. */
  readonly waitMs: number;
}

/** Its own, so that nobody's images are touched. */
const repository = 'berth-release/smoke-test';
const redirectsMax = 3;

type Tell = (line: string) => void;

/** Tests one domain after another. @throws Failure that says what was not as it should be, and where */
export async function smokeAll(
  domains: readonly string[],
  smoking: Smoking,
  tell: Tell,
): Promise<void> {
  for (const domain of domains) {
    try {
      await smoke({ ...smoking, domain }, smoking, tell);
    } catch (error) {
      if (error instanceof Failure) throw new Failure(`${domain}: ${error.message}`);
      throw error;
    }
  }
}

async function smoke(
  connection: Connection,
  { credentials, waitMs }: Smoking,
  tell: Tell,
): Promise<void> {
  const done = (what: string) => tell(`ok      ${connection.domain}: ${what}`);
  const challenge = await challengeOf(connection, waitMs);
  done('asks for a token');
  const scope = `repository:${repository}:pull,push,delete`;
  const session = await openSession(connection, challenge, { scope, credentials });
  done('gives one');

  const image = makeImage();
  await patchBlob(session, image.patched);
  done(`takes a layer of ${image.patched.bytes.length} bytes in one PATCH without its length`);
  await putBlob(session, image.put);
  await putBlob(session, image.config);
  done('takes a layer and a config in one PUT each');
  try {
    await putManifest(session, image);
    done('takes the manifest by its tag');
    await pullManifest(session, image);
    for (const blob of [image.config, image.put, image.patched]) {
      await pullBlob(connection, session, blob);
    }
    done('gives back the same bytes');
    await expectTag(session, image.tag, true);
    done('lists the tag');
    for (const reference of referencesOf(image)) await deleteManifest(session, reference);
    await expectGone(session, image);
    done('deletes the tag and the image, and has them no more');
  } catch (error) {
    // What was pushed is of no use to anybody. Whether it can be deleted is not what is told then, and one may be though the
    // other may not.
    for (const reference of referencesOf(image)) {
      await deleteManifest(session, reference).catch(() => {});
    }
    throw error;
  }
}

/** As docker pushes a layer: POST, PATCH, PUT. */
async function patchBlob(session: Session, { digest, bytes }: Blob): Promise<void> {
  const patched = await session.send(await beginUpload(session), {
    method: 'PATCH',
    headers: { 'Content-Type': 'application/octet-stream' },
    body: bytes,
    isChunked: true,
  });
  expectStatus(patched, 202, 'PATCH of a layer');
  expectHeader(patched, 'range', `0-${bytes.length - 1}`, 'PATCH of a layer');
  const put = await session.send(withDigest(locationOf(patched, 'PATCH of a layer'), digest), {
    method: 'PUT',
    headers: { 'Content-Length': '0' },
  });
  expectCreated(put, digest, 'PUT after a PATCH');
}

/** As containerd pushes one: POST, and PUT with all of it. */
async function putBlob(session: Session, { digest, bytes }: Blob): Promise<void> {
  const put = await session.send(withDigest(await beginUpload(session), digest), {
    method: 'PUT',
    headers: { 'Content-Type': 'application/octet-stream' },
    body: bytes,
  });
  expectCreated(put, digest, 'PUT of a blob');
}

/** @returns where it goes on */
async function beginUpload(session: Session): Promise<string> {
  const path = `/v2/${repository}/blobs/uploads/`;
  const begun = await session.send(path, { method: 'POST', headers: { 'Content-Length': '0' } });
  expectStatus(begun, 202, 'POST of an upload');
  return locationOf(begun, 'POST of an upload');
}

async function putManifest(session: Session, { tag, manifest }: Image): Promise<void> {
  const put = await session.send(manifestPath(tag), {
    method: 'PUT',
    headers: { 'Content-Type': manifest.mediaType },
    body: manifest.bytes,
  });
  expectCreated(put, manifest.digest, 'PUT of the manifest');
}

async function pullManifest(session: Session, image: Image): Promise<void> {
  const { tag, manifest } = image;
  const headers = { Accept: manifest.mediaType };
  const head = await session.send(manifestPath(tag), { method: 'HEAD', headers });
  expectStatus(head, 200, 'HEAD of the manifest');
  expectHeader(head, 'docker-content-digest', manifest.digest, 'HEAD of the manifest');
  for (const reference of referencesOf(image)) {
    const got = await session.send(manifestPath(reference), { headers });
    expectStatus(got, 200, 'GET of the manifest');
    expectHeader(got, 'content-type', manifest.mediaType, 'GET of the manifest');
    expectBytes(got, manifest, 'GET of the manifest');
  }
}

/** Pulls a blob from wherever the registry keeps it: there the token is nobody's business. */
async function pullBlob(connection: Connection, session: Session, blob: Blob): Promise<void> {
  const path = `/v2/${repository}/blobs/${blob.digest}`;
  let answer = await session.send(path);
  let url = new URL(path, originOf(connection));
  for (let led = 0; led < redirectsMax && answer.status === 307; led += 1) {
    url = new URL(locationOf(answer, 'GET of a blob'), url);
    if (!connection.isPlain && url.protocol !== 'https:') {
      throw new Failure(`GET of a blob: it lies where there is no TLS, at ${url.origin}`);
    }
    answer = await ask(connection, url);
  }
  expectStatus(answer, 200, `GET of a blob, at ${url.host}`);
  expectBytes(answer, blob, `GET of a blob, at ${url.host}`);
}

async function expectTag(session: Session, tag: string, isThere: boolean): Promise<void> {
  const listed = await session.send(`/v2/${repository}/tags/list?n=1000`);
  // A repository without tags may be none.
  if (!isThere && listed.status === 404) return;
  expectStatus(listed, 200, 'GET of the tags');
  const { tags } = jsonOf(listed, 'GET of the tags') as { tags?: unknown };
  if ((Array.isArray(tags) && tags.includes(tag)) === isThere) return;
  throw new Failure(`GET of the tags: ${tag} is ${isThere ? 'not listed' : 'listed yet'}`);
}

async function deleteManifest(session: Session, reference: string): Promise<void> {
  const deleted = await session.send(manifestPath(reference), { method: 'DELETE' });
  expectStatus(deleted, 202, `DELETE of ${reference}`);
}

async function expectGone(session: Session, image: Image): Promise<void> {
  for (const reference of referencesOf(image)) {
    const got = await session.send(manifestPath(reference), {
      headers: { Accept: image.manifest.mediaType },
    });
    expectStatus(got, 404, 'GET of the manifest that was deleted');
  }
  await expectTag(session, image.tag, false);
}

function referencesOf({ tag, manifest }: Image): readonly [tag: string, digest: string] {
  return [tag, manifest.digest];
}

function manifestPath(reference: string): string {
  return `/v2/${repository}/manifests/${reference}`;
}

/** As clients do: what the location has as its query stays. */
function withDigest(location: string, digest: string): string {
  return `${location}${location.includes('?') ? '&' : '?'}digest=${encodeURIComponent(digest)}`;
}

function locationOf({ headers }: Answer, what: string): string {
  const { location } = headers;
  if (location !== undefined) return location;
  throw new Failure(`${what}: no Location`);
}

function expectCreated(answer: Answer, digest: string, what: string): void {
  expectStatus(answer, 201, what);
  expectHeader(answer, 'docker-content-digest', digest, what);
}

function expectHeader(answer: Answer, name: string, value: string, what: string): void {
  if (answer.headers[name] === value) return;
  throw new Failure(`${what}: ${name} is ${answer.headers[name] ?? 'missing'} and not ${value}`);
}

function expectBytes({ bytes }: Answer, { digest }: Blob, what: string): void {
  if (digestOf(bytes) === digest) return;
  throw new Failure(`${what}: other bytes than those that were pushed as ${digest}`);
}
