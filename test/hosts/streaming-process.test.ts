// The function that takes uploads, as it is run: what it answers, what stops its start, and how it ends.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { request } from 'node:http';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { comesTrue } from '#test/hostile/vitals.ts';
import { startBerth } from '#test/support/berth.ts';
import { type Call, openUpload, pushBlob, sendAll } from '#test/support/calls.ts';
import { freePort } from '#test/support/free-port.ts';
import { contentOf, randomBlob } from '#test/support/manifests.ts';

const main = join(import.meta.dirname, '../support/uploads-process.ts');

async function start(target: string, environment: Readonly<Record<string, string>> = {}) {
  const PORT = String(await freePort('127.0.0.1'));
  return startBerth({ run: [main, target], environment: { PORT, ...environment } });
}

describe('uploads, as a process', () => {
  let berth: Awaited<ReturnType<typeof start>>;
  before(async () => {
    berth = await start('uploads');
  });
  after(() => berth.remove());
  const basic = () => `Basic ${Buffer.from(`admin:${berth.password}`).toString('base64')}`;

  for (const protocol of ['http', 'h2c']) {
    it(`takes uploads and nothing else, in ${protocol}`, async () => {
      const none = (method: string, path: string): Call => ({
        method,
        path,
        expect: { status: 404, code: 'NAME_UNKNOWN' },
      });
      const blob = randomBlob();
      const calls = [
        pushBlob('a/b', blob),
        openUpload('a/b'),
        { method: 'GET', path: '{upload}', expect: { status: 204 } },
        none('GET', `/v2/a/b/blobs/${blob.digest}`),
        none('PUT', '/v2/a/b/manifests/v1'),
        none('GET', '/v2/token'),
        none('GET', '/v2/'),
      ];
      const url = berth.url.replace('http:', `${protocol}:`);
      await sendAll(
        url,
        calls.map((call) => ({ ...call, authorization: basic() })),
      );
    });
  }

  it('finishes the upload it is in when it is told to stop, and ends', async () => {
    const { bytes, digest } = contentOf('the first half, the second half');
    const sent = request(`${berth.url}/v2/a/b/blobs/uploads/?digest=${digest}`, {
      method: 'POST',
      headers: { authorization: basic(), expect: '100-continue' },
    });
    const answered = once(sent, 'response') as Promise<[IncomingMessage]>;
    sent.write(bytes.subarray(0, 15));
    // Its body is being read.
    await once(sent, 'continue');
    const stopped = berth.stop();
    // It takes no more connections from then on.
    assert.ok(await comesTrue(async () => !(await isReachable(berth.url))));
    sent.end(bytes.subarray(15));
    const [answer] = await answered;
    answer.resume();
    assert.equal(answer.statusCode, 201);
    assert.equal(await stopped, 0);
  });
});

async function isReachable(url: string): Promise<boolean> {
  try {
    await fetch(url);
    return true;
  } catch {
    return false;
  }
}

describe('uploads, where something is wrong', () => {
  const wrong: readonly (readonly [string, string, Record<string, string>, RegExp])[] = [
    ['a port that is none', 'uploads', { PORT: 'eighty' }, /PORT must be a port number/],
    [
      'a function for the framework',
      'manifests',
      {},
      /no function 'manifests'.*there is: uploads, mirror, admin/,
    ],
    [
      'a store that does not open',
      'uploads',
      { BERTH_DATA: '/dev/null/x' },
      /uploads does not start/,
    ],
  ];
  for (const [what, target, environment, said] of wrong) {
    it(`does not start, and says why: ${what}`, async () => {
      await assert.rejects(start(target, environment), (error: Error) => {
        assert.match(error.message, /ended with 1/);
        assert.match(error.message, said);
        return true;
      });
    });
  }
});
