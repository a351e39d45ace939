// Terraform itself plans the configuration, with a provider that makes nothing: what it says, a real one would say.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { functionSettings } from '#functions/settings.ts';
import { type TargetName, targetNames } from '#functions/targets.ts';
import { withoutPackages } from './hcl.ts';
import { schemaOf } from './schema.ts';
import {
  type Configuration,
  type Plan,
  prepareConfiguration,
  withoutTerraform,
} from './terraform.ts';

const skip = withoutPackages() || withoutTerraform();

const least = {
  project: 'my-project',
  domains: { 'gcr.example.com': 'us', 'eu.gcr.example.com': 'eu' },
  metadata_region: 'us-central1',
  alert_email: 'alerts@example.com',
};

const most = {
  ...least,
  domains: { ...least.domains, 'near.example.com': 'europe-west6' },
  metadata_region: 'nam5',
  google_groups: { operators: 'operators@example.com', observers: 'observers@example.com' },
  mirror: {
    location: 'eu',
    domains: { 'mirror.example.com': '', 'quay.example.com': 'https://quay.io' },
  },
  settings: { BERTH_ANONYMOUS_PULL: 'library' },
  subscribers: {
    open: { endpoint: 'https://example.com/changes' },
    signed: { endpoint: 'https://example.com/signed', service_account: 'a@example.com' },
  },
  monthly_budget: 100,
  release: {
    functions: 'functions/0123.zip',
    image: `us-central1-docker.pkg.dev/my-project/berth/berth@sha256:${'0'.repeat(64)}`,
  },
};

type Values = Readonly<Record<string, unknown>>;

/** The blocks of that name in a resource's values. */
function blocksOf(values: Values, name: string): readonly Values[] {
  return (values[name] ?? []) as Values[];
}

/** Function → the variables that it gets, and the secrets among them. What they hold may not be known before it is applied. */
function environmentsOf(plan: Plan): ReadonlyMap<string, ReadonlySet<string>> {
  const environments = new Map<string, ReadonlySet<string>>();
  for (const { type, change } of plan.resource_changes) {
    const { after, after_unknown: later } = change;
    if (type === 'google_cloudfunctions2_function') {
      const [build = {}] = blocksOf(after, 'build_config');
      const [config = {}] = blocksOf(after, 'service_config');
      const [unknown = {}] = blocksOf(later, 'service_config');
      assert.notEqual(unknown['environment_variables'], true, 'all variables are unknown');
      const secrets = blocksOf(config, 'secret_environment_variables').map(({ key }) => key);
      const given = {
        ...Object(config['environment_variables']),
        ...Object(unknown['environment_variables']),
      };
      environments.set(
        String(build['entry_point']),
        new Set([...Object.keys(given), ...secrets.map(String)]),
      );
    }
    if (type === 'google_cloud_run_v2_service') {
      const [template = {}] = blocksOf(after, 'template');
      const [container = {}] = blocksOf(template, 'containers');
      const { function: name } = after['labels'] as { function: string };
      environments.set(name, new Set(blocksOf(container, 'env').map((one) => String(one['name']))));
    }
  }
  return environments;
}

function settingsOf(target: TargetName): (keyof typeof functionSettings)[] {
  return Object.entries(functionSettings)
    .filter(([, { readBy }]) => (readBy as readonly string[]).includes(target))
    .map(([name]) => name as keyof typeof functionSettings);
}

/** What functions read of the others, without being told. */
function fallbackOf(name: keyof typeof functionSettings): unknown {
  const setting = functionSettings[name];
  return 'fallback' in setting ? setting.fallback : undefined;
}

/** Types whose values would be secrets in Terraform's state, where many can read them. */
const secretTypes =
  /^(google_service_account_key|google_storage_hmac_key|google_secret_manager_secret_version|google_.*_ssl_certificate|random_.*|tls_private_key)$/;

describe('Terraform itself', { skip }, () => {
  let configuration: Configuration | undefined;
  before(async () => {
    configuration = await prepareConfiguration();
  });
  after(() => configuration?.remove());

  for (const [what, variables] of Object.entries({ 'the least': least, 'all there is': most })) {
    describe(`plans ${what} that can be given`, () => {
      const withMirror = 'mirror' in variables;
      let plan: Plan;
      before(async () => {
        assert.ok(configuration);
        plan = await configuration.plan(variables);
      });

      it('with every function, each of which is told all that it reads and nothing else', () => {
        const environments = environmentsOf(plan);
        const deployed = targetNames.filter((name) => name !== 'mirror' || withMirror);
        assert.deepEqual(new Set(environments.keys()), new Set<string>(deployed));
        for (const target of deployed) {
          const told = environments.get(target) ?? new Set();
          const read = settingsOf(target);
          const others = [...told].filter(
            (name) => name in functionSettings && !new Set<string>(read).has(name),
          );
          assert.deepEqual(others, [], `${target} is told what it does not read`);
          // What is empty needs not be said.
          const chosen = 'settings' in variables ? Object.keys(variables.settings) : [];
          const untold = read.filter(
            (name) => !told.has(name) && (fallbackOf(name) !== '' || chosen.includes(name)),
          );
          assert.deepEqual(untold, [], `${target} is not told what it reads`);
        }
      });

      it('in the one project', () => {
        const elsewhere = plan.resource_changes.filter(({ mode, type, change }) => {
          const takesOne = schemaOf('resource', type)?.attributes.get('project')?.optional ?? false;
          return mode === 'managed' && takesOne && change.after['project'] !== variables.project;
        });
        assert.deepEqual(
          elsewhere.map(({ address }) => address),
          [],
        );
      });

      it('with no more instances than a new project’s quota of processors, and memory, allows', () => {
        for (const { type, change, address } of plan.resource_changes) {
          const [config = {}] = blocksOf(change.after, 'service_config');
          const [template = {}] = blocksOf(change.after, 'template');
          const [scaling = {}] = blocksOf(template, 'scaling');
          if (type === 'google_cloudfunctions2_function') {
            assert.ok(Number(config['max_instance_count']) <= 20, address);
          }
          if (type === 'google_cloud_run_v2_service') {
            assert.ok(Number(scaling['max_instance_count']) <= 20, address);
          }
        }
      });

      it('with no secret in what it remembers', () => {
        const secret = plan.resource_changes.filter(({ type }) => secretTypes.test(type));
        assert.deepEqual(
          secret.map(({ address }) => address),
          [],
        );
      });

      it('with a bucket of blobs and one of parts for each location', () => {
        const buckets = plan.resource_changes
          .filter(({ type }) => type === 'google_storage_bucket')
          .map(({ change }) => `${change.after['name']} ${change.after['location']}`);
        for (const location of [...new Set(Object.values(variables.domains))]) {
          for (const kind of ['blobs', 'staging']) {
            const wanted = `my-project-${kind}-${location} ${location.toUpperCase()}`;
            assert.ok(buckets.includes(wanted), `${wanted} is none of ${buckets.join(', ')}`);
          }
        }
      });

      it('with the region of each location for what is uploaded there', () => {
        const regions = plan.resource_changes
          .filter(({ type, change }) => {
            const labels = Object(change.after['labels']);
            return type === 'google_cloud_run_v2_service' && labels.function === 'uploads';
          })
          .map(({ change }) => change.after['location']);
        const known: Record<string, string> = { us: 'us-central1', eu: 'europe-west1' };
        const wanted = [...new Set(Object.values(variables.domains))].map(
          (one) => known[one] ?? one,
        );
        assert.deepEqual(new Set(regions), new Set(wanted));
      });
    });
  }
});
