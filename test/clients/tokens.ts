// How clients were let in, as the registry's own log tells.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import type { RunningBerth } from '#test/support/berth.ts';

interface LoggedRequest {
  readonly message: string;
  readonly route: string;
  readonly status: number;
  readonly actor?: string;
}

/**
 * Has something done, and asserts that it was let in by tokens: each was asked for at /v2/token, and given, in the
 * name of that actor, and served it afterwards.
 * @returns what `act` returned
 */
export async function byToken<R>(
  berth: RunningBerth,
  actor: string,
  act: () => Promise<R>,
): Promise<R> {
  const { result, requests } = await requestsOf(berth, act);
  const given = assertTokens(requests, actor);
  const served = (one: LoggedRequest) => one.actor === actor && one.status < 400;
  assert.ok(requests.slice(given + 1).some(served), 'nothing was served by the token');
  return result;
}

/** As {@link byToken}, for what asks for a token as nobody and is refused all the same. */
export async function refusedByToken<R>(berth: RunningBerth, act: () => Promise<R>): Promise<R> {
  const { result, requests } = await requestsOf(berth, act);
  const given = assertTokens(requests, 'anonymous');
  const refused = requests.slice(given + 1).some(({ status }) => status === 401 || status === 403);
  assert.ok(refused, 'nothing was refused to the token');
  return result;
}

/** @returns where the first token was given */
function assertTokens(requests: readonly LoggedRequest[], actor: string): number {
  const tokens = requests.filter(({ route }) => route === 'token');
  assert.ok(tokens.length > 0, `no token was asked for: ${JSON.stringify(requests)}`);
  for (const token of tokens) assert.deepEqual([token.status, token.actor], [200, actor]);
  return requests.findIndex(({ route }) => route === 'token');
}

async function requestsOf<R>(
  berth: RunningBerth,
  act: () => Promise<R>,
): Promise<{ result: R; requests: LoggedRequest[] }> {
  await allLogged(berth);
  const from = berth.output().length;
  const result = await act();
  await allLogged(berth);
  const lines = berth.output().slice(from).split('\n');
  const requests = lines
    .filter((line) => line.startsWith('{'))
    .map((line): LoggedRequest => JSON.parse(line))
    .filter(({ message, route }) => message === 'request' && route !== 'healthz');
  return { result, requests };
}

/** A request is logged a moment after its client has the answer: waits until one of ours, the last, is. */
async function allLogged({ url, process, output }: RunningBerth): Promise<void> {
  const { headers } = await fetch(`${url}/healthz`);
  const id = headers.get('x-request-id') ?? assert.fail('the registry gave no request id');
  const line = new RegExp(`${id}.*\\n`);
  while (!line.test(output()) && process.stderr !== null) await once(process.stderr, 'data');
}
