// What is deployed: bundled to a directory where nothing is installed but what its package.json asks for, and started there.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { bundle } from '#infra/bundle/bundle.ts';
import { bundledMain, commandsFor } from '#infra/local/commands.ts';
import { freePort, untilListening } from '#infra/local/processes.ts';
import { backend, standOnGoogle } from '#test/support/backend.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import {
  answered,
  type Call,
  missManifest,
  openUpload,
  pullBlob,
  pullManifest,
  pushAll,
  pushManifest,
  sendAll,
} from '#test/support/calls.ts';
import { endsWithTests } from '#test/support/ends-with-tests.ts';
import { Inbox } from '#test/support/inbox.ts';
import { imageManifest, randomBlob } from '#test/support/manifests.ts';
import { openTopic } from '#test/support/topic.ts';

const root = join(import.meta.dirname, '../..');
const framework = '@google-cloud/functions-framework';
const skip = await standOnGoogle();

describe('what is bundled', { skip }, () => {
  let directory: string;
  let environment: Readonly<Record<string, string>>;
  let topic: Awaited<ReturnType<typeof openTopic>>;
  let berth: RunningBerth;
  const inbox = new Inbox();
  const image = imageManifest();

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-bundled-'));
    await bundle(directory);
    await mkdir(join(directory, 'functions/node_modules/@google-cloud'), { recursive: true });
    await symlink(
      join(root, 'node_modules', framework),
      join(directory, 'functions/node_modules', framework),
    );
    const dataDirectory = join(directory, 'data');
    const { run, environment: given } = backend(dataDirectory);
    environment = given;
    topic = await openTopic([inbox], environment['GOOGLE_CLOUD_PROJECT']);
    berth = await startBerth({ dataDirectory, run: [...run, '--bundle', directory] });
  });

  after(async () => {
    await berth?.remove();
    await topic?.close();
    await rm(directory, { recursive: true, force: true });
  });

  /** As the admin, and as clients do: by a token. */
  const sendAsAdmin = async (calls: readonly Call[]) => {
    const basic = `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`;
    const scope =
      'repository:bundled/image:pull,push,delete&scope=registry:catalog:*&scope=project:bundled:admin';
    const login: Call = {
      method: 'GET',
      path: `/v2/token?scope=${scope}`,
      authorization: basic,
      expect: { status: 200 },
      keep: { token: ({ body }) => JSON.parse(String(body)).token },
    };
    const byToken = calls.map((call) => ({ authorization: 'Bearer {token}', ...call }));
    await sendAll(berth.url, [login, ...byToken]);
  };

  it('passes the check that the platform makes of the file it begins with', () => {
    for (const name of ['token', 'uploads', 'admin'] as const) {
      const main = bundledMain(name, directory);
      const { status, stderr } = spawnSync(process.execPath, ['--check', main]);
      assert.equal(status, 0, String(stderr));
    }
  });

  it('takes an image, gives it back, and lists it', async () => {
    await sendAsAdmin([
      { method: 'GET', path: '/v2/', expect: { status: 200 } },
      ...pushAll('bundled/image', image, 'v1'),
      pullManifest('bundled/image', image, 'v1'),
      pullManifest('bundled/image', image),
      ...image.blobs.map((blob) => pullBlob('bundled/image', blob)),
      {
        method: 'GET',
        path: '/v2/bundled/image/tags/list',
        expect: { status: 200, has: { name: 'bundled/image', tags: ['v1'] } },
      },
      {
        method: 'GET',
        path: '/v2/_catalog',
        expect: { status: 200, json: { repositories: ['bundled/image'] } },
      },
    ]);
  });

  it('refuses an image without its layers, and removes one', async () => {
    const [removed, lacking] = [imageManifest(), imageManifest()];
    await sendAsAdmin([
      ...pushAll('bundled/image', removed),
      {
        method: 'DELETE',
        path: `/v2/bundled/image/manifests/${removed.digest}`,
        expect: { status: 202 },
      },
      missManifest('bundled/image', removed.digest),
      answered(pushManifest('bundled/image', lacking), {
        status: 404,
        code: 'MANIFEST_BLOB_UNKNOWN',
      }),
    ]);
  });

  it('takes a layer in chunks that are announced', async () => {
    const layer = randomBlob(300);
    const patch = (from: number, to: number): Call => ({
      method: 'PATCH',
      path: '{upload}',
      headers: {
        'Content-Type': 'application/octet-stream',
        'Content-Range': `${from}-${to - 1}`,
      },
      body: layer.bytes.subarray(from, to),
      expect: { status: 202 },
      keep: { upload: 'Location' },
    });
    await sendAsAdmin([
      openUpload('bundled/image'),
      patch(0, 100),
      patch(100, 300),
      { method: 'PUT', path: `{upload}&digest=${layer.digest}`, expect: { status: 201 } },
      pullBlob('bundled/image', layer),
    ]);
  });

  it('administers', async () => {
    const at = '/api/v1/projects/bundled';
    const json = { 'Content-Type': 'application/json' };
    await sendAsAdmin([
      { method: 'GET', path: '/api/v1/openapi.json', expect: { status: 200 } },
      { method: 'GET', path: '/api/v1/whoami', expect: { status: 200 } },
      {
        method: 'PUT',
        path: `${at}/policy`,
        headers: { ...json, 'If-Match': '*' },
        body: '{"bindings":[{"role":"reader","members":["allUsers"]}]}',
        expect: { status: 200 },
      },
      {
        method: 'POST',
        path: `${at}/robots`,
        headers: json,
        body: '{"name":"ci","role":"writer"}',
        expect: { status: 201 },
      },
      { method: 'GET', path: `${at}/audit`, expect: { status: 200 } },
    ]);
  });

  it('tells of changes', async () => {
    await sendAsAdmin(pushAll('bundled/image', imageManifest(), 'told'));
    await inbox.until(({ deliveries }) => deliveries.some(({ data }) => data.includes('told')));
  });

  it('collects', async () => {
    const settings = { PATH: process.env['PATH'], ...environment };
    const { collector } = commandsFor(settings, directory);
    const port = await freePort();
    const child = spawn(process.execPath, [...collector.arguments], {
      env: { ...collector.environment, PORT: String(port) },
      stdio: 'ignore',
    });
    endsWithTests(child, 'SIGKILL');
    try {
      await untilListening('collector', child, port);
      const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' });
      assert.equal(answer.status, 200, await answer.text());
    } finally {
      child.kill('SIGKILL');
    }
  });

  it('is compiled again where another Node compiled it, and says so', async () => {
    const elsewhere = join(directory, 'elsewhere');
    await cp(join(directory, 'uploads'), join(elsewhere, 'uploads'), { recursive: true });
    await writeFile(join(elsewhere, 'uploads/function.cjs.compiled'), 'what another Node compiled');
    const { stderr } = spawnSync(process.execPath, [bundledMain('uploads', elsewhere)], {
      env: { PATH: process.env['PATH'] },
      encoding: 'utf8',
    });
    assert.match(stderr, /"WARNING".*what was compiled of \.\/function\.cjs/);
    // It ran.
    assert.match(stderr, /GOOGLE_CLOUD_PROJECT must be set/);
  });
});
