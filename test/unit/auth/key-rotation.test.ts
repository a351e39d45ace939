// Keys of a registry in the cloud: whatever instances hold, they understand each other, wherever a rotation stops.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { makeFirstSecrets } from '#shared/auth/rotation/first-secrets.ts';
import type { When } from '#shared/auth/rotation/key-stores.ts';
import { rotateKeys } from '#shared/auth/rotation/rotate.ts';
import { hasHash } from '#shared/auth/secrets.ts';
import { createIssuer, createVerifier } from '#shared/auth/token.ts';
import { signingKeyDays } from '#shared/oci/limits.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import { repositoryAt } from '#shared/registry/layout.ts';
import { openSession, parseSession, sessionLocation } from '#shared/registry/sessions.ts';
import { fakeClock } from '#test/support/clock.ts';
import { Instances, lifeMs } from '#test/support/key-vault/instances.ts';
import { type Gate, keyStoresOf } from '#test/support/key-vault/ports.ts';
import { Vault } from '#test/support/key-vault/vault.ts';

const day = 24 * 60 * 60 * 1000;
const unchanged = { tokens: 'unchanged', uploads: 'unchanged', urls: 'unchanged' };

class Crash extends Error {}

function scene() {
  const clock = fakeClock(Date.UTC(2026, 0, 1));
  const vault = new Vault(clock);
  const instances = new Instances(vault);
  /** Instances start at every moment at which something has changed. */
  const watch = ({ writes, isOver }: Parameters<Gate>[0]): void => {
    if (!writes || !isOver) return;
    instances.start();
    instances.checkUrls();
  };
  const run = async (when: When = 'due', gate: Gate = () => undefined) => {
    const { done, failures } = await rotateKeys(
      keyStoresOf(vault, async (moment) => {
        watch(moment);
        await gate(moment);
      }),
      when,
    );
    for (const error of failures.values()) if (!(error instanceof Crash)) throw error;
    return done;
  };
  const kids = (secret: string) => {
    const keys = JSON.parse(vault.textOf(secret) ?? '[]');
    return [keys].flat().map(({ kid, id }: { kid?: string; id?: string }) => kid ?? id);
  };
  const urlKey = (secret: string) => vault.textOf(secret)?.split(':')[0] ?? '';
  return { clock, vault, instances, run, kids, urlKey };
}

/** Dies at the call of that number that writes: before it has done anything, or after. */
function dieAt(number: number, isOver: boolean): Gate & { readonly isDead: () => boolean } {
  let writes = 0;
  let isDead = false;
  const gate: Gate = (moment) => {
    if (isDead) throw new Crash();
    if (!moment.writes || moment.isOver !== isOver) return;
    if (writes++ < number) return;
    isDead = true;
    throw new Crash();
  };
  return Object.assign(gate, { isDead: () => isDead });
}

