// `npm run first-keys` and `npm run rotate-keys -- --project`, as processes, on a stand-in for Google; and with no credentials.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, it } from 'node:test';
import { urlAccount } from '#test/support/key-vault/ports.ts';
import { type KeyVaultServer, projectId, startKeyVault } from '#test/support/key-vault/server.ts';

const main = join(import.meta.dirname, '../../infra/local/main.js');
const flags = ['--project', projectId, '--url-account', urlAccount];

let server: KeyVaultServer;
beforeEach(async () => {
  server = await startKeyVault();
});
afterEach(() => server.close());

async function run(command: string, parameters: readonly string[], environment = {}) {
  const child = spawn(process.execPath, [main, command, ...parameters], {
    // Nobody's credentials, whoever runs the tests.
    env: {
      PATH: process.env['PATH'],
      HOME: tmpdir(),
      METADATA_SERVER_DETECTION: 'none',
      BERTH_GOOGLE_STAND_IN: server.url,
      ...environment,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'exit') as Promise<[number]>,
  ]);
  return { stdout, stderr, code };
}

/** All that is stored and that nobody but who reads the secrets may learn. */
function secretTexts(): readonly string[] {
  const texts = [...server.vault.secrets].flatMap(([name, versions]) =>
    name === 'token-public-keys' || name === 'mirror-credentials'
      ? []
      : versions.map(({ bytes }) => bytes.toString('utf8')),
  );
  return texts.flatMap((one) => one.match(/[\w+/=-]{20,}/g) ?? []);
}

const tellsNothing = (printed: string) => {
  for (const secret of secretTexts()) assert.ok(!printed.includes(secret), 'a secret is printed');
};

describe('first-keys', () => {
  it('makes the first version of every secret, says what it made, and makes nothing again', async () => {
    const made = await run('first-keys', flags);
    assert.deepEqual(made, {
      stdout:
        'made the secret admin-password\nmade the secret admin-hash\nmade the secret mirror-credentials\nmade the keys of tokens\nmade the keys of uploads\nmade the keys of urls\n',
      stderr: '',
      code: 0,
    });
    for (const [name, versions] of server.vault.secrets) assert.ok(versions.length > 0, name);
    assert.ok(secretTexts().length >= 8);
    tellsNothing(made.stdout);
    const stored = JSON.stringify([...server.vault.secrets]);
    assert.deepEqual(await run('first-keys', flags), {
      stdout: 'all secrets have been there before\n',
      stderr: '',
      code: 0,
    });
    assert.equal(JSON.stringify([...server.vault.secrets]), stored);
  });

  it('goes on where it was cut short', async () => {
    server.denied.add('hmacKeys.create');
    const cut = await run('first-keys', flags);
    assert.equal(cut.code, 1);
    assert.match(cut.stdout, /made the keys of uploads\n$/);
    assert.match(
      cut.stderr,
      /^berth: the keys of urls were not made: Cloud Storage answered 403: .*storage\.hmacKeys\.create/,
    );
    tellsNothing(cut.stdout + cut.stderr);
    server.denied.clear();
    const { stdout, code } = await run('first-keys', flags);
    assert.deepEqual([stdout, code], ['made the keys of urls\n', 0]);
  });

  const wrong: Readonly<Record<string, readonly [readonly string[], RegExp]>> = {
    'no project': [flags.slice(2), /^berth: --project is missing: the id of/],
    'no account': [flags.slice(0, 2), /^berth: --url-account is missing: the e-mail address/],
    'an account that is none': [
      [...flags.slice(0, 2), '--url-account=urls'],
      /^berth: BERTH_URL_ACCOUNT must be an e-mail address\n$/,
    ],
    'a flag that is none': [
      [...flags, '--password=hunter2'],
      /^berth: Unknown option '--password'/,
    ],
  };
  for (const [what, [parameters, said]] of Object.entries(wrong)) {
    it(`refuses ${what}, and says what is wrong`, async () => {
      const { stderr, code } = await run('first-keys', parameters);
      assert.equal(code, 1);
      assert.match(stderr, said);
      assert.deepEqual(server.requests, []);
    });
  }

  it('says whose right is missing, and what to do where nobody is logged in or nothing was set up', async () => {
    server.denied.add('versions.access');
    const refused = await run('first-keys', flags);
    assert.match(
      refused.stderr,
      /^berth: Secret Manager answered 403: Permission 'secretmanager\.versions\.access' denied/,
    );
    const nobody = await run('first-keys', flags, { BERTH_GOOGLE_STAND_IN: '' });
    assert.deepEqual(nobody, {
      stdout: '',
      stderr:
        'berth: there are no credentials of Google here: run `gcloud auth application-default login`\n',
      code: 1,
    });
    server.denied.clear();
    const elsewhere = await run('first-keys', ['--project', 'other-project', ...flags.slice(2)]);
    assert.match(elsewhere.stderr, /403: Permission denied on that project/);
  });
});

describe('rotate-keys of a project', () => {
  it('does nothing before their time, unless it is forced; and completes what is missing', async () => {
    assert.match((await run('rotate-keys', flags)).stdout, /^the keys of tokens: made\n/);
    const signs = server.vault.textOf('token-key');
    const idle = await run('rotate-keys', flags);
    assert.equal(
      idle.stdout,
      'the keys of tokens: unchanged\nthe keys of uploads: unchanged\nthe keys of urls: unchanged\n',
    );
    assert.equal(server.vault.textOf('token-key'), signs);
    const forced = await run('rotate-keys', [...flags, '--force']);
    assert.match(
      forced.stdout,
      /^the keys of tokens: rotated\nthe keys of uploads: rotated\nthe keys of urls: rotated\nWhat signed until now still verifies/,
    );
    assert.notEqual(server.vault.textOf('token-key'), signs);
    tellsNothing(forced.stdout + forced.stderr);
  });

  it('says what failed, and does the rest', async () => {
    await run('rotate-keys', flags);
    Object.assign(server.vault.secrets.get('state-keys')?.at(-1) ?? {}, { state: 'DISABLED' });
    const { stderr, code } = await run('rotate-keys', [...flags, '--force']);
    assert.equal(code, 1);
    assert.equal(
      stderr,
      'berth: the keys of tokens: rotated, the keys of uploads: failed, the keys of urls: rotated. What failed: uploads: the newest version of the secret state-keys is disabled or destroyed: enable it, or add another\n',
    );
  });

  it('of a project alone is not that of the data directory', async () => {
    const { stderr, code } = await run('rotate-keys', ['--force']);
    assert.match(stderr, /^berth: --project is missing/);
    assert.equal(code, 1);
  });
});
