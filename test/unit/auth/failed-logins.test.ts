// Failed logins: what is free, what waits, who is not held up by others, and what it costs of the store.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import fc from 'fast-check';
import { type FailedLogins, type Login, openFailedLogins } from '#shared/auth/failed-logins.ts';
import { openSqliteDocuments } from '#shared/embedded/sqlite-documents.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import {
  failedLoginsSeconds,
  freeFailuresTimes,
  goodLoginSeconds,
  loginsWaitingMax,
  loginWaitSecondsMax,
} from '#shared/oci/limits.ts';
import type { Documents } from '#shared/ports/documents.ts';
import { type FakeClock, fakeClock } from '#test/support/clock.ts';

const freeFailures = 5;
const right = 'correct horse battery staple';
const admin: Login = { address: '192.0.2.1', username: 'admin', password: 'a guess' };

/** What became of a login: it was checked and was wrong or right, or has to wait for so many seconds. */
type Outcome = 'wrong' | 'right' | number;

let directory: string;
let documents: ReturnType<typeof openSqliteDocuments>;
let clock: FakeClock;
let logins: FailedLogins;
let usage: { reads: number; writes: number };

/** The documents, counted. */
function counted(): Documents {
  return {
    ...documents,
    get: (key) => {
      usage.reads += 1;
      return documents.get(key);
    },
    transact: (body) =>
      documents.transact((transaction) =>
        body({
          ...transaction,
          get: (key) => transaction.get(key),
          getAll: (keys) => transaction.getAll(keys),
          list: (options) => transaction.list(options),
          create: (...call) => transaction.create(...call),
          delete: (key) => transaction.delete(key),
          set: (...call) => {
            usage.writes += 1;
            transaction.set(...call);
          },
        }),
      ),
  };
}

const opened = (of: Documents = counted()) =>
  openFailedLogins({ documents: of, clock, freeFailures });

async function attempt(login: Login = admin, at: FailedLogins = logins): Promise<Outcome> {
  try {
    const found = await at.check(login, async () => (login.password === right ? 'it' : undefined));
    return found === undefined ? 'wrong' : 'right';
  } catch (error) {
    assert.ok(error instanceof RegistryError, String(error));
    assert.deepEqual([error.code, error.status], ['TOOMANYREQUESTS', 429]);
    const seconds = error.headers['Retry-After'] ?? '';
    assert.match(seconds, /^[1-9]\d*$/);
    return Number(seconds);
  }
}

/** So many attempts, one after another. */
async function attempts(times: number, login: (at: number) => Login = () => admin) {
  const outcomes: Outcome[] = [];
  for (let at = 0; at < times; at += 1) outcomes.push(await attempt(login(at)));
  return outcomes;
}

const stored = () => documents.list({ prefix: ['-', '-', 'failedLogins'], limit: 1000 });

before(async () => {
  directory = await mkdtemp(join(tmpdir(), 'berth-logins-'));
});
after(() => rm(directory, { recursive: true }));
beforeEach(() => {
  clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
  usage = { reads: 0, writes: 0 };
  const file = join(directory, `${crypto.randomUUID()}.sqlite`);
  documents = openSqliteDocuments({ file, clock, durable: false });
  logins = opened();
});
afterEach(() => documents.close());

