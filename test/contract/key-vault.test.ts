// Secret Manager and the HMAC keys of Cloud Storage, by their REST APIs, on a stand-in that answers as Google's documents say.

import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, afterEach, before, beforeEach, describe, it } from 'node:test';
import { rotateKeys } from '#shared/auth/rotation/rotate.ts';
import { openAccountHmacKeys } from '#shared/google/account-hmac-keys.ts';
import { openSecretManager } from '#shared/google/secret-manager.ts';
import { patient } from '#shared/google/storage-retries.ts';
import { systemClock } from '#shared/ports/clock.ts';
import { urlAccount } from '#test/support/key-vault/ports.ts';
import { type KeyVaultServer, projectId, startKeyVault } from '#test/support/key-vault/server.ts';
import { Vault } from '#test/support/key-vault/vault.ts';
import { hasty } from './stand-in.ts';

const patience = { ...patient, ...hasty };

let server: KeyVaultServer;
beforeEach(async () => {
  server = await startKeyVault();
});
afterEach(() => server.close());

const options = () => ({ projectId, standIn: server.url, patience, clock: server.vault.clock });
const secrets = () => openSecretManager(options());
const urlKeys = (account = urlAccount) => openAccountHmacKeys({ ...options(), account });

describe('secrets in Secret Manager', () => {
  it('have no newest version at first, and then the one that was added last', async () => {
    assert.equal(await secrets().newest('url-key'), undefined);
    const before = Date.now();
    for (const [at, text] of ['one', 'zwei – ß', '{"three":3}'].entries()) {
      await secrets().add('url-key', text);
      const newest = (await secrets().newest('url-key')) ?? assert.fail();
      assert.deepEqual([newest.version, newest.text], [at + 1, text]);
      assert.ok(newest.createdMs >= before && newest.createdMs <= Date.now());
    }
  });

  it('have the one that was added last as their newest though `latest` is an older one', async () => {
    for (const text of ['1', '2', '3', '4']) await secrets().add('url-key', text);
    for (const lag of [0, 1, 2, 3]) {
      server.lag = lag;
      const newest = (await secrets().newest('url-key')) ?? assert.fail();
      assert.deepEqual([newest.version, newest.text], [4, '4']);
      // What is not told of yet was added just now.
      assert.ok(Math.abs(newest.createdMs - Date.now()) < 60_000);
    }
  });

  it('forget what is older, page by page, and not what somebody else destroyed meanwhile', async () => {
    for (const text of ['1', '2', '3', '4', '5', '6', '7']) await secrets().add('url-key', text);
    const versions = server.vault.secrets.get('url-key') ?? [];
    await secrets().destroyBefore('url-key', 6);
    await secrets().destroyBefore('url-key', 6);
    assert.deepEqual(
      versions.map(({ state }) => state),
      [...Array.from({ length: 5 }, () => 'DESTROYED'), 'ENABLED', 'ENABLED'],
    );
    assert.equal((await secrets().newest('url-key'))?.text, '7');
  });

  it('whose newest version was taken away are told apart from those that have none', async () => {
    await secrets().add('url-key', 'one');
    for (const state of ['DISABLED', 'DESTROYED'] as const) {
      Object.assign(server.vault.secrets.get('url-key')?.at(-1) ?? {}, { state });
      await assert.rejects(
        secrets().newest('url-key'),
        /version of the secret url-key is disabled/,
      );
    }
  });

  it('are read and written again when that failed in passing', async () => {
    const asked = [/:addVersion/, /latest:access/, /versions\/2:access/, /versions\/1$/];
    server.faults.push(...asked.map((match) => ({ match, status: 503 })));
    server.faults.push({ match: /latest:access/, status: 429 });
    await secrets().add('url-key', 'one');
    assert.equal((await secrets().newest('url-key'))?.text, 'one');
    assert.equal(server.faults.length, 0);
    // The answer is lost, and the version is there: once more is no harm.
    server.faults.push({ match: /:addVersion/, status: 503, after: true });
    await secrets().add('url-key', 'two');
    const newest = await secrets().newest('url-key');
    assert.deepEqual([newest?.version, newest?.text], [3, 'two']);
  });

  it('say why they are refused, by Google’s own words, and nothing that is secret', async () => {
    server.denied.add('versions.access').add('versions.add');
    await assert.rejects(secrets().newest('url-key'), {
      message: `Secret Manager answered 403: Permission 'secretmanager.versions.access' denied for resource 'projects/${projectId}/secrets/url-key' (or it may not exist).`,
    });
    await assert.rejects(secrets().add('url-key', 'hunter2'), (error: Error) => {
      assert.match(error.message, /403: Permission 'secretmanager\.versions\.add' denied/);
      assert.doesNotMatch(JSON.stringify(error) + error.stack, /hunter2|aHVudGVyM/);
      return true;
    });
    server.denied.clear();
    await assert.rejects(secrets().add('missing', 'hunter2'), {
      message: 'there is no secret missing: Terraform makes it',
    });
    assert.equal(server.requests.length, 3);
  });
});

