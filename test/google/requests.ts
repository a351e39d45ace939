// What each row of costs.ts asks, and what must be there before. Repositories are each row's own, and so are bytes.

import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { TargetName } from '#functions/targets.ts';
import { changePolicy } from '#shared/auth/policies.ts';
import { createRobot } from '#shared/auth/robots.ts';
import { pathOf } from '#shared/google/firestore-keys.ts';
import { mirrorBlobKey } from '#shared/mirror/layout.ts';
import { type Digest, parseDigest } from '#shared/oci/digest.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import {
  linkKey,
  outboxOf,
  type Repository,
  repositoryAt,
  reviewShards,
  reviewsOf,
} from '#shared/registry/layout.ts';
import { reviewLink } from '#shared/registry/links.ts';
import { write } from '#shared/registry/records.ts';
import { type Answer, type Call, pushAll, send, sendAll } from '#test/support/calls.ts';
import { functionHeader } from '#test/support/functions-together.ts';
import {
  artifact,
  type Content,
  contentOf,
  imageManifest,
  type Manifest,
  randomBlob,
} from '#test/support/manifests.ts';
import type { CostName } from './costs.ts';
import type { Instance } from './instance.ts';

/** Asks an instance for what the row is about. */
export type Ask = (instance: Instance) => Promise<void>;

/**
 * Has made what must be there before, by another instance.
 * @returns what to ask then, first of an instance that is fresh
 */
type Prepare = (other: Instance) => Promise<Ask>;

interface Request {
  readonly prepare: Prepare;
  /** Asked again it is the same request. Else another of its kind is prepared. */
  readonly isRead: boolean;
}

const reads = (prepare: Prepare): Request => ({ prepare, isRead: true });
const changes = (prepare: Prepare): Request => ({ prepare, isRead: false });

