// Limits as a client meets them: who is counted, by what address, and what one is told who is over a limit.

import assert from 'node:assert/strict';
import { it, type TestContext } from 'node:test';
import { createProxy } from '#infra/local/proxy.ts';
import { startServer } from '#shared/http/server.ts';
import { requestsBurstSeconds } from '#shared/oci/limits.ts';
import { type Answer, type Call, send } from '#test/support/calls.ts';
import {
  adminBasic,
  adminPassword,
  startTestRegistry,
  type TestRegistryOptions,
} from '#test/support/registry.ts';

async function started(t: TestContext, options: TestRegistryOptions) {
  const registry = await startTestRegistry({ anonymousPull: new Set(['open']), ...options });
  t.after(() => registry.close());
  return registry;
}

const ping = (options: Partial<Call> = {}): Call => ({
  method: 'GET',
  path: '/v2/',
  authorization: null,
  expect: { status: 200 },
  ...options,
});
const asAdmin = ping({ headers: { authorization: adminBasic } });
const pullOpen = ping({ path: '/v2/open/app/tags/list' });
const forwarded = (address: string) => ({ 'x-forwarded-for': address });

/** How often a call is let through, of more than may be. */
async function times(url: string, call: Call): Promise<number> {
  for (let count = 0; count < 50; count += 1) {
    if ((await send(url, call)).status === 429) return count;
  }
  return assert.fail('there was no limit');
}

function assertTooMany({ status, headers, body }: Answer): void {
  assert.equal(status, 429);
  assert.equal(headers['retry-after'], '1');
  const { errors } = JSON.parse(body.toString()) as {
    errors: { code: string; message: string; detail: { requestId: string } }[];
  };
  assert.equal(errors.length, 1);
  assert.equal(errors[0]?.code, 'TOOMANYREQUESTS');
  assert.match(errors[0]?.message ?? '', /more than 1 requests a second: try again in 1 s/);
  assert.equal(errors[0]?.detail.requestId, headers['x-request-id']);
}

it('who asks too often is told when to ask again, and then goes on', async (t) => {
  const { url, clock } = await started(t, { requestsPerSecond: 1 });
  assert.equal(await times(url, asAdmin), requestsBurstSeconds);
  assertTooMany(await send(url, asAdmin));
  clock.advance(1000);
  assert.equal((await send(url, asAdmin)).status, 200);
  assertTooMany(await send(url, asAdmin));
});

it('an account and an address are counted apart, and so is each address', async (t) => {
  const { url } = await started(t, { requestsPerSecond: 1, proxies: 1 });
  const from = (address: string, call: Call) => ({
    ...call,
    headers: { ...call.headers, ...forwarded(address) },
  });
  assert.equal(await times(url, from('192.0.2.1', pullOpen)), requestsBurstSeconds);
  assert.equal(await times(url, from('192.0.2.2', pullOpen)), requestsBurstSeconds);
  // What a client writes itself gives it no other address.
  assertTooMany(await send(url, from('198.51.100.9, 192.0.2.1', pullOpen)));
  // A household of IPv6 is one.
  assert.equal(await times(url, from('2001:db8:0:1::1', pullOpen)), requestsBurstSeconds);
  assertTooMany(await send(url, from('2001:db8:0:1:ffff::2', pullOpen)));
  assert.equal((await send(url, from('2001:db8:0:2::1', pullOpen))).status, 404);
  // An account is one from wherever it comes, and has no part in what its address has used up.
  assert.equal(await times(url, from('192.0.2.1', asAdmin)), requestsBurstSeconds);
  assertTooMany(await send(url, from('192.0.2.7', asAdmin)));
});

it('what is refused counts for the address: no token, a bad one, and a wrong password', async (t) => {
  for (const headers of [
    {},
    { authorization: 'Bearer x.y.z' },
    { authorization: `Basic ${Buffer.from('admin:guess').toString('base64')}` },
  ]) {
    const { url } = await started(t, { requestsPerSecond: 1 });
    const bad = ping({ headers });
    assert.equal((await send(url, bad)).status, 401);
    assert.equal(await times(url, bad), requestsBurstSeconds - 1);
    assertTooMany(await send(url, pullOpen));
    assert.equal((await send(url, asAdmin)).status, 200);
  }
});

const form = (username: string, password: string): Call =>
  ping({
    method: 'POST',
    path: '/v2/token',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: new URLSearchParams({ grant_type: 'password', username, password }).toString(),
  });
const basic = (username: string, password: string, path = '/v2/'): Call => {
  const shown = Buffer.from(`${username}:${password}`).toString('base64');
  return ping({ path, headers: { authorization: `Basic ${shown}` } });
};
const statuses = async (url: string, calls: readonly Call[]) => {
  const seen: number[] = [];
  for (const call of calls) seen.push((await send(url, call)).status);
  return seen;
};

