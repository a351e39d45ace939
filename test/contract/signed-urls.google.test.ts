// The addresses that clients are sent to: who may use them, for how long, and what they cost.

import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { generateKeyPairSync } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type TestContext, test } from 'node:test';
import { promisify } from 'node:util';
import { openCloudStorageBlobs } from '#shared/google/cloud-storage-blobs.ts';
import { absent, type ObjectName } from '#shared/ports/blobs.ts';
import { type FakeClock, fakeClock } from '#test/support/clock.ts';
import type { CloudStorageOptions } from '#test/support/cloud-storage/server.ts';
import { body } from './blobs.ts';
import { blob, type StandIn, standIn, standInBuckets } from './stand-in.ts';

const createOnly = { ifGeneration: absent };
const mediaType = 'application/vnd.oci.image.layer.v1.tar+gzip';
const noon = Date.parse('2026-11-24T12:00:00Z');
const minuteMs = 60_000;
/** Made up, in the form that the service gives them. */
const key = {
  kind: 'hmac',
  accessId: 'GOOG1EXAMPLE',
  secret: 'bGoa+V7g/yqDXvKRqq+JTFn4uQZbPiQJo4pf9RzJ',
} as const;

test('a URL is signed as a computation apart from this one has it', async () => {
  const blobs = openCloudStorageBlobs({
    buckets: () => standInBuckets,
    signing: key,
    clock: fakeClock(noon),
    apiEndpoint: 'https://storage.googleapis.com',
  });
  const name = ['local', 'example.com/project', 'blobs', `sha256:${'ab'.repeat(32)}`];
  assert.equal(
    await blobs.readUrl(name, { mediaType }),
    `https://storage.googleapis.com/berth-blobs/example.com%252Fproject/blobs/sha256%3A${'ab'.repeat(32)}` +
      '?X-Goog-Algorithm=GOOG4-HMAC-SHA256' +
      '&X-Goog-Credential=GOOG1EXAMPLE%2F20261124%2Fauto%2Fstorage%2Fgoog4_request' +
      '&X-Goog-Date=20261124T120000Z&X-Goog-Expires=1200&X-Goog-SignedHeaders=host' +
      '&response-content-type=application%2Fvnd.oci.image.layer.v1.tar%2Bgzip' +
      '&X-Goog-Signature=1772dbc5d163629958a3a77af80076045e7cfe2a02952e5221433a7c868d2c96',
  );
});

for (const by of ['a key of our own', 'the SDK’s credentials'] as const) {
  test(`a URL signed by ${by} gives the bytes and any range of them, under the media type`, async (t) => {
    const { url } = await signed(t, by);
    const whole = await fetch(url);
    assert.equal(whole.status, 200);
    assert.equal(whole.headers.get('content-type'), mediaType);
    assert.equal(await whole.text(), 'some bytes');
    const range = await fetch(url, { headers: { Range: 'bytes=5-8' } });
    assert.equal(range.status, 206);
    assert.equal(await range.text(), 'byte');
  });

  test(`a URL signed by ${by} gives nothing else, and nothing when it was changed`, async (t) => {
    const { url, opened } = await signed(t, by);
    const { blobs } = opened;
    await blobs.write([...blob.slice(0, -1), 'another'], body('secret'), createOnly);
    for (const [from, to] of [
      [encodeURIComponent(blob.at(-1) ?? ''), 'another'],
      ['X-Goog-Expires=1200', 'X-Goog-Expires=9999'],
      ['layer.v1', 'layer.v2'],
      [/X-Goog-Signature=../, 'X-Goog-Signature=00'],
      [/$/, '&response-content-disposition=attachment'],
    ] as const) {
      const changed = url.replace(from, to);
      assert.notEqual(changed, url);
      assert.equal((await fetch(changed)).status, 403, `${from} → ${to}`);
    }
    assert.equal((await fetch(url, { method: 'PUT', body: 'x' })).ok, false);
    assert.equal((await fetch(url, { headers: { Authorization: 'Bearer of' } })).status, 403);
  });
}

test('a URL is good for 20 minutes, and is handed out while it has 10 left', async (t) => {
  const { url, opened, clock } = await signed(t, 'a key of our own');
  const again = () => opened.blobs.readUrl(blob, { mediaType });
  clock.advance(10 * minuteMs - 1);
  assert.equal(await again(), url);
  clock.advance(1);
  const next = await again();
  assert.notEqual(next, url);
  assert.equal(await again(), next);
  clock.advance(10 * minuteMs);
  assert.equal((await fetch(url)).status, 200);
  clock.advance(1);
  assert.equal((await fetch(url)).status, 400, 'the first one is over');
  assert.equal((await fetch(next ?? '')).status, 200);
});

test('a media type has a URL of its own', async (t) => {
  const { url, opened } = await signed(t, 'a key of our own');
  const other = await opened.blobs.readUrl(blob, { mediaType: 'application/json' });
  assert.notEqual(other, url);
  assert.equal((await fetch(other ?? '')).headers.get('content-type'), 'application/json');
});

