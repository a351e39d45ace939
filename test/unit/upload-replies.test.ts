// What uploads are told of their session, whichever version of Berth opened it.

import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { describe, it } from 'node:test';
import { progress } from '#functions/uploads/replies.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import { repositoryAt } from '#shared/registry/layout.ts';
import { openSession, parseSession, sessionLocation } from '#shared/registry/sessions.ts';
import { fakeClock } from '#test/support/clock.ts';

describe('a session’s UUID is told whole', () => {
  const clock = fakeClock(Date.UTC(2026, 0, 1));
  const repository = repositoryAt('local', parseRepositoryName('a/b') ?? assert.fail());
  const keys = [{ id: 'one', secret: 'of a test' }];
  const id = randomUUID();
  for (const [what, opened] of Object.entries({
    'of a session with its mark': openSession(repository, { clock }),
    'of one that was opened before there were marks': {
      ...openSession(repository, { clock }),
      id,
    },
  })) {
    it(what, () => {
      const location = sessionLocation(opened, keys);
      const state = new URL(location, 'http://a').searchParams.get('_state');
      const session = parseSession(repository, { id: opened.id, state, keys, clock });
      const { headers } = progress(204, { session, location, offset: 0 });
      assert.match(String(headers?.['Docker-Upload-UUID']), /^[0-9a-f-]{36}$/);
    });
  }
});
