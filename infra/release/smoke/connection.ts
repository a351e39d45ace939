// Requests to the registry as a client's: each on a connection of its own, bounded in time and size, and led elsewhere only by
// who asks for it.

import { type ClientRequest, type IncomingMessage, request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';
import { Failure } from '../failure.ts';

export interface Sent {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array;
  /** In pieces and without its length, as docker sends a layer. */
  readonly isChunked?: boolean;
}

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | undefined>>;
  readonly bytes: Buffer;
}

/** Where the registry's name leads. */
export interface Connection {
  /** Host, and port where it is not the usual one. */
  readonly domain: string;
  /** The load balancer's, where the DNS does not lead there yet; with a port where it is not the usual one. */
  readonly address?: string | undefined;
  readonly isPlain: boolean;
}

/** Of the largest layer and all that is said of it; an uplink at home is slow. */
const timeoutMs = 5 * 60_000;
const bytesMax = 64 * 1024 * 1024;
const pieceBytes = 64 * 1024;

export function originOf({ domain, isPlain }: Connection): string {
  return `${isPlain ? 'http' : 'https'}://${domain}`;
}

/**
 * Sends one request.
 * @throws Failure where nothing answers, in time, within the limits
 */
export async function ask(connection: Connection, url: URL, sent: Sent = {}): Promise<Answer> {
  const signal = AbortSignal.timeout(timeoutMs);
  const request = begin(connection, url, sent, signal);
  try {
    const response = await answerOf(request, sent);
    const bytes = await bytesOf(response);
    const headers = Object.entries(response.headers).map(([name, value]) => [name, String(value)]);
    return { status: response.statusCode ?? 0, headers: Object.fromEntries(headers), bytes };
  } catch (error) {
    if (error instanceof Failure) throw error;
    const why = signal.aborted ? 'no answer in time' : reasonOf(error);
    throw new Failure(`${sent.method ?? 'GET'} ${url.origin}${url.pathname}: ${why}`);
  } finally {
    request.destroy();
  }
}

function begin(
  connection: Connection,
  url: URL,
  { method = 'GET', headers, body, isChunked }: Sent,
  signal: AbortSignal,
): ClientRequest {
  const request = url.protocol === 'https:' ? requestHttps : requestHttp;
  return request(url, {
    ...(url.host === connection.domain ? placeOf(connection, url) : {}),
    method,
    agent: false,
    signal,
    headers: {
      Host: url.host,
      'User-Agent': 'berth-smoke-test',
      // Nothing but the bytes themselves: their digest is looked at.
      'Accept-Encoding': 'identity',
      ...(body === undefined || isChunked ? {} : { 'Content-Length': String(body.length) }),
      ...headers,
    },
  });
}

/** The address, by the name that the registry has in HTTP and TLS. */
function placeOf({ address }: Connection, url: URL) {
  if (address === undefined) return {};
  const { hostname, port } = new URL(`${url.protocol}//${address}`);
  return {
    // Node wants the address of IPv6 as it is.
    hostname: hostname.replace(/^\[|\]$/g, ''),
    port: port === '' ? url.port || (url.protocol === 'https:' ? 443 : 80) : port,
    servername: url.hostname,
  };
}

function answerOf(request: ClientRequest, { body, isChunked }: Sent): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    // Also after the answer came: an error that nobody hears of ends the process.
    request.on('error', reject);
    if (isChunked && body !== undefined) {
      for (let at = 0; at < body.length; at += pieceBytes) {
        request.write(body.subarray(at, at + pieceBytes));
      }
      request.end();
    } else request.end(body);
  });
}

async function bytesOf(response: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bytesMax) throw new Failure(`an answer of more than ${bytesMax} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces);
}

function reasonOf(error: unknown): string {
  // Where a name has several addresses, each failed.
  const one: unknown = error instanceof AggregateError ? error.errors[0] : error;
  return one instanceof Error ? one.message : String(one);
}
