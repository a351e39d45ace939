// Secrets in Secret Manager, by its REST API (v1).
//
// What `latest` stands for may be hours old, and so may everything else but one: a version that was added can be read by
// its number at once. So the newest version is found from `latest` upwards.

import type { Clock } from '../ports/clock.ts';
import type { SecretVersion, SecretVersions } from '../ports/secret-versions.ts';
import { startCrc32c } from './crc32c.ts';
import { GoogleApi, type GoogleApiOptions } from './google-api.ts';
import { hasStatus, StorageFailure } from './storage-failure.ts';

export interface SecretManagerOptions extends GoogleApiOptions {
  readonly projectId: string;
  readonly clock: Clock;
}

/** Opens it; nothing is asked yet. */
export function openSecretManager(options: SecretManagerOptions): SecretVersions {
  const api = new GoogleApi('Secret Manager', 'https://secretmanager.googleapis.com', options);
  return new SecretManager(api, `/v1/projects/${options.projectId}/secrets`, options.clock);
}

class SecretManager implements SecretVersions {
  readonly #api: GoogleApi;
  readonly #path: string;
  readonly #clock: Clock;

  constructor(api: GoogleApi, path: string, clock: Clock) {
    this.#api = api;
    this.#path = path;
    this.#clock = clock;
  }

  async newest(secret: string): Promise<SecretVersion | undefined> {
    let found = await this.#access(secret, 'latest');
    let next = found;
    while (next !== undefined) {
      found = next;
      next = await this.#access(secret, String(next.version + 1));
    }
    if (found === undefined) return undefined;
    return { ...found, createdMs: await this.#createdMs(secret, found.version) };
  }

  async add(secret: string, text: string): Promise<void> {
    const bytes = Buffer.from(text);
    await this.#api
      .ask({
        method: 'POST',
        path: `${this.#path}/${secret}:addVersion`,
        body: {
          payload: { data: bytes.toString('base64'), dataCrc32c: await checksum(bytes) },
        },
      })
      .catch((error: unknown) => {
        if (!hasStatus(error, 404)) throw error;
        throw new StorageFailure(`there is no secret ${secret}: Terraform makes it`, {});
      });
  }

  async destroyBefore(secret: string, version: number): Promise<void> {
    for await (const found of this.#enabled(secret)) {
      if (found >= version) continue;
      await this.#api.ask({
        method: 'POST',
        path: `${this.#path}/${secret}/versions/${found}:destroy`,
        body: {},
        // Somebody else did.
        expected: [400],
      });
    }
  }

  /** @returns the version, and `undefined` where there is none of that number. Not when it was disabled or destroyed */
  async #access(secret: string, version: string) {
    const { status, data } = await this.#api.ask({
      method: 'GET',
      path: `${this.#path}/${secret}/versions/${version}:access`,
      expected: [400, 404],
    });
    if (status === 404) return undefined;
    if (status === 400) {
      throw new StorageFailure(
        `the newest version of the secret ${secret} is disabled or destroyed: enable it, or add another`,
        {},
      );
    }
    const { name, payload } = data as {
      name?: unknown;
      payload?: { data?: unknown; dataCrc32c?: unknown };
    };
    const bytes = Buffer.from(String(payload?.data ?? ''), 'base64');
    const expected = payload?.dataCrc32c;
    if (expected !== undefined && (await checksum(bytes)) !== String(expected)) {
      throw new StorageFailure(`the secret ${secret} was damaged on its way here`, {
        isPassing: true,
      });
    }
    return { version: numberIn(name), text: bytes.toString('utf8') };
  }

  /** What was added just now need not be told of yet. */
  async #createdMs(secret: string, version: number): Promise<number> {
    const { status, data } = await this.#api.ask({
      method: 'GET',
      path: `${this.#path}/${secret}/versions/${version}`,
      expected: [404],
    });
    const { createTime } = (data ?? {}) as { createTime?: unknown };
    return status === 404 ? this.#clock.now() : timeIn(createTime);
  }

  async *#enabled(secret: string): AsyncGenerator<number> {
    let pageToken = '';
    do {
      const { data } = await this.#api.ask({
        method: 'GET',
        path: `${this.#path}/${secret}/versions`,
        query: { filter: 'state:ENABLED', pageSize: '100', ...(pageToken && { pageToken }) },
      });
      const page = data as { versions?: { name?: unknown }[]; nextPageToken?: string };
      for (const { name } of page.versions ?? []) yield numberIn(name);
      pageToken = page.nextPageToken ?? '';
    } while (pageToken !== '');
  }
}

/** CRC32C, as Secret Manager writes it: a decimal number. */
async function checksum(bytes: Uint8Array): Promise<string> {
  const crc = await startCrc32c();
  crc.update(bytes);
  return String(Buffer.from(crc.digest(), 'base64').readUInt32BE());
}

/** Of `projects/…/secrets/…/versions/3`, 3. */
function numberIn(name: unknown): number {
  const [, digits] = /\/versions\/(\d{1,15})$/.exec(String(name)) ?? [];
  if (digits !== undefined) return Number(digits);
  throw new StorageFailure('Secret Manager answered with something that is not a version', {});
}

function timeIn(time: unknown): number {
  const ms = Date.parse(String(time));
  if (!Number.isNaN(ms)) return ms;
  throw new StorageFailure('Secret Manager answered with something that is not a version', {});
}
