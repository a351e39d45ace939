// A request to somebody else's server, whose answer is bounded in size and time, and who leads nowhere else. By node:http:
// Node 20's fetch never ends where a connection is broken off at once, and would follow and unpack by itself.

import { type ClientRequest, request as httpRequest, type IncomingMessage } from 'node:http';
import { request as httpsRequest } from 'node:https';
import { Failure } from './failure.ts';
import { userAgent } from './version.ts';

export interface Answer {
  readonly status: number;
  readonly headers: AnswerHeaders;
  readonly text: string;
}

export interface AnswerHeaders {
  /** The first header of a name, however it is written; `undefined` where there is none. */
  get(name: string): string | undefined;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
  /** From the request to the answer's last byte. */
  readonly timeoutMs?: number;
  /** Of the answer's body. */
  readonly bytesMax?: number;
  /** Breaks it off. */
  readonly signal?: AbortSignal;
}

const usualTimeoutMs = 30_000;
const usualBytesMax = 64 * 1024;

/**
 * Sends a request. An answer that leads elsewhere is given back as it is: what a request carries is for one place.
 * @throws Failure when nothing answers, in time, within the limits
 */
export async function ask(url: URL, asked: Asked = {}): Promise<Answer> {
  const bytesMax = asked.bytesMax ?? usualBytesMax;
  let request: ClientRequest | undefined;
  let isLate = false;
  const timer = setTimeout(() => {
    isLate = true;
    request?.destroy();
  }, asked.timeoutMs ?? usualTimeoutMs);
  const breakOff = () => request?.destroy();
  asked.signal?.addEventListener('abort', breakOff, { once: true });
  try {
    if (asked.signal?.aborted) throw new Failure(`${url.host} was not asked any more`);
    request = begin(url, asked);
    const response = await answerOf(request);
    return {
      status: response.statusCode ?? 0,
      headers: headersOf(response),
      text: await readText(response, bytesMax, url),
    };
  } catch (error) {
    request?.destroy();
    if (error instanceof Failure) throw error;
    throw new Failure(`${url.host} ${isLate ? 'did not answer in time' : reason(error)}`);
  } finally {
    clearTimeout(timer);
    asked.signal?.removeEventListener('abort', breakOff);
  }
}

function begin(url: URL, { method = 'GET', headers, body }: Asked): ClientRequest {
  const send = url.protocol === 'https:' ? httpsRequest : httpRequest;
  const isForm = body instanceof URLSearchParams;
  const request = send(url, {
    method,
    headers: {
      'User-Agent': userAgent,
      Accept: 'application/json',
      ...(isForm ? { 'Content-Type': 'application/x-www-form-urlencoded' } : {}),
      ...headers,
    },
  });
  request.end(isForm ? body.toString() : body);
  return request;
}

function answerOf(request: ClientRequest): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    request.once('response', resolve);
    // Also after the answer came: an error that nobody hears of ends the process.
    request.on('error', reject);
    request.once('close', () => reject(new Error('closed')));
  });
}

function headersOf({ headers }: IncomingMessage): AnswerHeaders {
  return {
    get: (name) => {
      const value = headers[name.toLowerCase()];
      return Array.isArray(value) ? value[0] : value;
    },
  };
}

async function readText(response: IncomingMessage, bytesMax: number, url: URL): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  // Leaving the loop ends the connection.
  for await (const piece of response) {
    const buffer: Buffer = Buffer.from(piece);
    bytes += buffer.length;
    if (bytes > bytesMax) {
      throw new Failure(`${url.host} answered with more than ${bytesMax} bytes`);
    }
    pieces.push(buffer);
  }
  return Buffer.concat(pieces).toString('utf8');
}

const unknownAuthority =
  'has a certificate of an unknown authority: name it in NODE_EXTRA_CA_CERTS';

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'is not known: is its name right?',
  EAI_AGAIN: 'cannot be looked up now: is there a network?',
  ECONNREFUSED: 'does not answer: is it the right port, and does the registry run?',
  ECONNRESET: 'broke the connection off: try again',
  EPIPE: 'broke the connection off: try again',
  DEPTH_ZERO_SELF_SIGNED_CERT: unknownAuthority,
  SELF_SIGNED_CERT_IN_CHAIN: unknownAuthority,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: unknownAuthority,
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: unknownAuthority,
  CERT_HAS_EXPIRED: 'has a certificate that has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'has a certificate for another name',
  EPROTO: 'does not speak TLS: --plain-http is for registries without it',
  ERR_SSL_WRONG_VERSION_NUMBER: 'does not speak TLS: --plain-http is for registries without it',
  ERR_SSL_PACKET_LENGTH_TOO_LONG: 'does not speak TLS: --plain-http is for registries without it',
};

/** Why nothing was answered, in words that follow a host's name. */
function reason(error: unknown): string {
  // Where a name has several addresses, each failed.
  const one: unknown = error instanceof AggregateError ? error.errors[0] : error;
  if (!(one instanceof Error)) return 'cannot be asked';
  const { code } = one as { code?: unknown };
  const known = typeof code === 'string' ? reasons[code] : undefined;
  return known ?? `cannot be asked: ${typeof code === 'string' ? code : one.message}`;
}
