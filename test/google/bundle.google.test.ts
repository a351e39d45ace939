// What is deployed: bundled, zipped, unpacked and installed elsewhere, and started there as the platform starts it, with what
// Terraform's configuration gives it. On it run tables of calls, and the suites of real clients.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { cp, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import type { TargetName } from '#functions/targets.ts';
import { bundle } from '#infra/bundle/bundle.ts';
import { bundledMain, commandsFor } from '#infra/local/commands.ts';
import { type FunctionProcess, freePort, untilListening } from '#infra/local/processes.ts';
import { loadSecretVariables } from '#infra/local/secrets.ts';
import { type Client, unlessInstalled, unlessRoot } from '#test/clients/client.ts';
import { buildahIn } from '#test/clients/podman.ts';
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
import {
  deploy,
  deployedCommands,
  dockerfile,
  unlessConfigurationIsRead,
} from '#test/support/deployed.ts';
import { endsWithTests } from '#test/support/ends-with-tests.ts';
import { Inbox } from '#test/support/inbox.ts';
import { imageManifest, randomBlob } from '#test/support/manifests.ts';
import { openTopic } from '#test/support/topic.ts';

const root = join(import.meta.dirname, '../..');
const directory = await mkdtemp(join(tmpdir(), 'berth-deployed-'));
const bundled = join(directory, 'dist');
const run = [join(import.meta.dirname, '../support/deployed-process.ts'), directory];
const skip = unlessConfigurationIsRead || (await standOnGoogle({ run }));

before(async () => {
  if (skip !== false) return;
  await bundle(bundled);
  await deploy(bundled, directory);
});

after(() => rm(directory, { recursive: true, force: true }));

const noImages = unlessRoot('buildah') || unlessInstalled('buildah');

