// Limits where there are many instances: whom the functions take for the client, and what failed logins share.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { openFailedLogins } from '#shared/auth/failed-logins.ts';
import { openFirestoreDocuments } from '#shared/google/firestore-documents.ts';
import type { Documents } from '#shared/ports/documents.ts';
import { backend, standOnGoogle } from '#test/support/backend.ts';
import { startBerth } from '#test/support/berth.ts';
import { fakeClock } from '#test/support/clock.ts';

const skip = await standOnGoogle();

describe('limits on Google’s services', { skip }, () => {
  for (const [proxies, address] of [
    ['0', '127.0.0.1'],
    ['1', '198.51.100.7'],
  ] as const) {
    it(`with ${proxies} proxies before the gateway a function takes ${address} for the client`, async () => {
      const berth = await startBerth({ environment: { BERTH_PROXIES: proxies } });
      try {
        const headers = { 'x-forwarded-for': '203.0.113.66, 198.51.100.7' };
        const answer = await fetch(`${berth.url}/v2/`, { headers });
        assert.equal(answer.status, 401);
        await berth.stop();
        const lines = berth.output().split('\n');
        const line = lines.find((text) => text.includes('"message":"request"')) ?? '{}';
        assert.equal((JSON.parse(line) as { address?: string }).address, address);
      } finally {
        await berth.remove();
      }
    });
  }

  it('instances that meet over one name begin one wait, and never a shorter one', async () => {
    const { GOOGLE_CLOUD_PROJECT: projectId = '' } = backend('failed logins').environment;
    const clock = fakeClock(Date.now());
    const documents = openFirestoreDocuments({ projectId, clock });
    // Logins wait for the store a second at most; the test, for as long as it takes.
    const underWay: Promise<unknown>[] = [];
    const watched: Documents = {
      ...documents,
      get: (key) => documents.get(key),
      transact: (body) => {
        const transaction = documents.transact(body);
        underWay.push(transaction);
        return transaction;
      },
    };
    const prefix = ['-', '-', 'failedLogins'];
    try {
      const services = { documents: watched, clock, freeFailures: 5 };
      const instances = Array.from({ length: 4 }, () => openFailedLogins(services));
      const guess = { address: '192.0.2.1', username: 'admin', password: 'a guess' };
      const fail = async () => {
        await Promise.all(
          instances.map((one) => one.check(guess, async () => undefined).catch(() => undefined)),
        );
        await Promise.all(underWay.splice(0));
        return documents.list({ prefix, limit: 10 });
      };
      for (let free = 0; free < 5; free += 1) {
        assert.deepEqual(await fail(), []);
      }
      let until = 0;
      for (let wait = 0; wait < 4; wait += 1) {
        const [found, ...more] = await fail();
        assert.equal(more.length, 0);
        const record = found?.value as { until: number };
        assert.ok(record.until > until, 'the wait was shortened');
        until = record.until;
        // In the midst of a wait nothing is written.
        const [still] = await fail();
        assert.equal(still?.committedAt, found?.committedAt);
        clock.advance(until - clock.now());
      }
    } finally {
      await documents.close();
    }
  });
});