describe('a name from a network', () => {
  it('has five failures free and one more that begins the waits: 1, 2, 4 … up to 300 seconds', async () => {
    assert.deepEqual(await attempts(8), [...Array(6).fill('wrong'), 1, 1]);
    for (const seconds of [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300]) {
      assert.equal(await attempt(), seconds);
      clock.advance(seconds * 1000 - 1);
      assert.equal(await attempt(), 1);
      clock.advance(1);
      assert.equal(await attempt(), 'wrong');
    }
  });

  it('is refused with the right password too while it waits', async () => {
    await attempts(6);
    assert.equal(await attempt({ ...admin, password: right }), 1);
    clock.advance(1000);
    assert.equal(await attempt({ ...admin, password: right }), 'right');
  });

  it('is free again when the password was right; but waits that were shared are not forgotten', async () => {
    for (let time = 0; time < 5; time += 1) {
      assert.deepEqual(await attempts(5), Array(5).fill('wrong'));
      assert.equal(await attempt({ ...admin, password: right }), 'right');
      assert.deepEqual(await stored(), []);
      // The network's are not forgotten.
      clock.advance(failedLoginsSeconds * 1000);
    }
    await attempts(6);
    clock.advance(1000);
    assert.equal(await attempt({ ...admin, password: right }), 'right');
    assert.deepEqual(await attempts(7), [...Array(6).fill('wrong'), 64]);
  });

  it('is free again a quarter of an hour after its wait', async () => {
    await attempts(6);
    clock.advance((failedLoginsSeconds + 1) * 1000 - 1);
    assert.deepEqual(await attempts(2), ['wrong', 2]);
    clock.advance((failedLoginsSeconds + 2) * 1000);
    assert.deepEqual(await attempts(7), [...Array(6).fill('wrong'), 1]);
  });

  it('holds up no other name, and no other network', async () => {
    await attempts(7);
    assert.equal(await attempt({ ...admin, username: 'robot@team' }), 'wrong');
    assert.equal(await attempt({ ...admin, username: 'admin ' }), 'wrong');
    assert.equal(await attempt({ ...admin, username: 'Admin' }), 'wrong');
    assert.equal(await attempt({ ...admin, address: '192.0.2.2' }), 'wrong');
  });

  it('is one for a whole /64 of IPv6, and another beside it', async () => {
    const from = (host: string) => ({ ...admin, address: host });
    await attempts(6, (at) => from(`2001:db8:1:2::${at}`));
    assert.equal(await attempt(from('2001:db8:1:2:ffff::1')), 1);
    assert.equal(await attempt(from('2001:db8:1:3::1')), 'wrong');
  });
});

describe('a network', () => {
  it('has twenty failures free under all names, and then waits of up to 30 seconds', async () => {
    const spray = (at: number) => ({ ...admin, username: `name ${at}` });
    assert.deepEqual(await attempts(22, spray), [...Array(21).fill('wrong'), 1]);
    for (const seconds of [1, 2, 4, 8, 16, 30, 30]) {
      assert.equal(await attempt(), seconds);
      clock.advance(seconds * 1000);
      assert.equal(await attempt({ ...admin, username: crypto.randomUUID() }), 'wrong');
    }
  });

  it('is not free again because one account of it logs in', async () => {
    for (let at = 0; at < 30; at += 1) {
      await attempt({ ...admin, username: 'mine', password: right });
      await attempt({ ...admin, username: `name ${at}` });
    }
    assert.equal(typeof (await attempt()), 'number');
  });

  it('is counted where there is no name, and no name is', async () => {
    const token = (at: number) => ({ address: `192.0.2.${at % 9}`, username: '', password: 'x' });
    assert.deepEqual(await attempts(9 * 20, token), Array(9 * 20).fill('wrong'));
    assert.deepEqual(await attempts(9, token), Array(9).fill('wrong'));
    assert.deepEqual(await attempts(9, token), Array(9).fill(1));
  });

  it('does not hold up tokens by passwords that are wrong, nor passwords by tokens', async () => {
    const token = { ...admin, username: '', password: right };
    await attempts(21, (at) => ({ ...admin, username: `name ${at}` }));
    assert.equal(await attempt(token), 'right');
    const other = { ...token, address: '192.0.2.2' };
    await attempts(21, (at) => ({ ...other, password: `expired ${at}` }));
    assert.equal(await attempt({ ...other, password: 'one more' }), 1);
    assert.equal(await attempt({ ...other, username: 'robot@team' }), 'right');
  });

  it('does not hold up who was here before with the same password', async () => {
    const robot = { ...admin, username: 'robot@team', password: right };
    assert.equal(await attempt(robot), 'right');
    await attempts(21, (at) => ({ ...admin, username: `name ${at}` }));
    assert.equal(await attempt(), 1);
    assert.deepEqual(await attempts(50, () => robot), Array(50).fill('right'));
    // Nor wherever he comes from.
    assert.equal(await attempt({ ...robot, address: '192.0.2.2' }), 'right');
  });

  it('does not tell by that which names exist', async () => {
    await attempt({ ...admin, username: 'exists', password: right });
    await attempts(21, (at) => ({ ...admin, username: `name ${at}` }));
    assert.equal(await attempt({ ...admin, username: 'exists' }), 1);
    assert.equal(await attempt({ ...admin, username: 'does not' }), 1);
  });
});

