// Robots: whatever a client logs in as becomes a key that every store takes, or none.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { findRobot } from '#shared/auth/robot-records.ts';
import { pathOf } from '#shared/google/firestore-keys.ts';
import type { Key } from '#shared/ports/documents.ts';

/** The keys that are asked for, of no documents at all. */
async function askedFor(username: string): Promise<Key[]> {
  const keys: Key[] = [];
  const get = async (key: Key) => {
    keys.push(key);
    return undefined;
  };
  const found = await findRobot({ get }, username);
  assert.equal(found, undefined);
  return keys;
}

describe('findRobot', () => {
  it('looks for a robot by its name and project', async () => {
    assert.deepEqual(await askedFor('ci@example.com/team'), [
      ['-', 'example.com/team', 'robots', 'ci'],
    ]);
  });

  it('looks for none whose name or project cannot be one, however long, strange or wrong', async () => {
    const long = 'a'.repeat(2000);
    for (const username of [
      long,
      `${long}@p`,
      `ci@${long}`,
      'ci@',
      '@p',
      'ci@p@q',
      'ci@p\0',
      'ci@ä',
    ]) {
      assert.deepEqual(await askedFor(username), [], username);
    }
    const anyUsername = fc.tuple(fc.string({ unit: 'binary' }), fc.string({ unit: 'binary' }));
    await fc.assert(
      fc.asyncProperty(anyUsername, async ([name, project]) => {
        for (const key of await askedFor(`${name}@${project}`)) pathOf(key);
      }),
    );
  });
});
