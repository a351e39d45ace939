// What the functions are given by the configuration is what they read, and all of it.

import assert from 'node:assert/strict';
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { functionSettings } from '#functions/settings.ts';
import { targetNames } from '#functions/targets.ts';
import { generated } from '#infra/terraform/generate/files.ts';
import { readKnownSettings, settingsOf } from '#test/support/deployed.ts';
import { parseHcl, readModules, terraformRoot, withoutPackages } from './hcl.ts';
import { computed, runTerraform, withoutTerraform } from './terraform.ts';

/** In Secret Manager, though it is none: it changes with the key that it belongs to. */
const keptWithSecrets = ['BERTH_TOKEN_PUBLIC_KEYS'];

const secrets = Object.entries(functionSettings)
  .filter(([name, setting]) => 'secret' in setting || keptWithSecrets.includes(name))
  .map(([name]) => name);

type Known = Awaited<ReturnType<typeof readKnownSettings>>;

/** What has to be set, and is neither in settings.tf nor in Secret Manager. */
function unset(known: Known, set: readonly string[]): string[] {
  return Object.keys(known).filter(
    (name) => known[name]?.default === null && !set.includes(name) && !secrets.includes(name),
  );
}

const skip = withoutPackages();

describe('the settings in the configuration', { skip }, () => {
  let known: Known;
  /** What settings.tf itself sets. */
  let set: string[];

  before(async () => {
    known = await readKnownSettings();
    const { locals } = await parseHcl(
      '',
      await readFile(join(terraformRoot, 'settings.tf'), 'utf8'),
    );
    const [{ made_settings: made, settings }] = locals as [
      { made_settings: string; settings: string },
    ];
    const text = `${made}\n${settings}`;
    set = [...text.matchAll(/^ +([A-Z][A-Z0-9_]+) *=/gm)].map(([, name = '']) => name);
    assert.ok(set.length > 5, text);
  });

  it('are those of the code: npm run terraform', () => {
    assert.deepEqual(known, JSON.parse(JSON.stringify(generated['settings.json'])));
  });

  it('sets nothing that no function reads, and no secret', () => {
    for (const name of set) assert.ok(name in functionSettings, name);
    assert.deepEqual(
      set.filter((name) => secrets.includes(name)),
      [],
    );
  });

  it('sets all that has to be set', () => {
    assert.deepEqual(unset(known, set), []);
  });

  it('would lack a setting that has to be set, and that it does not know', () => {
    const more = { ...known, BERTH_NEW: { read_by: ['token'], default: null } };
    assert.deepEqual(unset(more, set), ['BERTH_NEW']);
  });

  it('has a secret for each that is one', async () => {
    const files = (await readModules()).get('modules/secrets') ?? [];
    const named = JSON.stringify(files.map(({ blocks }) => blocks)).match(/\bBERTH_[A-Z_]+/g) ?? [];
    assert.deepEqual(new Set<string>(named), new Set(secrets));
  });
});