describe('a name from anywhere', () => {
  const spread = (at: number) => ({ ...admin, address: `10.0.${at >> 8}.${at & 255}` });

  it('has a hundred failures free and then waits of at most 5 seconds', async () => {
    assert.deepEqual(await attempts(102, spread), [...Array(101).fill('wrong'), 1]);
    for (const seconds of [1, 2, 4, 5, 5, 5]) {
      clock.advance(seconds * 1000);
      assert.equal(await attempt(spread(1000 + (clock.now() % 999))), 'wrong');
      assert.ok(Number(await attempt(spread(9999))) <= 5);
    }
  });

  it('is counted of the admin alone: nobody guesses a robot’s secret, or keeps it out by its name', async () => {
    const robot = (at: number) => ({ ...spread(at), username: 'robot@team' });
    assert.deepEqual(await attempts(150, robot), Array(150).fill('wrong'));
    assert.equal(await attempt({ ...robot(9999), password: right }), 'right');
  });

  it('does not lock its owner out, whose password was right here a day ago', async () => {
    const owner = { ...admin, address: '198.51.100.7', password: right };
    assert.equal(await attempt(owner), 'right');
    clock.advance(goodLoginSeconds * 1000 - 1);
    await attempts(101, spread);
    assert.equal(await attempt({ ...owner, password: 'a guess' }), 1);
    assert.equal(await attempt(owner), 'right');
  });

  it('is held up for who has not been here, and for a password that is right no more', async () => {
    const owner = { ...admin, address: '198.51.100.7', password: right };
    await attempt(owner);
    const revoked = () => logins.check(owner, async () => undefined);
    assert.equal(await revoked(), undefined);
    await attempts(101, spread);
    await assert.rejects(revoked(), RegistryError);
    await attempt({ ...owner, username: 'other' });
    clock.advance(goodLoginSeconds * 1000);
    assert.equal(await attempt({ ...owner, username: 'other' }), 'right');
  });
});

describe('many logins at once', () => {
  it('are let through as if one came after another', async () => {
    const outcomes = await Promise.all(Array.from({ length: 60 }, () => attempt()));
    assert.equal(outcomes.filter((one) => one === 'wrong').length, 6);
    assert.equal(outcomes.filter((one) => one === 1).length, 54);
  });

  it('with the right password are all let through, though none of them was here before', async () => {
    const login = { ...admin, password: right };
    const outcomes = await Promise.all(Array.from({ length: 60 }, () => attempt(login)));
    assert.deepEqual(new Set(outcomes), new Set(['right']));
  });

  it('do not wait without end: beyond so many the others are told to come again', async () => {
    const held = Promise.withResolvers<undefined>();
    const many = Array.from({ length: loginsWaitingMax + 20 }, (_, at) =>
      logins.check({ ...admin, password: String(at) }, () => held.promise).catch(() => 'refused'),
    );
    const late = await Promise.all(many.slice(-14));
    assert.deepEqual(new Set(late), new Set(['refused']));
    held.resolve(undefined);
    await Promise.all(many);
    clock.advance(1000);
    assert.equal(await attempt(), 'wrong');
  });

  it('count as nothing where it could not be told whether they are right', async () => {
    const broken = () =>
      logins.check(admin, async () => {
        throw new Error('the store is away');
      });
    for (let at = 0; at < 50; at += 1) await assert.rejects(broken, /the store is away/);
    await Promise.all(Array.from({ length: 50 }, () => assert.rejects(broken, /is away/)));
    assert.equal((await attempts(6)).join(), Array(6).fill('wrong').join());
  });

  it('count as one where a secret is revoked in their midst', async () => {
    const login = { ...admin, password: right };
    await attempt(login);
    const revoked = Array.from({ length: 50 }, () => logins.check(login, async () => undefined));
    await Promise.all(revoked);
    assert.equal(await attempt(), 1);
    clock.advance(1000);
    assert.deepEqual(await attempts(2), ['wrong', 2]);
  });
});

