// Upload sessions: the signed address is good for this session of this repository, for a day, and no other.

import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import fc from 'fast-check';
import { RegistryError } from '#shared/oci/errors.ts';
import { sessionSecondsMax } from '#shared/oci/limits.ts';
import { parseRepositoryName } from '#shared/oci/reference.ts';
import { type Repository, repositoryAt } from '#shared/registry/layout.ts';
import {
  openSession,
  parseSession,
  type StateKey,
  sessionLocation,
  type UploadSession,
} from '#shared/registry/sessions.ts';
import { fakeClock } from '#test/support/clock.ts';

const startMs = Date.parse('2026-11-24T12:00:00Z') + 999;
const keys: readonly StateKey[] = [{ id: 'key-1', secret: 'a secret' }];
const repository = at('local', 'team/image');

function at(location: string, text: string): Repository {
  const name = parseRepositoryName(text);
  assert.ok(name !== undefined);
  return repositoryAt(location, name);
}

interface Address {
  readonly repository: Repository;
  readonly id: string;
  readonly state: string | null;
  readonly keys: readonly StateKey[];
  readonly clock: { now(): number };
}

/** A session of the repository, its address, and the clock it was opened by. */
function open(algorithm?: 'sha256' | 'sha512') {
  const clock = fakeClock(startMs);
  const session = openSession(repository, { clock, algorithm });
  const { id, state } = read(sessionLocation(session, keys));
  return { clock, session, address: { repository, id, state, keys, clock } satisfies Address };
}

function read(location: string): { id: string; state: string } {
  const url = new URL(location, 'http://localhost');
  const [, id] = /^\/v2\/team\/image\/blobs\/uploads\/([^/]+)~$/.exec(url.pathname) ?? [];
  const state = url.searchParams.get('_state');
  assert.ok(id !== undefined && state !== null, location);
  assert.deepEqual([...url.searchParams.keys()], ['_state']);
  return { id, state };
}

function parse({ repository: of, ...rest }: Address): UploadSession {
  return parseSession(of, rest);
}

function assertUnknown(address: Address, what: string): void {
  assert.throws(
    () => parse(address),
    (error: unknown) => {
      assert.ok(error instanceof RegistryError, String(error));
      assert.deepEqual([error.code, error.status], ['BLOB_UPLOAD_UNKNOWN', 404]);
      return true;
    },
    what,
  );
}