describe('what is bundled', { skip }, () => {
  let environment: Readonly<Record<string, string>>;
  let topic: Awaited<ReturnType<typeof openTopic>>;
  let berth: RunningBerth;
  const inbox = new Inbox();
  const image = imageManifest();

  before(async () => {
    const dataDirectory = join(directory, 'data');
    environment = backend(dataDirectory).environment;
    topic = await openTopic([inbox], environment['GOOGLE_CLOUD_PROJECT']);
    // A mirror of itself, by another name.
    const port = await freePort();
    const mirror = { BERTH_MIRRORS: `mirror.test=http://127.0.0.1:${port}` };
    berth = await startBerth({
      dataDirectory,
      environment: { ...mirror, PORT: String(port), BERTH_ANONYMOUS_PULL: 'mirrored' },
    });
  });

  after(async () => {
    await berth?.remove();
    await topic?.close();
  });

  /** Of all functions. */
  const settings = async () => ({
    PATH: process.env['PATH'],
    BERTH_URL_ACCOUNT: 'urls@google.example',
    ...environment,
    ...(await loadSecretVariables(berth.dataDirectory, berth.password)).variables,
  });
  const commandOf = async (name: TargetName) =>
    (await deployedCommands(directory))(name, await settings());

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
      const main = bundledMain(name, bundled);
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

  it('mirrors', async () => {
    const mirrored = imageManifest();
    await sendAsAdmin(
      pushAll('mirrored/image', mirrored, 'v1').map((call) => ({
        ...call,
        authorization: `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`,
      })),
    );
    const headers = { Host: 'mirror.test' };
    for (const call of [
      pullManifest('mirrored/image', mirrored, 'v1'),
      ...mirrored.blobs.map((blob) => pullBlob('mirrored/image', blob)),
    ]) {
      await sendAll(berth.url, [{ ...call, headers, authorization: null }]);
    }
  });

  it('collects', async () => {
    await running('collector', await commandOf('collector'), async (port) => {
      const answer = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST' });
      assert.equal(answer.status, 200, await answer.text());
    });
  });

  it('starts what replaces keys, which clients get nothing from', async () => {
    await running('keys', await commandOf('keys'), async (port) => {
      const answer = await fetch(`http://127.0.0.1:${port}/v2/`);
      assert.equal(answer.status, 404, await answer.text());
    });
  });

  it('uses what was compiled of it', () => {
    assert.doesNotMatch(berth.output(), /what was compiled/);
  });

  it('runs without the platform, too', async () => {
    const framework = '@google-cloud/functions-framework';
    const installed = join(bundled, 'functions/node_modules', framework);
    await mkdir(dirname(installed), { recursive: true });
    await symlink(join(root, 'node_modules', framework), installed);
    const { discovery } = commandsFor(await settings(), bundled);
    await running('discovery', discovery, async (port) => {
      const answer = await fetch(`http://127.0.0.1:${port}/v2/`);
      assert.equal(answer.status, 401);
    });
  });

  it('takes a layer from the image of what streams, as nobody', { skip: noImages }, async () => {
    const buildah = await buildahIn(join(directory, 'buildah'));
    await buildBases(buildah);
    const uploads = await commandOf('uploads');
    const image = await buildImage(buildah);
    // In the image's files and as its user, as a container is; the rest of a container cannot be had on every machine.
    const inside = {
      program: 'chroot',
      arguments: [`--userspec=${image.user}`, image.files, ...image.begins, image.file('uploads')],
      environment: { ...uploads.environment, ...image.environment },
    };
    const layer = randomBlob(3_000_000);
    const basic = `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`;
    const ofHost = { authorization: basic, headers: { Host: berth.host } };
    await running('uploads', inside, async (port) => {
      await sendAll(`h2c://127.0.0.1:${port}`, [
        { ...openUpload('bundled/image'), ...ofHost },
        {
          ...ofHost,
          method: 'PUT',
          path: `{upload}&digest=${layer.digest}`,
          body: layer.bytes,
          expect: { status: 201, headers: { 'Docker-Content-Digest': layer.digest } },
        },
      ]);
    });
    await sendAsAdmin([pullBlob('bundled/image', layer)]);
  });

  it('is compiled again where another Node compiled it, and says so', async () => {
    const elsewhere = join(directory, 'elsewhere');
    await cp(join(bundled, 'uploads'), join(elsewhere, 'uploads'), { recursive: true });
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

// What real clients do, from here to the end.
for (const suite of ['docker', 'podman', 'skopeo']) {
  if (skip === false) await import(`../clients/${suite}.test.ts`);
  else it(`${suite} on what is deployed`, { skip }, () => {});
}

/** Starts a function by itself, and ends it after it was asked. */
async function running(
  name: string,
  { program, arguments: parameters, directory: where, environment }: FunctionProcess,
  ask: (port: number) => Promise<void>,
): Promise<void> {
  const port = await freePort();
  const child = spawn(program ?? process.execPath, parameters, {
    cwd: where,
    env: { ...environment, PORT: String(port) },
    stdio: 'ignore',
  });
  endsWithTests(child, 'SIGKILL');
  try {
    await untilListening(name, child, port);
    await ask(port);
  } finally {
    child.kill('SIGKILL');
  }
}

/** Makes what the image is made from, by the names it is given in the Dockerfile: here, this Node and what it needs. */
async function buildBases(buildah: Client): Promise<void> {
  const base = join(directory, 'base');
  const { sharedObjects } = process.report.getReport() as { readonly sharedObjects: string[] };
  for (const file of sharedObjects.filter((one) => one.startsWith('/')))
    await cp(file, join(base, file), { dereference: true });
  await cp(process.execPath, join(base, 'usr/local/bin/node'));
  await writeFile(join(base, 'Dockerfile'), 'FROM scratch\nCOPY . /\n');
  const names = (await readFile(dockerfile, 'utf8'))
    .replace(/\$\{NODE_VERSION\}/g, process.versions.node)
    .matchAll(/^FROM (\S+)/gm);
  await buildah('build', ...[...names].flatMap(([, name = '']) => ['--tag', name]), base);
}

/** Builds the image as Cloud Build does, of nothing but what is there. */
async function buildImage(buildah: Client) {
  const version = `NODE_VERSION=${process.versions.node}`;
  const flags = ['--pull-never', '--build-arg', version, '--file', dockerfile, '--tag', 'berth'];
  await buildah('build', ...flags, bundled);
  const container = (await buildah('from', '--pull-never', 'localhost/berth')).trim();
  const { OCIv1 } = JSON.parse(await buildah('inspect', container));
  const { User, Env, Entrypoint, WorkingDir } = OCIv1.config;
  return {
    user: User as string,
    begins: Entrypoint as string[],
    file: (name: string) => join(WorkingDir, name, 'index.cjs'),
    environment: Object.fromEntries((Env as string[]).map((one) => one.split(/=(.*)/, 2))),
    files: (await buildah('mount', container)).trim(),
  };
}
