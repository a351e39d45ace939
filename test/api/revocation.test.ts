// A right that is taken away is gone within a minute, whoever holds a token for it; one that is given holds at once.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { authorise } from '#shared/auth/access.ts';
import { changePolicy, etagOf, parseBindings, readPolicy } from '#shared/auth/policies.ts';
import { createRobot, revokeSecret } from '#shared/auth/robots.ts';
import type { HttpRequest } from '#shared/http/request.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { itWhereClocksMove } from '#test/support/backend.ts';
import { pushAll, send, sendAll, useRegistry } from '#test/support/calls.ts';
import { imageManifest } from '#test/support/manifests.ts';
import { adminBasic } from '#test/support/registry.ts';

const image = imageManifest();
const registry = useRegistry({}, async ({ url }) => {
  for (const name of ['team/app', 'other/app', 'public/app']) {
    await sendAll(url, pushAll(name, image, 'v1'));
  }
});

type Bindings = Parameters<typeof parseBindings>[0];

function decide(project: string, bindings: Bindings, etag?: string) {
  return changePolicy(registry().services, project, {
    author: { by: 'user:admin' },
    action: 'policy.change',
    etags: etag === undefined ? undefined : [etag],
    to: (policy) => ({ ...policy, bindings: parseBindings(bindings, project) }),
  });
}

async function tokenFor(authorization: string | null, name: string): Promise<string> {
  const path = `/v2/token?scope=repository:${name}:pull`;
  const { body } = await send(registry().url, { method: 'GET', path, authorization });
  return `Bearer ${JSON.parse(String(body)).token}`;
}

async function pull(authorization: string | null, name: string) {
  const path = `/v2/${name}/manifests/v1`;
  const answer = await send(registry().url, { method: 'GET', path, authorization });
  return { status: answer.status, challenge: String(answer.headers['www-authenticate'] ?? '') };
}

