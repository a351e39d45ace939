// What the variables take and refuse, and where things are for what was given: by Terraform's own test runner, of the part
// of the configuration that needs no provider.

import assert from 'node:assert/strict';
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, it } from 'node:test';
import { terraformRoot } from './hcl.ts';
import { runTerraform, withoutTerraform } from './terraform.ts';

const given = {
  project: 'my-project',
  domains: { 'gcr.example.com': 'us' },
  metadata_region: 'us-central1',
  alert_email: 'alerts@example.com',
};

type Variable = string;
type Value = unknown;

/** Variable → what it takes. */
const takes: Readonly<Record<Variable, readonly Value[]>> = {
  project: ['berth1', 'a-project-of-thirty-letters-30', 'my-project'],
  domains: [
    { 'gcr.example.com': 'us', 'eu.gcr.example.com': 'eu', 'asia.gcr.example.com': 'asia' },
    { 'a-b.example': 'europe-west1' },
    { 'xn--bcher-kva.example': 'northamerica-northeast2' },
  ],
  metadata_region: ['nam5', 'eur3', 'us-central1', 'me-west1'],
  alert_email: ['a@b.example', 'first.last+berth@example.com'],
  google_groups: [
    {},
    { operators: 'a@b.example' },
    { operators: 'a@b.example', observers: 'c@b.example' },
  ],
  mirror: [null, { location: 'eu', domains: { 'mirror.example.com': '' } }],
  monthly_budget: [null, 100],
  instances_max: [1, 1000],
  subscribers: [{}, { mine: { endpoint: 'https://example.com/' } }],
  settings: [{}, { BERTH_ANONYMOUS_PULL: 'library' }],
  database: ['berth', 'berth-restored-2'],
  regions: [{}, { us: 'us-east1', nam5: 'us-east1' }],
};

/** Variable → what it refuses. */
const refuses: Readonly<Record<Variable, readonly Value[]>> = {
  project: [
    '',
    'short',
    'My-Project',
    '1project',
    'project-',
    'a-project-of-more-than-30-letters',
    'a_project',
  ],
  domains: [
    {},
    { 'https://gcr.example.com': 'us' },
    { 'gcr.example.com:443': 'us' },
    { 'GCR.example.com': 'us' },
    { localhost: 'us' },
    { 'gcr.example.com': 'US' },
    { 'gcr.example.com': 'nam5' },
    { 'gcr.example.com': '' },
    { 'gcr.example.com/': 'us' },
    { '-a.example.com': 'us' },
  ],
  metadata_region: ['', 'us', 'eu', 'US-CENTRAL1', 'us-central1-a'],
  alert_email: ['', 'me', 'me@localhost', 'a b@example.com'],
  subscribers: [
    { mine: { endpoint: 'http://example.com/' } },
    { 'dead-letters': { endpoint: 'https://example.com/' } },
    { 'Mine!': { endpoint: 'https://example.com/' } },
  ],
  settings: [{ BERTH_ANONYMUS_PULL: 'library' }, { BERTH_TOKEN_KEY: 'secret' }],
  database: ['(default)', 'abc', 'Berth'],
  instances_max: [0, 1.5],
  regions: [{ us: 'US' }, { us: 'eu' }],
};

/** What was given → where things are. */
const places: readonly (readonly [given: object, local: string, expected: unknown])[] = [
  [{ metadata_region: 'nam5' }, 'region', 'us-central1'],
  [{ metadata_region: 'eur3' }, 'region', 'europe-west1'],
  [{ metadata_region: 'asia-south1' }, 'region', 'asia-south1'],
  [{ metadata_region: 'nam5', regions: { nam5: 'us-east1' } }, 'region', 'us-east1'],
  [{ regions: { us: 'us-east1' } }, 'regions_of_locations', { us: 'us-east1' }],
  [
    {
      domains: {
        'a.example': 'us',
        'b.example': 'eu',
        'c.example': 'asia',
        'd.example': 'europe-west6',
        'e.example': 'us',
      },
    },
    'regions_of_locations',
    { us: 'us-central1', eu: 'europe-west1', asia: 'asia-east1', 'europe-west6': 'europe-west6' },
  ],
  [
    { domains: { 'a.example': 'us', 'd.example': 'europe-west6' } },
    'bucket_places',
    { us: 'US', 'europe-west6': 'EUROPE-WEST6' },
  ],
  [
    { mirror: { location: 'asia', domains: { 'm.example': '', 'q.example': 'https://quay.io' } } },
    'bucket_places',
    { us: 'US', mirror: 'ASIA' },
  ],
  [
    { mirror: { location: 'asia', domains: { 'm.example': '', 'q.example': 'https://quay.io' } } },
    'mirror_domains',
    ['m.example', 'q.example'],
  ],
  [{ mirror: { location: 'asia', domains: { 'm.example': '' } } }, 'mirror_region', 'asia-east1'],
  [{}, 'mirror_domains', []],
  [{}, 'mirror_region', null],
];

