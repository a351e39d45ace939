// The secrets of a data directory: made once, kept for their owner alone, and told once.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { calculateJwkThumbprint } from 'jose';
import {
  loadSecrets,
  loadSecretVariables,
  rotateKeys,
  signingKey,
  verifyingKeys,
} from '#infra/local/secrets.ts';
import { openPasswords } from '#shared/auth/passwords.ts';
import { hasHash } from '#shared/auth/secrets.ts';
import { createIssuer, createVerifier } from '#shared/auth/token.ts';
import { fakeClock } from '#test/support/clock.ts';

async function newDirectory(t: TestContext): Promise<string> {
  const directory = await mkdtemp(join(tmpdir(), 'berth-secrets-'));
  t.after(() => rm(directory, { recursive: true }));
  return directory;
}

describe('loadSecrets', () => {
  it('makes a file that its owner alone may read, whatever the umask', async (t) => {
    const directory = await newDirectory(t);
    const before = process.umask(0);
    try {
      await loadSecrets(directory);
    } finally {
      process.umask(before);
    }
    assert.deepEqual(await readdir(directory), ['secrets.json']);
    const { mode } = await stat(join(directory, 'secrets.json'));
    assert.equal(mode & 0o777, 0o600);
  });

  it('gives the same at every later load', async (t) => {
    const directory = await newDirectory(t);
    const { secrets } = await loadSecrets(directory);
    assert.deepEqual((await loadSecrets(directory)).secrets, secrets);
    assert.deepEqual((await loadSecrets(directory)).secrets, secrets);
  });

  it('tells the password at the load that made it and never again, and keeps only its hash', async (t) => {
    const directory = await newDirectory(t);
    const { secrets, newPassword } = await loadSecrets(directory);
    assert.ok(newPassword !== undefined);
    assert.ok(Buffer.from(newPassword, 'base64url').length >= 32);
    assert.equal(hasHash(newPassword, secrets.adminSha256), true);
    assert.equal(hasHash(`${newPassword}x`, secrets.adminSha256), false);
    assert.equal((await loadSecrets(directory)).newPassword, undefined);
    const kept = await readFile(join(directory, 'secrets.json'), 'utf8');
    assert.ok(!kept.includes(newPassword));
  });

  it('makes others for another directory', async (t) => {
    const [one, other] = await Promise.all([
      loadSecrets(await newDirectory(t)),
      loadSecrets(await newDirectory(t)),
    ]);
    assert.notEqual(one.newPassword, other.newPassword);
    assert.notEqual(one.secrets.stateKeys[0]?.secret, other.secrets.stateKeys[0]?.secret);
    assert.notEqual(one.secrets.tokenKeys[0]?.['d'], other.secrets.tokenKeys[0]?.['d']);
  });

  it('makes a key that signs tokens which its public part verifies', async (t) => {
    const { secrets } = await loadSecrets(await newDirectory(t));
    const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
    const issuer = await createIssuer(signingKey(secrets), clock);
    const verifier = await createVerifier(verifyingKeys(secrets), clock);
    const claims = { principal: { kind: 'admin' }, seen: {}, granted: [], refused: [] } as const;
    const { token } = await issuer.issue('localhost', claims);
    assert.deepEqual(await verifier.verify('localhost', token), claims);
  });

  it('starts over what a crash left half written, and keeps it private', async (t) => {
    const directory = await newDirectory(t);
    const half = join(directory, 'secrets.json.new');
    await writeFile(half, '{"tokenKey":', { mode: 0o600 });
    const { newPassword } = await loadSecrets(directory);
    assert.ok(newPassword !== undefined);
    const { mode } = await stat(join(directory, 'secrets.json'));
    assert.equal(mode & 0o777, 0o600);
  });

  it('refuses a file that is damaged rather than make new secrets over it', async (t) => {
    const directory = await newDirectory(t);
    const file = join(directory, 'secrets.json');
    for (const text of ['', '{', '{}', '[]', '{"tokenKey":{},"stateKeys":[],"adminSha256":""}']) {
      await writeFile(file, text);
      await assert.rejects(loadSecrets(directory), Error, text);
      assert.equal(await readFile(file, 'utf8'), text);
    }
  });

  it('says so when the directory is not there', async (t) => {
    const directory = join(await newDirectory(t), 'absent');
    await assert.rejects(loadSecrets(directory), { code: 'ENOENT' });
  });
});

describe('loadSecretVariables', () => {
  const passwords = openPasswords(fakeClock(Date.parse('2026-11-24T12:00:00Z')));

  it('gives the functions the hash of the password that was made, by SHA-256', async (t) => {
    const { variables, newPassword } = await loadSecretVariables(await newDirectory(t), '');
    const hash = variables['BERTH_ADMIN_HASH'] ?? '';
    assert.match(hash, /^sha256:[0-9a-f]{64}$/);
    assert.equal(await passwords.verify(hash, newPassword ?? ''), true);
  });

  it('gives them that of one that somebody chose by scrypt, and does not tell the other', async (t) => {
    const directory = await newDirectory(t);
    const { variables, newPassword } = await loadSecretVariables(directory, 'hunter2hunter2');
    const hash = variables['BERTH_ADMIN_HASH'] ?? '';
    assert.match(hash, /^scrypt:ln=15,r=8,p=1:/);
    assert.equal(await passwords.verify(hash, 'hunter2hunter2'), true);
    assert.equal(newPassword, undefined);
    assert.ok(!JSON.stringify(variables).includes('hunter2'));
  });
});

