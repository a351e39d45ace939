// The router over the real table: whatever a repository is called, the last marker decides what is meant.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { routes as all, type Route } from '#functions/routes.ts';
import { createRouter, reservedSegments } from '#shared/http/router.ts';
import { RegistryError } from '#shared/oci/errors.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';

const match = createRouter(all);
/** Those that there are for every client. */
const routes = all.filter((route: Route) => route.accepts === undefined);
const digest = `sha256:${'ab'.repeat(32)}`;

/** What stands for each `{…}` beside the name. */
const samples: Record<string, readonly string[]> = {
  digest: [digest],
  reference: ['latest', digest, 'list', 'tags', 'manifests', '__v1__'],
  session: ['0b4c2c5e-0000-4000-8000-000000000000', 'list', 'uploads'],
  project: ['my-project', 'example.com:project', 'projects'],
  robot: ['ci', 'robots', 'secrets'],
  secret: ['0123456789', 'secrets'],
  rule: ['ci', 'federation'],
};
const markers = ['blobs', 'manifests', 'tags', 'uploads', 'list', 'referrers', 'token', 'v2'];
const segment = fc.oneof(
  fc.constantFrom(...markers),
  fc.stringMatching(/^[a-z0-9]{1,5}((\.|_|__|-{1,3})[a-z0-9]{1,3}){0,2}$/),
);
const anyName = fc
  .array(segment, { minLength: 1, maxLength: 8 })
  .map((segments) => segments.join('/'));
const named = routes.filter(({ path }) => path.includes('{name}'));

/** A path of a route's pattern, with the name and the n-th samples. */
function fill(pattern: string, name: string, nth: number): { path: string; params: object } {
  const params: Record<string, string> = {};
  const path = pattern.replace(/\{(\w+)\}/g, (_, key: string) => {
    const choices = key === 'name' ? [name] : (samples[key] ?? []);
    const value = choices[nth % choices.length];
    assert.ok(value !== undefined, key);
    params[key] = value;
    return value;
  });
  return { path, params };
}

function refusalOf(method: string, path: string): RegistryError {
  try {
    match(method, path);
  } catch (error) {
    assert.ok(error instanceof RegistryError, String(error));
    return error;
  }
  assert.fail(`${method} ${path} has a route`);
}

describe('the router over the route table', () => {
  it('finds every route for every valid name of one to eight segments', () => {
    fc.assert(
      fc.property(anyName, fc.nat(11), (name, nth) => {
        assert.equal(parseRepositoryName(name), name);
        for (const route of named) {
          for (const method of route.methods) {
            const { path, params } = fill(route.path, name, nth);
            const found = match(method, path);
            assert.equal(found.route.run, route.run, `${method} ${path}`);
            assert.deepEqual({ ...found.params }, params, `${method} ${path}`);
          }
        }
      }),
      { numRuns: 400 },
    );
  });

  it('lets the last marker decide where a name is made of markers', () => {
    for (const [method, path, run, name] of [
      ['GET', '/v2/tags/list/tags/list', 'discovery/tags', 'tags/list'],
      ['GET', '/v2/a/manifests/latest/tags/list', 'discovery/tags', 'a/manifests/latest'],
      ['GET', '/v2/a/tags/list/manifests/latest', 'manifests/get', 'a/tags/list'],
      ['GET', '/v2/manifests/manifests/manifests', 'manifests/get', 'manifests'],
      ['PUT', '/v2/blobs/uploads/manifests/list', 'manifests/put', 'blobs/uploads'],
      ['POST', '/v2/blobs/uploads/blobs/uploads/', 'uploads/start', 'blobs/uploads'],
      ['POST', '/v2/a/blobs/uploads/blobs/uploads', 'uploads/start', 'a/blobs/uploads'],
      ['PATCH', '/v2/a/blobs/blobs/uploads/id', 'uploads/append', 'a/blobs'],
      ['GET', '/v2/a/blobs/uploads/b/blobs/uploads/id', 'uploads/status', 'a/blobs/uploads/b'],
      ['HEAD', `/v2/a/blobs/uploads/blobs/${digest}`, 'blobs/get', 'a/blobs/uploads'],
      ['GET', `/v2/a/referrers/b/referrers/${digest}`, 'discovery/referrers', 'a/referrers/b'],
      ['DELETE', `/v2/token/blobs/${digest}`, 'blobs/delete', 'token'],
      ['GET', '/v2/v2/tags/list', 'discovery/tags', 'v2'],
    ] as const) {
      const found = match(method, path);
      assert.equal(found.route.run, run, path);
      assert.equal(found.params['name'], name, path);
    }
  });

  it('finds the routes that name no repository, by their whole path alone', () => {
    for (const route of routes.filter(({ path }) => !path.includes('{name}'))) {
      for (const method of route.methods) {
        const { path: whole } = fill(route.path, '', 0);
        assert.equal(match(method, whole).route.run, route.run);
        // What ends with a name of something goes on with it.
        const longer = route.path.endsWith('}') ? [] : [`${whole}x`, `${whole}%2f`];
        for (const path of [`/x${whole}`, `${whole}//x/y`, ...longer]) {
          assert.equal(refusalOf(method, path).code, 'NAME_UNKNOWN', path);
        }
      }
    }
  });

  it('reads the colon of a digest when it was percent-encoded, and nothing else that was', () => {
    for (const encoded of ['%3a', '%3A']) {
      const path = `/v2/a/blobs/${digest.replace(':', encoded)}`;
      assert.equal(match('GET', path).params['digest'], digest);
    }
    assert.equal(match('GET', '/v2/a%2Fb/tags/list').params['name'], 'a%2Fb');
    assert.equal(match('GET', '/v2/%61/tags/list').params['name'], '%61');
    assert.equal(match('GET', '/v2/a/manifests/%2e%2e').params['reference'], '%2e%2e');
  });

  it('answers another method with 405 and exactly the methods that would do', () => {
    const methods = ['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS', 'TRACE', 'X-Y'];
    fc.assert(
      fc.property(anyName, fc.constantFrom(...routes), (name, route) => {
        const { path } = fill(route.path, name, 0);
        const right = methods.filter((method) => isFound(method, path));
        for (const method of methods.filter((one) => !right.includes(one))) {
          const error = refusalOf(method, path);
          assert.deepEqual([error.code, error.status], ['UNSUPPORTED', 405]);
          const allowed = new Set(error.headers['Allow']?.split(', '));
          assert.deepEqual(allowed, new Set(right), path);
        }
      }),
    );
  });

  it('does not repeat a long method to the client', () => {
    assert.ok(refusalOf('M'.repeat(5000), '/v2/').message.length < 100);
  });

  it('answers any other path with 404, whatever it is', () => {
    for (const path of [
      '',
      '/',
      '*',
      '/v1/',
      '/v2//',
      '/v2/a',
      '/v2/a/tags',
      '/v2/a/tags/list/',
      '/v2/tags/list',
      '/v2//tags/list',
      '/v2/a/manifests/',
      '/v2/a/manifests/x/',
      '/v2/manifests/latest',
      '/v2/a/blobs/',
      '/v2/a/blobs/uploads/x/y',
      '/V2/a/tags/list',
      '/v2/a/Tags/list',
      'http://example.com/v2/',
    ]) {
      const error = refusalOf('GET', path);
      assert.deepEqual([error.code, error.status], ['NAME_UNKNOWN', 404], path);
    }
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        assert.equal(refusalOf('GET', text).code, 'NAME_UNKNOWN');
      }),
    );
  });
});

