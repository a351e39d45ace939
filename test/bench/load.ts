// Load: many connections, each sending its next request when the last one was answered.

import type { Connection } from './connection.ts';
import type { Server } from './servers.ts';

/** One unit of work on a connection, such as one request, or a whole push. @throws Error on a wrong answer */
export type Work = (connection: Connection, turn: number) => Promise<void>;

/**
 * Does the work on so many connections at once for that long.
 * @returns units done a second
 */
export async function perSecond(
  server: Server,
  options: { readonly connections: number; readonly seconds: number },
  work: Work,
): Promise<number> {
  const { connections, seconds } = options;
  const opened = await Promise.all(Array.from({ length: connections }, () => server.connect()));
  let turn = 0;
  let done = 0;
  const started = performance.now();
  const until = started + seconds * 1000;
  await Promise.all(
    opened.map(async (connection) => {
      while (performance.now() < until) {
        turn += 1;
        await work(connection, turn);
        done += 1;
      }
    }),
  );
  const elapsed = (performance.now() - started) / 1000;
  for (const connection of opened) connection.close();
  return done / elapsed;
}

/** Sends a request that must be answered so. */
export async function demand(
  connection: Connection,
  request: Uint8Array | string,
  status: number,
): Promise<string> {
  const answer = await connection.send(request);
  if (answer.status === status) return answer.head;
  throw new Error(`answered ${answer.status}, not ${status}: ${String(request).slice(0, 200)}`);
}
