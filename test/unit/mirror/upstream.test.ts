// Which registry a request to a mirror means, what its repositories are called there, and who sees its credentials.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import {
  maySeeCredentials,
  repositoryIn,
  type UpstreamSettings,
  upstreamFor,
} from '#shared/mirror/upstream.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';

const hub = new URL('https://registry-1.docker.io');
const credentials = { username: 'a', password: 'b' };
const settings: UpstreamSettings = {
  hosts: new Map([
    ['m.example', hub],
    ['q.example', new URL('https://quay.io')],
  ]),
  allowed: { any: false, named: new Map([['ghcr.io', new URL('https://ghcr.io')]]) },
  credentials: new Map([['docker.io', credentials]]),
};
const anyone = { ...settings, allowed: { ...settings.allowed, any: true } };

describe('the upstream of a request', () => {
  const meant: readonly (readonly [string, string | null, string | undefined])[] = [
    ['m.example', null, 'docker.io'],
    ['m.example', '', 'docker.io'],
    ['m.example', 'docker.io', 'docker.io'],
    ['m.example', 'Index.Docker.io', 'docker.io'],
    ['m.example', 'registry-1.docker.io', 'docker.io'],
    ['m.example', 'ghcr.io', 'ghcr.io'],
    ['m.example', 'quay.io', undefined],
    ['q.example', null, 'quay.io'],
    ['q.example', 'docker.io', 'docker.io'],
    ['other.example', 'docker.io', undefined],
  ];
  for (const [host, ns, name] of meant) {
    it(`of ${host} with ns=${ns} is ${name}`, () => {
      assert.equal(upstreamFor(settings, host, ns)?.name, name);
    });
  }

  it('may be any public one where the operator says so, and is then not trusted as a named one', () => {
    assert.equal(upstreamFor(anyone, 'm.example', 'ghcr.io')?.isNamed, true);
    assert.equal(upstreamFor(anyone, 'm.example', 'registry.gitlab.com')?.isNamed, false);
    for (const ns of ['localhost', '127.0.0.1', '[::1]', 'a.local', 'x.example:22', 'q.example']) {
      assert.equal(upstreamFor(anyone, 'm.example', ns), undefined, ns);
    }
  });
});

describe('a repository of Docker Hub', () => {
  for (const [host, name, there] of [
    ['m.example', 'alpine', 'library/alpine'],
    ['m.example', 'library/alpine', 'library/alpine'],
    ['m.example', 'grafana/grafana', 'grafana/grafana'],
    ['q.example', 'alpine', 'alpine'],
  ] as const) {
    it(`${name} at ${host} is ${there}`, () => {
      const upstream = upstreamFor(settings, host, null) ?? assert.fail();
      assert.equal(repositoryIn(upstream, parseRepositoryName(name) ?? assert.fail()), there);
    });
  }
});

describe('credentials', () => {
  const origins: Readonly<Record<string, boolean>> = {
    'https://registry-1.docker.io': true,
    'https://auth.docker.io': true,
    'http://auth.docker.io': false,
    'https://auth.docker.io.evil.example': false,
    'https://docker.io': false,
    'https://quay.io': false,
  };
  for (const [origin, mayBe] of Object.entries(origins)) {
    it(`of Docker Hub are ${mayBe ? 'shown' : 'not shown'} at ${origin}`, () => {
      const upstream = upstreamFor(settings, 'm.example', null) ?? assert.fail();
      assert.equal(maySeeCredentials(upstream, origin), mayBe);
    });
  }

  it('are shown at the token service that the operator named, and none that a stand-in names', () => {
    const url = new URL('https://registry.gitlab.com');
    const at = (origin: string) =>
      maySeeCredentials(
        {
          name: 'registry.gitlab.com',
          url,
          isNamed: true,
          credentials: { ...credentials, realm: 'https://gitlab.com' },
        },
        origin,
      );
    assert.equal(at('https://gitlab.com'), true);
    assert.equal(at('https://auth.docker.io'), false);
    // What stands for Docker Hub is not Docker Hub.
    const named = new Map([['docker.io', new URL('http://10.0.0.1:5000')]]);
    const stood = { ...settings, allowed: { any: false, named } };
    const upstream = upstreamFor(stood, 'q.example', 'docker.io') ?? assert.fail();
    assert.equal(upstream.name, '10.0.0.1:5000');
    assert.equal(upstream.credentials, undefined);
  });
});
