// GET /readyz: requests can be answered, because both stores answer. A full disk is ready: pulls go on.

import { repositoriesOf } from '#shared/registry/layout.ts';
import type { Action } from '../action.ts';
import { plainText } from './replies.ts';

export const ready: Action = async ({ host }, { locationOf, documents, blobs, log }) => {
  const location = locationOf(host);
  try {
    await documents.list({ prefix: repositoriesOf(location), limit: 1 });
    await blobs.stat([location, 'ready', 'blobs', 'ready']);
  } catch (error) {
    log('ERROR', 'a store does not answer', { error: String(error) });
    return plainText(503, 'a store does not answer');
  }
  return plainText(200, 'ready');
};
