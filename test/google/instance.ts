// One instance of each function, fresh, inside the test's process: opened as in the cloud, on Google's services, each
// with its own caches, and with a meter that the test reads.

import assert from 'node:assert/strict';
import { exportJWK, generateKeyPair } from 'jose';
import { openGoogleServices } from '#functions/google.ts';
import { serve } from '#functions/serve.ts';
import type { Services } from '#functions/services.ts';
import { type TargetName, targetNames, targets } from '#functions/targets.ts';
import { backendOf } from '#infra/url-map/backend-of.ts';
import { sha256 } from '#shared/auth/secrets.ts';
import { startServer } from '#shared/http/server.ts';
import type { Operation } from '#shared/ports/meter.ts';
import { adminPassword } from '#test/support/registry.ts';
import type { Operations } from './costs.ts';

export interface Instance {
  readonly url: string;
  /** The registry that its mirror is of. */
  readonly upstream: string;
  /** What the function of that name was given. */
  services(name: TargetName): Promise<Services>;
  /** Has something done, and counts what it took. */
  spentBy(act: () => Promise<unknown>): Promise<Operations>;
  /** What failed on our side. */
  readonly failures: readonly string[];
  close(): Promise<void>;
}

/** The header by which a call is for a function that no client reaches. */
export const functionHeader = 'x-test-function';

/** The settings of functions, with secrets that are made for them. */
export async function withSecrets(
  environment: Readonly<Record<string, string>>,
): Promise<Readonly<Record<string, string>>> {
  const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
  const jwk = async (key: typeof privateKey) => ({ ...(await exportJWK(key)), kid: 'test' });
  return {
    ...environment,
    BERTH_TOKEN_KEY: JSON.stringify(await jwk(privateKey)),
    BERTH_TOKEN_PUBLIC_KEYS: JSON.stringify([await jwk(publicKey)]),
    BERTH_STATE_KEYS: JSON.stringify([
      { id: 'test', secret: 'of the sessions of a test, 32 and more' },
    ]),
    BERTH_ADMIN_HASH: sha256(adminPassword),
  };
}

/** Starts the functions behind one port; each is opened by its first request. */
export async function startInstance(
  environment: Readonly<Record<string, string>>,
): Promise<Instance> {
  let spent: Partial<Record<Operation, number>> = {};
  const failures: string[] = [];
  const opened = new Map<TargetName, Promise<Services>>();
  const open = async (name: TargetName): Promise<Services> => {
    const opened = await openGoogleServices(name, environment, (operation, times = 1) => {
      spent[operation] = (spent[operation] ?? 0) + times;
    });
    // Twice a minute, whatever is asked: told beside the table, and no request's.
    const before = { ...spent };
    await opened.revocations.isRevoked({});
    spent = before;
    return {
      ...opened,
      log: (severity, message, fields) => {
        if (severity === 'ERROR') failures.push(`${message} ${JSON.stringify(fields ?? {})}`);
      },
      observe: () => {},
    };
  };
  const services = (name: TargetName) => {
    const found = opened.get(name) ?? open(name);
    opened.set(name, found);
    return found;
  };
  const server = await startServer(
    async (message, response) => {
      const name = message.headers[functionHeader] ?? backendOf(message);
      const target = targetNames.find((one) => one === name) ?? 'manifests';
      const handler = serve(await services(target), { functions: targets[target].serves });
      await handler(message, response);
    },
    { host: '127.0.0.1', port: 0, http2: false, stopMs: 10_000 },
  );
  return {
    url: `http://127.0.0.1:${server.port}`,
    upstream: environment['BERTH_MIRRORS']?.split('=')[1] ?? '',
    services,
    failures,
    spentBy: async (act) => {
      assert.deepEqual(spent, {}, 'nothing is under way');
      await act();
      const counted = spent;
      spent = {};
      return counted;
    },
    close: () => server.stop(),
  };
}