test('awkward names have URLs like any other', async (t) => {
  const { opened } = await signed(t, 'a key of our own');
  for (const element of [
    '.',
    '..',
    'a/b',
    '%',
    '%2e',
    '?',
    '#',
    ' ',
    'ä',
    '😀',
    "!'()*",
    '+',
    '&=',
  ]) {
    const name: ObjectName = ['local', 'project', 'blobs', element, 'last'];
    await opened.blobs.write(name, body(element), createOnly);
    const url = await opened.blobs.readUrl(name, { mediaType });
    assert.equal(await (await fetch(url ?? '')).text(), element);
  }
});

test('with a key of our own a URL costs no call, and with the SDK one that is shared', async (t) => {
  const own = await signed(t, 'a key of our own');
  assert.deepEqual(own.opened.metered(), {});
  const sdk = await signed(t, 'the SDK’s credentials');
  assert.deepEqual(sdk.opened.metered(), { remoteSignature: 1 });
  const many = Array.from({ length: 20 }, () => sdk.opened.blobs.readUrl(blob, { mediaType }));
  assert.deepEqual(new Set(await Promise.all(many)), new Set([sdk.url]));
  assert.deepEqual(sdk.opened.metered(), {});
});

test('a signature that was not given is asked for again the next time', async (t) => {
  const { opened } = await signed(t, 'the SDK’s credentials');
  const { GOOGLE_APPLICATION_CREDENTIALS: file } = process.env;
  const fresh = openCloudStorageBlobs({
    buckets: () => standInBuckets,
    clock: fakeClock(Date.now()),
    apiEndpoint: opened.server.url,
  });
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = '/nowhere';
  await assert.rejects(fresh.readUrl(blob, { mediaType }), /cannot be called.*nowhere/);
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = file;
  assert.match((await fresh.readUrl(blob, { mediaType })) ?? '', /GOOG4-RSA-SHA256/);
});

test('who only signs URLs by a key loads neither the SDK nor the checksum', async () => {
  const script = `
    import { registerHooks } from 'node:module';
    const packages = [];
    registerHooks({
      resolve: (specifier, context, next) => {
        const resolved = next(specifier, context);
        if (resolved.url.includes('/node_modules/')) packages.push(specifier);
        return resolved;
      },
    });
    const { openCloudStorageBlobs } = await import('#shared/google/cloud-storage-blobs.ts');
    const buckets = () => ({ blobs: 'b', staging: 's' });
    const signing = ${JSON.stringify(key)};
    const clock = { now: () => 0 };
    const patience = { retryMsMax: 0 };
    const blobs = openCloudStorageBlobs({ buckets, signing, clock, patience });
    await blobs.readUrl(['local', 'p', 'blobs', 'x'], { mediaType: 'text/plain' });
    console.log(JSON.stringify(packages));
    await blobs.stat(['local', 'p', 'blobs', 'x']).catch(() => undefined);
    console.log(packages.includes('@google-cloud/storage'));
  `;
  const { stdout } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', script],
    { cwd: join(import.meta.dirname, '../..'), env: { STORAGE_EMULATOR_HOST: '127.0.0.1:1' } },
  );
  assert.deepEqual(stdout.trim().split('\n'), ['[]', 'true']);
});

interface Signed {
  readonly url: string;
  readonly opened: StandIn;
  readonly clock: FakeClock;
}

/** A blob of `some bytes`, and its URL, on a stand-in that knows the keys. What was metered before is forgotten. */
async function signed(
  t: TestContext,
  by: 'a key of our own' | 'the SDK’s credentials',
): Promise<Signed> {
  // The SDK looks at the machine's clock.
  const clock = fakeClock(by === 'a key of our own' ? noon : Date.now());
  const account = await serviceAccount(t);
  const keys: CloudStorageOptions['keys'] = {
    hmac: { [key.accessId]: key.secret },
    rsa: { [account.email]: account.publicKey },
  };
  const signing = by === 'a key of our own' ? key : undefined;
  const opened = await standIn(t, { clock, signing, server: { keys } });
  await opened.blobs.write(blob, body('some bytes'), createOnly);
  opened.metered();
  const url = (await opened.blobs.readUrl(blob, { mediaType })) ?? assert.fail('there is no URL');
  return { url, opened, clock };
}

/** Credentials where the SDK looks for them. */
async function serviceAccount(t: TestContext): Promise<{ email: string; publicKey: string }> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-account-'));
  const file = join(directory, 'account.json');
  const { publicKey, privateKey } = generateKeyPairSync('rsa', {
    modulusLength: 2048,
    publicKeyEncoding: { type: 'spki', format: 'pem' },
    privateKeyEncoding: { type: 'pkcs8', format: 'pem' },
  });
  const email = 'blobs@project.iam.gserviceaccount.com';
  const account = { type: 'service_account', client_email: email, private_key: privateKey };
  await writeFile(file, JSON.stringify({ ...account, project_id: 'project' }));
  const { GOOGLE_APPLICATION_CREDENTIALS: before } = process.env;
  process.env['GOOGLE_APPLICATION_CREDENTIALS'] = file;
  t.after(async () => {
    if (before === undefined) delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
    else process.env['GOOGLE_APPLICATION_CREDENTIALS'] = before;
    await rm(directory, { recursive: true });
  });
  return { email, publicKey };
}
