// Raw connections to a registry that runs, and those beside them who must not notice.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readdirSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { join } from 'node:path';
import { setTimeout as pause } from 'node:timers/promises';
import type { RunningBerth } from '#test/support/berth.ts';
import { type Call, send } from '#test/support/calls.ts';
import { randomBlob } from '#test/support/manifests.ts';
import { comesTrue, hasProc, memoryMebibytes, openFiles } from './vitals.ts';
import { adminOf } from './world.ts';

/** How long anyone may wait for an ordinary answer while hostile connections are open. */
const servedMs = 2000;

/** A connection on which bytes are sent as they are. */
export interface Wire {
  readonly socket: Socket;
  /** All that came so far, a character a byte. */
  received(): string;
  /** Waits until what came is so, or the connection has ended, or nobody would wait any longer. */
  until(pattern: RegExp): Promise<string>;
  /** Waits for the registry to end it. @returns all that came */
  ended(): Promise<string>;
}

export async function open({ url }: Pick<RunningBerth, 'url'>): Promise<Wire> {
  const { hostname, port } = new URL(url);
  const socket = connect({ host: hostname, port: Number(port), allowHalfOpen: true });
  const pieces: Buffer[] = [];
  let over = false;
  socket.on('data', (piece) => pieces.push(piece));
  // Broken off or ended: both are an end.
  socket.on('error', () => {});
  for (const event of ['end', 'close']) {
    socket.on(event, () => {
      over = true;
    });
  }
  await once(socket, 'connect');
  const received = () => Buffer.concat(pieces).toString('latin1');
  const until = async (holds: () => boolean) => {
    await comesTrue(holds);
    return received();
  };
  return {
    socket,
    received,
    until: (pattern) => until(() => over || pattern.test(received())),
    ended: async () => {
      const text = await until(() => over);
      socket.destroy();
      assert.ok(
        over,
        `the connection was not ended; it said ${JSON.stringify(text.slice(0, 500))}`,
      );
      return text;
    },
  };
}

export function openMany(berth: RunningBerth, count: number): Promise<Wire[]> {
  return Promise.all(Array.from({ length: count }, () => open(berth)));
}

/** A request as text, by the admin. */
export function request(
  berth: RunningBerth,
  line: string,
  headers: readonly string[] = [],
  body = '',
): string {
  const lines = [
    `${line} HTTP/1.1`,
    `Host: ${berth.host}`,
    `Authorization: ${adminOf(berth)}`,
    ...headers,
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}

/** The statuses of the answers in what came. A body that holds a status line would be counted as well: ours hold none. */
export function statusesOf(received: string): number[] {
  return [...received.matchAll(/HTTP\/1\.1 (\d{3}) /g)].map(([, status]) => Number(status));
}

/** An ordinary call, on a connection of its own. */
export function call(berth: RunningBerth, { headers, ...rest }: Omit<Call, 'expect'>) {
  const authorization = adminOf(berth);
  return send(berth.url, { authorization, ...rest, headers: { connection: 'close', ...headers } });
}

/** Pushes a blob and pulls it, as anyone would, and in time. */
export async function assertServed(berth: RunningBerth): Promise<void> {
  const { bytes, digest } = randomBlob();
  const path = '/v2/bystanders/image/blobs';
  const inTime = async (asked: Omit<Call, 'expect'>, status: number) => {
    const late = pause(servedMs, undefined, { ref: false });
    const answer = await Promise.race([call(berth, asked), late]);
    assert.ok(answer !== undefined, `${asked.method}: no answer within ${servedMs} ms`);
    assert.equal(answer.status, status, `${asked.method}: ${answer.body}`);
    return answer;
  };
  await inTime({ method: 'POST', path: `${path}/uploads/?digest=${digest}`, body: bytes }, 201);
  const { body } = await inTime({ method: 'GET', path: `${path}/${digest}` }, 200);
  assert.ok(body.equals(bytes));
}

/** Does what is hostile, and asks that afterwards no file stays open and little memory is taken. */
export async function leavesNothing(
  berth: RunningBerth,
  act: () => Promise<void>,
  addedMebibytesMax = 32,
): Promise<void> {
  await assertServed(berth);
  const before = hasProc ? { files: openFiles(berth), memory: memoryMebibytes(berth) } : undefined;
  await act();
  await assertServed(berth);
  assert.doesNotMatch(berth.output(), /"severity":"(?:ERROR|WARNING)".*/);
  if (before === undefined) return;
  const closed = await comesTrue(() => openFiles(berth) <= before.files);
  assert.ok(closed, `${openFiles(berth)} files are open, and ${before.files} were`);
  const added = memoryMebibytes(berth) - before.memory;
  assert.ok(added < addedMebibytesMax, `${added} MiB more than ${before.memory} MiB`);
}

/**
 * Ends a registry and removes its data. It is not asked to stop: that would wait for what a test that failed has
 * left in the midst of a request.
 */
export async function discard(berth: RunningBerth): Promise<void> {
  await berth.kill();
  await berth.remove();
}

/** Opens an upload session. @returns its address, and what it says it has received */
export async function openUpload(berth: RunningBerth, name: string) {
  const { headers } = await call(berth, { method: 'POST', path: `/v2/${name}/blobs/uploads/` });
  const location = headers.location ?? '';
  const range = async () => {
    const answer = await call(berth, { method: 'GET', path: location });
    assert.equal(answer.status, 204);
    return answer.headers['range'];
  };
  return { location, range };
}

/** The files that blobs and parts of uploads are kept in. */
export function storedFiles({ dataDirectory }: RunningBerth): number {
  return readdirSync(join(dataDirectory, 'blobs'), { recursive: true, withFileTypes: true }).filter(
    (entry) => entry.isFile(),
  ).length;
}