export const requests: Readonly<Record<CostName, Request>> = {
  'version, nobody': reads(async () => ask(401, 'GET', '/v2/', { authorization: null })),
  'version, token': reads(async (other) => {
    const authorization = await tokenOf(other, 'cost/any');
    return ask(200, 'GET', '/v2/', { authorization });
  }),
  'token, nobody': reads(async () => ask(200, 'GET', '/v2/token', { authorization: null })),
  'token, admin': reads(async () => ask(200, 'GET', tokenPath('cost/any'))),
  'token, robot': reads(async (other) => {
    const robot = { project: 'cost', name: word(), role: 'writer' } as const;
    const { username, secret } = await createRobot(await other.services('token'), robot);
    const credentials = Buffer.from(`${username}:${secret.secret}`).toString('base64');
    return ask(200, 'GET', tokenPath('cost/any'), { authorization: `Basic ${credentials}` });
  }),

  'manifest GET by tag': reads(async (other) => {
    const { name } = await pushedImage(other);
    return ask(200, 'GET', `/v2/${name}/manifests/v1`);
  }),
  'manifest HEAD by tag': reads(async (other) => {
    const { name } = await pushedImage(other);
    return ask(200, 'HEAD', `/v2/${name}/manifests/v1`);
  }),
  'manifest GET by digest': reads(async (other) => {
    const { name, manifest } = await pushedImage(other);
    return ask(200, 'GET', `/v2/${name}/manifests/${manifest.digest}`);
  }),
  'manifest HEAD by digest': reads(async (other) => {
    const { name, manifest } = await pushedImage(other);
    return ask(200, 'HEAD', `/v2/${name}/manifests/${manifest.digest}`);
  }),

  'blob GET': reads(async (other) => {
    const { name, blob } = await pushedBlob(other);
    return ask(307, 'GET', `/v2/${name}/blobs/${blob.digest}`);
  }),
  'blob HEAD': reads(async (other) => {
    const { name, blob } = await pushedBlob(other);
    const authorization = await tokenOf(other, name);
    return ask(200, 'HEAD', `/v2/${name}/blobs/${blob.digest}`, { authorization });
  }),
  'blob HEAD, not there': reads(async (other) => {
    const authorization = await tokenOf(other, 'cost/any');
    return ask(404, 'HEAD', `/v2/cost/any/blobs/${randomBlob().digest}`, { authorization });
  }),
  'blob HEAD, lease renewed': changes(async (other) => {
    const { name, blob } = await pushedBlob(other);
    const leasedUntil = Date.now() + 60 * 60 * 1000;
    const { documents } = await other.services('blobs');
    await documents.transact(async (transaction) => {
      const key = linkKey(repositoryOf(name), digestOf(blob));
      write(transaction, key, { size: blob.bytes.length, leasedUntil });
    });
    const authorization = await tokenOf(other, name);
    return ask(200, 'HEAD', `/v2/${name}/blobs/${blob.digest}`, { authorization });
  }),

  'tags of 10': reads(async (other) => {
    const name = await pushedTags(other);
    return ask(200, 'GET', `/v2/${name}/tags/list`);
  }),
  'tags of 10, the rest': reads(async (other) => {
    const name = await pushedTags(other);
    return ask(200, 'GET', `/v2/${name}/tags/list?last=u`);
  }),
  'list of a project': reads(async (other) => {
    const project = `listed-${word()}`;
    for (const name of ['a', 'b', 'c']) {
      await pushImage(other, `${project}/${name}`, 'v1', imageManifest());
    }
    return ask(200, 'GET', `/v2/${project}/tags/list`);
  }),
  'referrers of 3': reads(async (other) => {
    const { name, manifest: subject } = await pushedImage(other);
    for (let at = 1; at <= 3; at += 1) {
      await pushImage(other, name, undefined, artifact('application/x', { subject }));
    }
    return ask(200, 'GET', `/v2/${name}/referrers/${subject.digest}`);
  }),

  'page of 10 tags': reads(async (other) => {
    const { name, manifest } = await pushedImage(other);
    for (let at = 2; at <= 10; at += 1) await putManifest(other, name, `v${at}`, manifest);
    return ask(200, 'GET', `/${name}`, { headers: { accept: 'text/html' } });
  }),
  'page of a tag': reads(async (other) => {
    const { name } = await pushedImage(other);
    return ask(200, 'GET', `/${name}:v1`, { headers: { accept: 'text/html' } });
  }),

  'upload POST': changes(async () => ask(202, 'POST', `/v2/${newName()}/blobs/uploads/`)),
  'upload PATCH': changes(async (other) => {
    const location = await opened(other, newName());
    return ask(202, 'PATCH', location, { body: randomBlob().bytes });
  }),
  'upload PUT after a PATCH': changes(async (other) => patchedUpload(other, [randomBlob().bytes])),
  'upload PUT after 3 PATCHes': changes(async (other) =>
    patchedUpload(
      other,
      [1, 2, 3].map(() => randomBlob().bytes),
    ),
  ),
  'upload PUT, whole': changes(async (other) => wholeUpload(other, newName(), randomBlob())),
  'upload PUT, whole, there': changes(async (other) => {
    const { blob, name } = await pushedBlob(other);
    return wholeUpload(other, name, blob);
  }),
  'upload PUT, whole, in the project': changes(async (other) => {
    const { blob } = await pushedBlob(other);
    return wholeUpload(other, newName(), blob);
  }),
  'upload POST, whole': changes(async () => {
    const { bytes, digest } = randomBlob();
    return ask(201, 'POST', `/v2/${newName()}/blobs/uploads/?digest=${digest}`, { body: bytes });
  }),
  mount: changes(async (other) => {
    const { name, blob } = await pushedBlob(other);
    return ask(201, 'POST', `/v2/${newName()}/blobs/uploads/?mount=${blob.digest}&from=${name}`);
  }),
  'mount by a robot': changes(async (other) => {
    const { name: from, blob } = await pushedBlob(other);
    const robot = { project: 'cost', name: word(), role: 'writer' } as const;
    const { username, secret } = await createRobot(await other.services('token'), robot);
    const basic = `Basic ${Buffer.from(`${username}:${secret.secret}`).toString('base64')}`;
    const into = newName();
    const authorization = await tokenOf(other, into, { from, basic });
    const path = `/v2/${into}/blobs/uploads/?mount=${blob.digest}&from=${from}`;
    return ask(201, 'POST', path, { authorization });
  }),
  'mount from another project': changes(async (other) => {
    const { name, blob } = await pushedBlob(other);
    const into = `other/${word()}`;
    return ask(201, 'POST', `/v2/${into}/blobs/uploads/?mount=${blob.digest}&from=${name}`);
  }),

  'manifest PUT, 1 layer': changes((other) => manifestPut(other, 1)),
  'manifest PUT, 5 layers': changes((other) => manifestPut(other, 5)),
  'manifest PUT, 10 layers': changes((other) => manifestPut(other, 10)),
  'manifest PUT, 100 layers': changes((other) => manifestPut(other, 100)),
  'manifest PUT, the same': changes(async (other) => {
    const { name, manifest } = await pushedImage(other);
    return askToPut(name, 'v1', manifest);
  }),
  'manifest PUT, another tag': changes(async (other) => {
    const { name, manifest } = await pushedImage(other);
    return askToPut(name, 'v2', manifest);
  }),

  'tag DELETE': changes(async (other) => {
    const { name } = await pushedImage(other);
    return ask(202, 'DELETE', `/v2/${name}/manifests/v1`);
  }),
  'manifest DELETE, 5 layers': changes(async (other) => {
    const layers = [1, 2, 3, 4, 5].map(() => randomBlob());
    const { name, manifest } = await pushedImage(other, imageManifest({ layers }));
    return ask(202, 'DELETE', `/v2/${name}/manifests/${manifest.digest}`);
  }),
  'manifest DELETE, gcr.io’s rules': changes(async (other) => {
    const layers = [1, 2, 3, 4, 5].map(() => randomBlob());
    const name = `rules-${word()}/app`;
    const manifest = imageManifest({ layers });
    await pushImage(other, name, undefined, manifest);
    await deletingAsGcr(other, name);
    return ask(202, 'DELETE', `/v2/${name}/manifests/${manifest.digest}`);
  }),
  'blob DELETE': changes(async (other) => {
    const { name, blob } = await pushedBlob(other);
    return ask(202, 'DELETE', `/v2/${name}/blobs/${blob.digest}`);
  }),

  'mirror, manifest by tag': reads(async (other) => {
    const { name } = await mirroredImage(other);
    await askMirror(200, `/v2/${name}/manifests/v1`)(other);
    return askMirror(200, `/v2/${name}/manifests/v1`);
  }),
  'mirror, manifest by digest': reads(async (other) => {
    const { name, manifest } = await mirroredImage(other);
    await askMirror(200, `/v2/${name}/manifests/v1`)(other);
    return askMirror(200, `/v2/${name}/manifests/${manifest.digest}`);
  }),
  'mirror, manifest fetched': changes(async (other) => {
    const { name } = await mirroredImage(other);
    return askMirror(200, `/v2/${name}/manifests/v1`);
  }),
  'mirror, blob': reads(async (other) => {
    const { name, blob } = await mirroredImage(other);
    await fetchBlob(name, blob, other)(other);
    return askMirror(307, `/v2/${name}/blobs/${blob.digest}`);
  }),
  'mirror, blob fetched': changes(async (other) => {
    const { name, blob } = await mirroredImage(other);
    return fetchBlob(name, blob, other);
  }),

  'relay of a change': changes(async (other) => {
    const { name } = await pushedImage(other);
    const { collection, id } = pathOf([...outboxOf(repositoryOf(name)), 'entry']);
    const headers = { [functionHeader]: 'events', 'ce-document': `${collection}/${id}` };
    return ask(204, 'POST', '/', { headers });
  }),
  'sweep of nothing': changes(async (other) => {
    await toFunction('events', '/sweep')(other);
    return toFunction('events', '/sweep', swept(0));
  }),
  'sweep of a change': changes(async (other) => {
    await toFunction('events', '/sweep')(other);
    await pushedImage(other);
    return toFunction('events', '/sweep', swept(1));
  }),
  'collect of nothing': changes(async (other) => {
    // What was pushed is to be reviewed another day.
    await pushedImage(other);
    return collect(0);
  }),
  'collect of a link that stays': changes(async (other) => {
    const { name, manifest } = await pushedImage(other);
    const [blob = assert.fail('an image has blobs')] = manifest.blobs;
    await reviewOnly(other, repositoryOf(name), digestOf(blob));
    return collect(1);
  }),
};

