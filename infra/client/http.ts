// A request to somebody else's server, whose answer is bounded in size and time, and who leads nowhere else.

import { Failure } from './failure.ts';
import { userAgent } from './version.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

export interface Asked {
  readonly method?: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | URLSearchParams;
  /** From the request to the answer's last byte. */
  readonly timeoutMs?: number;
  /** Of the answer's body, uncompressed. */
  readonly bytesMax?: number;
}

const usualTimeoutMs = 30_000;
const usualBytesMax = 64 * 1024;

/**
 * Sends a request. An answer that leads elsewhere is given back as it is: what a request carries is for one place.
 * @throws Failure when nothing answers, in time, within the limits
 */
export async function ask(url: URL, asked: Asked = {}): Promise<Answer> {
  const { method = 'GET', headers, body, timeoutMs = usualTimeoutMs } = asked;
  const bytesMax = asked.bytesMax ?? usualBytesMax;
  try {
    const response = await fetch(url, {
      method,
      headers: { 'User-Agent': userAgent, Accept: 'application/json', ...headers },
      ...(body === undefined ? {} : { body }),
      redirect: 'manual',
      signal: AbortSignal.timeout(timeoutMs),
    });
    return {
      status: response.status,
      headers: response.headers,
      text: await readText(response, bytesMax, url),
    };
  } catch (error) {
    if (error instanceof Failure) throw error;
    throw new Failure(`${url.host} ${reason(error)}`);
  }
}

async function readText(response: Response, bytesMax: number, url: URL): Promise<string> {
  const pieces: Uint8Array[] = [];
  let bytes = 0;
  // Leaving the loop ends the connection.
  for await (const piece of response.body ?? []) {
    bytes += piece.byteLength;
    if (bytes > bytesMax)
      throw new Failure(`${url.host} answered with more than ${bytesMax} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}

const reasons: Readonly<Record<string, string>> = {
  ENOTFOUND: 'is not known: is its name right?',
  EAI_AGAIN: 'cannot be looked up now: is there a network?',
  ECONNREFUSED: 'does not answer: is it the right port, and does the registry run?',
  ECONNRESET: 'broke the connection off: try again',
  UND_ERR_SOCKET: 'broke the connection off: try again',
  DEPTH_ZERO_SELF_SIGNED_CERT:
    'has a certificate of its own: name its authority in NODE_EXTRA_CA_CERTS',
  SELF_SIGNED_CERT_IN_CHAIN:
    'has a certificate of an unknown authority: name it in NODE_EXTRA_CA_CERTS',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE:
    'has a certificate of an unknown authority: name it in NODE_EXTRA_CA_CERTS',
  CERT_HAS_EXPIRED: 'has a certificate that has expired',
  ERR_TLS_CERT_ALTNAME_INVALID: 'has a certificate for another name',
  ERR_SSL_WRONG_VERSION_NUMBER: 'does not speak TLS: --plain-http is for registries without it',
};

/** Why nothing was answered, in words that follow a host's name. */
function reason(error: unknown): string {
  if (error instanceof Error && error.name === 'TimeoutError') return 'did not answer in time';
  const { code, message } = innermost(error);
  const known = code === undefined ? undefined : reasons[code];
  return known ?? `cannot be asked: ${code ?? message}`;
}

/** fetch says "fetch failed", and why in the cause; where a name has several addresses, in the first error of these. */
function innermost(error: unknown, depth = 0): { code?: string; message: string } {
  if (!(error instanceof Error)) return { message: 'unknown' };
  const inner: unknown =
    error instanceof AggregateError && error.errors.length > 0 ? error.errors[0] : error.cause;
  if (inner instanceof Error && depth < 5) return innermost(inner, depth + 1);
  const { code } = error as { code?: unknown };
  return typeof code === 'string' ? { code, message: error.message } : { message: error.message };
}
