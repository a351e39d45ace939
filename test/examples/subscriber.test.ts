// The example, as `npm run example:subscriber` runs it: told by a real registry, pushed to by others, and asked to believe
// tokens.

import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { exportJWK, generateKeyPair, type JWTPayload, SignJWT } from 'jose';
import { startBerth } from '#test/support/berth.ts';
import { pushAll, pushManifest, sendAll } from '#test/support/calls.ts';
import { endsWithTests } from '#test/support/ends-with-tests.ts';
import { imageManifest } from '#test/support/manifests.ts';
import { adminPassword } from '#test/support/registry.ts';

const root = join(import.meta.dirname, '../..');
const { scripts } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
const [, file = ''] = String(scripts['example:subscriber']).split(' ');

interface Running {
  readonly process: ChildProcess;
  readonly url: string;
  /** Lines that it printed since it listens. */
  lines(): string[];
  /** Resolves when it has printed so many. */
  until(lines: number): Promise<void>;
  /** @returns its exit code */
  stop(): Promise<number | null>;
}

/** Starts it at a free port. */
async function start(environment: Readonly<Record<string, string>> = {}): Promise<Running> {
  const child = spawn(process.execPath, [join(root, file)], {
    env: { PATH: process.env['PATH'], PORT: '0', ...environment },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  endsWithTests(child, 'SIGKILL');
  let printed = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
    child.emit('printed');
  });
  const lines = () => printed.split('\n').slice(1, -1);
  while (!printed.includes('\n')) await once(child, 'printed');
  return {
    process: child,
    url: /^listening on (\S+)\n/.exec(printed)?.[1] ?? assert.fail(printed),
    lines,
    until: async (count) => {
      while (lines().length < count) await once(child, 'printed');
    },
    stop: async () => {
      child.kill('SIGTERM');
      const [code] = (await once(child, 'exit')) as [number | null];
      return code;
    },
  };
}

const digest = `sha256:${'0'.repeat(64)}`;
const attributes = { eventId: 'e1', actor: 'robot:ci@p' };
const insertion = (image: string, tag: string) => ({
  action: 'INSERT',
  digest: `${image}@${digest}`,
  tag: `${image}:${tag}`,
});

async function push(
  { url }: Running,
  data: unknown,
  more: {
    readonly attributes?: unknown;
    readonly messageId?: unknown;
    readonly authorization?: string;
  } = {},
): Promise<number> {
  const { authorization, ...given } = { attributes, messageId: 'm1', ...more };
  const text = typeof data === 'string' ? data : JSON.stringify(data);
  const message = { data: Buffer.from(text).toString('base64'), ...given };
  return post(url, JSON.stringify({ message, subscription: 's' }), authorization);
}

async function post(url: string, body: string, authorization?: string): Promise<number> {
  const headers = authorization === undefined ? {} : { Authorization: authorization };
  const { status } = await fetch(url, { method: 'POST', body, headers });
  return status;
}

describe('the example of a subscriber', () => {
  it('prints a line for each image that is pushed to a registry, tagged and deleted', async () => {
    const subscriber = await start();
    const berth = await startBerth({
      environment: { BERTH_ADMIN_PASSWORD: adminPassword, BERTH_PUSH_ENDPOINTS: subscriber.url },
    });
    try {
      const image = imageManifest();
      const name = 'example.com/project/app';
      const path = `/v2/${name}/manifests/${image.digest}`;
      await sendAll(berth.url, [
        ...pushAll(name, image),
        pushManifest(name, image, 'v1'),
        { method: 'DELETE', path, expect: { status: 202 } },
      ]);
      await subscriber.until(4);
      const named = `${berth.host}/${name}`;
      assert.deepEqual(subscriber.lines(), [
        `pushed ${named}@${image.digest} by user:admin`,
        `pushed ${named}:v1@${image.digest} by user:admin`,
        `deleted ${named}:v1 by user:admin`,
        `deleted ${named}@${image.digest} by user:admin`,
      ]);
      assert.equal(await subscriber.stop(), 0);
    } finally {
      await berth.remove();
    }
  });

  it('prints once what comes twice, and knows Google’s own messages by their id', async () => {
    const subscriber = await start();
    for (const tag of ['v1', 'v1'])
      assert.equal(await push(subscriber, insertion('h:5000/a', tag)), 204);
    for (const messageId of ['m1', 'm2', 'm2']) {
      const status = await push(subscriber, insertion('gcr.io/a', messageId), {
        attributes: {},
        messageId,
      });
      assert.equal(status, 204);
    }
    await subscriber.until(3);
    assert.deepEqual(subscriber.lines(), [
      `pushed h:5000/a:v1@${digest} by robot:ci@p`,
      `pushed gcr.io/a:m1@${digest}`,
      `pushed gcr.io/a:m2@${digest}`,
    ]);
    await subscriber.stop();
  });

  it('refuses what is no change with 400, so that it comes to the dead letters, and goes on', async () => {
    const subscriber = await start();
    for (const body of ['', '{', '[]', 'null', '{}', '{"message":{}}', '{"message":{"data":1}}']) {
      assert.equal(await post(subscriber.url, body), 400, body);
    }
    assert.equal(await post(subscriber.url, `"${'x'.repeat(100_000)}"`), 400);
    assert.equal((await fetch(subscriber.url)).status, 405);
    const whole = insertion('h/a', 'v1');
    for (const data of [
      'x',
      {},
      { action: 'INSERT' },
      { ...whole, action: 'MOVE' },
      { ...whole, digest: 'h/a' },
      { ...whole, digest: 5 },
      { ...whole, tag: 'h/a' },
      { ...whole, tag: 'h/other:v1' },
      { ...whole, tag: 'h/a:v1\n\u001b[2J' },
    ]) {
      assert.equal(await push(subscriber, data), 400, JSON.stringify(data));
    }
    assert.equal(await push(subscriber, whole, { attributes: {}, messageId: 5 }), 400);
    const hostile = { eventId: 'e2', actor: '\u001b[2J' };
    assert.equal(await push(subscriber, whole, { attributes: hostile }), 204);
    await subscriber.until(1);
    assert.deepEqual(subscriber.lines(), [`pushed h/a:v1@${digest}`]);
    await subscriber.stop();
  });
});

