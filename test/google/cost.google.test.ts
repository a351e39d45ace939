// What each request costs of Google's services, exactly: costs.ts, held.

import assert from 'node:assert/strict';
import { after, before, describe, it } from 'node:test';
import { prepareTopic } from '#infra/local/emulators.ts';
import { type GoogleServices, startGoogle } from '#test/support/google.ts';
import { startTestRegistry, type TestRegistry } from '#test/support/registry.ts';
import { type Cost, type CostName, costs, type Operations } from './costs.ts';
import { startInstance, withSecrets } from './instance.ts';
import { requests } from './requests.ts';

const google = await startGoogle();

describe('what a request costs', { skip: google.skip }, () => {
  if (google.skip !== false) return;
  let upstream: TestRegistry;
  before(async () => {
    upstream = await startTestRegistry({ anonymousPull: '*' });
  });
  after(async () => {
    await upstream?.close();
    await google.close();
  });

  for (const [name, { request, cold, warm = cold }] of Object.entries<Cost>(costs)) {
    it(request, async () => {
      const measured = await measure(google, name as CostName, upstream.url);
      assert.deepEqual(measured, { cold, warm });
    });
  }
});

/** Asks an instance that is fresh, and then the same one once more. */
async function measure(
  google: GoogleServices,
  name: CostName,
  upstream: string,
): Promise<{ cold: Operations; warm: Operations }> {
  const environment = await withSecrets({
    ...google.environment(name),
    BERTH_MIRRORS: `registry.test=${upstream}`,
  });
  process.env['STORAGE_EMULATOR_HOST'] = environment['STORAGE_EMULATOR_HOST'];
  await prepareTopic(environment);
  const { prepare, isRead } = requests[name];
  const [other, instance] = [await startInstance(environment), await startInstance(environment)];
  try {
    const first = await prepare(other);
    const cold = await instance.spentBy(() => first(instance));
    const again = isRead ? first : await prepare(other);
    const warm = await instance.spentBy(() => again(instance));
    assert.deepEqual([...other.failures, ...instance.failures], []);
    return { cold, warm };
  } finally {
    await Promise.all([other.close(), instance.close()]);
  }
}
