// The secrets of a data directory: made once, kept for their owner alone, and told once.

import assert from 'node:assert/strict';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, it, type TestContext } from 'node:test';
import { loadSecrets, loadSecretVariables } from '#infra/local/secrets.ts';
import { openPasswords } from '#shared/auth/passwords.ts';
import { hasHash } from '#shared/auth/robots.ts';
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
    assert.notEqual(one.secrets.tokenKey['d'], other.secrets.tokenKey['d']);
  });

  it('makes a key that signs tokens which its public part verifies', async (t) => {
    const { secrets } = await loadSecrets(await newDirectory(t));
    const clock = fakeClock(Date.parse('2026-11-24T12:00:00Z'));
    const issuer = await createIssuer(secrets.tokenKey, clock);
    const { d: _private, ...publicKey } = secrets.tokenKey;
    const verifier = await createVerifier([publicKey], clock);
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