const now = Date.parse('2026-11-24T12:00:00Z');
const day = 24 * 60 * 60 * 1000;
const file = (directory: string) => join(directory, 'secrets.json');
const claims = { principal: { kind: 'admin' }, seen: {}, granted: [], refused: [] } as const;

/** Signs a token by the key of the directory, and says later whether it is still good there. */
async function newToken(directory: string): Promise<() => Promise<boolean>> {
  const clock = fakeClock(now);
  const issuer = await createIssuer(signingKey((await loadSecrets(directory, now)).secrets), clock);
  const { token } = await issuer.issue('host', claims);
  return async () => {
    const keys = verifyingKeys((await loadSecrets(directory, now)).secrets);
    const verifier = await createVerifier(keys, clock);
    return (await verifier.verify('host', token)) !== undefined;
  };
}

describe('rotateKeys', () => {
  it('keeps what was signed before good, until the next time', async (t) => {
    const directory = await newDirectory(t);
    const isGood = await newToken(directory);
    const kids = [await rotateKeys(directory, now)];
    assert.equal(await isGood(), true);
    const isNewGood = await newToken(directory);
    kids.push(await rotateKeys(directory, now));
    assert.deepEqual([await isGood(), await isNewGood()], [false, true]);
    assert.deepEqual(
      kids.map((some) => some.length),
      [2, 2],
    );
    assert.equal(kids[0]?.[0], kids[1]?.[1]);
  });

  it('rotates what signs upload sessions, too', async (t) => {
    const directory = await newDirectory(t);
    const ids = async () =>
      (await loadSecrets(directory, now)).secrets.stateKeys.map(({ id }) => id);
    const [first] = await ids();
    await rotateKeys(directory, now);
    const [second, ...verify] = await ids();
    assert.deepEqual(verify, [first]);
    await rotateKeys(directory, now);
    assert.deepEqual((await ids()).slice(1), [second]);
  });

  it('leaves the admin’s password, and keeps the file private', async (t) => {
    const directory = await newDirectory(t);
    const { adminSha256 } = (await loadSecrets(directory, now)).secrets;
    await rotateKeys(directory, now);
    assert.equal((await loadSecrets(directory, now)).secrets.adminSha256, adminSha256);
    assert.equal((await stat(file(directory))).mode & 0o777, 0o600);
  });

  it('makes none where there are none', async (t) => {
    const directory = await newDirectory(t);
    await assert.rejects(rotateKeys(directory, now), /there are no keys/);
    assert.deepEqual(await readdir(directory), []);
  });
});

describe('a key', () => {
  it('is called by its thumbprint, and told without its private part', async (t) => {
    const { secrets } = await loadSecrets(await newDirectory(t), now);
    const [key, ...more] = verifyingKeys(secrets);
    assert.deepEqual(more, []);
    assert.deepEqual(Object.keys(key ?? {}), ['kty', 'crv', 'x', 'y', 'kid', 'alg', 'use']);
    assert.equal(key?.kid, await calculateJwkThumbprint(key ?? {}));
  });

  it('that signed for 90 days is replaced by the next start, and not a day before', async (t) => {
    const directory = await newDirectory(t);
    const kids = async (at: number) => {
      const { secrets } = await loadSecrets(directory, at);
      return secrets.tokenKeys.map(({ kid }) => kid);
    };
    const [first] = await kids(now);
    assert.deepEqual(await kids(now + 89 * day), [first]);
    const [second, ...verify] = await kids(now + 90 * day);
    assert.notEqual(second, first);
    assert.deepEqual(verify, [first]);
    assert.deepEqual(await kids(now + 91 * day), [second, first]);
    assert.deepEqual((await kids(now + 180 * day)).slice(1), [second]);
  });

  it('of a file that had but one goes on to verify, and is replaced: its age is not known', async (t) => {
    const directory = await newDirectory(t);
    const { secrets } = await loadSecrets(directory, now);
    const { created: _created, ...tokenKey } = secrets.tokenKeys[0] ?? assert.fail();
    const old = {
      tokenKey: { ...tokenKey, kid: 'local-1' },
      stateKeys: [{ id: 'local-1', secret: secrets.stateKeys[0]?.secret }],
      adminSha256: secrets.adminSha256,
    };
    const clock = fakeClock(now);
    const { token } = await (await createIssuer(old.tokenKey, clock)).issue('host', claims);
    await writeFile(file(directory), JSON.stringify(old));
    const loaded = (await loadSecrets(directory, now)).secrets;
    const verifier = await createVerifier(verifyingKeys(loaded), clock);
    assert.deepEqual(await verifier.verify('host', token), claims);
    assert.deepEqual([loaded.tokenKeys.length, loaded.tokenKeys[1]?.kid], [2, 'local-1']);
    assert.deepEqual([loaded.stateKeys.length, loaded.stateKeys[1]?.id], [2, 'local-1']);
    assert.equal(loaded.adminSha256, old.adminSha256);
    assert.deepEqual((await loadSecrets(directory, now)).secrets, loaded);
  });
});