it('where no failure is to make anybody wait, none does', async () => {
  const limitless = openFailedLogins({ documents, clock, freeFailures: 0 });
  for (let at = 0; at < 200; at += 1) assert.equal(await attempt(admin, limitless), 'wrong');
  assert.deepEqual(await stored(), []);
});

describe('the store', () => {
  it('is not asked before the free failures are spent, and holds nothing of them', async () => {
    await attempts(5);
    assert.deepEqual([usage, await stored()], [{ reads: 0, writes: 0 }, []]);
    await attempt();
    assert.deepEqual(usage, { reads: 1, writes: 1 });
  });

  it('is neither read nor written for who is refused, and once a wait for who is not', async () => {
    await attempts(6);
    for (let wait = 1; wait <= 9; wait += 1) {
      await attempts(20);
      clock.advance(2 ** (wait - 1) * 1000);
      assert.equal(await attempt(), 'wrong');
      assert.deepEqual(usage, { reads: 1 + wait, writes: 1 + wait });
    }
  });

  it('holds no name and no address, but a hash, a count and a time; and not for ever', async () => {
    await attempts(6);
    const [one, ...more] = await stored();
    assert.equal(more.length, 0);
    assert.match(one?.key[3] ?? '', /^[0-9a-f]{64}$/);
    assert.deepEqual(one?.value, { count: 6, until: clock.now() + 1000 });
    clock.advance((1 + failedLoginsSeconds) * 1000);
    assert.deepEqual(await stored(), []);
  });

  it('lets an instance that has seen the free failures itself know of the wait, and of the count', async () => {
    await attempts(6);
    clock.advance(1000);
    assert.equal(await attempt(), 'wrong');
    const other = opened();
    const there = [];
    for (let at = 0; at < 6; at += 1) there.push(await attempt(admin, other));
    assert.deepEqual(there, [...Array(5).fill('wrong'), 2]);
    clock.advance(2000);
    assert.equal(await attempt(admin, other), 'wrong');
    assert.ok(Number(await attempt(admin, other)) >= 4);
  });

  it('is written once a wait by all instances together, and its wait never comes to an end sooner', async () => {
    const instances = Array.from({ length: 10 }, () => opened());
    for (const one of instances) for (let at = 0; at < 5; at += 1) await attempt(admin, one);
    let until = 0;
    for (let wait = 0; wait < 12; wait += 1) {
      const writes = usage.writes;
      await Promise.all(instances.map((one) => attempt(admin, one)));
      assert.ok(usage.writes - writes <= 1, 'written more than once');
      const record = (await stored())[0]?.value as { until: number };
      assert.ok(record.until >= until);
      until = record.until;
      clock.advance(until - clock.now());
    }
  });

  for (const [how, fail] of [
    ['fails', () => Promise.reject(new Error('away'))],
    ['throws', () => assert.fail('away')],
  ] as const) {
    it(`holds up nobody where it ${how}, and lets through no more than one instance would`, async () => {
      logins = opened({ ...documents, get: fail, transact: fail });
      assert.deepEqual(await attempts(8), [...Array(6).fill('wrong'), 1, 1]);
      clock.advance(1000);
      assert.deepEqual(await attempts(2), ['wrong', 2]);
      clock.advance(2000);
      assert.equal(await attempt({ ...admin, password: right }), 'right');
    });
  }

  it('holds up nobody for long where it does not answer', async (t) => {
    t.mock.timers.enable({ apis: ['setTimeout'] });
    const never = () => new Promise<never>(() => undefined);
    logins = opened({ ...documents, get: never, transact: never });
    await attempts(5);
    const sixth = attempt();
    for (let at = 0; at < 20; at += 1) {
      await new Promise((resolve) => setImmediate(resolve));
      t.mock.timers.tick(1000);
    }
    assert.equal(await sixth, 'wrong');
    assert.equal(await attempt(), 1);
  });

  it('locks nobody out by a time that is far ahead, nor by a clock that is set back', async () => {
    await attempts(6);
    const [one] = await stored();
    await documents.transact(async (transaction) =>
      transaction.set(one?.key ?? [], { count: 6, until: clock.now() + 1e12 }),
    );
    clock.advance(1000);
    assert.equal(await attempt(), loginWaitSecondsMax.pair);
    logins = opened();
    await attempts(6, () => ({ ...admin, username: 'other' }));
    clock.advance(-60 * 60 * 1000);
    assert.ok(Number(await attempt({ ...admin, username: 'other' })) <= loginWaitSecondsMax.pair);
  });
});

