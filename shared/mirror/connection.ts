// One question to an upstream, over HTTP: where it leads us is looked at before each step, a credential is shown to the first
// alone, and an answer that does not begin in time is none.

import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http';
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https';
import { lookUpFor, type Network, urlFault } from '../http/public-connection.ts';
import {
  mirrorBytesPerSecondMin,
  mirrorHeaderBytesMax,
  mirrorPaceMs,
  mirrorRedirectsMax,
  mirrorSilenceMs,
} from './limits.ts';
import type { Upstream } from './upstream.ts';
import { UpstreamFailure } from './upstream-failure.ts';

export interface Question {
  readonly method: 'GET' | 'HEAD';
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** Milliseconds in which the answer must begin, redirects included. */
  readonly withinMs: number;
}

export interface UpstreamAnswer {
  readonly status: number;
  readonly headers: IncomingMessage['headers'];
  /** Where it came from in the end. */
  readonly url: URL;
  readonly response: IncomingMessage;
}

/** An answer's body that is not wanted is read to its end up to this size, so that the connection can be used again. */
const discardedBytesMax = 64 * 1024;

export class UpstreamConnections {
  readonly #named: { readonly http: HttpAgent; readonly https: HttpsAgent };
  readonly #public: { readonly https: HttpsAgent };

