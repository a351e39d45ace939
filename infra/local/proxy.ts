// What the load balancer does in the cloud: hands a request to the function that its rules name, which is another process
// here. Bodies pass through as they come, both ways.

import { once } from 'node:events';
import { Agent, type ClientRequest, type IncomingMessage, request } from 'node:http';
import { backendOf } from '#infra/url-map/backend-of.ts';
import { normalAddress } from '#shared/http/address.ts';
import type { Handler, Incoming, Outgoing } from '#shared/http/message.ts';
import { errorReply, type Reply, type ReplyHeaders, writeReply } from '#shared/http/reply.ts';
import type { Log } from '#shared/log.ts';
import { RegistryError } from '#shared/oci/errors.ts';

/** What one hop says to the next, and is not passed on (RFC 9110 section 7.6.1). */
const hopHeaders = new Set([
  'connection',
  'keep-alive',
  'proxy-authenticate',
  'proxy-authorization',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
]);

export interface Proxy {
  /** Answers a request with what its function answers. */
  readonly handler: Handler;
  close(): void;
}

/**
 * @param portOf the port that a function listens on, on this machine
 * @param answered is told of every request that a function answered
 */
export function createProxy(
  portOf: (functionName: string) => number | undefined,
  answered: (message: Incoming, status: number) => void,
  log: Log,
  isMirror: (host: string) => boolean = () => false,
): Proxy {
  // A connection a request: one that is kept may be ended by the function just as it is used again, and what carries a
  // body cannot be sent twice. None is asked to end, though: a function that refuses a body would end it while that is still
  // on its way, and the answer would be lost with it.
  const agent = new Agent({ keepAlive: true, maxFreeSockets: 0 });
  return {
    handler: async (message, response) => {
      const reply = await forward(message, response, { agent, portOf, log, isMirror });
      answered(message, reply.status);
      await writeReply(message, response, reply, { bytesSent: 0 }).catch(() => response.destroy());
    },
    close: () => agent.destroy(),
  };
}

async function forward(
  message: Incoming,
  response: Outgoing,
  {
    agent,
    portOf,
    log,
    isMirror,
  }: {
    agent: Agent;
    portOf: (functionName: string) => number | undefined;
    log: Log;
    isMirror: (host: string) => boolean;
  },
): Promise<Reply> {
  const host = message.headers.host?.toLowerCase() ?? '';
  const name = isMirror(host) ? 'mirror' : backendOf(message);
  const port = portOf(name);
  if (port === undefined) return unavailable(name);
  const upstream = request({
    host: '127.0.0.1',
    port,
    agent,
    method: message.method ?? 'GET',
    path: message.url ?? '/',
    headers: headersFor(message),
    setHost: false,
  });
  const answer = once(upstream, 'response') as Promise<[IncomingMessage]>;
  response.once('close', () => upstream.destroy());
  sendBody(message, response, upstream);
  try {
    const [answered] = await answer;
    return { status: answered.statusCode ?? 502, headers: headersOf(answered), body: answered };
  } catch (error) {
    if (response.destroyed) return { status: 499 };
    log('WARNING', 'a function did not answer', { function: name, error: String(error) });
    return unavailable(name);
  }
}

/**
 * The body follows once the function asks for it, where the client waits to be asked. What is left of it when the function
 * wants no more is read all the same: the client's next request is behind it.
 */
function sendBody(message: Incoming, response: Outgoing, upstream: ClientRequest): void {
  // How it fails is told by the answer, or by there being none.
  upstream.on('error', () => undefined);
  const send = () => {
    passOn(message, upstream).catch(() => upstream.destroy());
  };
  if (message.headers.expect?.toLowerCase() !== '100-continue') {
    send();
    return;
  }
  upstream.flushHeaders();
  upstream.once('continue', () => {
    response.writeContinue();
    send();
  });
}

/** @throws what the client's going away throws */
async function passOn(message: Incoming, upstream: ClientRequest): Promise<void> {
  let goOn = () => {};
  upstream.once('close', () => goOn());
  for await (const bytes of message) {
    if (upstream.destroyed || upstream.write(bytes)) continue;
    await new Promise<void>((resolve) => {
      goOn = resolve;
      upstream.once('drain', resolve);
    });
  }
  upstream.end();
}

/** The client's headers as they came, twice what came twice; and what a load balancer adds. */
function headersFor({ rawHeaders, headers, socket }: Incoming): string[] {
  const passed: string[] = [];
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? '';
    if (!hopHeaders.has(name.toLowerCase())) passed.push(name, rawHeaders[at + 1] ?? '');
  }
  if (headers['transfer-encoding'] !== undefined) passed.push('Transfer-Encoding', 'chunked');
  if (headers['x-forwarded-proto'] === undefined) passed.push('X-Forwarded-Proto', 'http');
  // Always one more entry, and at the end: functions count on it (BERTH_PROXIES).
  passed.push('X-Forwarded-For', normalAddress(socket?.remoteAddress ?? ''));
  return passed;
}

/** The function's headers, written as it wrote them. */
function headersOf({ rawHeaders }: IncomingMessage): ReplyHeaders {
  const passed: Record<string, string | number> = {};
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = rawHeaders.slice(at, at + 2);
    const lower = name.toLowerCase();
    if (lower === 'content-length') passed[name] = Number(value);
    // Each connection has its own date.
    else if (lower !== 'date' && !hopHeaders.has(lower)) passed[name] = value;
  }
  return passed;
}

function unavailable(name: string): Reply {
  const error = new RegistryError('UNSUPPORTED', {
    message: `the function ${name} does not answer at this moment: try again`,
    status: 503,
    headers: { 'Retry-After': '1' },
  });
  return errorReply(error, crypto.randomUUID());
}