describe('keys', () => {
  it('are made where there are none, each with the one that signs next', async () => {
    const { vault, run, kids, urlKey } = scene();
    assert.deepEqual(await run('never'), { tokens: 'made', uploads: 'made', urls: 'made' });
    const [[key], [next], announced] = [
      kids('token-key'),
      kids('token-next-key'),
      kids('token-public-keys'),
    ];
    assert.notEqual(key, next);
    assert.deepEqual(announced, [next, key]);
    for (const jwk of JSON.parse(vault.textOf('token-public-keys') ?? '')) {
      assert.deepEqual(Object.keys(jwk), ['kty', 'crv', 'x', 'y', 'kid', 'alg', 'use']);
    }
    assert.equal(new Set(kids('state-keys')).size, 2);
    assert.ok(vault.isActive(urlKey('url-key')) && vault.isActive(urlKey('url-next-key')));
    assert.notEqual(urlKey('url-key'), urlKey('url-next-key'));
    assert.deepEqual(await run('never'), unchanged);
    assert.deepEqual(await run('due'), unchanged);
  });

  it('rotate when they have signed for their days, and not at another look of the schedule', async () => {
    const { clock, run, kids, urlKey } = scene();
    await run('never');
    const before = { next: kids('token-next-key'), state: kids('state-keys') };
    const url = { key: urlKey('url-key'), next: urlKey('url-next-key') };
    clock.advance(signingKeyDays * day - 1);
    assert.deepEqual(await run(), unchanged);
    clock.advance(1);
    assert.deepEqual(await run('never'), unchanged);
    assert.deepEqual(await run(), { tokens: 'rotated', uploads: 'rotated', urls: 'rotated' });
    assert.deepEqual(kids('token-key'), before.next);
    assert.equal(kids('token-public-keys').length, 3);
    assert.deepEqual(kids('token-public-keys').slice(0, 2), [
      ...kids('token-next-key'),
      ...kids('token-key'),
    ]);
    const [signs, , signedBefore] = kids('state-keys');
    assert.deepEqual([signedBefore, signs], before.state);
    assert.equal(urlKey('url-key'), url.next);
    assert.deepEqual(await run(), unchanged);
    clock.advance(day);
    assert.deepEqual(await run(), unchanged);
  });

  it('of before stay in their secrets for a day, however often something was written since', async () => {
    const { clock, vault, run } = scene();
    await run('never');
    clock.advance(signingKeyDays * day);
    const before = vault.secrets.get('token-public-keys')?.at(-1) ?? assert.fail();
    // As two runs at once do, or one whose answer was lost.
    for (let times = 0; times < 2; times += 1) vault.add('token-public-keys', before.bytes);
    await run();
    clock.advance(day - 1);
    await run();
    assert.equal(before.state, 'ENABLED');
    clock.advance(1);
    await run();
    assert.equal(before.state, 'DESTROYED');
  });

  it('go on for years; an address’s key stays active for one rotation, and goes for good after the next', async () => {
    const { clock, vault, instances, run, urlKey } = scene();
    await run('never');
    const urlKeys = [urlKey('url-key')];
    for (let days = 0; days < 6 * signingKeyDays; days += 3) {
      clock.advance(3 * day);
      if (days % 15 === 0) instances.start();
      instances.checkUrls();
      if ((await run()).urls === 'rotated') urlKeys.push(urlKey('url-key'));
    }
    // What was made inactive is deleted a look later.
    clock.advance(day);
    assert.deepEqual(await run(), unchanged);
    assert.equal(urlKeys.length, 7);
    assert.deepEqual(
      urlKeys.map((accessId) => vault.isActive(accessId)),
      [false, false, false, false, false, true, true],
    );
    const states = vault.hmacKeys.map(({ state }) => state);
    assert.equal(states.filter((state) => state === 'ACTIVE').length, 3);
    assert.equal(states.filter((state) => state === 'DELETED').length, states.length - 3);
    for (const [secret, versions] of vault.secrets) {
      const enabled = versions.filter(({ state }) => state === 'ENABLED');
      assert.ok(enabled.length <= 2, secret);
      assert.deepEqual(enabled, versions.slice(-enabled.length || versions.length));
    }
  });

  it('sign what every instance verifies: tokens and upload sessions, with the registry’s own code', async () => {
    const { clock, instances, run } = scene();
    await run('never');
    for (let months = 0; months < 12; months += 1) {
      clock.advance(30 * day);
      instances.start();
      await run();
    }
    const service = 'registry.example';
    const name = parseRepositoryName('a/b') ?? assert.fail();
    const repository = repositoryAt('local', name);
    const verifiers = await Promise.all(
      instances.started.map(async ({ publicKeys, ...instance }) => ({
        ...instance,
        verify: (await createVerifier(publicKeys, clock)).verify,
      })),
    );
    let pairs = 0;
    for (const signer of instances.started) {
      const issuer = await createIssuer(signer.tokenKey, clock);
      const { token } = await issuer.issue(service, {
        principal: { kind: 'admin' },
        seen: {},
        granted: [],
        refused: [],
      });
      const session = openSession(repository, { clock });
      const location = new URL(sessionLocation(session, signer.stateKeys), 'http://a');
      const state = location.searchParams.get('_state');
      for (const verifier of verifiers) {
        if (Math.abs(verifier.startMs - signer.startMs) > lifeMs) continue;
        pairs += 1;
        assert.equal((await verifier.verify(service, token))?.principal.kind, 'admin');
        const keys = verifier.stateKeys;
        assert.deepEqual(parseSession(repository, { id: session.id, state, keys, clock }), session);
      }
    }
    assert.ok(pairs > instances.started.length);
  });

  it('that were forced twice are none of those that signed or were known before', async () => {
    const { clock, vault, run, kids, urlKey } = scene();
    await run('never');
    clock.advance(10 * day);
    const before = {
      tokens: new Set(kids('token-key')),
      states: new Set(kids('state-keys').slice(0, 1)),
      url: urlKey('url-key'),
    };
    // Nobody is expected to understand anybody, until all have started anew.
    for (let times = 0; times < 2; times += 1) {
      const { done, failures } = await rotateKeys(keyStoresOf(vault), 'now');
      assert.equal(failures.size, 0);
      assert.deepEqual(done, { tokens: 'rotated', uploads: 'rotated', urls: 'rotated' });
    }
    assert.ok(kids('token-public-keys').every((kid) => !before.tokens.has(kid)));
    assert.ok(kids('state-keys').every((id) => !before.states.has(id)));
    assert.equal(vault.isActive(before.url), false);
    assert.ok(vault.isActive(urlKey('url-key')) && vault.isActive(urlKey('url-next-key')));
    assert.deepEqual((await rotateKeys(keyStoresOf(vault), 'due')).done, unchanged);
  });

  it('of addresses do not sign when somebody took them away before their time', async () => {
    const { clock, vault, run, urlKey } = scene();
    await run('never');
    const gone = urlKey('url-next-key');
    Object.assign(vault.hmacKey(gone) ?? assert.fail(), { state: 'DELETED' });
    clock.advance(signingKeyDays * day);
    assert.equal((await run()).urls, 'completed');
    assert.notEqual(urlKey('url-next-key'), gone);
    assert.ok(vault.isActive(urlKey('url-key')) && vault.isActive(urlKey('url-next-key')));
  });

  it('that are not what Berth wrote are left alone, and the secret is named, not told', async () => {
    const { vault } = scene();
    vault.add('token-key', Buffer.from('hunter2'));
    vault.add('state-keys', Buffer.from('[{"id":"hunter2"}]'));
    vault.add('url-key', Buffer.from('hunter2'));
    const { done, failures } = await rotateKeys(keyStoresOf(vault), 'due');
    assert.deepEqual(done, { tokens: 'failed', uploads: 'failed', urls: 'failed' });
    assert.deepEqual(
      [...failures.values()].map((error) => (error as Error).message),
      ['token-key', 'state-keys', 'url-key'].map(
        (secret) => `version 1 of the secret ${secret} is not what Berth wrote`,
      ),
    );
    assert.equal(vault.textOf('token-next-key'), undefined);
  });
});