const basic = (username: string, password: string) =>
  `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
const robotOf = async (project: string, name: string, role: 'reader' | 'writer' = 'reader') => {
  const { username, secret } = await createRobot(registry().services, { project, name, role });
  return basic(username, secret.secret);
};

/** In seconds: some instance may have looked for what is revoked a moment before, and again half a minute later. */
const atLatest = 60;

describe('what is taken away', () => {
  itWhereClocksMove('is gone within a minute, also for who has a token for it', async () => {
    const { clock } = registry();
    const robot = await robotOf('elsewhere', 'guest');
    await decide('team', [{ role: 'reader', members: ['robot:guest@elsewhere'] }]);
    clock.advance(atLatest * 1000);
    const [token, ofOther] = [
      await tokenFor(robot, 'team/app'),
      await tokenFor(adminBasic, 'other/app'),
    ];
    assert.equal((await pull(token, 'team/app')).status, 200);
    await decide('team', []);
    clock.advance(atLatest * 1000);
    const { status, challenge } = await pull(token, 'team/app');
    assert.equal(status, 401);
    assert.match(challenge, /error="invalid_token"/);
    assert.equal((await pull(await tokenFor(robot, 'team/app'), 'team/app')).status, 403);
    assert.equal((await pull(ofOther, 'other/app')).status, 200, 'another project’s token');
  });

  itWhereClocksMove('is gone for nobody too, who had a token for what was public', async () => {
    const { clock } = registry();
    await decide('public', [{ role: 'reader', members: ['allUsers'] }]);
    clock.advance(atLatest * 1000);
    const token = await tokenFor(null, 'public/app');
    assert.equal((await pull(token, 'public/app')).status, 200);
    await decide('public', []);
    clock.advance(atLatest * 1000);
    assert.equal((await pull(token, 'public/app')).status, 401);
    assert.equal((await pull(null, 'public/app')).status, 401);
  });

  itWhereClocksMove('is not what stays: who may still do it gets a token that holds', async () => {
    const { clock } = registry();
    const robot = await robotOf('team', 'stays');
    for (let second = 0; second < 90; second += 5) {
      if (second === 20) await decide('team', [{ role: 'writer', members: ['robot:stays'] }]);
      clock.advance(5000);
      let answer = await pull(await tokenFor(robot, 'team/app'), 'team/app');
      assert.equal(answer.status, 200, `${second} s`);
      answer = await pull(robot, 'team/app');
      assert.equal(answer.status, 200, `${second} s, by Basic`);
    }
  });

  itWhereClocksMove('is nothing of who may do everything: no change refuses them', async () => {
    const { clock } = registry();
    const token = await tokenFor(adminBasic, 'team/app');
    await decide('team', [{ role: 'reader', members: ['user:somebody@example.com'] }]);
    for (let second = 0; second < 90; second += 30) {
      clock.advance(30_000);
      assert.equal((await pull(token, 'team/app')).status, 200, `${second} s`);
      const another = await tokenFor(adminBasic, 'team/app');
      assert.equal((await pull(another, 'team/app')).status, 200, `${second} s, a new one`);
    }
  });
});

describe('what is taken away while others are changing the policy', () => {
  itWhereClocksMove('is gone within a minute, and stays so', async () => {
    const { clock } = registry();
    const robot = await robotOf('elsewhere', 'leaver');
    await decide('other', [{ role: 'reader', members: ['robot:leaver@elsewhere'] }]);
    clock.advance(atLatest * 1000);
    const token = await tokenFor(robot, 'other/app');
    assert.equal((await pull(token, 'other/app')).status, 200);
    for (let second = 0; second < 180; second += 5) {
      await decide('other', [{ role: 'reader', members: [`user:u${second}@example.com`] }]);
      clock.advance(5000);
      const { status } = await pull(token, 'other/app');
      if (second >= atLatest) assert.equal(status, 401, `${second} s`);
    }
  });
});

describe('the right to administer a project', () => {
  /** Whether a token for it is let through. */
  async function mayAdminister(project: string, token: string): Promise<boolean> {
    const { url, services } = registry();
    const { host, origin } = new URL(url);
    const authorization = `Bearer ${token}`;
    const request = { host, origin, address: '192.0.2.1', headers: { authorization } };
    const asked = authorise(services, request as HttpRequest, 'administer', { project });
    return asked.then(
      () => true,
      (error: unknown) => {
        assert.ok(error instanceof RegistryError && error.status === 401, String(error));
        return false;
      },
    );
  }

  async function tokenToAdminister(authorization: string, project: string): Promise<string> {
    const path = `/v2/token?scope=project:${project}:admin`;
    const { body } = await send(registry().url, { method: 'GET', path, authorization });
    return JSON.parse(String(body)).token;
  }

  itWhereClocksMove('is gone at once, so that nobody gives it back to himself', async () => {
    const robot = await robotOf('elsewhere', 'owner');
    await decide('owned', [{ role: 'owner', members: ['robot:owner@elsewhere'] }]);
    const token = await tokenToAdminister(robot, 'owned');
    assert.equal(await mayAdminister('owned', token), true);
    const [both, none] = [['robot:owner@elsewhere', 'user:a@example.com'], ['user:a@example.com']];
    await decide('owned', [{ role: 'owner', members: both }]);
    assert.equal(await mayAdminister('owned', token), true, 'what he may is as it was');
    await decide('owned', [{ role: 'owner', members: none }]);
    assert.equal(await mayAdminister('owned', token), false);
  });

  it('is gone at once for who shows a secret each time, too, and for who had begun to ask', async () => {
    const { url } = registry();
    const robot = await robotOf('elsewhere', 'slow');
    const [mine, others] = [['robot:slow@elsewhere'], ['user:a@example.com']];
    await decide('slowly', [{ role: 'owner', members: mine }]);
    const headers = { authorization: robot, 'content-type': 'application/json' };
    const listRobots = () => fetch(`${url}/api/v1/projects/slowly/robots`, { headers });
    assert.equal((await listRobots()).status, 200);
    let goOn = () => {};
    const isChanged = new Promise<void>((resolve) => {
      goOn = resolve;
    });
    const body = async function* () {
      yield Buffer.from('{"name":"backdoor",');
      await isChanged;
      yield Buffer.from('"role":"owner"}');
    };
    const asked = fetch(`${url}/api/v1/projects/slowly/robots`, {
      method: 'POST',
      headers,
      body: body(),
      duplex: 'half',
    } as RequestInit);
    // That it was let through is known by the next request being so, which came after it.
    assert.equal((await listRobots()).status, 200);
    await decide('slowly', [{ role: 'owner', members: others }]);
    assert.equal((await listRobots()).status, 403, 'by its secret');
    goOn();
    assert.equal((await asked).status, 403, 'by what it had begun before');
  });

  itWhereClocksMove('goes with the secret of a robot', async () => {
    const { services } = registry();
    const of = { project: 'owned', name: 'keeper' };
    const { username, secret } = await createRobot(services, { ...of, role: 'owner' });
    const token = await tokenToAdminister(basic(username, secret.secret), 'owned');
    assert.equal(await mayAdminister('owned', token), true);
    await revokeSecret(services, { ...of, id: secret.id, author: { by: 'user:admin' } });
    assert.equal(await mayAdminister('owned', token), false);
  });
});

describe('a token that no policy decided about', () => {
  itWhereClocksMove('is good, whatever becomes of the policy: the admin’s', async () => {
    const { clock } = registry();
    await decide('team', [{ role: 'reader', members: ['user:somebody@example.com'] }]);
    clock.advance(atLatest * 1000);
    const token = await tokenFor(adminBasic, 'team/app');
    assert.equal((await pull(token, 'team/app')).status, 200);
    await decide('team', []);
    clock.advance(atLatest * 1000);
    assert.equal((await pull(token, 'team/app')).status, 200);
  });
});

describe('what is given', () => {
  it('holds at once, also where it was refused a moment before', async () => {
    const robot = await robotOf('elsewhere', 'newcomer');
    assert.equal((await pull(robot, 'team/app')).status, 403);
    assert.equal((await pull(await tokenFor(robot, 'team/app'), 'team/app')).status, 403);
    await decide('team', [{ role: 'reader', members: ['robot:newcomer@elsewhere'] }]);
    assert.equal((await pull(await tokenFor(robot, 'team/app'), 'team/app')).status, 200);
    assert.equal((await pull(robot, 'team/app')).status, 200);
  });
});

describe('what is given to who asks in another way', () => {
  it('holds at once as well: for all there is, and in a project of a domain', async () => {
    const robot = await robotOf('elsewhere', 'asker');
    const member = 'robot:asker@elsewhere';
    const scopes = ['repository:later/app:*', 'project:example.com:later:admin'];
    const granted = async (scope: string) => {
      const path = `/v2/token?scope=${scope}`;
      const { body } = await send(registry().url, { method: 'GET', path, authorization: robot });
      const [, payload = ''] = JSON.parse(String(body)).token.split('.');
      return JSON.parse(Buffer.from(payload, 'base64url').toString()).access.length;
    };
    for (const scope of scopes) assert.equal(await granted(scope), 0, scope);
    for (const project of ['later', 'example.com/later']) {
      await decide(project, [{ role: 'owner', members: [member] }]);
    }
    for (const scope of scopes) assert.equal(await granted(scope), 1, scope);
  });
});

describe('a policy', () => {
  it('is refused where it is larger than a document may be, not failed at', async () => {
    const members = Array.from(
      { length: 1000 },
      (_, at) => `principal://issuer.example/${String(at).padStart(990, '0')}`,
    );
    await assert.rejects(decide('large', [{ role: 'reader', members }]), (error) => {
      assert.ok(error instanceof RegistryError && error.status === 400, String(error));
      return true;
    });
  });

  it('has no prefix of another project: what lies below a domain are projects of their own', async () => {
    const members = ['user:a@example.com'];
    const bindings = [{ role: 'reader' as const, members, prefix: 'example.com/other' }];
    await assert.rejects(decide('example.com', bindings), RegistryError);
  });

  it('is changed by who saw it as it is, and by nobody else: of twenty at once none is lost', async () => {
    const { services } = registry();
    const project = 'crowded';
    let refused = 0;
    const add = async (member: string) => {
      for (;;) {
        const before = await readPolicy(services.documents, project);
        const bindings = [...before.bindings, { role: 'reader' as const, members: [member] }];
        try {
          await decide(project, bindings as unknown as Bindings, etagOf(before));
          return;
        } catch (error) {
          assert.ok(error instanceof RegistryError && error.status === 412, String(error));
          refused += 1;
        }
      }
    };
    const members = Array.from({ length: 20 }, (_, at) => `user:u${at}@example.com`);
    await Promise.all(members.map(add));
    const { bindings } = await readPolicy(services.documents, project);
    assert.deepEqual(new Set(bindings.flatMap(({ members: all }) => all)), new Set(members));
    assert.ok(refused > 0, 'they did not meet');
  });
});