/** An image of the upstream, of which the mirror has nothing. */
async function mirroredImage({ upstream }: Instance) {
  const [name, manifest] = [newName(), imageManifest()];
  const [blob = assert.fail('an image has blobs')] = manifest.blobs;
  await sendAll(upstream, pushAll(name, manifest, 'v1'));
  return { name, manifest, blob };
}

function askMirror(status: number, path: string): Ask {
  return ask(status, 'GET', path, { authorization: null, headers: { [functionHeader]: 'mirror' } });
}

/** The client has its last byte before the record is written: another instance sees that. */
function fetchBlob(name: string, blob: Content, other: Instance): Ask {
  return async (instance) => {
    await askMirror(200, `/v2/${name}/blobs/${blob.digest}`)(instance);
    const { documents } = await other.services('mirror');
    const key = mirrorBlobKey(new URL(other.upstream).host, digestOf(blob));
    while ((await documents.get(key)) === undefined);
    // It knows a moment later that it was written.
    await askMirror(200, '/v2/')(instance);
  };
}

function ask(
  status: number,
  method: string,
  path: string,
  more: Pick<Call, 'authorization' | 'body' | 'headers'> = {},
): Ask {
  return async ({ url }) => {
    await sent(url, status, { method, path, ...more });
  };
}

async function sent(url: string, status: number, call: Omit<Call, 'expect'>): Promise<Answer> {
  // A token is for a host, and each instance has its port.
  const answer = await send(url, { ...call, headers: { ...call.headers, Host: 'registry.test' } });
  assert.equal(answer.status, status, `${call.method} ${call.path}: ${answer.body}`);
  return answer;
}