describe('pages, in the router', () => {
  const browser = { accept: 'text/html,application/xhtml+xml,*/*;q=0.8' };
  const runOf = (method: string, path: string) => match(method, path, browser).route.run;

  it('are found by who asks for one, whatever the name', () => {
    assert.equal(runOf('GET', '/'), 'console/home');
    for (const path of [
      '/p',
      '/p/i',
      '/p/i:v1',
      `/p/i@${digest}`,
      '/example.com:p',
      '/v2x',
      '/a/v2/',
      '/%20',
    ]) {
      for (const method of ['GET', 'HEAD']) assert.equal(runOf(method, path), 'console/page', path);
    }
    assert.equal(match('GET', '/p/i%3Av1', browser).params['page'], 'p/i:v1');
  });

  it('hide no other route, and nothing that begins as one does', () => {
    for (const { path } of routes) assert.ok(reservedSegments.includes(path.split('/')[1] ?? ''));
    fc.assert(
      fc.property(anyName, fc.constantFrom(...routes), fc.nat(11), (name, route, nth) => {
        const { path } = fill(route.path, name, nth);
        for (const method of route.methods) {
          assert.deepEqual(match(method, path, browser), match(method, path));
        }
      }),
    );
    for (const path of [
      '/v2/a',
      '/v2//',
      '/api',
      '/api/v2/x',
      '/metrics/x',
      '/.well-known/x',
      '/healthz/',
    ]) {
      for (const method of ['GET', 'POST']) {
        assert.throws(() => match(method, path, browser), { code: 'NAME_UNKNOWN' }, path);
      }
    }
  });

  it('are not there for who does not ask for one', () => {
    for (const accept of [
      undefined,
      '',
      '*/*',
      'application/json',
      'text/*',
      'text/html;q=0',
      'x/text/html',
    ]) {
      for (const path of ['/', '/p/i']) {
        for (const method of ['GET', 'POST']) {
          const headers = accept === undefined ? {} : { accept };
          assert.throws(() => match(method, path, headers), { code: 'NAME_UNKNOWN', status: 404 });
        }
      }
    }
    const framed = { ...browser, 'sec-fetch-dest': 'iframe' };
    assert.throws(() => match('GET', '/p/i', framed), { code: 'NAME_UNKNOWN' });
  });
});

function isFound(method: string, path: string): boolean {
  try {
    match(method, path);
    return true;
  } catch {
    return false;
  }
}
