// What functions are given of hosts, locations and buckets, and which of it does not go together.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { bucketsOf } from '#functions/buckets.ts';
import { readGiven } from '#functions/google.ts';
import { locationsOf } from '#functions/locations.ts';
import { targetNames } from '#functions/targets.ts';

const key = { kty: 'EC', kid: 'test' };
const secrets = {
  GOOGLE_CLOUD_PROJECT: 'registry',
  BERTH_TOKEN_KEY: JSON.stringify(key),
  BERTH_TOKEN_PUBLIC_KEYS: JSON.stringify([key]),
  BERTH_STATE_KEYS: JSON.stringify([{ id: 'test', secret: 'x'.repeat(32) }]),
  BERTH_URL_ACCOUNT: 'urls@test.example',
  BERTH_ADMIN_HASH: `sha256:${'0'.repeat(64)}`,
};
const two = { BERTH_HOSTS: 'us.registry.test=us,eu.registry.test=eu' };
const shared = { BERTH_BLOBS_BUCKET: 'blobs', BERTH_STAGING_BUCKET: 'staging' };
const apart = {
  BERTH_BLOBS_BUCKET: 'blobs-{location}',
  BERTH_STAGING_BUCKET: 'staging-{location}',
};
const own = {
  BERTH_BUCKETS: 'per-project',
  BERTH_STAGING_BUCKET: 'staging-{location}',
  BERTH_PROJECT_BUCKET: '{location}.images.{project}',
  BERTH_BUCKET_PLACES: 'us=us,eu=EUROPE-WEST1',
};

/** Reads what every function is given. */
function readAll(settings: Readonly<Record<string, string>>): void {
  for (const name of targetNames) readGiven(name, { ...secrets, ...settings });
}

describe('settings of hosts and buckets', () => {
  const right: Readonly<Record<string, Readonly<Record<string, string>>>> = {
    'one location and its buckets': shared,
    'two hosts of one location': { ...shared, BERTH_HOSTS: 'a.test,b.test' },
    'two locations, each with its buckets': { ...two, ...apart },
    'a bucket of each project': { ...two, ...own },
    'a bucket of each project, in one location': {
      ...own,
      BERTH_BUCKET_PLACES: 'local=US',
      BERTH_PROJECT_BUCKET: 'images-{project}',
    },
    'buckets of projects, whose IAM is the policy': { ...two, ...own, BERTH_IAM: 'bucket' },
    'locations that begin alike, told apart by a word': {
      ...own,
      BERTH_PROJECT_BUCKET: '{location}-images-{project}',
      BERTH_HOSTS: 'a.test=us,b.test=us-east',
      BERTH_BUCKET_PLACES: 'us=US,us-east=US-EAST1',
    },
  };
  for (const [what, settings] of Object.entries(right)) {
    it(`take ${what}`, () => readAll(settings));
  }

  const wrong: Readonly<Record<string, readonly [Readonly<Record<string, string>>, RegExp]>> = {
    'two locations with one bucket of blobs': [
      { ...two, ...apart, BERTH_BLOBS_BUCKET: 'blobs' },
      /^BERTH_BLOBS_BUCKET must have \{location\}/,
    ],
    'two locations with one bucket of parts': [
      { ...two, ...apart, BERTH_STAGING_BUCKET: 'staging' },
      /^BERTH_STAGING_BUCKET must have \{location\}/,
    ],
    'two locations with one bucket of a project': [
      { ...two, ...own, BERTH_PROJECT_BUCKET: 'images-{project}' },
      /^BERTH_PROJECT_BUCKET must tell .* us and eu apart/,
    ],
    'two locations with one bucket that is a policy': [
      { ...two, ...apart, BERTH_IAM: 'bucket', BERTH_PROJECT_BUCKET: 'images-{project}' },
      /^BERTH_PROJECT_BUCKET must tell/,
    ],
    'locations and projects that run together': [
      {
        ...own,
        BERTH_HOSTS: 'a.test=us,b.test=us-east',
        BERTH_BUCKET_PLACES: 'us=US,us-east=US-EAST1',
        BERTH_PROJECT_BUCKET: '{location}-{project}',
      },
      /^BERTH_PROJECT_BUCKET must tell .* us and us-east apart/,
    ],
    'projects and locations that run together': [
      {
        ...own,
        BERTH_HOSTS: 'a.test=east,b.test=us-east',
        BERTH_BUCKET_PLACES: 'east=US,us-east=US-EAST1',
        BERTH_PROJECT_BUCKET: 'images-{project}-{location}',
      },
      /^BERTH_PROJECT_BUCKET must tell/,
    ],
    'a staging bucket that a project may have': [
      {
        ...own,
        BERTH_BUCKET_PLACES: 'local=US',
        BERTH_PROJECT_BUCKET: 'images-{project}',
        BERTH_STAGING_BUCKET: 'images-staging',
      },
      /^BERTH_STAGING_BUCKET must not be images-staging/,
    ],
    'a location without a place': [
      { ...two, ...own, BERTH_BUCKET_PLACES: 'us=US' },
      /^BERTH_BUCKET_PLACES must say .* eu /,
    ],
    'buckets of projects without a name': [
      { ...two, ...own, BERTH_PROJECT_BUCKET: '' },
      /^BERTH_PROJECT_BUCKET must be set where BERTH_BUCKETS is per-project/,
    ],
    'no bucket of blobs': [
      { BERTH_STAGING_BUCKET: 'staging' },
      /^BERTH_BLOBS_BUCKET must be set where BERTH_BUCKETS is shared/,
    ],
    'no bucket of parts': [
      { BERTH_BLOBS_BUCKET: 'blobs', BERTH_STAGING_BUCKET: '' },
      /^BERTH_STAGING_BUCKET must be a bucket’s name/,
    ],
    'a place that is none': [
      { ...own, BERTH_BUCKET_PLACES: 'local' },
      /^BERTH_BUCKET_PLACES must be locations/,
    ],
  };
  for (const [what, [settings, message]] of Object.entries(wrong)) {
    it(`refuse ${what}`, () => {
      assert.throws(() => readAll(settings), { message });
    });
  }
});

