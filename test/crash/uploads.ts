// How clients push a blob, each in its own sequence of requests, and the sessions that are left open.

import assert from 'node:assert/strict';
import type { Content } from '#test/support/manifests.ts';
import type { Chance } from './chance.ts';
import type { Client } from './client.ts';
import { blobThing } from './ledger.ts';

export interface Session {
  readonly repository: string;
  readonly location: string;
  readonly id: string;
  /** Its bytes are let go when the session is over. */
  content: Content;
  /** The sizes of the chunks that were acknowledged, or found to have been recorded. */
  chunks: number[];
  /** The chunk that is on its way. */
  flying: number | undefined;
  ending: 'closing' | 'cancelling' | undefined;
  over: boolean;
  /** The registry was killed in the midst of a request of it: a part may stay behind. */
  interrupted: boolean;
}

export const receivedBy = ({ chunks }: Session): number =>
  chunks.reduce((sum, size) => sum + size, 0);

const octets = { 'content-type': 'application/octet-stream' };

export class Uploads {
  /** Every session there ever was. */
  readonly sessions: Session[] = [];

  /** Pushes a blob as one of the clients does. */
  async push(client: Client, repository: string, content: Content, chance: Chance): Promise<void> {
    const way = chance.of(['docker', 'containerd', 'chunks', 'chunks and a last one', 'whole']);
    if (way === 'whole') return pushWhole(client, repository, content);
    const session = await this.open(client, repository, content);
    if (way === 'docker') await patch(client, session, { size: content.bytes.length });
    if (way.startsWith('chunks')) await patchSome(client, session, chance, way === 'chunks');
    await finish(client, session);
  }

  /** POST: what is answered with a Location is a session. */
  async open(client: Client, repository: string, content: Content): Promise<Session> {
    const { headers } = await client.ask({
      method: 'POST',
      path: `/v2/${repository}/blobs/uploads/`,
      expect: [202],
    });
    const session: Session = {
      repository,
      location: String(headers.location),
      id: String(headers['docker-upload-uuid']),
      content,
      chunks: [],
      flying: undefined,
      ending: undefined,
      over: false,
      interrupted: false,
    };
    this.sessions.push(session);
    return session;
  }

  openOf(repository: string): Session[] {
    return this.sessions.filter((session) => !session.over && session.repository === repository);
  }
}

async function pushWhole(client: Client, repository: string, content: Content): Promise<void> {
  await client.ask({
    method: 'POST',
    path: `/v2/${repository}/blobs/uploads/?digest=${content.digest}`,
    headers: { ...octets, 'content-length': String(content.bytes.length) },
    body: inPieces(content.bytes),
    expect: [201],
    bodyPhase: 'POST body',
    phase: 'POST with the whole',
    writes: [[blobThing(repository, content.digest), content.digest]],
  });
}

/** Chunks with their Content-Range, up to the end or to somewhere before it. */
export async function patchSome(
  client: Client,
  session: Session,
  chance: Chance,
  toTheEnd: boolean,
): Promise<void> {
  for (let chunks = chance.whole(1, 4); chunks > 0; chunks -= 1) {
    const left = session.content.bytes.length - receivedBy(session);
    // Of one byte the Range would not tell whether it is there.
    const some = chance.whole(2, Math.max(2, Math.ceil(left / chunks)));
    const size = chunks === 1 && toTheEnd ? left : Math.min(some, left);
    if (left > size || toTheEnd) await patch(client, session, { size, ranged: true });
  }
}

/** One PATCH: with its range and length, as the specification has it, or as a stream, as docker does. */
export async function patch(
  client: Client,
  session: Session,
  { size, ranged = false }: { size: number; ranged?: boolean },
): Promise<void> {
  if (size === 0) return;
  const start = receivedBy(session);
  const bytes = session.content.bytes.subarray(start, start + size);
  const range = {
    'content-range': `${start}-${start + size - 1}`,
    'content-length': String(size),
  };
  session.flying = size;
  const { headers } = await client.ask({
    method: 'PATCH',
    path: session.location,
    headers: { ...octets, ...(ranged ? range : {}) },
    body: inPieces(bytes),
    expect: [202],
    bodyPhase: 'PATCH body',
    phase: 'PATCH sent',
  });
  session.flying = undefined;
  session.chunks.push(size);
  assert.equal(headers.range, `0-${start + size - 1}`);
  await client.killer.reach('PATCH answered');
}

/** The closing PUT, with what is left of the blob. */
export async function finish(client: Client, session: Session): Promise<void> {
  const { repository, location, content } = session;
  const rest = content.bytes.subarray(receivedBy(session));
  session.ending = 'closing';
  await client.ask({
    method: 'PUT',
    path: `${location}&digest=${content.digest}`,
    headers: { ...octets, 'content-length': String(rest.length) },
    body: inPieces(rest),
    expect: [201],
    bodyPhase: 'PUT body',
    phase: session.chunks.length === 0 ? 'PUT with the whole' : 'closing PUT',
    writes: [[blobThing(repository, content.digest), content.digest]],
  });
  end(session);
}

export async function cancel(client: Client, session: Session): Promise<void> {
  session.ending = 'cancelling';
  await client.ask({
    method: 'DELETE',
    path: session.location,
    expect: [204],
    phase: 'DELETE of a session',
  });
  end(session);
}

export function end(session: Session): void {
  session.over = true;
  session.content = { ...session.content, bytes: Buffer.alloc(0) };
}

/** Two halves, so that a request can be killed between them. */
export function inPieces(bytes: Uint8Array): readonly Uint8Array[] {
  const half = Math.floor(bytes.length / 2);
  return half === 0 ? [bytes] : [bytes.subarray(0, half), bytes.subarray(half)];
}