describe('a rotation that dies', () => {
  for (const isOver of [false, true]) {
    it(`${isOver ? 'after' : 'before'} any write is completed by the next, and all understand each other`, async () => {
      let deaths = 0;
      for (let number = 0; ; number += 1) {
        const { clock, vault, instances, run, kids } = scene();
        const deathsBefore = deaths;
        // The schedule looks five times while a key signs, and every second look dies.
        for (let look = 0; look < 30; look += 1) {
          const gate = dieAt(number, isOver);
          await (look % 2 === 0 ? run('due', gate) : run());
          if (gate.isDead()) deaths += 1;
          const [signs] = kids('token-key');
          if (look > 0) assert.ok(kids('token-public-keys').includes(signs));
          instances.start();
          clock.advance(18 * day);
          instances.start();
          instances.checkUrls();
        }
        assert.ok(vault.hmacKeys.filter(({ state }) => state === 'ACTIVE').length <= 4);
        if (deaths === deathsBefore) break;
      }
      assert.ok(deaths > 20);
    });
  }

  it('again and again, never comes to Cloud Storage’s limit of keys', async () => {
    const { clock, vault, run } = scene();
    await run('never');
    clock.advance(signingKeyDays * day);
    for (let days = 0; days < 40; days += 1) {
      let isDead = false;
      await run('due', ({ call, isOver }) => {
        if (call === 'create' && isOver) isDead = true;
        if (isDead) throw new Crash();
      });
      clock.advance(day);
    }
    await run();
    assert.ok(vault.hmacKeys.filter(({ state }) => state !== 'DELETED').length <= 10);
  });
});