describe('the locations of a registry', () => {
  it('are what its hosts stand for', () => {
    const hosts = new Map([
      ['registry.test', undefined],
      ['us.registry.test', 'us'],
      ['us2.registry.test', 'us'],
    ]);
    const { locationOf, locations } = locationsOf(hosts, 'local');
    assert.deepEqual(locations, ['local', 'us']);
    assert.equal(locationOf('registry.test'), 'local');
    assert.equal(locationOf('us2.registry.test'), 'us');
    for (const host of ['eu.registry.test', 'registry.test:5000', '']) {
      assert.equal(locationOf(host), undefined, host);
    }
  });

  it('are one, by whatever host, where none was named', () => {
    const { locationOf, locations } = locationsOf(new Map(), 'local');
    assert.deepEqual(locations, ['local']);
    assert.equal(locationOf('anything.test:5000'), 'local');
  });
});

describe('the buckets of a project', () => {
  const projects = '{location}.images.{project}';
  const settings = { blobs: undefined, staging: 'staging-{location}', projects };

  it('are named by the location and the project', () => {
    const names = bucketsOf(settings, { location: 'us', project: 'my-project' });
    assert.deepEqual(names, { staging: 'staging-us', blobs: 'us.images.my-project' });
    const shared = { ...settings, blobs: 'blobs-{location}', projects: undefined };
    const shares = bucketsOf(shared, { location: 'us', project: 'x' });
    assert.deepEqual(shares, { staging: 'staging-us', blobs: 'blobs-us' });
  });

  it('are none for a project that Google could not have, or whose bucket it would not take', () => {
    const long = `images-${'x'.repeat(40)}-{project}`;
    for (const [project, template] of [
      ['short', projects],
      ['under_score', projects],
      ['-', projects],
      ['a'.repeat(31), projects],
      ['my-long-project-name', long],
    ] as const) {
      const names = bucketsOf({ ...settings, projects: template }, { location: 'us', project });
      assert.equal(names.blobs, undefined, project);
    }
  });
});