describe('a session’s address', () => {
  it('is read back as the session, and stays the same for its whole life', () => {
    for (const algorithm of [undefined, 'sha256', 'sha512'] as const) {
      const { clock, session, address } = open(algorithm);
      assert.equal(session.algorithm, algorithm ?? 'sha256');
      assert.deepEqual(parse(address), session);
      clock.advance(3_600_000);
      assert.deepEqual(parse(address), session);
      const { state } = read(sessionLocation(parse(address), keys));
      assert.equal(state, address.state);
    }
  });

  it('is one that needs no encoding, and that no two sessions share', () => {
    const clock = fakeClock(startMs);
    const locations = Array.from({ length: 100 }, () =>
      sessionLocation(openSession(repository, { clock }), keys),
    );
    // The unreserved characters of RFC 3986, and what holds the address together.
    for (const location of locations) assert.match(location, /^\/[\w/.-]+~\?_state=[\w.-]+$/);
    assert.equal(new Set(locations).size, 100);
  });

  it('is refused once any character of the state is changed, left out or added', () => {
    const { address } = open();
    const characters = fc.oneof(
      fc.constantFrom(...'.-_=aA0z'),
      fc.string({ unit: 'binary', minLength: 1, maxLength: 2 }),
    );
    const { state } = address;
    const forged = fc.oneof(
      fc
        .tuple(fc.nat(state.length - 1), characters)
        .map(([position, other]) => splice(state, position, 1, other)),
      fc.nat(state.length - 1).map((position) => splice(state, position, 1, '')),
      fc
        .tuple(fc.nat(state.length), characters)
        .map(([position, added]) => splice(state, position, 0, added)),
      fc.nat(state.length - 1).map((length) => state.slice(0, length)),
    );
    fc.assert(
      fc.property(
        forged.filter((other) => other !== state),
        (other) => assertUnknown({ ...address, state: other }, other),
      ),
      { numRuns: 2000 },
    );
  });

  it('is refused with anything after its end', () => {
    const { address } = open();
    for (const more of ['.', '.x', '.sha256', `.${address.state}`]) {
      assertUnknown({ ...address, state: address.state + more }, more);
    }
  });

  it('is refused where the state is absent, made up, or signed with another’s secret', () => {
    const { address, session } = open();
    const forger = [{ id: 'key-1', secret: 'a guess' }];
    for (const state of [
      null,
      '',
      '.',
      '...',
      'key-1...',
      `${address.state} `,
      address.state.toUpperCase(),
      address.state.replace('sha256', 'sha512'),
      address.state.split('.').slice(0, 3).join('.'),
      read(sessionLocation(session, forger)).state,
      '__proto__.0.sha256.',
    ]) {
      assertUnknown({ ...address, state }, String(state));
    }
    const other = open();
    assertUnknown({ ...address, state: other.address.state }, 'another session’s state');
  });

  it('is refused for another id, repository or location', () => {
    const { address } = open();
    fc.assert(
      fc.property(
        fc.nat(address.id.length - 1),
        fc.constantFrom(...'0123456789abcdef-'),
        (n, other) => {
          const id = splice(address.id, n, 1, other);
          fc.pre(id !== address.id);
          assertUnknown({ ...address, id }, id);
        },
      ),
    );
    for (const id of ['', `${address.id}0`, address.id.slice(1), address.id.toUpperCase()]) {
      assertUnknown({ ...address, id }, id);
    }
    for (const other of [
      at('local', 'team/images'),
      at('local', 'team/imag'),
      at('local', 'team/other'),
      at('local', 'team'),
      at('elsewhere', 'team/image'),
    ]) {
      assertUnknown({ ...address, repository: other }, other.name);
    }
  });

  it('cannot be moved by shifting a character from one part to the next', () => {
    const { session } = open();
    const { state } = read(sessionLocation(session, keys));
    // What is signed is the repository, the id and the claims together: their borders count.
    const shifted = at('local', 'team/image0');
    assertUnknown(
      { repository: shifted, id: session.id.slice(1), state, keys, clock: fakeClock(startMs) },
      'shifted',
    );
  });

  it('is good until the session’s greatest age, to the second it began in, and not after', () => {
    const { clock, address } = open();
    const secondBegan = Math.floor(startMs / 1000) * 1000;
    const end = secondBegan + sessionSecondsMax * 1000;
    clock.advance(end - 1 - clock.now());
    assert.ok(parse(address));
    clock.advance(1);
    assertUnknown(address, 'at its end');
    clock.advance(365 * 24 * 3_600_000);
    assertUnknown(address, 'a year later');
  });

  it('is still good by a second key while keys rotate, and not once that is gone', () => {
    const { address, session } = open();
    const fresh: StateKey = { id: 'key-2', secret: 'another secret' };
    assert.deepEqual(parse({ ...address, keys: [fresh, ...keys] }), session);
    const rotated = read(sessionLocation(session, [fresh, ...keys])).state;
    assert.ok(rotated.startsWith('key-2.'), 'the first key signs');
    assert.deepEqual(parse({ ...address, state: rotated, keys: [...keys, fresh] }), session);
    assertUnknown({ ...address, keys: [fresh] }, 'the old key is gone');
    assertUnknown({ ...address, state: rotated }, 'a key that is not ours yet');
    assertUnknown({ ...address, keys: [] }, 'no key');
    assertUnknown(
      { ...address, keys: [{ id: 'key-1', secret: fresh.secret }] },
      'the same id with another secret',
    );
  });

  it('cannot be made without a key', () => {
    const { session } = open();
    assert.throws(() => sessionLocation(session, []), /no key/);
  });
});

function splice(text: string, position: number, removed: number, added: string): string {
  return text.slice(0, position) + added + text.slice(position + removed);
}