describe('rotations at once', () => {
  it('leave what all understand, however their calls come between each other, whoever dies', async () => {
    for (let seed = 1; seed <= 80; seed += 1) {
      const { clock, instances, run, kids } = scene();
      const random = randomFrom(seed);
      for (let rotation = 0; rotation < 4; rotation += 1) {
        const runners = 2 + Math.floor(random() * 2);
        const turns = new Turns(runners, random);
        const runs = Array.from({ length: runners }, async () => {
          const gate = random() < 0.3 ? dieAt(Math.floor(random() * 8), random() < 0.5) : undefined;
          try {
            await run(rotation === 0 ? 'never' : 'due', async (moment) => {
              if (!moment.isOver) await turns.mine();
              await gate?.(moment);
            });
          } finally {
            turns.leave();
          }
        });
        await Promise.all(runs);
        clock.advance(day);
        await run(rotation === 0 ? 'never' : 'due');
        instances.start();
        instances.checkUrls();
        const [[signs], [next], announced] = [
          kids('token-key'),
          kids('token-next-key'),
          kids('token-public-keys'),
        ];
        assert.ok(announced.includes(signs) && announced.includes(next), `seed ${seed}`);
        clock.advance(signingKeyDays * day);
      }
    }
  });
});

/** Has one of several go on at a time, which one by chance. */
class Turns {
  readonly #random: () => number;
  readonly #waiting: (() => void)[] = [];
  #running: number;

  constructor(count: number, random: () => number) {
    this.#running = count;
    this.#random = random;
  }

  async mine(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#waiting.push(resolve);
      this.#running -= 1;
      this.#next();
    });
  }

  leave(): void {
    this.#running -= 1;
    this.#next();
  }

  #next(): void {
    if (this.#running > 0 || this.#waiting.length === 0) return;
    const at = Math.floor(this.#random() * this.#waiting.length);
    const [one] = this.#waiting.splice(at, 1);
    this.#running += 1;
    one?.();
  }
}

/** Numbers from 0 to 1 (mulberry32). */
function randomFrom(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296;
  };
}

describe('what is made beside the keys', () => {
  it('is the admin’s password with its hash, and no login at an upstream; once', async () => {
    const { vault } = scene();
    const { secrets } = keyStoresOf(vault);
    assert.deepEqual(await makeFirstSecrets(secrets), [
      'admin-password',
      'admin-hash',
      'mirror-credentials',
    ]);
    const [scheme, hash = ''] = vault.textOf('admin-hash')?.split(':') ?? [];
    assert.equal(scheme, 'sha256');
    assert.ok(hasHash(vault.textOf('admin-password') ?? '', hash));
    assert.equal(vault.textOf('mirror-credentials'), '{}');
    assert.deepEqual(await makeFirstSecrets(secrets), []);
  });

  it('is completed where it was cut short, and is not made where somebody chose it', async () => {
    for (let number = 0; number < 3; number += 1) {
      const { vault } = scene();
      const dying = keyStoresOf(vault, dieAt(number, true));
      await assert.rejects(makeFirstSecrets(dying.secrets), Crash);
      await makeFirstSecrets(keyStoresOf(vault).secrets);
      const [, hash = ''] = vault.textOf('admin-hash')?.split(':') ?? [];
      assert.ok(hasHash(vault.textOf('admin-password') ?? '', hash));
      assert.equal(vault.secrets.get('admin-password')?.length, 1);
    }
    const { vault } = scene();
    vault.add('admin-hash', Buffer.from('scrypt:ln=15,r=8,p=1:c2FsdA:aGFzaA'));
    await makeFirstSecrets(keyStoresOf(vault).secrets);
    assert.equal(vault.textOf('admin-password'), undefined);
  });
});