function toFunction(name: TargetName, path: string, done?: Readonly<Record<string, unknown>>): Ask {
  return async ({ url }) => {
    const headers = { [functionHeader]: name };
    const { body } = await sent(url, 200, { method: 'POST', path, headers });
    if (done !== undefined) assert.deepEqual(JSON.parse(String(body)), done);
  };
}

/** A link is due, and nothing else is to be reviewed. */
async function reviewOnly(other: Instance, repository: Repository, digest: Digest): Promise<void> {
  const { documents, clock } = await other.services('collector');
  await documents.transact(async (transaction) => {
    const shards = reviewShards.map((shard) => reviewsOf(repository.location, shard));
    const lists = shards.map((prefix) => transaction.list({ prefix, limit: 100 }));
    for (const { key } of (await Promise.all(lists)).flat()) transaction.delete(key);
    reviewLink(transaction, repository, digest, clock.now() - 1000);
  });
}

const collect = (reviewed: number) =>
  toFunction('collector', '/', {
    local: { reviewed, blobs: 0, bytes: 0, lagSeconds: 0, failed: 0 },
    mirrors: { reviewed: 0, blobs: 0, bytes: 0, lagSeconds: 0, failed: 0 },
  });

const swept = (changes: number) => ({
  local: {
    repositories: changes,
    published: changes,
    more: false,
    oldestPendingSeconds: 0,
    failed: 0,
  },
});

function word(): string {
  return randomBytes(6).toString('hex');
}

function newName(): string {
  return `cost/${word()}`;
}

function repositoryOf(text: string): Repository {
  return repositoryAt('local', parseRepositoryName(text) ?? assert.fail(`not a name: ${text}`));
}

function digestOf({ digest }: Content): Digest {
  return parseDigest(digest) ?? assert.fail(`not a digest: ${digest}`);
}

function tokenPath(name: string, from?: string): string {
  const source = from === undefined ? '' : `&scope=repository:${from}:pull`;
  return `/v2/token?scope=repository:${name}:pull,push${source}`;
}