describe('HMAC keys of an account', () => {
  it('are made active, and listed until they are inactive and deleted', async () => {
    const made = [await urlKeys().create(), await urlKeys().create(), await urlKeys().create()];
    await urlKeys('other@test.gserviceaccount.com').create();
    const listed = async () =>
      (await urlKeys().list()).map(({ accessId, isActive }) => [accessId, isActive]);
    assert.deepEqual(
      await listed(),
      made.map(({ accessId }) => [accessId, true]),
    );
    const [{ accessId, secret } = assert.fail(), ...others] = made;
    assert.equal(server.vault.hmacKey(accessId)?.secret, secret);
    await assert.rejects(urlKeys().delete(accessId), /400: Cannot delete keys in ACTIVE state/);
    await urlKeys().deactivate(accessId);
    assert.deepEqual((await listed())[0], [accessId, false]);
    await urlKeys().delete(accessId);
    await urlKeys().delete(accessId);
    assert.deepEqual(
      await listed(),
      others.map((key) => [key.accessId, true]),
    );
  });

  it('are made for an account that is not known everywhere yet', async () => {
    server.faults.push({ match: /^POST/, status: 404 }, { match: /^POST/, status: 404 });
    assert.match((await urlKeys().create()).accessId, /^GOOG1E/);
  });

  it('say why they are refused', async () => {
    server.denied.add('hmacKeys.create');
    await assert.rejects(
      urlKeys().create(),
      /^StorageFailure: Cloud Storage answered 403: .*storage\.hmacKeys\.create/,
    );
  });
});

it('all keys are made and rotated where everything is answered late', async () => {
  let now = Date.now();
  const clock = { now: () => now };
  await server.close();
  server = await startKeyVault(new Vault(clock));
  const stores = { secrets: secrets(), urlKeys: urlKeys(), clock };
  const rotate = async () => {
    const { done, failures } = await rotateKeys(stores, 'due');
    assert.deepEqual([...failures.values()], []);
    return Object.values(done);
  };
  assert.deepEqual(await rotate(), ['made', 'made', 'made']);
  assert.deepEqual(await rotate(), ['unchanged', 'unchanged', 'unchanged']);
  now += 91 * 24 * 60 * 60 * 1000;
  assert.deepEqual(await rotate(), ['rotated', 'rotated', 'rotated']);
  const key = server.vault.textOf('token-key');
  server.lag = 1;
  assert.deepEqual(await rotate(), ['unchanged', 'unchanged', 'unchanged']);
  assert.equal(server.vault.textOf('token-key'), key);
});

it('who gives credentials and never answers is not waited for', async (t) => {
  const silent = createServer(() => {});
  await new Promise<void>((resolve) => silent.listen(0, '127.0.0.1', resolve));
  const directory = await mkdtemp(join(tmpdir(), 'berth-nobody-'));
  const before = { ...process.env };
  t.after(async () => {
    process.env = before;
    await rm(directory, { recursive: true });
    silent.close();
    silent.closeAllConnections();
  });
  // As on Cloud Run, where the metadata server says who asks: there the SDK waits for it without an end.
  process.env = {
    ...before,
    K_SERVICE: 'berth-keys',
    METADATA_SERVER_DETECTION: 'assume-present',
    GCE_METADATA_HOST: `127.0.0.1:${(silent.address() as AddressInfo).port}`,
    // Who is logged in here has nothing to do with it.
    CLOUDSDK_CONFIG: directory,
    GOOGLE_CLOUD_PROJECT: projectId,
  };
  delete process.env['GOOGLE_APPLICATION_CREDENTIALS'];
  const open = openSecretManager({
    projectId,
    patience: { ...patience, answerMsMax: 200, retryMsMax: 0 },
    clock: systemClock,
  });
  await assert.rejects(open.newest('url-key'), {
    name: 'StorageFailure',
    message: 'Google’s credentials did not come in time',
  });
});

describe('an answer that is none of Google’s', () => {
  const answers: Readonly<Record<string, string>> = {
    '/html': '<html>',
    '/nothing': '{}',
    '/other': '{"name":"projects/1/secrets/a","payload":{}}',
    '/damaged': JSON.stringify({
      name: 'projects/1/secrets/a/versions/1',
      payload: { data: 'b25l', dataCrc32c: '1' },
    }),
    '/large': `{"name":"${'x'.repeat(2 * 1024 * 1024)}"}`,
  };
  const strange = createServer((request, response) => {
    const [, at = ''] = /secrets(\/\w+)\//.exec(request.url ?? '') ?? [];
    response.end(answers[at] ?? '{"items":[{"accessId":"a b"}]}');
  });
  let standIn = '';
  before(async () => {
    await new Promise<void>((resolve) => strange.listen(0, '127.0.0.1', resolve));
    standIn = `http://127.0.0.1:${(strange.address() as AddressInfo).port}`;
  });
  after(() => {
    strange.close();
    strange.closeAllConnections();
  });

  const impatient = { ...patience, retryMsMax: 20 };
  for (const at of Object.keys(answers)) {
    it(`is a failure: ${at}`, async () => {
      const open = openSecretManager({
        projectId,
        standIn,
        patience: impatient,
        clock: systemClock,
      });
      await assert.rejects(open.newest(at.slice(1)), { name: 'StorageFailure' });
    });
  }

  it('is a failure where keys are listed, or nobody answers', async () => {
    const open = (url: string) =>
      openAccountHmacKeys({ projectId, standIn: url, account: urlAccount, patience: impatient });
    await assert.rejects(open(standIn).list(), /something that is not an HMAC key/);
    await assert.rejects(open('http://127.0.0.1:9').list(), /^StorageFailure: no answer/);
  });
});
