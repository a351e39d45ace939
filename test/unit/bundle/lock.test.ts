// What the platform installs for what is deployed.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { lockFor } from '#infra/bundle/lock.ts';

const shipped = { name: 'shipped', version: '1.0.0', engines: { node: '24.x' } };
const lock = {
  lockfileVersion: 3,
  packages: {
    '': { dependencies: { one: '1.0.0', other: '1.0.0' } },
    'node_modules/one': { version: '1.0.0', dependencies: { shared: '^2.0.0', 'one-part': '*' } },
    'node_modules/one-part': { version: '1.1.0', dependencies: { shared: '^1.0.0' } },
    'node_modules/one/node_modules/shared': { version: '2.0.0', dependencies: { deep: '*' } },
    'node_modules/one/node_modules/deep': { version: '2.5.0', peerDependencies: { absent: '*' } },
    'node_modules/shared': { version: '1.0.0', optionalDependencies: { elsewhere: '*', one: '*' } },
    'node_modules/deep': { version: '1.0.0' },
    'node_modules/other': { version: '1.0.0', dependencies: { deep: '*' } },
  },
};

describe('the lock of what is deployed', () => {
  it('has what it needs and what that needs, each where it was found, and nothing else', () => {
    const dependencies = { one: '1.0.0' };
    const { packages } = lockFor({ ...shipped, dependencies }, lock) as typeof lock;
    assert.deepEqual(Object.keys(packages), [
      '',
      'node_modules/one',
      'node_modules/one-part',
      'node_modules/one/node_modules/shared',
      'node_modules/one/node_modules/deep',
      'node_modules/shared',
    ]);
    assert.deepEqual(packages[''], { ...shipped, dependencies });
    assert.equal(packages['node_modules/shared'], lock.packages['node_modules/shared']);
  });

  it('is empty where nothing is needed', () => {
    assert.deepEqual(lockFor(shipped, lock), {
      name: 'shipped',
      version: '1.0.0',
      lockfileVersion: 3,
      requires: true,
      packages: { '': shipped },
    });
  });

  it('fails where something is not locked', () => {
    assert.throws(
      () => lockFor({ ...shipped, dependencies: { absent: '1.0.0' } }, lock),
      /the lock has no absent for shipped/,
    );
  });
});