  constructor(network: Network) {
    // What looks at addresses belongs to the connection: so those that may lead anywhere are kept apart from the others.
    const agentOptions = (isPrivate: boolean) => ({
      keepAlive: true,
      maxFreeSockets: 16,
      lookup: lookUpFor(network, isPrivate),
    });
    this.#named = {
      http: new HttpAgent(agentOptions(true)),
      https: new HttpsAgent(agentOptions(true)),
    };
    this.#public = { https: new HttpsAgent(agentOptions(false)) };
  }

  /**
   * Asks, and follows redirects. Its caller reads the body, or discards it.
   * @throws UpstreamFailure when there is no answer in time, or it leads where nothing is asked
   */
  async ask(upstream: Upstream, question: Question): Promise<UpstreamAnswer> {
    const within = AbortSignal.timeout(question.withinMs);
    let { url, headers } = question;
    for (let redirects = 0; redirects <= mirrorRedirectsMax; redirects += 1) {
      const response = await this.#send(upstream, { ...question, url, headers }, within);
      const { statusCode: status = 0 } = response;
      const location = [301, 302, 303, 307, 308].includes(status)
        ? response.headers.location
        : undefined;
      if (location === undefined) return { status, headers: response.headers, url, response };
      discard(response);
      const next = URL.parse(location, url.href);
      if (next === null) throw new UpstreamFailure('it redirects to what is no URL');
      const { Authorization: _, ...others } = headers;
      [url, headers] = [next, others];
    }
    throw new UpstreamFailure(`it redirects more than ${mirrorRedirectsMax} times`);
  }

  close(): void {
    for (const agent of [this.#named.http, this.#named.https, this.#public.https]) agent.destroy();
  }

  async #send(
    upstream: Upstream,
    question: Question,
    within: AbortSignal,
  ): Promise<IncomingMessage> {
    for (let tries = 0; ; tries += 1) {
      const sent = this.#request(upstream, question);
      const abort = () => sent.destroy(new UpstreamFailure('it does not answer in time'));
      if (within.aborted) abort();
      within.addEventListener('abort', abort, { once: true });
      try {
        return await new Promise<IncomingMessage>((resolve, reject) => {
          sent.once('error', reject).once('response', resolve).end();
        });
      } catch (error) {
        // A connection that was kept may have been ended just as it was used again.
        const isOver = sent.reusedSocket && (error as NodeJS.ErrnoException).code === 'ECONNRESET';
        if (!isOver || tries > 1 || within.aborted) throw error;
      } finally {
        within.removeEventListener('abort', abort);
      }
    }
  }

  #request(upstream: Upstream, { url, method, headers }: Question) {
    const isNamed = upstream.isNamed && url.hostname === upstream.url.hostname;
    const fault =
      urlFault(url, isNamed) ??
      // Who speaks TLS is not left for somewhere without.
      (url.protocol === 'http:' && upstream.url.protocol === 'https:'
        ? 'it leads from https to http'
        : undefined);
    if (fault !== undefined) throw new UpstreamFailure(`${url.host}: ${fault}`);
    const options = {
      method,
      // A digest is of the bytes as they are.
      headers: { 'User-Agent': 'berth', 'Accept-Encoding': 'identity', ...headers },
      maxHeaderSize: mirrorHeaderBytesMax,
    };
    if (url.protocol === 'http:') return httpRequest(url, { ...options, agent: this.#named.http });
    const { https } = isNamed ? this.#named : this.#public;
    return httpsRequest(url, { ...options, agent: https });
  }
}

/** Has no more of an answer. */
export function discard(response: IncomingMessage): void {
  response.on('error', () => undefined);
  const length = Number(response.headers['content-length'] ?? Number.POSITIVE_INFINITY);
  if (length <= discardedBytesMax) response.resume();
  else response.destroy();
}

/** `Content-Length`; `undefined` where it is absent. */
export function announcedBytes({ headers }: Pick<UpstreamAnswer, 'headers'>): number | undefined {
  const text = headers['content-length'];
  return text !== undefined && /^\d{1,15}$/.test(text) ? Number(text) : undefined;
}

/**
 * A body as it comes.
 * @throws UpstreamFailure when it breaks off, stands still, drips, is encoded, or is larger than `max` bytes
 */
export async function* bodyOf(
  { response, headers }: UpstreamAnswer,
  max: number,
): AsyncGenerator<Buffer> {
  try {
    const { 'content-encoding': encoding = 'identity' } = headers;
    if (encoding !== 'identity') throw new UpstreamFailure('its answer is compressed');
    const pieces = response[Symbol.asyncIterator]() as AsyncIterator<Buffer>;
    const pace = { waitedMs: 0, bytes: 0 };
    for (let total = 0; ; ) {
      const { piece, waitedMs } = await nextPiece(response, pieces);
      if (piece === undefined) return;
      total += piece.length;
      if (total > max) throw new UpstreamFailure(`its answer is larger than ${max} bytes`);
      // Only the upstream's time counts, and not that of who reads.
      pace.waitedMs += waitedMs;
      pace.bytes += piece.length;
      if (pace.waitedMs >= mirrorPaceMs) {
        if (pace.bytes < (mirrorBytesPerSecondMin * mirrorPaceMs) / 1000) {
          throw new UpstreamFailure('it sends too slowly');
        }
        pace.waitedMs = 0;
        pace.bytes = 0;
      }
      yield piece;
    }
  } finally {
    response.destroy();
  }
}

async function nextPiece(response: IncomingMessage, pieces: AsyncIterator<Buffer>) {
  const since = performance.now();
  const silence = setTimeout(
    () => response.destroy(new UpstreamFailure('it fell silent')),
    mirrorSilenceMs,
  );
  try {
    const { done, value } = await pieces.next();
    return {
      piece: done === true ? undefined : (value as Buffer),
      waitedMs: performance.now() - since,
    };
  } finally {
    clearTimeout(silence);
  }
}

/** A body of at most `max` bytes, within some time. @throws UpstreamFailure */
export async function wholeBody(
  answer: UpstreamAnswer,
  { max, withinMs }: { readonly max: number; readonly withinMs: number },
): Promise<Buffer> {
  const { response } = answer;
  const late = setTimeout(
    () => response.destroy(new UpstreamFailure('it sends too slowly')),
    withinMs,
  );
  try {
    const pieces: Buffer[] = [];
    for await (const piece of bodyOf(answer, max)) pieces.push(piece);
    return Buffer.concat(pieces);
  } finally {
    clearTimeout(late);
  }
}
