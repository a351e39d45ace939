// What who looks after the registry sees: health, readiness, figures, and one line a request.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { connect } from 'node:net';
import { it } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServedRequest } from '#functions/observe.ts';
import { createRobot } from '#shared/auth/robots.ts';
import { startBerth } from '#test/support/berth.ts';
import {
  type Call,
  openUpload,
  pushAll,
  pushBlob,
  sendAll,
  useRegistry,
} from '#test/support/calls.ts';
import { imageManifest, randomBlob } from '#test/support/manifests.ts';
import { adminBasic } from '#test/support/registry.ts';
import { sendBytes } from '#test/support/wire.ts';

const registry = useRegistry({ anonymousPull: new Set(['open']) });

const send = (call: Call) => sendAll(registry().url, [call]);

/** What the next request is seen as; a client has its answer a moment before the request is over. */
function lastServed(): Promise<ServedRequest> {
  return servedAfter(registry().served.length);
}

/** What is seen when so many have been seen. */
async function servedAfter(count: number): Promise<ServedRequest> {
  for (let tries = 0; tries < 1000 && registry().served.length === count; tries += 1)
    await sleep(2);
  return registry().served[count] ?? assert.fail('no request was seen');
}

/** Has all that was answered be seen. @returns how many there have been by then */
async function allSeen(): Promise<number> {
  const last: Call = { method: 'GET', path: '/v2/', expect: { status: 200 } };
  const id = (await send({ ...last, keep: { id: 'X-Request-Id' } })).get('id');
  while (registry().served.at(-1)?.requestId !== id) await sleep(2);
  return registry().served.length;
}

it('health and readiness are told to anyone, and are not to be kept', async () => {
  for (const path of ['/healthz', '/readyz']) {
    const headers = { 'cache-control': 'no-store', 'content-type': /^text\/plain/ };
    await send({ method: 'GET', path, authorization: null, expect: { status: 200, headers } });
    await send({ method: 'HEAD', path, authorization: null, expect: { status: 200, body: '' } });
    await send({ method: 'POST', path, expect: { status: 405 } });
  }
});

/** Has a store fail at what it is asked for. @returns what mends it */
function breakStore<Store extends object>(store: Store, asked: keyof Store): () => void {
  const works = store[asked];
  const fails = async () => {
    throw new Error('the disk has gone');
  };
  Object.assign(store, { [asked]: fails });
  return () => Object.assign(store, { [asked]: works });
}

for (const [store, broken] of [
  ['documents', () => breakStore(registry().services.documents, 'list')],
  ['blobs', () => breakStore(registry().services.blobs, 'stat')],
] as const) {
  it(`is not ready when the store of ${store} does not answer, and is in health all the same`, async () => {
    const mend = broken();
    const ready: Call = {
      method: 'GET',
      path: '/readyz',
      authorization: null,
      expect: { status: 200 },
    };
    try {
      const body = 'a store does not answer\n';
      await send({ ...ready, expect: { status: 503, body } });
      await send({ method: 'GET', path: '/healthz', expect: { status: 200 } });
    } finally {
      mend();
    }
    assert.match(registry().logged.at(-1) ?? '', /a store does not answer.*the disk has gone/);
    await send(ready);
  });
}

for (const [what, bytes, status] of [
  ['a tunnel', 'CONNECT elsewhere:443 HTTP/1.1\r\nHost: elsewhere\r\n\r\n', 405],
  ['what is no HTTP', 'hello\r\n\r\n', 400],
  ['headers without end', `GET / HTTP/1.1\r\nX: ${'x'.repeat(70_000)}\r\n\r\n`, 431],
] as const) {
  it(`${what} is told as a request is, by the id that it was answered with`, async () => {
    const answer = await sendBytes(registry().url, bytes);
    assert.equal(answer.status, status);
    const [, requestId] = /^X-Request-Id: (\S+)\r?$/m.exec(answer.head) ?? [];
    const told = registry().served.filter((served) => served.requestId === requestId);
    assert.deepEqual(
      told.map((served) => [served.status, served.route, served.bytesSent]),
      [[status, 'none', answer.body.length]],
    );
  });
}

