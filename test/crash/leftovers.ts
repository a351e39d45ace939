// What lies in a data directory that no client can see: parts of upload sessions, and temporary files.

import assert from 'node:assert/strict';
import { copyFile, readdir, rename, stat, utimes } from 'node:fs/promises';
import { join } from 'node:path';
import type { RunningBerth } from '#test/support/berth.ts';
import { Connection } from './connection.ts';
import { blobThing, type Ledger } from './ledger.ts';
import { end, receivedBy, type Session } from './uploads.ts';

/** Where real clients push, and nobody else. */
export const clientsProject = 'clients';

export interface Part {
  readonly session: string;
  readonly path: string;
  readonly size: number;
}

/** Every part there is. */
export async function partsIn(dataDirectory: string): Promise<Part[]> {
  const objects = join(dataDirectory, 'blobs/objects');
  const entries = await readdir(objects, { recursive: true, withFileTypes: true });
  const files = entries.filter((entry) => entry.isFile() && /\/parts\//.test(entry.parentPath));
  return Promise.all(
    files.map(async ({ parentPath, name }) => {
      const path = join(parentPath, name);
      const [session = ''] = parentPath.split('/').slice(-1);
      return { session, path, size: (await stat(path)).size };
    }),
  );
}

export async function temporariesIn(dataDirectory: string): Promise<string[]> {
  return readdir(join(dataDirectory, 'blobs/tmp'));
}

/**
 * Makes a part look as if it had been written so many hours ago. A part may be one file with the blob that was made
 * of it, whose time means something else: so it is copied.
 */
export async function age({ path }: Part, hours: number): Promise<void> {
  const seconds = Date.now() / 1000 - hours * 3600;
  await copyFile(path, `${path}.aged`);
  await utimes(`${path}.aged`, seconds, seconds);
  await rename(`${path}.aged`, path);
}

/**
 * Holds the open sessions against what clients were told of them, and the parts on disk against the sessions.
 * What was in flight is written down as it turned out.
 * @returns parts that no open session has recorded. They may only be there where a request of theirs was in flight
 */
export async function checkSessions(
  berth: RunningBerth,
  ledger: Ledger,
  sessions: readonly Session[],
): Promise<Part[]> {
  const connection = new Connection(berth);
  try {
    for (const session of sessions) {
      if (!session.over) await checkSession(connection, ledger, session);
    }
  } finally {
    connection.close();
  }
  return strays(await partsIn(berth.dataDirectory), sessions);
}

async function checkSession(
  connection: Connection,
  ledger: Ledger,
  session: Session,
): Promise<void> {
  const { location, repository, content, flying, ending } = session;
  const { status, headers } = await connection.send({ method: 'GET', path: location });
  if (flying !== undefined || ending !== undefined) session.interrupted = true;
  if (status === 404) {
    assert.ok(ending !== undefined, `the session ${session.id} is lost`);
    if (ending === 'closing') {
      const thing = blobThing(repository, content.digest);
      assert.equal(ledger.certain(thing), content.digest, `${session.id} ended without its blob`);
      // "Repeating it after it succeeded succeeds."
      const path = `${location}&digest=${content.digest}`;
      const again = await connection.send({ method: 'PUT', path });
      assert.equal(again.status, 201, `closing ${session.id} again: ${again.body}`);
    }
    end(session);
    return;
  }
  assert.equal(status, 204, `the session ${session.id}`);
  const before = receivedBy(session);
  if (flying !== undefined && headers.range === `0-${before + flying - 1}`) {
    session.chunks.push(flying);
  } else {
    assert.equal(headers.range, `0-${Math.max(0, before - 1)}`, `the session ${session.id}`);
  }
  session.flying = undefined;
  session.ending = undefined;
}

function strays(parts: readonly Part[], sessions: readonly Session[]): Part[] {
  const known = new Map(sessions.map((session) => [session.id, session]));
  const found: Part[] = [];
  for (const [id, own] of Map.groupBy(parts, (part) => part.session)) {
    const session = known.get(id);
    if (session === undefined && isOfClients(own)) {
      found.push(...own);
      continue;
    }
    assert.ok(session !== undefined, `parts of the unknown session ${id}`);
    const extra = session.over ? own : unrecorded(own, session);
    if (extra.length === 0) continue;
    assert.ok(session.interrupted, `${id} left ${extra.length} parts, and was not interrupted`);
    found.push(...extra);
  }
  for (const session of sessions) {
    const isThere =
      session.over ||
      session.chunks.length === 0 ||
      parts.some((part) => part.session === session.id);
    assert.ok(isThere, `the open session ${session.id} has no parts`);
  }
  return found;
}

/** Of sessions that only a real client knew, which gives one up when its connection breaks. */
function isOfClients(parts: readonly Part[]): boolean {
  return parts.every(({ path }) => path.includes(`/${clientsProject}/parts/`));
}

/** The parts beside those that an open session has recorded. */
function unrecorded(parts: readonly Part[], session: Session): Part[] {
  const left = [...parts];
  for (const size of session.chunks) {
    const at = left.findIndex((part) => part.size === size);
    assert.ok(at !== -1, `the session ${session.id} has lost a part of ${size} bytes`);
    left.splice(at, 1);
  }
  return left;
}
