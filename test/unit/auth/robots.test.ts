// Robots: their secrets and what is changed of them; and whatever a client logs in as becomes a key that every store
// takes, or none.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { openRevocations } from '#shared/auth/revocations.ts';
import { identifyRobot, identifyRobotAgain } from '#shared/auth/robot-logins.ts';
import { findRobot, type RobotStore } from '#shared/auth/robot-records.ts';
import {
  addSecret,
  changeRobot,
  createRobot,
  deleteRobot,
  listRobots,
  type RobotChange,
  readRobot,
  revokeSecret,
} from '#shared/auth/robots.ts';
import { newSecret, sha256 } from '#shared/auth/secrets.ts';
import { pathOf } from '#shared/google/firestore-keys.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import type { Key } from '#shared/ports/documents.ts';
import { newStore } from '#test/support/store.ts';

/** The keys that are asked for, of no documents at all. */
async function askedFor(username: string): Promise<Key[]> {
  const keys: Key[] = [];
  const get = async (key: Key) => {
    keys.push(key);
    return undefined;
  };
  const found = await findRobot({ get }, username);
  assert.equal(found, undefined);
  return keys;
}

describe('findRobot', () => {
  it('looks for a robot by its name and project', async () => {
    assert.deepEqual(await askedFor('ci@example.com/team'), [
      ['-', 'example.com/team', 'robots', 'ci'],
    ]);
  });

  it('looks for none whose name or project cannot be one, however long, strange or wrong', async () => {
    const long = 'a'.repeat(2000);
    for (const username of [
      long,
      `${long}@p`,
      `ci@${long}`,
      'ci@',
      '@p',
      'ci@p@q',
      'ci@p\0',
      'ci@ä',
    ]) {
      assert.deepEqual(await askedFor(username), [], username);
    }
    const anyUsername = fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }));
    await fc.assert(
      fc.asyncProperty(anyUsername, async ([name, project]) => {
        for (const key of await askedFor(`${name}@${project}`)) pathOf(key);
      }),
    );
  });
});

const author = { by: 'user:admin', requestId: 'r' };
const ci = { project: 'team', name: 'ci' };

const refusedAs = (code: string, status: number) => (error: unknown) => {
  assert.ok(error instanceof RegistryError);
  assert.deepEqual([error.code, error.status], [code, status], error.message);
  return true;
};

async function auditOf({ documents }: RobotStore): Promise<unknown[]> {
  const found = await documents.list({ prefix: ['-', 'team', 'audits'], limit: 1000 });
  return found
    .sort((one, other) => one.committedAt - other.committedAt)
    .map(({ value }) => [value['action'], value['actor'], value['detail']]);
}