describe('the settings as Terraform computes them', { skip: withoutTerraform() }, () => {
  let directory: string;

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'berth-terraform-'));
    for (const file of ['settings.tf', 'locations.tf', 'variables.tf', 'settings.json']) {
      await copyFile(join(terraformRoot, file), join(directory, file));
    }
    // The rest of the configuration, as far as these look at it: what needs a provider cannot be computed here.
    const outputs = {
      storage: { blobs_bucket_template: 'blobs-{location}', staging_bucket_template: 'staging' },
      database: { name: 'berth' },
      events: { topic_name: 'gcr' },
      identities: {
        accounts: { release: 'release@google.example', urls: 'urls@google.example' },
        unique_ids: { release: '123456789012345678901' },
      },
      secrets: { variables: Object.fromEntries(secrets.map((name) => [name, `of-${name}`])) },
    };
    for (const [name, values] of Object.entries(outputs)) {
      const output = Object.entries(values).map(([key, value]) => [key, { value }]);
      await writeJson(`modules/${name}/main.tf.json`, { output: Object.fromEntries(output) });
    }
    const module = Object.keys(outputs).map((name) => [name, { source: `./modules/${name}` }]);
    await writeJson('main.tf.json', { module: Object.fromEntries(module) });
    // Of the modules that are given them, what they ask.
    for (const name of ['functions', 'streaming-services']) {
      await mkdir(join(directory, 'modules', name));
      const variables = join('modules', name, 'variables.tf');
      await copyFile(join(terraformRoot, variables), join(directory, variables));
    }
    await terraform('init', '-backend=false');
  });

  after(() => rm(directory, { recursive: true, force: true }));

  const writeJson = async (file: string, value: unknown) => {
    await mkdir(dirname(join(directory, file)), { recursive: true });
    await writeFile(join(directory, file), JSON.stringify(value));
  };
  const terraform = async (...parameters: string[]) => {
    const { status, errors } = await runTerraform(directory, parameters);
    if (status !== 0) throw new Error(errors);
  };

  const filled = {
    project: 'my-project',
    domains: { 'registry.example': 'us', 'eu.registry.example': 'europe-west1' },
    metadata_region: 'nam5',
    alert_email: 'team@registry.example',
  };

  /** What the configuration computes, of what a team filled in. */
  const compute = async (variables: object) => {
    await writeJson('terraform.tfvars.json', { ...filled, ...variables });
    return (await computed(directory, '[local.environments, local.secret_environments]')) as [
      Record<string, Record<string, string>>,
      Record<string, Record<string, string>>,
    ];
  };

  const operators = 'serviceAccount:release@google.example,serviceAccount:123456789012345678901';
  const made = {
    GOOGLE_CLOUD_PROJECT: 'my-project',
    BERTH_DATABASE: 'berth',
    BERTH_HOSTS: 'eu.registry.example=europe-west1,registry.example=us',
    BERTH_BLOBS_BUCKET: 'blobs-{location}',
    BERTH_STAGING_BUCKET: 'staging',
    BERTH_TOPIC: 'gcr',
    BERTH_URL_ACCOUNT: 'urls@google.example',
    BERTH_PROXIES: '2',
    BERTH_OPERATORS: operators,
  };

  const rows = [
    { description: 'of the five variables', variables: {}, more: {} },
    {
      description: 'with a mirror and settings of the team',
      variables: {
        mirror: {
          location: 'us',
          domains: { 'hub.example': '', 'quay.example': 'https://quay.io' },
        },
        settings: {
          BERTH_ANONYMOUS_PULL: 'open',
          BERTH_OPERATORS: 'user:me@registry.example',
          BERTH_GCR_LISTING: '',
        },
      },
      more: {
        BERTH_MIRRORS: 'hub.example,quay.example=https://quay.io',
        BERTH_ANONYMOUS_PULL: 'open',
        BERTH_OPERATORS: `${operators},user:me@registry.example`,
      },
    },
  ];
  for (const { description, variables, more } of rows) {
    it(`are for each function what it reads and nothing else, ${description}`, async () => {
      const [environments, secretEnvironments] = await compute(variables);
      const known = await readKnownSettings();
      const names = Object.keys(known);
      for (const target of targetNames) {
        const isSecret = Object.fromEntries(secrets.map((name) => [name, '']));
        const given = settingsOf(target, { ...isSecret, ...made, ...more }, known);
        assert.deepEqual(environments[target] ?? {}, given, target);
        const readSecrets = names.filter(
          (name) => secrets.includes(name) && known[name]?.read_by.includes(target),
        );
        assert.deepEqual(
          secretEnvironments[target] ?? {},
          Object.fromEntries(readSecrets.map((name) => [name, `of-${name}`])),
          target,
        );
      }
    });
  }

  const refused = [
    {
      description: 'a setting that nobody reads',
      settings: { BERTH_TYPO: '1' },
      says: /BERTH_TYPO/,
    },
    {
      description: 'a secret, which its state would hold',
      settings: { BERTH_TOKEN_KEY: '{}' },
      says: /BERTH_TOKEN_KEY: put it into Secret Manager/,
    },
    {
      description: 'what is made of the other variables',
      settings: { BERTH_DATABASE: 'another' },
      says: /BERTH_DATABASE: made of the other variables/,
    },
    {
      description: 'what takes rights that nobody has',
      settings: { BERTH_BUCKETS: 'per-project' },
      says: /BERTH_BUCKETS: the functions may not make buckets here/,
    },
  ];
  for (const { description, settings, says } of refused) {
    it(`refuse ${description}`, async () => {
      await assert.rejects(compute({ settings }), says);
    });
  }

  for (const name of ['functions', 'streaming-services']) {
    it(`stop the module ${name} where one has to be set and is not`, async () => {
      const hcl = await readFile(join(terraformRoot, 'modules', name, 'variables.tf'), 'utf8');
      assert.match(hcl, /value != null/);
      const image = `registry.example/image@sha256:${'0'.repeat(64)}`;
      await writeJson('calls.tf.json', {
        module: {
          called: {
            source: `./modules/${name}`,
            project: 'my-project',
            region: 'us-central1',
            accounts: {},
            instances_max: 20,
            secret_environments: {},
            environments: { token: { BERTH_NEW: null } },
            ...(name === 'functions'
              ? { repository: 'images', source_archive: { bucket: 'releases', object: 'zip' } }
              : { locations: {}, image }),
          },
        },
      });
      await writeJson('terraform.tfvars.json', filled);
      try {
        await terraform('get');
        await assert.rejects(terraform('plan', '-no-color', '-input=false'), /Not set: BERTH_NEW/);
      } finally {
        await rm(join(directory, 'calls.tf.json'));
      }
    });
  }
});
