// Refresh tokens: how long each is good, and what is kept of it.

import assert from 'node:assert/strict';
import { describe, it, type TestContext } from 'node:test';
import { audiencesFor } from '#shared/auth/audiences.ts';
import type { Identity } from '#shared/auth/identity.ts';
import { changePolicy } from '#shared/auth/policies.ts';
import {
  createRefreshToken,
  identifyRefreshed,
  type RefreshTokenStore,
  revokeRefreshToken,
} from '#shared/auth/refresh-tokens.ts';
import { createRobot } from '#shared/auth/robots.ts';
import { sha256 } from '#shared/auth/secrets.ts';
import { newStore } from '#test/support/store.ts';

const host = 'registry.example';
const day = 24 * 60 * 60 * 1000;
const adminCredential = sha256('one');
const admin: Identity = { principal: { kind: 'admin' }, seen: {}, credential: adminCredential };
const job: Identity = {
  principal: {
    kind: 'federated',
    issuer: 'https://issuer.example',
    subject: 'repo:team/app',
    audiences: [host],
    claims: { repository: 'team/app' },
  },
  seen: {},
  expiresAt: Date.parse('2026-11-24T12:05:00Z'),
};

async function newTokens(t: TestContext) {
  return { ...(await newStore(t)), adminCredential, audiencesOf: audiencesFor(new Set([host])) };
}

async function given(store: RefreshTokenStore, identity: Identity): Promise<string> {
  const token = await createRefreshToken(store, identity, host);
  assert.ok(token !== undefined);
  return token;
}

/** A project's rule that lets the job in, or none. */
function trust(store: RefreshTokenStore, isTrusted: boolean) {
  const rule = { id: 'ci', issuer: 'https://issuer.example', claims: { repository: 'team/*' } };
  return changePolicy(store, 'team', {
    author: { by: 'user:admin' },
    action: 'federation.change',
    to: (policy) => ({ ...policy, federation: isTrusted ? [rule] : [] }),
  });
}

describe('a refresh token', () => {
  it('is kept as its hash', async (t) => {
    const store = await newTokens(t);
    const token = await given(store, admin);
    const prefix = ['-', '-', 'refreshTokens'];
    const [kept, ...more] = await store.documents.list({ prefix, limit: 10 });
    assert.deepEqual(kept?.key, [...prefix, sha256(token)]);
    assert.ok(!JSON.stringify(kept).includes(token));
    assert.deepEqual(more, []);
  });

  it('shows whom it was given to, with what tells their secret', async (t) => {
    const store = await newTokens(t);
    assert.deepEqual(await identifyRefreshed(store, await given(store, admin), host), admin);
  });

  it('is good for 90 days without use, and with use for ever', async (t) => {
    const store = await newTokens(t);
    const [unused, used] = [await given(store, admin), await given(store, admin)];
    for (let days = 0; days < 180; days += 45) {
      store.clock.advance(45 * day);
      assert.ok(await identifyRefreshed(store, used, host), `${days}`);
    }
    assert.equal(await identifyRefreshed(store, unused, host), undefined);
  });

  it('is written at most once a day, however often it is used', async (t) => {
    const store = await newTokens(t);
    const token = await given(store, admin);
    const versions = new Set<number | undefined>();
    for (let hours = 0; hours < 48; hours++) {
      await identifyRefreshed(store, token, host);
      const found = await store.documents.get(['-', '-', 'refreshTokens', sha256(token)]);
      versions.add(found?.committedAt);
      store.clock.advance(day / 24);
    }
    assert.equal(versions.size, 2);
  });

  it('of the admin is good as long as the password is the same', async (t) => {
    const store = await newTokens(t);
    const token = await given(store, admin);
    for (const other of [sha256('two'), undefined, '']) {
      const changed = { ...store, adminCredential: other };
      assert.equal(await identifyRefreshed(changed, token, host), undefined);
    }
    assert.ok(await identifyRefreshed(store, token, host));
  });

  it('of a job is good for an hour, also where what it showed is not any more', async (t) => {
    const store = await newTokens(t);
    await trust(store, true);
    const end = store.clock.now() + 60 * 60 * 1000;
    const token = await given(store, job);
    for (let minutes = 0; minutes < 60; minutes += 10) {
      const { principal, seen } = job;
      const shown = await identifyRefreshed(store, token, host);
      assert.deepEqual(shown, { principal, seen, expiresAt: end });
      store.clock.advance(10 * 60 * 1000);
    }
    assert.equal(await identifyRefreshed(store, token, host), undefined);
  });

  it('of a job is good as long as some rule lets the job in', async (t) => {
    const store = await newTokens(t);
    await trust(store, true);
    const token = await given(store, job);
    await trust(store, false);
    assert.equal(await identifyRefreshed(store, token, host), undefined);
    await trust(store, true);
    assert.ok(await identifyRefreshed(store, token, host));
  });

  it('of a robot is kept no longer than the robot’s secret is good', async (t) => {
    const store = await newTokens(t);
    const { robot, secret } = await createRobot(store, {
      project: 'team',
      name: 'ci',
      role: 'reader',
      secretExpiresAt: store.clock.now() + day,
    });
    const { name, project, role } = robot;
    const token = await given(store, {
      principal: { kind: 'robot', name, project, role },
      seen: {},
      credential: secret.id,
      expiresAt: store.clock.now() + day,
    });
    assert.ok(await identifyRefreshed(store, token, host));
    store.clock.advance(day);
    assert.equal(await identifyRefreshed(store, token, host), undefined);
    const prefix = ['-', '-', 'refreshTokens'];
    assert.deepEqual(await store.documents.list({ prefix, limit: 10 }), []);
  });

  it('is given neither to nobody, nor to Google’s accounts, nor where no secret was shown', async (t) => {
    const store = await newTokens(t);
    const others: Identity[] = [
      { principal: { kind: 'anonymous' }, seen: {} },
      { principal: { kind: 'anonymous' }, seen: {}, credential: 'x' },
      { principal: { kind: 'google', type: 'user', email: 'a@b.example' }, seen: {} },
      {
        principal: { kind: 'google', type: 'serviceAccount', id: '1' },
        seen: {},
        credential: 'x',
      },
      { principal: { kind: 'admin' }, seen: {} },
      { principal: { kind: 'robot', project: 'team', name: 'ci', role: 'owner' }, seen: {} },
    ];
    for (const identity of others) {
      assert.equal(await createRefreshToken(store, identity, host), undefined);
    }
  });

  it('that was revoked is not brought back by the use that was under way', async (t) => {
    const store = await newTokens(t);
    const token = await given(store, admin);
    store.clock.advance(2 * day);
    await Promise.all([
      identifyRefreshed(store, token, host),
      revokeRefreshToken(store, token),
      identifyRefreshed(store, token, host),
    ]);
    assert.equal(await identifyRefreshed(store, token, host), undefined);
  });
});
