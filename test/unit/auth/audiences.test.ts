// For whom a token must have been made: never for whatever host a client says that this is.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { audiencesFor } from '#shared/auth/audiences.ts';

describe('the audiences of a registry', () => {
  it('are those of the hosts that its operator named', () => {
    const of = audiencesFor(new Set(['registry.example.com', 'eu.registry.example.com:8443']));
    assert.deepEqual(of('registry.example.com'), [
      'https://registry.example.com',
      'http://registry.example.com',
      'registry.example.com',
    ]);
    assert.equal(of('eu.registry.example.com:8443').length, 3);
    for (const host of [
      'evil.example',
      'registry.example.com:8443',
      'eu.registry.example.com',
      'registry.example.com.evil.example',
      'localhost:5000',
      '',
    ]) {
      assert.deepEqual(of(host), [], host);
    }
  });

  it('are those of this machine, where none was named', () => {
    const of = audiencesFor(new Set());
    for (const host of ['localhost', 'localhost:5000', '127.0.0.1:80', '127.1.2.3', '[::1]:5000']) {
      assert.equal(of(host).length, 3, host);
    }
    for (const host of [
      'evil.example',
      'localhost.evil.example',
      '127.0.0.1.evil.example',
      '10.0.0.1',
    ]) {
      assert.deepEqual(of(host), [], host);
    }
  });
});
