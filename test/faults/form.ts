// What must hold of every answer, whatever was asked and whatever failed: its form, and that it tells
// nothing of the stores.

import { Violation } from '#test/model/schedule.ts';
import { nicknameOf } from '#test/model/universe.ts';
import { errorsOf } from '#test/support/calls.ts';
import { errorCodesForTests } from '#test/support/error-codes.ts';
import type { Call, Exchange } from './door.ts';
import { type Fate, type Operation, secretOfStores } from './faults.ts';

/** How a stack looks, and the places in it. */
const stack = /\n\s+at |node:internal|\.ts:\d/;

/** What the rules are to get over, so that the client hears nothing of it. */
const harmless: ReadonlySet<string> = new Set<Fate<Operation>>([
  'run twice',
  'committed, then run again',
  'meets its own',
]);

/**
 * @param struck what became of the operations of this request that met a fault
 * @throws Violation
 */
export function checkForm(exchange: Exchange, struck: readonly string[]): void {
  const { answer, logged } = exchange;
  const demand = (holds: boolean, what: string) => {
    if (!holds) throw new Violation(`${what}: ${tell(exchange)}`);
  };
  const errors = logged.filter((line) => line.startsWith('ERROR'));
  if (answer === undefined) {
    demand(struck.includes('breaks off'), 'the connection broke off, though no store did');
    demand(errors.length > 0, 'a reply that broke off was not logged');
    return;
  }
  const { status, headers, body } = answer;
  const text = `${JSON.stringify(headers)}\n${body.subarray(0, 10_000)}`;
  demand(!text.includes(secretOfStores) && !stack.test(text), 'the client was told of the stores');
  const id = headers['x-request-id'];
  demand(typeof id === 'string', 'an answer has no request id');
  if (status < 500) demand(errors.length === 0, 'what failed was not told to the client');
  if (status < 400) return;
  const isPlain = headers['content-type']?.startsWith('text/plain') === true;
  if (exchange.call.method === 'HEAD') demand(body.length === 0, 'a HEAD has a body');
  else if (!isPlain) demand(hasForm(exchange, String(id)), 'a refusal is not in the form');
  if (status < 500 || headers['retry-after'] !== undefined) return;
  const isFull = status === 507;
  const isDue = struck.some((fate) => !harmless.has(fate) && (fate === 'full') === isFull);
  demand(isDue, `${status} without such a fault`);
  demand(isPlain || errors.some((line) => line.includes(String(id))), 'a failure is not logged');
}

function hasForm({ answer }: Exchange, requestId: string): boolean {
  if (answer?.headers['content-type'] !== 'application/json') return false;
  const isOurs = answer.status === 500 || answer.status === 507;
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
