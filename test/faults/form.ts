// What must hold of every answer, whatever was asked and whatever failed: its form, and that it tells
// nothing of the stores.

import { Violation } from '#test/model/schedule.ts';
import { nicknameOf } from '#test/model/universe.ts';
import { errorsOf } from '#test/support/calls.ts';
import { errorCodesForTests } from '#test/support/error-codes.ts';
import type { Call, Exchange } from './door.ts';
import { type Fate, type Fault, type Operation, secretOfStores } from './faults.ts';

/** How a stack looks, and the places in it. */
const stack = /\n\s+at |node:internal|\.ts:\d/;

/** What the rules are to get over, so that the client hears nothing of it. */
const harmless: ReadonlySet<string> = new Set<Fate<Operation>>([
  'run twice',
  'committed, then run again',
  'meets its own',
]);

/**
 * @param struck the faults that this request met
 * @throws Violation
 */
export function checkForm(exchange: Exchange, struck: readonly Fault<Operation>[]): void {
  const { answer, logged } = exchange;
  const demand = (holds: boolean, what: string) => {
    if (!holds) throw new Violation(`${what}: ${tell(exchange)}`);
  };
  const errors = logged.filter((line) => line.startsWith('ERROR'));
  if (answer === undefined) {
    const isDue = struck.some(({ fate }) => fate === 'breaks off');
    demand(isDue, 'the connection broke off, though no store did');
    demand(errors.length > 0, 'a reply that broke off was not logged');
    return;
  }
  const { status, headers, body } = answer;
  const text = `${JSON.stringify(headers)}\n${body.subarray(0, 10_000)}`;
  demand(!text.includes(secretOfStores) && !stack.test(text), 'the client was told of the stores');
  demand(typeof headers['x-request-id'] === 'string', 'an answer has no request id');
  if (status >= 400) demand(hasForm(exchange), 'a refusal is not in the form');
  if (status < 500) {
    demand(errors.length === 0, 'what failed was not told to the client');
    demand(!struck.some(mustBeTold), 'a fault was taken for an answer');
  } else if (headers['retry-after'] === undefined) {
    demand(struck.some(mayExplain(status)), `${status} without such a fault`);
    demand(errors.length > 0, 'a failure was not logged');
  }
}

/** Operations that may fail unheard: they clean up, or ask before that. */
const lenient: ReadonlySet<string> = new Set(['stat', 'delete']);

function mustBeTold({ what, fate }: Fault<Operation>): boolean {
  // A transaction that came to its end may have been a refusal, which is the answer then.
  const mayBeRefusal = what === 'transact' && (fate === 'undone' || fate === 'answer lost');
  return !harmless.has(fate) && !lenient.has(what) && !mayBeRefusal;
}

function mayExplain(status: number): (fault: Fault<Operation>) => boolean {
  return ({ fate }) => !harmless.has(fate) && (fate === 'full') === (status === 507);
}

function hasForm({ call, answer, logged }: Exchange): boolean {
  if (answer === undefined) return false;
  const { status, headers, body } = answer;
  if (call.method === 'HEAD') return body.length === 0;
  const requestId = headers['x-request-id'];
  const isOurs = status === 500 || status === 507;
  if (isOurs && !logged.some((line) => line.includes(String(requestId)))) return false;
  // What is for machines that look after the registry is in other forms than the specification's.
  if (!call.path.startsWith('/v2'))
    return headers['content-type']?.startsWith('text/plain') === true;
  if (headers['content-type'] !== 'application/json') return false;
  const errors = errorsOf(answer);
  return (
    errors.length > 0 &&
    errors.every(
      ({ code, message, detail }) =>
        (isOurs ? code === 'UNKNOWN' : errorCodesForTests.has(code)) &&
        message.length > 0 &&
        detail['requestId'] === requestId,
    )
  );
}

/** A call and its answer, in a line. */
export function tell(exchange: Exchange): string {
  return `${tellCall(exchange.call)} → ${exchange}`;
}

/** A call, in a line: without the session's state, and with nicknames for digests. */
export function tellCall({ method, path, headers = {} }: Call): string {
  const shown = path
    .replace(/-[0-9a-f-]{27}\?_state=[^&]+/, '…')
    .replace(/sha256:[0-9a-f]{64}/g, nicknameOf);
  const range = headers['content-range'];
  return `${method} ${shown}${range === undefined ? '' : ` Content-Range: ${range}`}`;
}
