// GET /readyz: requests can be answered, because both stores answer, in each location. A full disk is ready: pulls go on.

import type { ObjectName } from '#shared/ports/blobs.ts';
import { repositoriesOf } from '#shared/registry/layout.ts';
import type { Action } from '../action.ts';
import { plainText } from './replies.ts';

export const ready: Action = async (_request, { locations, documents, blobs, log }) => {
  try {
    for (const location of locations) {
      await documents.list({ prefix: repositoriesOf(location), limit: 1 });
      await Promise.all(objectsIn(location).map((name) => blobs.stat(name)));
    }
  } catch (error) {
    log('ERROR', 'a store does not answer', { error: String(error) });
    return plainText(503, 'a store does not answer');
  }
  return plainText(200, 'ready');
};

/** No project is called so, and none has a bucket of that name: what is asked is the location's own. */
const objectsIn = (location: string): readonly ObjectName[] => [
  [location, '-', 'blobs', 'ready'],
  [location, '-', 'parts', 'ready', 'ready'],
];
