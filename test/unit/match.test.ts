// Which route a request has in a function of its own: what is not its is told as by the whole registry.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { routeMatcher } from '#functions/match.ts';
import { targets } from '#functions/targets.ts';
import { RegistryError } from '#shared/oci/errors.ts';

const page = { accept: 'text/html' };
const encoded = { 'content-encoding': 'gzip' };
const digest = `sha256:${'ab'.repeat(32)}`;

/** The route's action, or the status and what is allowed. */
function asked(
  target: keyof typeof targets | undefined,
  method: string,
  path: string,
  headers: Record<string, string> = {},
): string {
  const match = routeMatcher(target === undefined ? undefined : targets[target].serves);
  try {
    return match(method, path, headers).route.run;
  } catch (error) {
    assert.ok(error instanceof RegistryError, String(error));
    const allowed = error.headers['Allow'];
    return allowed === undefined ? String(error.status) : `${error.status} ${allowed}`;
  }
}

describe('a request’s route in a function', () => {
  const cases: readonly (readonly [
    Parameters<typeof asked>[0],
    string,
    string,
    Record<string, string>,
    string,
  ])[] = [
    ['uploads', 'POST', '/v2/a/blobs/uploads/', {}, 'uploads/start'],
    ['blobs', 'GET', '/v2/a/tags/list', {}, 'discovery/tags'],
    [undefined, 'GET', '/healthz', {}, 'operator/health'],
    // Nobody's method of somebody's path, wherever it is asked.
    ['uploads', 'POST', `/v2/a/manifests/v1`, {}, '405 GET, HEAD, PUT, DELETE'],
    ['uploads', 'PATCH', '/v2/', {}, '405 GET, HEAD'],
    ['manifests', 'GET', '/v2/a/blobs/uploads/', {}, '405 POST'],
    ['uploads', 'PUT', '/v2/a/blobs/uploads', {}, '405 POST, GET, HEAD, DELETE'],
    ['token', 'DELETE', '/v2/token', {}, '405 GET, POST'],
    ['admin', 'POST', '/', page, '405 GET, HEAD'],
    ['console', 'DELETE', '/a/page', page, '405 GET, HEAD'],
    ['events', 'GET', '/', {}, '405 POST'],
    // Nobody's path.
    ['admin', 'POST', '/', {}, '404'],
    ['uploads', 'POST', '/v2/a', {}, '404'],
    // Somebody else's.
    ['uploads', 'GET', '/v2/', {}, '404'],
    ['token', 'GET', `/v2/a/blobs/${digest}`, {}, '404'],
    ['console', 'GET', '/healthz', page, '404'],
    ['admin', 'GET', '/a/page', page, '404'],
    ['mirror', 'GET', '/v2/a/tags/list', {}, '404'],
    ['manifests', 'POST', '/', {}, '404'],
    // What the load balancer keeps away from the functions framework.
    ['uploads', 'PUT', '/v2/a/manifests/v1', encoded, '415'],
    ['uploads', 'POST', '/v2/token', { 'content-encoding': 'identity' }, '415'],
    ['uploads', 'PATCH', '/v2/a/blobs/uploads/x~', encoded, 'uploads/append'],
    ['uploads', 'POST', '/v2/', encoded, '405 GET, HEAD'],
    ['uploads', 'POST', '/nowhere', encoded, '404'],
  ];
  for (const [target, method, path, headers, expected] of cases) {
    const what = [method, path, ...Object.values(headers)].join(' ');
    it(`is ${expected}: ${what}, asked of ${target ?? 'the whole registry'}`, () => {
      assert.equal(asked(target, method, path, headers), expected);
    });
  }
});
