// A request's lines in the log, as Cloud Logging and Error Reporting read them.

import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { it } from 'node:test';
import { logRequests } from '#functions/observe.ts';
import { serve } from '#functions/serve.ts';
import { traceReader } from '#functions/trace.ts';
import type { Log } from '#shared/log.ts';
import { useRegistry } from '#test/support/calls.ts';
import { adminBasic } from '#test/support/registry.ts';

const registry = useRegistry();
const id = '105445aa7843bc8bf206b12000100000';
const other = '4bf92f3577b34da6a3ce929d0e0e4736';

type Line = Readonly<Record<string, unknown>>;

/** Asks a registry whose documents are out of reach. @returns the lines of that request */
async function linesOf(headers: Record<string, string>): Promise<readonly Line[]> {
  const { services } = registry();
  const lines: Line[] = [];
  const log: Log = (severity, message, fields) => lines.push({ severity, message, ...fields });
  const get = () => Promise.reject(new Error('out of reach'));
  const handler = serve({
    ...services,
    documents: Object.assign(Object.create(services.documents), { get }),
    log,
    observe: logRequests(log),
    traceOf: traceReader('a-project'),
  });
  const server = createServer((message, response) => void handler(message, response)).listen(0);
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const answer = await fetch(`http://127.0.0.1:${port}/v2/lines/app/manifests/v1`, {
    headers: { ...headers, authorization: adminBasic, connection: 'close' },
  });
  await answer.arrayBuffer();
  assert.equal(answer.status, 500);
  server.close();
  await once(server, 'close');
  return lines;
}

it('a failure’s line has its stack where Error Reporting looks for it, and each line its trace', async () => {
  const lines = await linesOf({ 'X-Cloud-Trace-Context': `${id}/1234;o=1` });
  const [failed, request] = lines;
  assert.equal(lines.length, 2);
  assert.deepEqual([failed?.['severity'], failed?.['message']], ['ERROR', 'a request failed']);
  assert.match(String(failed?.['stack_trace']), /^Error: out of reach\n {4}at /);
  assert.deepEqual([request?.['severity'], request?.['message']], ['INFO', 'request']);
  const traces = lines.map((line) => line['logging.googleapis.com/trace']);
  assert.deepEqual(traces, Array(2).fill(`projects/a-project/traces/${id}`));
});

it('a request’s trace is read of either header, and of nothing that is none', () => {
  const traceOf = traceReader('p');
  const name = (trace: string) => `projects/p/traces/${trace}`;
  const w3c = `00-${other}-00f067aa0ba902b7-01`;
  assert.equal(traceOf({ 'x-cloud-trace-context': id }), name(id));
  assert.equal(traceOf({ traceparent: w3c }), name(other));
  assert.equal(traceOf({ traceparent: w3c, 'x-cloud-trace-context': `${id}/1` }), name(id));
  for (const text of ['', 'undefined', `${id}0`, id.toUpperCase(), `../${id}`, `${id}\n/1`]) {
    assert.equal(traceOf({ 'x-cloud-trace-context': text, traceparent: text }), undefined, text);
  }
  assert.equal(traceOf({}), undefined);
});
