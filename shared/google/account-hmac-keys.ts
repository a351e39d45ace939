// The HMAC keys of a service account, by Cloud Storage's JSON API (projects.hmacKeys).

import type { HmacKeys, KnownHmacKey } from '../ports/hmac-keys.ts';
import { GoogleApi, type GoogleApiOptions } from './google-api.ts';
import { StorageFailure } from './storage-failure.ts';

export interface AccountHmacKeysOptions extends GoogleApiOptions {
  readonly projectId: string;
  /** The e-mail address of the service account. */
  readonly account: string;
}

/** Opens them; nothing is asked yet. */
export function openAccountHmacKeys(options: AccountHmacKeysOptions): HmacKeys {
  const { projectId, account } = options;
  const api = new GoogleApi('Cloud Storage', 'https://storage.googleapis.com', options);
  const path = `/storage/v1/projects/${projectId}/hmacKeys`;
  const list = async () => {
    const keys: KnownHmacKey[] = [];
    let pageToken = '';
    do {
      const { data } = await api.ask({
        method: 'GET',
        path,
        query: { serviceAccountEmail: account, ...(pageToken && { pageToken }) },
      });
      const page = data as { items?: unknown[]; nextPageToken?: string };
      keys.push(...(page.items ?? []).map(keyIn));
      pageToken = page.nextPageToken ?? '';
    } while (pageToken !== '');
    return keys;
  };
  return {
    list,
    create: async () => {
      const { data } = await api.ask({
        method: 'POST',
        path,
        query: { serviceAccountEmail: account },
        // An account that was just made is not known everywhere at once.
        passing: [404],
      });
      const { secret, metadata } = data as { secret?: unknown; metadata?: unknown };
      if (typeof secret !== 'string') throw notKey();
      return { accessId: keyIn(metadata).accessId, secret };
    },
    deactivate: async (accessId) => {
      await api.ask({ method: 'PUT', path: `${path}/${accessId}`, body: { state: 'INACTIVE' } });
    },
    delete: async (accessId) => {
      await api.ask({ method: 'DELETE', path: `${path}/${accessId}`, expected: [404] });
    },
  };
}

function keyIn(metadata: unknown): KnownHmacKey {
  const { accessId, state, timeCreated, updated } = (metadata ?? {}) as Record<string, unknown>;
  const [createdMs, changedMs] = [timeCreated, updated].map((time) => Date.parse(String(time)));
  if (typeof accessId !== 'string' || !/^[A-Z0-9]+$/.test(accessId)) throw notKey();
  if (createdMs === undefined || changedMs === undefined) throw notKey();
  if (Number.isNaN(createdMs) || Number.isNaN(changedMs)) throw notKey();
  return { accessId, isActive: state === 'ACTIVE', createdMs, changedMs };
}

function notKey(): StorageFailure {
  return new StorageFailure('Cloud Storage answered with something that is not an HMAC key', {});
}
