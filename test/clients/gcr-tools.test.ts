// What the tools of gcr.io do, request by request, as their sources have it: gcrane (pkg/v1/google/list.go and
// pkg/gcrane/copy.go of go-containerregistry), gcr-cleaner (pkg/gcrcleaner/cleaner.go) and gcloud container images.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { mediaTypes } from '#shared/oci/media-types.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import {
  type Answer,
  nextPage,
  pushAll,
  pushManifest,
  send,
  sendAll,
} from '#test/support/calls.ts';
import { artifact, contentOf, imageIndex, imageManifest } from '#test/support/manifests.ts';
import { adminBasic, adminPassword } from '#test/support/registry.ts';

interface Info {
  readonly imageSizeBytes: string;
  readonly mediaType: string;
  readonly timeCreatedMs: string;
  readonly timeUploadedMs: string;
  readonly tag: readonly string[];
}

interface Tags {
  readonly child: readonly string[];
  readonly manifest: Readonly<Record<string, Info>>;
  readonly tags: readonly string[];
}

type Sent = Omit<Parameters<typeof send>[1], 'authorization'>;

const parsed = ({ body }: Answer) => JSON.parse(String(body));

/** go-containerregistry's transport: a ping, and a token for the scopes that the work needs. */
async function login(url: string, name: string, actions: string) {
  const ping = await send(url, { method: 'GET', path: '/v2/', authorization: null });
  assert.equal(ping.status, 401);
  const [, realm = '', service = ''] =
    /^Bearer realm="([^"]+)",service="([^"]+)"/.exec(
      String(ping.headers['www-authenticate'] ?? ''),
    ) ?? [];
  const scope = actions === '*' ? 'registry:catalog:*' : `repository:${name}:${actions}`;
  const path = `${new URL(realm).pathname}?${new URLSearchParams({ scope, service })}`;
  const { token } = parsed(await send(url, { method: 'GET', path, authorization: adminBasic }));
  return (call: Sent) => send(url, { ...call, authorization: `Bearer ${token}` });
}

/** google.List: page after page, but the first that has manifests or children is all there is. */
async function list(url: string, name: string): Promise<Tags | number> {
  const get = await login(url, name, 'pull');
  const tags: string[] = [];
  for (let path = `/v2/${name}/tags/list?n=1000`; ; ) {
    const answer = await get({ method: 'GET', path });
    if (answer.status !== 200) return answer.status;
    const page = parsed(answer);
    if (Object.keys(page.manifest ?? {}).length > 0 || (page.child ?? []).length > 0) return page;
    tags.push(...(page.tags ?? []));
    if (answer.headers['link'] === undefined) return { child: [], manifest: {}, tags };
    path = nextPage(answer);
  }
}

/** google.Walk: a repository, then its children, each by its path below. */
async function walk(url: string, name: string): Promise<Map<string, Tags>> {
  const tags = await list(url, name);
  if (typeof tags === 'number') return assert.fail(`${name} cannot be listed: ${tags}`);
  const found = new Map([[name, tags]]);
  for (const child of tags.child) {
    for (const [below, of] of await walk(url, `${name}/${child}`)) found.set(below, of);
  }
  return found;
}

/** crane.Copy: what an image names before itself; no blob that is there. */
async function copyImage(
  from: { url: string; name: string },
  to: { url: string; name: string },
  reference: string,
): Promise<void> {
  const pull = await login(from.url, from.name, 'pull');
  const push = await login(to.url, to.name, 'push,pull');
  const answer = await pull({ method: 'GET', path: `/v2/${from.name}/manifests/${reference}` });
  assert.equal(answer.status, 200, reference);
  const manifest = parsed(answer);
  for (const { digest } of manifest.manifests ?? []) await copyImage(from, to, digest);
  for (const { digest } of [manifest.config, ...(manifest.layers ?? [])].filter(Boolean)) {
    const there = await push({ method: 'HEAD', path: `/v2/${to.name}/blobs/${digest}` });
    if (there.status === 200) continue;
    const { body } = await pull({ method: 'GET', path: `/v2/${from.name}/blobs/${digest}` });
    const opened = await push({ method: 'POST', path: `/v2/${to.name}/blobs/uploads/` });
    const patched = await push({
      method: 'PATCH',
      path: opened.headers.location ?? '',
      headers: { 'Content-Type': 'application/octet-stream' },
      body: [body],
    });
    const { pathname, search } = new URL(patched.headers.location ?? '', to.url);
    const path = `${pathname}${search}${search === '' ? '?' : '&'}digest=${digest}`;
    assert.equal((await push({ method: 'PUT', path })).status, 201);
  }
  const { status } = await push({
    method: 'PUT',
    path: `/v2/${to.name}/manifests/${reference}`,
    headers: { 'Content-Type': String(answer.headers['content-type']) },
    body: answer.body,
  });
  assert.equal(status, 201);
}

/** gcrane cp -r. @returns the digests that were copied */
async function copyAll(from: string, to: string, root: string, into: string): Promise<string[]> {
  const copied: string[] = [];
  for (const [name, { manifest: want }] of await walk(from, root)) {
    const target = name.replace(root, into);
    const listed = await list(to, target);
    // A repository that is not there has nothing yet; anything else ends it.
    if (typeof listed === 'number') assert.equal(listed, 404);
    const have = typeof listed === 'number' ? {} : listed.manifest;
    for (const [digest, { tag }] of Object.entries(want)) {
      const missing = tag.filter((one) => !have[digest]?.tag.includes(one));
      if (have[digest] !== undefined && missing.length === 0) continue;
      copied.push(digest);
      const source = { url: from, name };
      for (const one of missing.length === 0 ? [digest] : missing) {
        await copyImage(source, { url: to, name: target }, one);
      }
    }
  }
  return copied;
}

/** gcr-cleaner -recursive: deletes what has no tag and came before a time, and tries parents' children again. */
async function clean(url: string, root: string, beforeMs: number): Promise<string[]> {
  const catalog = await login(url, '', '*');
  const { repositories } = parsed(await catalog({ method: 'GET', path: '/v2/_catalog?n=1000' }));
  const deleted: string[] = [];
  for (const name of repositories as string[]) {
    if (!name.startsWith(root)) continue;
    const tags = await list(url, name);
    if (typeof tags === 'number') return assert.fail(String(tags));
    const candidates = Object.entries(tags.manifest)
      .filter(([, { tag, timeUploadedMs }]) => tag.length === 0 && +timeUploadedMs < beforeMs)
      .sort(([, one], [, other]) => +one.timeUploadedMs - +other.timeUploadedMs);
    let left = candidates.map(([digest]) => digest);
    for (let attempt = 0; attempt < 4 && left.length > 0; attempt += 1) {
      const again: string[] = [];
      for (const digest of left) {
        const remove = await login(url, name, 'push,pull');
        const path = `/v2/${name}/manifests/${digest}`;
        const answer = await remove({ method: 'DELETE', path });
        if (answer.status === 202) deleted.push(digest);
        else if (String(answer.body).includes('GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE')) {
          again.push(digest);
        } else assert.fail(`${digest}: ${answer.body}`);
      }
      left = again;
    }
  }
  return deleted;
}

/** gcloud container images list-tags, sorted as it is when nothing else is said: --sort-by=~timestamp. */
async function listTags(url: string, name: string) {
  const tags = await list(url, name);
  if (typeof tags === 'number') return assert.fail(String(tags));
  return Object.entries(tags.manifest)
    .map(([digest, { tag, timeCreatedMs }]) => ({
      digest: digest.slice(7, 19),
      tags: tag.join(','),
      timestamp: new Date(Number(timeCreatedMs)).toISOString().slice(0, 19),
    }))
    .sort((one, other) => (one.timestamp < other.timestamp ? 1 : -1));
}

function builtAt(created: string) {
  const config = contentOf(
    JSON.stringify({ created, os: 'linux', architecture: 'amd64' }),
    mediaTypes.ociConfig,
  );
  return imageManifest({ config });
}

const [older, newer] = [builtAt('2021-05-01T10:00:00Z'), builtAt('2024-05-01T10:00:00Z')];
const [amd64, arm64, untagged, abandoned] = [1, 2, 3, 4].map(() => imageManifest());
const all = [amd64, arm64, untagged, abandoned].map((one) => one ?? assert.fail('made above'));
const multi = imageIndex(all.slice(0, 2));
const oldMulti = imageIndex(all.slice(3));
const signature = artifact('application/vnd.example.signature', { subject: multi });

describe('the tools of gcr.io', () => {
  let source: RunningBerth;
  let target: RunningBerth;
  before(async () => {
    const environment = { BERTH_ADMIN_PASSWORD: adminPassword };
    [source, target] = await Promise.all([
      startBerth({ environment }),
      startBerth({ environment }),
    ]);
    await sendAll(source.url, [
      ...pushAll('proj/app', older, 'v1'),
      ...pushAll('proj/app', newer, 'v2'),
      ...['latest', 'stable'].map((tag) => pushManifest('proj/app', newer, tag)),
      ...pushAll('proj/team/multi', multi, 'v1'),
      ...pushAll('proj/team/multi', oldMulti),
      ...pushAll('proj/team/multi', all[2] ?? multi),
      ...pushAll('proj/team/multi/signed', signature, 'sig'),
      ...pushAll('other/app', older, 'v1'),
    ]);
    await sendAll(target.url, [
      {
        method: 'PUT',
        path: '/api/v1/projects/copy/policy',
        headers: { 'If-Match': '*', 'Content-Type': 'application/json' },
        body: JSON.stringify({ bindings: [], gcrDeletes: true }),
        expect: { status: 200 },
      },
    ]);
  });
  after(() => Promise.all([source?.remove(), target?.remove()]));

  it('gcrane ls -r finds every repository of a project', async () => {
    const found = await walk(source.url, 'proj');
    assert.deepEqual(
      [...found.keys()],
      ['proj', 'proj/app', 'proj/team', 'proj/team/multi', 'proj/team/multi/signed'],
    );
  });

  it('gcrane cp -r copies all of a project to another registry, and the second time nothing', async () => {
    const copied = await copyAll(source.url, target.url, 'proj', 'copy/proj');
    assert.equal(copied.length, 9);
    const timeless = async (url: string, root: string) =>
      [...(await walk(url, root))].map(([name, { child, manifest, tags }]) => [
        name.replace(root, ''),
        child,
        tags,
        Object.entries(manifest).map(([digest, { timeUploadedMs, timeCreatedMs, ...info }]) => [
          digest,
          info,
          // What tells no time has another where it came at another.
          timeCreatedMs === timeUploadedMs ? 'uploaded' : timeCreatedMs,
        ]),
      ]);
    assert.deepEqual(await timeless(target.url, 'copy/proj'), await timeless(source.url, 'proj'));
    assert.deepEqual(await copyAll(source.url, target.url, 'proj', 'copy/proj'), []);
    await sendAll(source.url, [pushManifest('proj/app', older, 'another')]);
    assert.deepEqual(await copyAll(source.url, target.url, 'proj', 'copy/proj'), [older.digest]);
  });

  it('gcr-cleaner deletes what has no tag, parents before their children, and leaves what is needed', async () => {
    assert.deepEqual(await clean(target.url, 'copy/', 0), []);
    const deleted = await clean(target.url, 'copy/', Date.now() + 1000);
    const gone = [all[2], all[3], oldMulti].map((one) => one?.digest ?? '');
    assert.deepEqual(new Set(deleted), new Set(gone));
    const left = await walk(target.url, 'copy');
    assert.deepEqual(
      new Set(Object.keys(left.get('copy/proj/team/multi')?.manifest ?? {})),
      new Set([multi, ...multi.children].map(({ digest }) => digest)),
    );
  });

  it('gcloud container images list-tags shows the newest first', async () => {
    assert.deepEqual(await listTags(source.url, 'proj/app'), [
      {
        digest: newer.digest.slice(7, 19),
        tags: 'latest,stable,v2',
        timestamp: '2024-05-01T10:00:00',
      },
      {
        digest: older.digest.slice(7, 19),
        tags: 'another,v1',
        timestamp: '2021-05-01T10:00:00',
      },
    ]);
  });
});