/** How many failures there may be in a quarter of an hour, by one instance. */
function promised(kind: keyof typeof freeFailuresTimes): number {
  let [count, atSeconds] = [freeFailuresTimes[kind] * freeFailures + 1, 0];
  for (let wait = 1; ; wait = Math.min(2 * wait, loginWaitSecondsMax[kind])) {
    atSeconds += wait;
    if (atSeconds > failedLoginsSeconds) return count;
    count += 1;
  }
}

it('in any quarter of an hour no more fail than is promised, whenever and wherever they come', async () => {
  const step = fc.record({
    afterMs: fc.oneof(
      fc.constantFrom(0, 1, 1000, 5000),
      fc.integer({ min: 0, max: 400_000 }),
      fc.integer({ min: 0, max: 2_000_000 }),
    ),
    username: fc.constantFrom('a', 'b'),
    address: fc.constantFrom('192.0.2.1', '192.0.2.2', '2001:db8::1', '2001:db8::2'),
    times: fc.integer({ min: 1, max: 12 }),
    isAtOnce: fc.boolean(),
  });
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
      logins = opened();
      const failed: { atMs: number; keys: [keyof typeof freeFailuresTimes, string][] }[] = [];
      for (const { afterMs, username, address, times, isAtOnce } of steps) {
        clock.advance(afterMs);
        const network = address.includes(':') ? 'v6' : address;
        const tryOnce = async () => {
          if ((await attempt({ username, address, password: 'no' })) !== 'wrong') return;
          failed.push({
            atMs: clock.now(),
            keys: [
              ['pair', `${network} ${username}`],
              ['network', network],
              ['name', username],
            ],
          });
        };
        if (isAtOnce) await Promise.all(Array.from({ length: times }, tryOnce));
        else for (let at = 0; at < times; at += 1) await tryOnce();
      }
      for (const { atMs, keys } of failed) {
        for (const [kind, key] of keys) {
          const within = failed.filter(
            (other) =>
              other.atMs >= atMs &&
              other.atMs < atMs + failedLoginsSeconds * 1000 &&
              other.keys.some((one) => one[0] === kind && one[1] === key),
          );
          assert.ok(within.length <= promised(kind), `${within.length} of ${kind} ${key}`);
        }
      }
      // The next run begins where nothing of this one is left.
      clock.advance(24 * 60 * 60 * 1000);
    }),
    { numRuns: 300 },
  );
});