it('logins that fail make the next ones wait, however they come, whether or not the name exists', async (t) => {
  for (const username of ['admin', 'nobody@team', 'no name at all', '']) {
    const { url, clock } = await started(t, { freeFailures: 2 });
    const ways = [
      basic(username, 'guess'),
      basic(username, 'guess 2', '/v2/token'),
      form(username, 'guess 3'),
    ];
    // Who gives no name is counted with his network.
    const free = username === '' ? [...ways, ...ways, ...ways] : ways;
    assert.deepEqual(
      await statuses(url, free),
      free.map(() => 401),
    );
    for (const way of ways) {
      const { status, headers, body } = await send(url, way);
      assert.deepEqual([status, headers['retry-after']], [429, '1'], username);
      assert.equal(headers['www-authenticate'], undefined);
      const [error] = (JSON.parse(body.toString()) as { errors: Record<string, unknown>[] }).errors;
      assert.equal(error?.['code'], 'TOOMANYREQUESTS');
      assert.equal(error?.['message'], 'too many logins failed: try again in 1 s');
      assert.deepEqual(error?.['detail'], {
        retryAfterSeconds: 1,
        requestId: headers['x-request-id'],
      });
    }
    clock.advance(1000);
    assert.deepEqual(await statuses(url, [ways[0] ?? pullOpen, ways[0] ?? pullOpen]), [401, 429]);
  }
});

it('the failures of others hold up nobody who has logged in with what he shows, nor who has a token', async (t) => {
  const { url, clock } = await started(t, { freeFailures: 2 });
  const { body } = await send(url, basic('admin', adminPassword, '/v2/token'));
  const { token } = JSON.parse(body.toString()) as { token: string };
  for (let at = 0; at < 9; at += 1) await send(url, basic(`name ${at}`, 'guess'));
  assert.equal((await send(url, basic('another', 'guess'))).status, 429);
  clock.advance(500);
  const withToken = ping({ headers: { authorization: `Bearer ${token}` } });
  assert.deepEqual(
    await statuses(url, [withToken, asAdmin, form('admin', adminPassword)]),
    [200, 200, 200],
  );
  // Nor is anybody held up who does not log in.
  assert.equal((await send(url, pullOpen)).status, 404);
});

it('whether the process lives is told to who asks often, too', async (t) => {
  const { url } = await started(t, { requestsPerSecond: 1 });
  await times(url, pullOpen);
  const health = ping({ path: '/healthz' });
  for (let at = 0; at < 20; at += 1) assert.equal((await send(url, health)).status, 200);
});

it('the log has the client’s address, also of what was no good request', async (t) => {
  const registry = await started(t, { proxies: 2 });
  const { url, served } = registry;
  const rows: [forwarded: string | undefined, address: string][] = [
    [undefined, '127.0.0.1'],
    ['198.51.100.7', '127.0.0.1'],
    ['198.51.100.7, 34.1.1.1', '198.51.100.7'],
    ['203.0.113.66, 198.51.100.7,34.1.1.1', '198.51.100.7'],
    ['203.0.113.66, 2001:DB8:0::1, 34.1.1.1', '2001:db8::1'],
    ['203.0.113.66, <script>, 34.1.1.1', 'unknown'],
  ];
  for (const [header, address] of rows) {
    for (const path of ['/healthz', `/v2/${'x'.repeat(9000)}`]) {
      const count = served.length;
      const headers = header === undefined ? {} : forwarded(header);
      await send(url, ping({ path, headers }));
      while (served.length === count) await new Promise((resolve) => setImmediate(resolve));
      assert.equal(served.at(-1)?.address, address, `${header} ${path.slice(0, 10)}`);
    }
  }
});

it('behind the local proxy the client is who asked the proxy, whatever it says', async (t) => {
  const registry = await started(t, { proxies: 1 });
  const port = Number(new URL(registry.url).port);
  const proxy = createProxy(
    () => port,
    () => undefined,
    () => undefined,
  );
  const front = await startServer(proxy.handler, {
    host: '127.0.0.1',
    port: 0,
    http2: false,
    stopMs: 1000,
  });
  t.after(async () => {
    await front.stop();
    proxy.close();
  });
  for (const headers of [{}, forwarded('203.0.113.66'), forwarded('203.0.113.66, 203.0.113.67')]) {
    const count = registry.served.length;
    await send(`http://127.0.0.1:${front.port}`, ping({ path: '/healthz', headers }));
    while (registry.served.length === count) await new Promise((resolve) => setImmediate(resolve));
    assert.equal(registry.served.at(-1)?.address, '127.0.0.1');
  }
});
