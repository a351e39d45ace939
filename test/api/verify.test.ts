// `npm run verify` finds what is damaged, and a push brings back what was set aside.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  appendFile,
  mkdtemp,
  open,
  readFile,
  rm,
  truncate,
  unlink,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { after, before, it } from 'node:test';
import { objectPath } from '#shared/embedded/object-paths.ts';
import { startBerth } from '#test/support/berth.ts';
import { answered, type Call, pushAll, send, sendAll } from '#test/support/calls.ts';
import { type Content, imageManifest, type Manifest, randomBlob } from '#test/support/manifests.ts';

const main = join(import.meta.dirname, '../../infra/local/main.js');

let dataDirectory: string;
before(async () => {
  dataDirectory = await mkdtemp(join(tmpdir(), 'berth-verify-'));
});
after(() => rm(dataDirectory, { recursive: true }));

function verify(...options: string[]): { status: number | null; lines: string[] } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'verify', ...options], {
    env: { ...process.env, BERTH_DATA: dataDirectory },
    encoding: 'utf8',
  });
  assert.equal(stderr, '');
  return { status, lines: stdout.trim().split('\n') };
}

async function serving(calls: (name: string) => readonly Call[]): Promise<void> {
  const berth = await startBerth({ dataDirectory });
  const basic = `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`;
  try {
    await sendAll(
      berth.url,
      calls('kept/image').map((call) => ({ authorization: basic, ...call })),
    );
  } finally {
    await berth.stop();
  }
}

const fileOf = ({ digest }: Content) =>
  join(dataDirectory, 'blobs/objects', objectPath(['local', 'kept', 'blobs', digest]));

const get = (path: string, status: number): Call => ({ method: 'GET', path, expect: { status } });

it('all is whole where nothing happened, and every byte was read', async () => {
  await serving((name) => pushAll(name, imageManifest(), 'v1'));
  const { status, lines } = verify();
  assert.equal(status, 0);
  assert.match(lines.join('\n'), /^2 blobs of \d+ bytes, 1 manifests, 1 tags verified; all whole$/);
});

for (const { harm, how, problem } of [
  {
    harm: 'a byte that was changed',
    how: async (path: string) => {
      const bytes = await readFile(path);
      bytes[0] = (bytes[0] ?? 0) ^ 1;
      await writeFile(path, bytes);
    },
    problem: /its bytes have the digest sha256:/,
  },
  {
    harm: 'an end that is missing',
    how: (path: string) => truncate(path, 10),
    problem: /it has 10 bytes, not 700/,
  },
  {
    harm: 'an end that was added',
    how: (path: string) => appendFile(path, 'x'),
    problem: /it has 701 bytes, not 700/,
  },
  {
    harm: 'a file that is gone',
    how: (path: string) => unlink(path),
    problem: /its bytes are gone/,
  },
]) {
  it(`a blob with ${harm} is told with the repositories it breaks, and can be pushed again`, async () => {
    const layer = randomBlob(700);
    const image = imageManifest({ layers: [layer] });
    await serving((name) => pushAll(name, image, 'harmed'));
    await how(fileOf(layer));
    const found = verify();
    assert.equal(found.status, 1);
    const [line = '', summary = ''] = found.lines;
    assert.match(line, problem);
    assert.ok(line.includes(layer.digest) && line.endsWith('(pulls of kept/image)'), line);
    assert.match(summary, /; 1 damaged$/);
    assert.equal(verify('--set-aside').status, 1);
    await serving((name) => [
      get(`/v2/${name}/blobs/${layer.digest}`, 404),
      ...pushAll(name, image, 'harmed'),
      {
        ...get(`/v2/${name}/blobs/${layer.digest}`, 200),
        expect: { status: 200, body: layer.bytes },
      },
    ]);
    assert.equal(verify().status, 0);
  });
}

it('a manifest whose bytes were changed is told and never served, and can be pushed again', async () => {
  const image: Manifest = imageManifest();
  await serving((name) => pushAll(name, image, 'changed'));
  const database = new DatabaseSync(join(dataDirectory, 'documents.sqlite'));
  const changed = Buffer.from(image.bytes);
  changed[changed.length - 2] = 0x20;
  const { changes } = database
    .prepare('UPDATE document SET bytes = ? WHERE bytes = ?')
    .run(changed, image.bytes);
  assert.equal(Number(changes), 1);
  database.close();
  const { status, lines } = verify();
  assert.equal(status, 1);
  assert.match(lines[0] ?? '', new RegExp(`the manifest ${image.digest} of kept/image is damaged`));
  const berth = await startBerth({ dataDirectory });
  const basic = `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`;
  const path = '/v2/kept/image/manifests/changed';
  const answer = await send(berth.url, { method: 'GET', path, authorization: basic });
  await berth.stop();
  assert.equal(answer.status, 500);
  assert.match(String(answer.body), /went wrong on our side/);
  verify('--set-aside');
  await serving((name) => [
    get(`/v2/${name}/manifests/changed`, 404),
    ...pushAll(name, image, 'changed').map((call) => answered(call, { status: 201 })),
    { ...get(`/v2/${name}/manifests/changed`, 200), expect: { status: 200, body: image.bytes } },
  ]);
  assert.equal(verify().status, 0);
});

it('documents of which SQLite says that they are damaged are told, beside all that can be read', async () => {
  await serving((name) => pushAll(name, imageManifest(), 'read'));
  const file = await open(join(dataDirectory, 'documents.sqlite'), 'r+');
  // How many pages of the file are free, by its own head.
  const [at, size] = [36, 4];
  const { buffer } = await file.read(Buffer.alloc(size), 0, size, at);
  const wrong = Buffer.alloc(size);
  wrong.writeUInt32BE(buffer.readUInt32BE() + 7);
  await file.write(wrong, 0, size, at);
  const { status, lines } = verify();
  await file.write(buffer, 0, size, at);
  await file.close();
  assert.equal(status, 1);
  assert.match(lines.join('\n'), /^the documents are damaged: .*\n?Freelist: /);
  assert.match(lines.at(-1) ?? '', /tags verified; \d+ damaged$/);
  assert.equal(verify().status, 0);
});

it('refuses to look while a server has the data open', async () => {
  const berth = await startBerth({ dataDirectory });
  try {
    const { status, stderr } = spawnSync(process.execPath, [main, 'verify'], {
      env: { ...process.env, BERTH_DATA: dataDirectory },
      encoding: 'utf8',
    });
    assert.equal(status, 1);
    assert.ok(stderr.includes(`${dataDirectory} is in use`), stderr);
  } finally {
    await berth.stop();
  }
});
