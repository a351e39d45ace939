// skopeo with a home of its own: its logins, and what it remembers of the blobs it has seen.

import { join } from 'node:path';
import { type Client, clientOf } from './client.ts';

/** skopeo at a directory. What it stores lies there, and a login of one is none of another. @param environment is put over that */
export function skopeoIn(
  directory: string,
  environment: Readonly<Record<string, string>> = {},
): Client {
  return clientOf('skopeo', [], {
    HOME: directory,
    REGISTRY_AUTH_FILE: join(directory, 'auth.json'),
    // Root's memory of blobs is one for the whole machine, whatever HOME says: with what an earlier run left
    // there, a layer would be found again compressed otherwise. Anybody else's is in HOME.
    _CONTAINERS_ROOTLESS_UID: '1000',
    ...environment,
  });
}