it('figures are for the admin, by password and by token, and for nobody else', async () => {
  const { username, secret } = await createRobot(registry().services, {
    project: 'open',
    name: 'reader',
    role: 'owner',
  });
  const robot = `Basic ${Buffer.from(`${username}:${secret.secret}`).toString('base64')}`;
  const get = (authorization?: string | null): Call => ({
    method: 'GET',
    path: '/metrics',
    ...(authorization === undefined ? {} : { authorization }),
    expect: { status: 200 },
  });
  await send({ ...get(null), expect: { status: 401, code: 'UNAUTHORIZED' } });
  await send({ ...get(robot), expect: { status: 403, code: 'DENIED' } });
  await send(get());
  const token = { token: (answer: { body: Buffer }) => JSON.parse(`${answer.body}`).token };
  const ask: Call = { method: 'GET', path: '/v2/token', expect: { status: 200 }, keep: token };
  await sendAll(registry().url, [ask, get('Bearer {token}')]);
  await sendAll(registry().url, [
    { ...ask, authorization: robot },
    { ...get('Bearer {token}'), expect: { status: 403, code: 'DENIED' } },
  ]);
});

it('figures count each request by route, method and status, and the bytes of both ways', async () => {
  const figures = async () => {
    let text = '';
    const also = (answer: { body: Buffer }) => {
      text = answer.body.toString();
    };
    const headers = { 'content-type': /^text\/plain; version=0\.0\.4/ };
    await send({ method: 'GET', path: '/metrics', expect: { status: 200, headers, also } });
    return (line: string) =>
      Number(
        text
          .split('\n')
          .find((one) => one.startsWith(`${line} `))
          ?.slice(line.length) ?? 0,
      );
  };
  const before = await figures();
  const image = imageManifest();
  await sendAll(registry().url, pushAll('open/figures', image, 'v1'));
  await send({ method: 'GET', path: '/v2/open/figures/manifests/v1', expect: { status: 200 } });
  await send({ method: 'GET', path: '/v2/open/figures/manifests/v2', expect: { status: 404 } });
  const after = await figures();
  const rise = (line: string) => after(line) - before(line);
  assert.equal(rise('berth_http_requests_total{route="end-7",method="PUT",status="201"}'), 1);
  assert.equal(rise('berth_http_requests_total{route="end-3",method="GET",status="200"}'), 1);
  assert.equal(rise('berth_http_requests_total{route="end-3",method="GET",status="404"}'), 1);
  assert.equal(rise('berth_http_request_duration_seconds_count{route="end-3",method="GET"}'), 2);
  assert.equal(rise('berth_http_received_bytes_total{route="end-7"}'), image.bytes.length);
  assert.ok(rise('berth_http_sent_bytes_total{route="end-3"}') > image.bytes.length);
  assert.ok(after('process_resident_memory_bytes') > 1_000_000);
});

it('a request is seen with its route, name, status, bytes and actor, also one that was refused', async () => {
  const image = imageManifest();
  await sendAll(registry().url, pushAll('open/seen', image, 'v1'));
  await allSeen();
  const rows: { call: Omit<Call, 'expect'>; seen: Partial<ServedRequest> }[] = [
    {
      call: { method: 'GET', path: '/v2/open/seen/manifests/v1' },
      seen: {
        route: 'end-3',
        name: 'open/seen',
        status: 200,
        bytesSent: image.bytes.length,
        actor: 'user:admin',
      },
    },
    {
      call: { method: 'HEAD', path: '/v2/open/seen/manifests/v1', authorization: null },
      seen: { method: 'HEAD', status: 200, bytesSent: 0, actor: 'anonymous' },
    },
    {
      call: { method: 'GET', path: '/v2/closed/seen/manifests/v1', authorization: null },
      seen: { route: 'end-3', name: 'closed/seen', status: 401, actor: undefined },
    },
    {
      call: { method: 'GET', path: '/elsewhere' },
      seen: { route: 'none', name: undefined, status: 404 },
    },
    {
      call: { method: 'GET', path: '/v2/UPPER/tags/list' },
      seen: { route: 'end-8', name: undefined, status: 400 },
    },
    {
      call: {
        method: 'POST',
        path: '/v2/token',
        authorization: null,
        headers: { 'content-type': 'application/x-www-form-urlencoded' },
        body: `grant_type=password&username=admin&password=${encodeURIComponent('correct horse battery staple')}`,
      },
      seen: { route: 'token', status: 200, bytesReceived: 78, actor: 'user:admin' },
    },
  ];
  for (const { call, seen } of rows) {
    const over = lastServed();
    await send({ ...call, expect: { status: seen.status ?? 200 } });
    const served = await over;
    const { requestId, durationMs } = served;
    assert.match(requestId, /^[0-9a-f-]{36}$/);
    assert.ok(durationMs > 0 && durationMs < 60_000, String(durationMs));
    assert.equal(served.aborted, false);
    for (const [field, value] of Object.entries(seen)) {
      assert.equal(
        served[field as keyof ServedRequest],
        value,
        `${call.method} ${call.path} ${field}`,
      );
    }
  }
});