/** What the variables are held against, as far as it matters here. */
const surroundings = {
  'settings.tf':
    'locals {\n  known_settings = jsondecode(file("settings.json"))\n  made_settings = { BERTH_DATABASE = "berth" }\n}\n',
  'secrets.tf': 'module "secrets" {\n  source = "./secrets"\n}\n',
  'secrets/outputs.tf': 'output "variables" {\n  value = { BERTH_TOKEN_KEY = "token-key" }\n}\n',
};

interface Case {
  readonly name: string;
  readonly run: Readonly<Record<string, unknown>>;
}

function run(variables: object, more: object): Case['run'] {
  return { command: 'plan', variables: { ...given, ...variables }, ...more };
}

const cases: readonly Case[] = [
  ...Object.entries(takes).flatMap(([variable, values]) =>
    values.map((value) => ({
      name: `takes ${JSON.stringify(value)} as ${variable}`,
      run: run({ [variable]: value }, {}),
    })),
  ),
  ...Object.entries(refuses).flatMap(([variable, values]) =>
    values.map((value) => ({
      name: `refuses ${JSON.stringify(value)} as ${variable}`,
      run: run({ [variable]: value }, { expect_failures: [`var.${variable}`] }),
    })),
  ),
  ...places.map(([variables, local, expected]) => ({
    name: `makes ${local} ${JSON.stringify(expected)} of ${JSON.stringify(variables)}`,
    run: run(variables, {
      assert: {
        condition: `\${output.${local} == jsonencode(jsondecode(${JSON.stringify(JSON.stringify(expected))}))}`,
        error_message: `\${output.${local}}`,
      },
    }),
  })),
];

describe('what is given to Terraform', { skip: withoutTerraform() }, () => {
  let directory = '';
  const outcomes = new Map<string, { status: string; said: string[] }>();
  before(async () => {
    directory = mkdtempSync(join(tmpdir(), 'berth-terraform-'));
    for (const file of ['variables.tf', 'locations.tf', 'settings.json'])
      copyFileSync(join(terraformRoot, file), join(directory, file));
    mkdirSync(join(directory, 'secrets'));
    for (const [file, text] of Object.entries(surroundings))
      writeFileSync(join(directory, file), text);
    const outputs = [...new Set(places.map(([, local]) => local))].map(
      (local) => `output "${local}" {\n  value = jsonencode(local.${local})\n}\n`,
    );
    writeFileSync(join(directory, 'outputs.tf'), outputs.join(''));
    const runs = Object.fromEntries(cases.map(({ run }, index) => [`case_${index}`, run]));
    writeFileSync(join(directory, 'values.tftest.json'), JSON.stringify({ run: runs }));
    const initialised = await runTerraform(directory, ['init', '-no-color']);
    assert.equal(initialised.status, 0, initialised.errors);
    const { output } = await runTerraform(directory, ['test', '-json']);
    for (const line of output.trim().split('\n')) {
      const { type, test_run, diagnostic, ['@testrun']: of } = JSON.parse(line);
      const name: string = test_run?.run ?? of;
      const outcome = outcomes.get(name) ?? { status: 'not run', said: [] };
      if (type === 'diagnostic') outcome.said.push(`${diagnostic.summary}: ${diagnostic.detail}`);
      if (type === 'test_run' && test_run.progress !== 'starting') outcome.status = test_run.status;
      if (name !== undefined) outcomes.set(name, outcome);
    }
  });
  after(() => rmSync(directory, { recursive: true }));

  for (const [index, { name }] of cases.entries()) {
    it(name, () => {
      const outcome = outcomes.get(`case_${index}`);
      assert.equal(outcome?.status, 'pass', outcome?.said.join('\n'));
    });
  }
});
