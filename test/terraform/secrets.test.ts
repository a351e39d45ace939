// The secrets that Terraform makes are those that the code reads and writes, and nothing secret is written down in its state.

import assert from 'node:assert/strict';
import { before, describe, it } from 'node:test';
import { functionSettings } from '#functions/settings.ts';
import { keySecrets } from '#shared/auth/rotation/key-stores.ts';
import { secretNames } from '#test/support/key-vault/vault.ts';
import { readModules, type TerraformFile, withoutPackages } from './hcl.ts';

const skip = withoutPackages();

interface Secret {
  readonly for_each: string;
  readonly version_destroy_ttl: string;
  readonly deletion_protection: boolean;
  readonly replication: readonly Record<string, unknown>[];
}

interface Locals {
  readonly variables: Readonly<Record<string, string>>;
  readonly others: readonly string[];
}

describe('secrets', { skip }, () => {
  let modules: ReadonlyMap<string, readonly TerraformFile[]>;
  let locals: Locals;
  let secret: Secret;
  before(async () => {
    modules = await readModules();
    const [main] = (modules.get('modules/secrets') ?? []).filter(({ path }) =>
      path.endsWith('main.tf'),
    );
    const { resource, locals: found } = (main ?? assert.fail()).blocks as {
      resource: { google_secret_manager_secret: { secret: Secret[] } };
      locals: Locals[];
    };
    secret = resource.google_secret_manager_secret.secret[0] ?? assert.fail();
    locals = found[0] ?? assert.fail();
  });

  it('are given to functions by the variables that the code calls secret, each by its own name', () => {
    const secrets = Object.entries(functionSettings).filter(
      ([name, setting]) =>
        // Public, and changed with the others.
        'secret' in setting || name === 'BERTH_TOKEN_PUBLIC_KEYS',
    );
    assert.deepEqual(
      locals.variables,
      Object.fromEntries(
        secrets.map(([name]) => [
          name,
          name.replace('BERTH_', '').toLowerCase().replaceAll('_', '-'),
        ]),
      ),
    );
  });

  it('are all that are made and rotated, and no function that serves is given those that sign later', () => {
    const names = [...Object.values(locals.variables), ...locals.others];
    assert.deepEqual(new Set(names), new Set(secretNames));
    for (const name of Object.values(keySecrets)) assert.ok(names.includes(name), name);
    for (const name of [keySecrets.nextTokenKey, keySecrets.nextUrlKey, 'admin-password']) {
      assert.ok(locals.others.includes(name), name);
    }
  });

  it('are not deleted, nor is one of their versions at once, and are in every region', () => {
    assert.equal(secret.deletion_protection, true);
    assert.match(secret.version_destroy_ttl, /^\d{6,}s$/);
    assert.deepEqual(Object.keys(secret.replication[0] ?? {}), ['auto']);
  });

  it('have no version, password or key that Terraform makes or reads: its state would have it', () => {
    const telling =
      /^(google_secret_manager_secret_version\w*|google_storage_hmac_key|google_service_account_key|random_\w+|tls_\w+)$/;
    const found = [...modules].flatMap(([directory, files]) =>
      files.flatMap(({ blocks }) =>
        ['resource', 'data', 'ephemeral'].flatMap((kind) =>
          Object.keys((blocks[kind] ?? {}) as object)
            .filter((type) => telling.test(type))
            .map((type) => `${directory}: ${type}`),
        ),
      ),
    );
    assert.deepEqual(found, []);
  });

  it('have their first versions before anything starts that needs them', () => {
    const root = (modules.get('') ?? []).map(({ blocks }) => JSON.stringify(blocks)).join('\n');
    assert.match(root, /npm run first-keys -- --project \$\{var\.project\} --url-account/);
    assert.equal(root.match(/"\$\{terraform_data\.first_keys\}"/g)?.length, 2);
  });
});
