// Where IAM on a project's bucket is its policy, each location has its bucket, and so its own rights.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { pushAll, send, sendAll, useRegistry } from '#test/support/calls.ts';
import { fakeClock } from '#test/support/clock.ts';
import {
  type GoogleIdentityServer,
  startGoogleIdentity,
} from '#test/support/google-identity/server.ts';
import { imageManifest } from '#test/support/manifests.ts';

const us = 'us.registry.test';
const eu = 'eu.registry.test';
const options = {
  googleStandIn: '',
  projectBucket: '{location}.{project}.images.test',
  hosts: { [us]: 'us', [eu]: 'eu' },
};
const image = imageManifest();
const reading = ['storage.objects.get', 'storage.objects.list'];
const path = '/v2/my-project/app/manifests/v1';

describe('where IAM on buckets is the policy, a right in one location', () => {
  let google: GoogleIdentityServer;
  before(async () => {
    google = await startGoogleIdentity({ clock: fakeClock(Date.parse('2026-11-24T12:00:00Z')) });
    options.googleStandIn = google.url;
  });
  after(() => google.close());
  const registry = useRegistry(options, async ({ url }) => {
    google.grant('us.my-project.images.test', 'user:reader@example.com', reading);
    google.grant('eu.my-project.images.test', 'allUsers', reading);
    for (const host of [us, eu]) {
      const calls = pushAll('my-project/app', image, 'v1');
      await sendAll(
        url,
        calls.map((call) => ({ ...call, headers: { ...call.headers, host } })),
      );
    }
  });
  const reader = () => {
    const token = google.accessToken({ email: 'reader@example.com' });
    return `Basic ${Buffer.from(`_token:${token}`).toString('base64')}`;
  };

  for (const [what, host, authorization, expected] of [
    ['is one there', us, reader, 200],
    ['of anybody’s is one for him there', eu, reader, 200],
    ['of anybody’s is nobody’s in another', us, () => null, 401],
    ['of anybody’s is anybody’s there', eu, () => null, 200],
  ] as const) {
    it(`${what}: ${host}`, async () => {
      const call = { method: 'GET', path, headers: { host }, authorization: authorization() };
      const { status } = await send(registry().url, call);
      assert.equal(status, expected);
    });
  }

  it('of one who is let in nowhere else is none there', async () => {
    google.grant('us.other-project.images.test', 'user:reader@example.com', reading);
    const other = '/v2/other-project/app/tags/list';
    const statusAt = async (host: string) => {
      const call = { method: 'GET', path: other, headers: { host }, authorization: reader() };
      return (await send(registry().url, call)).status;
    };
    assert.equal(await statusAt(us), 404);
    assert.equal(await statusAt(eu), 403);
  });
});