it('a request whose client goes away is seen once, as broken off, and as answered only if it was', async () => {
  const blob = randomBlob(32 * 1024 * 1024);
  await sendAll(registry().url, [pushBlob('open/left', blob)]);
  const upload = (await sendAll(registry().url, [openUpload('open/left')])).get('upload') ?? '';
  const waits = 'Content-Length: 2000\r\nExpect: 100-continue\r\n';
  const rows = [
    { line: `PATCH ${upload}`, headers: waits, body: 'x'.repeat(1000), status: 499 },
    { line: `PUT ${upload}&digest=${blob.digest}`, headers: waits, body: 'x', status: 499 },
    { line: 'PUT /v2/open/left/manifests/v1', headers: waits, body: '{', status: 499 },
    // Its answer begins, and then nobody reads it.
    { line: `GET /v2/open/left/blobs/${blob.digest}`, headers: '', body: '', status: 200 },
  ];
  for (const { line, headers, body, status } of rows) {
    const count = await allSeen();
    await leave(
      `${line} HTTP/1.1\r\nHost: x\r\nAuthorization: ${adminBasic}\r\n${headers}\r\n`,
      body,
    );
    const served = await servedAfter(count);
    assert.deepEqual([served.aborted, served.status], [true, status], line);
    assert.ok(served.bytesReceived <= body.length, `${served.bytesReceived} bytes were received`);
    assert.ok(served.bytesSent < blob.bytes.length, `${served.bytesSent} bytes were sent`);
    assert.equal(await allSeen(), count + 2, `${line} was seen more than once`);
  }
  assert.deepEqual(
    registry().logged.filter((text) => text.includes('ERROR a request failed')),
    [],
  );
});

/** Sends a request's head, waits for the first word of an answer, sends more, and breaks the connection off. */
async function leave(head: string, body: string): Promise<void> {
  const { hostname, port } = new URL(registry().url);
  const socket = connect(Number(port), hostname);
  socket.write(head);
  await once(socket, 'readable');
  await new Promise<void>((resolve) => socket.write(body, () => resolve()));
  socket.resetAndDestroy();
}

it('the process writes one line of JSON a request, and no secret', async () => {
  const berth = await startBerth();
  try {
    const login = {
      authorization: `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`,
    };
    const answer = await fetch(
      `${berth.url}/v2/token?scope=repository:a/b:pull&secret=in-the-query`,
      {
        headers: login,
      },
    );
    const { token } = (await answer.json()) as { token: string };
    const headers = { authorization: `Bearer ${token}` };
    const missing = await fetch(`${berth.url}/v2/a/b/manifests/v1`, { headers });
    await missing.text();
    await berth.stop();
    const lines = berth
      .output()
      .split('\n')
      .filter((line) => line.startsWith('{'));
    const [first, second, ...more] = lines.map((line) => JSON.parse(line));
    assert.deepEqual(more, []);
    const { requestId, durationMs, time, ...rest } = second;
    assert.deepEqual(rest, {
      severity: 'INFO',
      message: 'request',
      address: '127.0.0.1',
      method: 'GET',
      route: 'end-3',
      name: 'a/b',
      status: 404,
      bytesReceived: 0,
      bytesSent: Number(missing.headers.get('content-length')),
      actor: 'user:admin',
    });
    assert.equal(requestId, missing.headers.get('x-request-id'));
    assert.ok(durationMs > 0 && Date.parse(time) > 0);
    assert.equal(first.route, 'token');
    for (const secret of [berth.password, token, 'in-the-query']) {
      assert.ok(!lines.join().includes(secret));
    }
  } finally {
    await berth.remove();
  }
});

it('the process serves on when nobody reads its lines any more', async () => {
  const berth = await startBerth();
  try {
    berth.process.stderr?.destroy();
    for (let count = 0; count < 5; count += 1) {
      assert.equal((await fetch(`${berth.url}/healthz`)).status, 200);
    }
  } finally {
    await berth.remove();
  }
});