async function tokenOf(
  { url }: Instance,
  name: string,
  { from, basic }: { readonly from?: string; readonly basic?: string } = {},
): Promise<string> {
  const authorization = basic === undefined ? {} : { authorization: basic };
  const call = { method: 'GET', path: tokenPath(name, from), ...authorization };
  const { body } = await sent(url, 200, call);
  return `Bearer ${JSON.parse(String(body)).token}`;
}

async function pushedBlob(other: Instance): Promise<{ name: string; blob: Content }> {
  const [name, blob] = [newName(), randomBlob()];
  await pushBlob(other, name, blob);
  return { name, blob };
}

async function pushBlob({ url }: Instance, name: string, { digest, bytes }: Content) {
  const path = `/v2/${name}/blobs/uploads/?digest=${digest}`;
  await sent(url, 201, { method: 'POST', path, body: bytes });
}

async function pushBlobs(other: Instance, name: string, blobs: readonly Content[]): Promise<void> {
  const waiting = blobs.values();
  const work = async () => {
    for (const blob of waiting) await pushBlob(other, name, blob);
  };
  await Promise.all([1, 2, 3, 4].map(work));
}

function askToPut(name: string, reference: string, { mediaType, bytes }: Manifest): Ask {
  const headers = { 'Content-Type': mediaType };
  return ask(201, 'PUT', `/v2/${name}/manifests/${reference}`, { headers, body: bytes });
}

function putManifest(other: Instance, name: string, reference: string, manifest: Manifest) {
  return askToPut(name, reference, manifest)(other);
}

async function pushImage(
  other: Instance,
  name: string,
  tag: string | undefined,
  manifest: Manifest,
): Promise<void> {
  await pushBlobs(other, name, manifest.blobs);
  await putManifest(other, name, tag ?? manifest.digest, manifest);
}

async function pushedImage(other: Instance, manifest = imageManifest()) {
  const name = newName();
  await pushImage(other, name, 'v1', manifest);
  return { name, manifest };
}

/** Ten tags, each of an image of its own. */
async function pushedTags(other: Instance): Promise<string> {
  const { name } = await pushedImage(other);
  for (let at = 2; at <= 10; at += 1) await pushImage(other, name, `v${at}`, imageManifest());
  return name;
}

/** Its project deletes by gcr.io's rules. */
async function deletingAsGcr(other: Instance, name: string): Promise<void> {
  await changePolicy(await other.services('admin'), repositoryOf(name).project, {
    author: { by: 'admin' },
    action: 'policy.change',
    to: (policy) => ({ ...policy, gcrDeletes: true }),
  });
}

/** To a repository that has images already, as most pushes are. */
async function manifestPut(other: Instance, layers: number): Promise<Ask> {
  const { name } = await pushedImage(other);
  const contents = Array.from({ length: layers }, () => randomBlob());
  const manifest = imageManifest({ layers: contents });
  await pushBlobs(other, name, manifest.blobs);
  return askToPut(name, 'v2', manifest);
}

async function opened({ url }: Instance, name: string): Promise<string> {
  const path = `/v2/${name}/blobs/uploads/`;
  const { headers } = await sent(url, 202, { method: 'POST', path });
  return headers.location ?? assert.fail('no Location');
}

async function wholeUpload(other: Instance, name: string, blob: Content): Promise<Ask> {
  const location = await opened(other, name);
  return ask(201, 'PUT', `${location}&digest=${blob.digest}`, { body: blob.bytes });
}

async function patchedUpload(other: Instance, chunks: readonly Buffer[]): Promise<Ask> {
  const location = await opened(other, newName());
  let start = 0;
  for (const body of chunks) {
    const end = start + body.length - 1;
    // As docker does where it is all in one, and as others do where it is not.
    const headers = chunks.length === 1 ? {} : { 'Content-Range': `${start}-${end}` };
    await sent(other.url, 202, { method: 'PATCH', path: location, headers, body });
    start = end + 1;
  }
  const { digest } = contentOf(Buffer.concat(chunks));
  return ask(201, 'PUT', `${location}&digest=${digest}`);
}
