// The process that `npm start` runs: its settings, its greeting, its end, and what a crash leaves.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { type ClientRequest, type IncomingMessage, request } from 'node:http';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { digestOf } from '#shared/oci/digest.ts';
import { type RunningBerth, startBerth } from '#test/support/berth.ts';
import { send as sendCall } from '#test/support/calls.ts';

const main = join(import.meta.dirname, '../../infra/local/main.js');

/** Sends a request, or the beginning of one, as the admin. */
function send(
  berth: RunningBerth,
  method: string,
  path: string,
  headers: Record<string, string | number> = {},
): ClientRequest {
  const basic = Buffer.from(`admin:${berth.password}`).toString('base64');
  return request(new URL(path, berth.url), {
    method,
    headers: { authorization: `Basic ${basic}`, ...headers },
  });
}

async function answerTo(sent: ClientRequest): Promise<IncomingMessage> {
  const [answer] = await once(sent, 'response');
  answer.resume();
  return answer;
}

async function openUpload(berth: RunningBerth, name: string): Promise<string> {
  const answer = await answerTo(send(berth, 'POST', `/v2/${name}/blobs/uploads/`).end());
  return answer.headers.location ?? assert.fail('no Location');
}

describe('the process', () => {
  let directory: string;
  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-process-'));
  });
  after(() => rm(directory, { recursive: true }));

  it('makes a password at its first start, tells it once, and takes it ever after', async () => {
    const dataDirectory = join(directory, 'password');
    const environment = { BERTH_ADMIN_PASSWORD: '' };
    const first = await startBerth({ dataDirectory, environment });
    const [, password = ''] = /not shown again: (\S+)/.exec(first.output()) ?? [];
    assert.ok(password.length >= 43, first.output());
    await first.stop();
    const second = await startBerth({ dataDirectory, environment });
    assert.doesNotMatch(second.output(), /not shown again/);
    const login = (secret: string) =>
      answerTo(send({ ...second, password: secret }, 'GET', '/v2/').end());
    assert.equal((await login(password)).statusCode, 200);
    assert.equal((await login(`${password}x`)).statusCode, 401);
    await second.stop();
  });

  it('greets with the address and the two lines to paste', async () => {
    const berth = await startBerth({ dataDirectory: join(directory, 'greeting') });
    const { port } = new URL(berth.url);
    assert.equal(
      berth.output(),
      `berth is ready on http://localhost:${port}\n  docker login localhost:${port} -u admin\n  docker push localhost:${port}/my-project/my-image\n`,
    );
    assert.equal(await berth.stop(), 0);
  });

  for (const [name, value] of [
    ['PORT', 'eighty'],
    ['PORT', '70000'],
    ['HOST', 'not a host'],
    ['BERTH_DATA', ''],
    ['BERTH_ADMIN_PASSWORD', 'short'],
    ['BERTH_ANONYMOUS_PULL', 'Not/A Project'],
    ['BERTH_PUSH_ENDPOINTS', 'localhost:8080'],
  ] as const) {
    it(`does not start with ${name}=${value || '(empty)'}, and names the setting`, () => {
      const { status, stderr } = spawnSync(process.execPath, [main, 'start'], {
        env: { ...process.env, [name]: value },
        encoding: 'utf8',
      });
      assert.equal(status, 1);
      assert.match(stderr, new RegExp(`^berth: ${name} must be|^berth: ${name} must have`));
    });
  }

  it('collects once, with `npm run collect`, where no server runs', () => {
    const { status, stdout } = spawnSync(process.execPath, [main, 'collect'], {
      env: { ...process.env, BERTH_DATA: join(directory, 'collected') },
      encoding: 'utf8',
    });
    assert.equal(stdout, '0 reviewed, 0 blobs deleted, 0 bytes freed\n');
    assert.equal(status, 0);
  });

  it('rotates its keys, with `npm run rotate-keys`, where no server runs; tokens outlive one rotation', async () => {
    const dataDirectory = join(directory, 'rotated');
    const rotate = () =>
      spawnSync(process.execPath, [main, 'rotate-keys'], {
        env: { ...process.env, BERTH_DATA: dataDirectory },
        encoding: 'utf8',
      });
    // Each start listens on another port; the host is what a token is for.
    const headers = { host: 'registry.example' };
    const first = await startBerth({ dataDirectory });
    const { body } = await sendCall(first.url, {
      method: 'GET',
      path: '/v2/token',
      authorization: `Basic ${Buffer.from(`admin:${first.password}`).toString('base64')}`,
      headers,
    });
    const authorization = `Bearer ${JSON.parse(String(body)).token}`;
    const refused = rotate();
    assert.equal(refused.status, 1);
    assert.match(refused.stderr, /^berth: the data directory \S+ is in use by another process\n$/);
    await first.stop();
    const seen: [number, number][] = [];
    for (let times = 0; times < 2; times++) {
      const { status, stdout } = rotate();
      assert.equal(status, 0);
      assert.match(stdout, /^tokens are signed by \S+ from the next start on; what \S+ signed/);
      const berth = await startBerth({ dataDirectory });
      const ping = { method: 'GET', path: '/v2/', authorization, headers };
      const keys = await sendCall(berth.url, {
        ...ping,
        path: '/.well-known/jwks.json',
        authorization: null,
      });
      const told = JSON.parse(String(keys.body)).keys?.length;
      seen.push([(await sendCall(berth.url, ping)).status, told]);
      await berth.stop();
    }
    assert.deepEqual(seen, [
      [200, 2],
      [401, 2],
    ]);
  });

  it('does not start where another has the data, and names the directory', async () => {
    const dataDirectory = join(directory, 'taken');
    const first = await startBerth({ dataDirectory });
    await assert.rejects(startBerth({ dataDirectory }), (error: Error) =>
      error.message.includes(dataDirectory),
    );
    await first.stop();
  });

  it('finishes the requests in flight before it ends on SIGTERM, and takes no more', async () => {
    const berth = await startBerth({ dataDirectory: join(directory, 'stopping') });
    const location = await openUpload(berth, 'demo/stopping');
    const bytes = Buffer.from('sent before and after the signal');
    const digest = digestOf(bytes);
    const sent = send(berth, 'PUT', `${location}&digest=${digest}`, {
      'content-length': bytes.length,
    });
    sent.write(bytes.subarray(0, 10));
    // The rest comes when the process has begun to stop: it takes no connection then.
    await once(sent, 'socket');
    const ended = once(berth.process, 'exit');
    berth.process.kill('SIGTERM');
    for (;;) {
      const refused = await answerTo(send(berth, 'GET', '/v2/').end()).then(
        () => false,
        () => true,
      );
      if (refused) break;
    }
    sent.end(bytes.subarray(10));
    assert.equal((await answerTo(sent)).statusCode, 201);
    assert.deepEqual(await ended, [0, null]);
    const again = await startBerth({ dataDirectory: berth.dataDirectory });
    const head = await answerTo(send(again, 'HEAD', `/v2/demo/stopping/blobs/${digest}`).end());
    assert.equal(head.statusCode, 200);
    await again.stop();
  });

  it('recovers by itself from kill -9 in the middle of uploads, and leaves nothing half', async () => {
    const dataDirectory = join(directory, 'killed');
    const berth = await startBerth({ dataDirectory });
    const whole = Buffer.from('acknowledged');
    const half = Buffer.alloc(4_000_000, 'half');
    const put = send(
      berth,
      'PUT',
      `${await openUpload(berth, 'demo/killed')}&digest=${digestOf(whole)}`,
      { 'content-length': whole.length },
    ).end(whole);
    assert.equal((await answerTo(put)).statusCode, 201);
    const cut = send(
      berth,
      'PUT',
      `${await openUpload(berth, 'demo/killed')}&digest=${digestOf(half)}`,
      {
        'content-length': half.length + 1,
      },
    );
    cut.on('error', () => {});
    await new Promise((resolve) => cut.write(half, resolve));
    await berth.kill();
    const again = await startBerth({ dataDirectory });
    const look = async (bytes: Buffer) =>
      (await answerTo(send(again, 'HEAD', `/v2/demo/killed/blobs/${digestOf(bytes)}`).end()))
        .statusCode;
    assert.equal(await look(whole), 200);
    assert.equal(await look(half), 404);
    assert.deepEqual(await readdir(join(dataDirectory, 'blobs/tmp')), []);
    await again.stop();
  });
});