describe('the example of a subscriber in the cloud', () => {
  const audience = 'https://subscriber.example.com/';
  const account = 'pusher@my-project.iam.gserviceaccount.com';
  const issuer = 'https://accounts.google.com';
  let keys: Awaited<ReturnType<typeof generateKeyPair>>;
  let others: typeof keys;
  let subscriber: Running;
  let keyServer: ReturnType<typeof createServer>;

  before(async () => {
    keys = await generateKeyPair('RS256', { extractable: true });
    others = await generateKeyPair('RS256', { extractable: true });
    const jwk = { ...(await exportJWK(keys.publicKey)), kid: 'google', alg: 'RS256', use: 'sig' };
    keyServer = createServer((_, response) => {
      response.setHeader('Content-Type', 'application/json');
      response.end(JSON.stringify({ keys: [jwk] }));
    });
    keyServer.listen(0, '127.0.0.1');
    await once(keyServer, 'listening');
    const { port } = keyServer.address() as AddressInfo;
    subscriber = await start({
      AUDIENCE: audience,
      SERVICE_ACCOUNT: account,
      GOOGLE_KEYS_URL: `http://127.0.0.1:${port}/`,
    });
  });
  after(async () => {
    await subscriber?.stop();
    keyServer?.closeAllConnections();
    keyServer?.close();
  });

  const good = { iss: issuer, aud: audience, email: account, email_verified: true };
  const { aud: _, ...withoutAudience } = good;
  const signed = (
    claims: JWTPayload,
    {
      key = keys.privateKey,
      seconds = 3600,
    }: { key?: typeof keys.privateKey; seconds?: number } = {},
  ) =>
    new SignJWT(claims)
      .setProtectedHeader({ alg: 'RS256', kid: 'google' })
      .setIssuedAt()
      .setExpirationTime(Math.floor(Date.now() / 1000) + seconds)
      .sign(key);

  it('takes what Pub/Sub pushes for its service account', async () => {
    for (const [at, iss] of [issuer, 'accounts.google.com'].entries()) {
      const authorization = `Bearer ${await signed({ ...good, iss })}`;
      const told = { attributes: { eventId: `e${at}` }, authorization };
      assert.equal(await push(subscriber, insertion('h/a', `v${at}`), told), 204);
    }
    await subscriber.until(2);
    assert.equal(subscriber.lines().length, 2);
  });

  const refused: readonly [string, () => Promise<string> | string][] = [
    ['no token', () => ''],
    ['a password', () => 'Basic eDp5'],
    [
      'a token for another',
      async () => `Bearer ${await signed({ ...good, aud: 'https://other/' })}`,
    ],
    ['a token for nobody', async () => `Bearer ${await signed(withoutAudience)}`],
    ['another account', async () => `Bearer ${await signed({ ...good, email: `x${account}` })}`],
    ['no address', async () => `Bearer ${await signed({ ...good, email: undefined })}`],
    [
      'an address that nobody verified',
      async () => `Bearer ${await signed({ ...good, email_verified: false })}`,
    ],
    [
      'another issuer',
      async () => `Bearer ${await signed({ ...good, iss: 'https://evil.example' })}`,
    ],
    ['a token that is over', async () => `Bearer ${await signed(good, { seconds: -1 })}`],
    ['another’s key', async () => `Bearer ${await signed(good, { key: others.privateKey })}`],
    [
      'no signature',
      () => {
        const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url');
        return `Bearer ${part({ alg: 'none' })}.${part({ ...good, exp: 2 ** 40 })}.`;
      },
    ],
  ];
  for (const [what, authorization] of refused) {
    it(`answers 401 to ${what}, whatever it sends`, async () => {
      const before = subscriber.lines();
      const told = { attributes: { eventId: what }, authorization: await authorization() };
      assert.equal(await push(subscriber, insertion('h/a', 'v1'), told), 401);
      assert.deepEqual(subscriber.lines(), before);
    });
  }

  it('does not start with half of what it needs', async () => {
    const child = spawn(process.execPath, [join(root, file)], {
      env: { PATH: process.env['PATH'], PORT: '0', AUDIENCE: audience },
      stdio: ['ignore', 'ignore', 'pipe'],
    });
    endsWithTests(child, 'SIGKILL');
    let printed = '';
    child.stderr.setEncoding('utf8').on('data', (text: string) => {
      printed += text;
    });
    const [code] = await once(child, 'close');
    assert.notEqual(code, 0);
    assert.match(printed, /AUDIENCE and SERVICE_ACCOUNT belong together/);
  });
});