describe('a robot', () => {
  it('logs in by its secret, which says what it is and which', async (t) => {
    const store = await newStore(t);
    const { robot, username, secret } = await createRobot(store, {
      ...ci,
      role: 'writer',
      prefix: 'team/app/**',
    });
    assert.equal(username, 'ci@team');
    assert.match(secret.secret, /^berth_robot_[0-9a-f]{10}_[A-Za-z0-9_-]{43}$/);
    assert.ok(secret.secret.startsWith(`berth_robot_${secret.id}_`));
    assert.deepEqual(await identifyRobot(store, username, secret.secret), {
      principal: { kind: 'robot', ...ci, role: 'writer', prefix: 'team/app' },
      seen: { 'robot:ci@team': robot.version },
      expiresAt: undefined,
      credential: secret.id,
    });
  });

  it('keeps no secret: neither its record, nor its audit, nor what is told of it', async (t) => {
    const store = await newStore(t);
    const { robot, secret } = await createRobot(store, { ...ci, role: 'reader' });
    const added = await addSecret(store, { ...ci, author });
    const kept = await store.documents.list({ prefix: ['-', 'team', 'robots'], limit: 10 });
    const told = [kept, robot, await listRobots(store.documents, 'team'), await auditOf(store)];
    for (const one of [secret.secret, added.secret]) {
      assert.ok(!JSON.stringify(told).includes(one.slice(-43)));
      assert.ok(!JSON.stringify(told.slice(1)).includes(sha256(one)));
    }
  });

  it('is shown by nothing else than its name with one of its secrets', async (t) => {
    const store = await newStore(t);
    const { secret } = await createRobot(store, { ...ci, role: 'reader' });
    const other = await createRobot(store, { ...ci, name: 'other', role: 'owner' });
    const wrong = [
      ['ci@team', ''],
      ['ci@team', other.secret.secret],
      ['ci@team', secret.secret.slice(0, -1)],
      ['ci@team', `${secret.secret}\n`],
      ['ci@team', secret.secret.toUpperCase()],
      ['ci@team', sha256(secret.secret)],
      ['ci', secret.secret],
      ['ci@teams', secret.secret],
      ['CI@team', secret.secret],
      ['ci@team@team', secret.secret],
      ['nobody@team', ''],
    ] as const;
    for (const [username, shown] of wrong) {
      assert.equal(await identifyRobot(store, username, shown), undefined, `${username} ${shown}`);
    }
  });

  it('has a second secret in use before the first one goes', async (t) => {
    const store = await newStore(t);
    const { secret, username } = await createRobot(store, { ...ci, role: 'reader' });
    const second = await addSecret(store, { ...ci, author });
    const credentials = async () =>
      await Promise.all(
        [secret, second].map(
          async (one) => (await identifyRobot(store, username, one.secret))?.credential,
        ),
      );
    assert.deepEqual(await credentials(), [secret.id, second.id]);
    await revokeSecret(store, { ...ci, id: secret.id, author });
    assert.deepEqual(await credentials(), [undefined, second.id]);
    await assert.rejects(
      revokeSecret(store, { ...ci, id: secret.id, author }),
      refusedAs('NAME_UNKNOWN', 404),
    );
  });

  it('has ten secrets at most, of which those that have expired do not count', async (t) => {
    const store = await newStore(t);
    await createRobot(store, { ...ci, role: 'reader' });
    const expiresAt = store.clock.now() + 1000;
    for (let more = 1; more < 10; more++) await addSecret(store, { ...ci, author, expiresAt });
    await assert.rejects(addSecret(store, { ...ci, author }), refusedAs('UNSUPPORTED', 409));
    store.clock.advance(1000);
    const { id } = await addSecret(store, { ...ci, author });
    const { secrets } = await readRobot(store.documents, ci);
    assert.deepEqual([secrets.length, secrets.at(-1)?.id], [2, id]);
  });

  it('and its secret are good until they expire, whichever is first', async (t) => {
    const store = await newStore(t);
    const now = store.clock.now();
    const { username, secret } = await createRobot(store, {
      ...ci,
      role: 'reader',
      expiresAt: now + 2000,
      secretExpiresAt: now + 1000,
    });
    const second = await addSecret(store, { ...ci, author });
    const ends = async () =>
      await Promise.all(
        [secret, second].map(
          async (one) => (await identifyRobot(store, username, one.secret))?.expiresAt,
        ),
      );
    assert.deepEqual(await ends(), [now + 1000, now + 2000]);
    store.clock.advance(1000);
    assert.deepEqual(await ends(), [undefined, now + 2000]);
    store.clock.advance(1000);
    assert.deepEqual(await ends(), [undefined, undefined]);
    await changeRobot(store, { ...ci, author, change: { expiresAt: now + 9000 } });
    assert.deepEqual(await ends(), [undefined, now + 9000]);
  });

  it('that has expired is listed for a month, and then makes room', async (t) => {
    const store = await newStore(t);
    await createRobot(store, { ...ci, role: 'reader', expiresAt: store.clock.now() + 1 });
    store.clock.advance(29 * 24 * 60 * 60 * 1000);
    assert.equal((await listRobots(store.documents, 'team')).length, 1);
    store.clock.advance(2 * 24 * 60 * 60 * 1000);
    assert.deepEqual(await listRobots(store.documents, 'team'), []);
    await createRobot(store, { ...ci, role: 'reader' });
  });

  it('is not let in while it is disabled', async (t) => {
    const store = await newStore(t);
    const { username, secret } = await createRobot(store, { ...ci, role: 'reader' });
    await changeRobot(store, { ...ci, author, change: { disabled: true } });
    assert.equal(await identifyRobot(store, username, secret.secret), undefined);
    await changeRobot(store, { ...ci, author, change: { disabled: false } });
    assert.ok(await identifyRobot(store, username, secret.secret));
  });

  it('is changed in what is named, and keeps the rest', async (t) => {
    const store = await newStore(t);
    const expiresAt = store.clock.now() + 60_000;
    const before = await createRobot(store, {
      ...ci,
      role: 'reader',
      prefix: 'team/app',
      expiresAt,
    });
    const change = (change: RobotChange) => changeRobot(store, { ...ci, author, change });
    const { version: _version, ...same } = before.robot;
    const told = async () => {
      const { version: _version, ...rest } = await readRobot(store.documents, ci);
      return rest;
    };
    await change({});
    assert.deepEqual(await told(), same);
    await change({ role: 'owner' });
    assert.deepEqual(await told(), { ...same, role: 'owner' });
    await change({ prefix: 'team/other', role: 'reader' });
    assert.deepEqual(await told(), { ...same, prefix: 'team/other' });
    await change({ prefix: null, expiresAt: null });
    assert.deepEqual(await told(), { ...same, prefix: undefined, expiresAt: undefined });
  });

  it('is refused by each change what it got before, and each change is in the audit', async (t) => {
    const store = await newStore(t);
    const versions = [(await createRobot(store, { ...ci, role: 'reader', author })).robot.version];
    const { id } = await addSecret(store, { ...ci, author });
    versions.push((await readRobot(store.documents, ci)).version);
    versions.push((await changeRobot(store, { ...ci, author, change: {} })).version);
    await revokeSecret(store, { ...ci, id, author });
    versions.push((await readRobot(store.documents, ci)).version);
    await deleteRobot(store, { ...ci, author });
    store.clock.advance(60_000);
    const revocations = openRevocations(store.documents, store.clock);
    for (const version of versions) {
      assert.equal(await revocations.isRevoked({ 'robot:ci@team': version }), true);
    }
    const [first] = (await auditOf(store)).map((entry) => String(entry).split('; ')[0]);
    assert.equal(first, 'robot.create,user:admin,ci@team: reader');
    assert.deepEqual(
      (await auditOf(store)).slice(1),
      [
        ['robot.secret.create', `ci@team: ${id}`],
        ['robot.change', 'ci@team: reader → reader'],
        ['robot.secret.revoke', `ci@team: ${id}`],
        ['robot.delete', 'ci@team'],
      ].map(([action, detail]) => [action, 'user:admin', detail]),
    );
  });

  it('that was removed and made anew has nothing of the one before', async (t) => {
    const store = await newStore(t);
    const before = await createRobot(store, { ...ci, role: 'owner' });
    await deleteRobot(store, { ...ci, author });
    await assert.rejects(readRobot(store.documents, ci), refusedAs('NAME_UNKNOWN', 404));
    await createRobot(store, { ...ci, role: 'reader' });
    assert.equal(await identifyRobot(store, before.username, before.secret.secret), undefined);
    const again = { ...ci, secret: before.secret.id };
    assert.equal(await identifyRobotAgain(store, again), undefined);
  });

  it('is not made where there is one already, or a thousand', async (t) => {
    const store = await newStore(t);
    await createRobot(store, { ...ci, role: 'reader' });
    await assert.rejects(
      createRobot(store, { ...ci, role: 'owner' }),
      refusedAs('UNSUPPORTED', 409),
    );
    await store.documents.transact(async (transaction) => {
      for (let more = 1; more < 1000; more++) {
        const record = { role: 'reader', created: 0, disabled: false, secrets: [], at: 0 };
        transaction.set(['-', 'team', 'robots', `robot${more}`], record);
      }
    });
    await assert.rejects(
      createRobot(store, { ...ci, name: 'more', role: 'owner' }),
      refusedAs('UNSUPPORTED', 409),
    );
    assert.equal((await listRobots(store.documents, 'team')).length, 1000);
    await createRobot(store, { project: 'other', name: 'ci', role: 'owner' });
  });

  it('of the form with one secret is read, and logs in, and is changed to the new form', async (t) => {
    const store = await newStore(t);
    const [secret, created] = [newSecret(), store.clock.now() - 1000];
    await store.documents.transact(async (transaction) => {
      const record = { secretSha256: sha256(secret), role: 'writer', prefix: 'team/app', created };
      transaction.set(['-', 'team', 'robots', 'ci'], record);
    });
    const { version } = await readRobot(store.documents, ci);
    const identity = await identifyRobot(store, 'ci@team', secret);
    assert.deepEqual(identity?.principal, {
      kind: 'robot',
      ...ci,
      role: 'writer',
      prefix: 'team/app',
    });
    assert.deepEqual(
      [identity?.credential, identity?.seen],
      ['first', { 'robot:ci@team': version }],
    );
    const added = await addSecret(store, { ...ci, author });
    const told = await readRobot(store.documents, ci);
    assert.deepEqual(
      told.secrets.map(({ id }) => id),
      ['first', added.id],
    );
    assert.ok(await identifyRobot(store, 'ci@team', secret));
    await revokeSecret(store, { ...ci, id: 'first', author });
    assert.equal(await identifyRobot(store, 'ci@team', secret), undefined);
  });

  const reader = { ...ci, role: 'reader' } as const;
  const wrong: [string, Parameters<typeof createRobot>[1], string, number][] = [
    ['a name with a colon', { ...reader, name: 'a:b' }, 'NAME_INVALID', 400],
    ['a name with an @', { ...reader, name: 'a@b' }, 'NAME_INVALID', 400],
    ['no name', { ...reader, name: '' }, 'NAME_INVALID', 400],
    ['a name too long', { ...reader, name: 'a'.repeat(256) }, 'NAME_INVALID', 400],
    ['a project that is a repository', { ...reader, project: 'a/b' }, 'NAME_INVALID', 400],
    ['a prefix of another project', { ...reader, prefix: 'teams/app' }, 'UNSUPPORTED', 400],
    ['a prefix that is no name', { ...reader, prefix: 'team/../x' }, 'UNSUPPORTED', 400],
    ['an empty prefix', { ...reader, prefix: '' }, 'UNSUPPORTED', 400],
    ['an expiry that was', { ...reader, expiresAt: 1 }, 'UNSUPPORTED', 400],
    ['an expiry that is no time', { ...reader, expiresAt: Number.NaN }, 'UNSUPPORTED', 400],
    ['an expiry after all dates', { ...reader, secretExpiresAt: 1e16 }, 'UNSUPPORTED', 400],
  ];
  for (const [what, options, code, status] of wrong) {
    it(`is not made with ${what}`, async (t) => {
      const store = await newStore(t);
      await assert.rejects(createRobot(store, options), refusedAs(code, status));
      assert.deepEqual(await listRobots(store.documents, 'team'), []);
    });
  }

  it('that is not there is neither changed nor removed, nor has it secrets', async (t) => {
    const store = await newStore(t);
    const calls = [
      changeRobot(store, { ...ci, author, change: { disabled: true } }),
      deleteRobot(store, { ...ci, author }),
      addSecret(store, { ...ci, author }),
      revokeSecret(store, { ...ci, id: 'first', author }),
      readRobot(store.documents, { project: 'a'.repeat(5000), name: 'ci' }),
    ];
    await Promise.all(calls.map((call) => assert.rejects(call, refusedAs('NAME_UNKNOWN', 404))));
    assert.deepEqual(await auditOf(store), []);
  });
});
