// Who asks, and with what right: the challenge of the registry, and a token for what follows.

import { setTimeout as sleep } from 'node:timers/promises';
import { Failure } from '../failure.ts';
import { type Answer, ask, type Connection, originOf, type Sent } from './connection.ts';

export interface Credentials {
  readonly user: string;
  readonly password: string;
}

export interface Session {
  /** Asks for a path of the registry, or an address of it, with the token. @throws Failure where that is anybody else's */
  send(path: string, sent?: Sent): Promise<Answer>;
}

export interface Challenge {
  readonly realm: URL;
  readonly service: string;
}

const againAfterMs = 2_000;

/**
 * Asks until the registry answers as one: with a challenge.
 * @param waitMs for how long it is asked again
 * @throws Failure where it does not
 */
export async function challengeOf(connection: Connection, waitMs: number): Promise<Challenge> {
  const deadline = performance.now() + waitMs;
  for (;;) {
    try {
      return await askForChallenge(connection);
    } catch (error) {
      if (!(error instanceof Failure) || performance.now() + againAfterMs > deadline) throw error;
    }
    await sleep(againAfterMs);
  }
}

async function askForChallenge(connection: Connection): Promise<Challenge> {
  const answer = await ask(connection, new URL('/v2/', originOf(connection)));
  expectStatus(answer, 401, 'GET /v2/');
  const header = answer.headers['www-authenticate'] ?? '';
  const { realm, service } = Object.fromEntries(
    [...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name, value]) => [name, value]),
  );
  if (!/^bearer /i.test(header) || realm === undefined || service === undefined) {
    throw new Failure(`GET /v2/: no challenge for a token: ${header}`);
  }
  // What is sent there is worth more than this test.
  if (!URL.canParse(realm) || new URL(realm).origin !== originOf(connection)) {
    throw new Failure(`GET /v2/: the challenge leads elsewhere, to ${realm}`);
  }
  return { realm: new URL(realm), service };
}

/** @throws Failure where there is none for these credentials */
export async function openSession(
  connection: Connection,
  { realm, service }: Challenge,
  { scope, credentials }: { readonly scope: string; readonly credentials: Credentials },
): Promise<Session> {
  const url = new URL(realm);
  url.searchParams.set('service', service);
  url.searchParams.set('scope', scope);
  const basic = Buffer.from(`${credentials.user}:${credentials.password}`).toString('base64');
  const answer = await ask(connection, url, { headers: { Authorization: `Basic ${basic}` } });
  expectStatus(answer, 200, `GET ${realm.pathname}`);
  const { token } = jsonOf(answer, `GET ${realm.pathname}`) as { token?: unknown };
  if (typeof token !== 'string') throw new Failure(`GET ${realm.pathname}: no token`);
  return {
    send: async (path, sent = {}) => {
      const to = new URL(path, originOf(connection));
      if (to.origin !== originOf(connection)) {
        throw new Failure(`${sent.method ?? 'GET'}: the registry leads elsewhere, to ${to.origin}`);
      }
      return ask(connection, to, {
        ...sent,
        headers: { ...sent.headers, Authorization: `Bearer ${token}` },
      });
    },
  };
}

/** @throws Failure with what came instead */
export function expectStatus(answer: Answer, status: number, what: string): void {
  if (answer.status === status) return;
  const text = answer.bytes
    .subarray(0, 500)
    .toString('utf8')
    .replaceAll(/[^\x20-\x7e]+/g, ' ');
  throw new Failure(`${what}: ${answer.status} and not ${status}: ${text}`);
}

/** @throws Failure where the answer is not a JSON object */
export function jsonOf({ bytes }: Answer, what: string): object {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'));
    if (typeof value === 'object' && value !== null) return value;
  } catch {}
  throw new Failure(`${what}: the answer is not JSON`);
}
