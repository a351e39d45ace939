// A request, as the actions see it: parsed once at the edge, free of the host it came through.

import type { IncomingHttpHeaders } from 'node:http';
import { RegistryError } from '../oci/errors.ts';
import { urlCharactersMax } from '../oci/limits.ts';
import { clientAddress } from './address.ts';
import type { Incoming } from './message.ts';

/**
 * The client went away in the midst of its body. Told from a store whose connection breaks off, whose error
 * would have the same code.
 */
export class ClientGone extends Error {
  override readonly name = 'ClientGone';

  constructor(cause: unknown) {
    super('the client went away', { cause });
  }
}

export interface RequestBody {
  /** How many bytes have come so far, of those that were asked for. */
  received(): number;
  /** `Content-Length`; `undefined` when the body's length is not announced. */
  readonly length: number | undefined;
  /** The bytes as they come. Throws ClientGone when the client goes away before the end. Can be taken once. */
  stream(): AsyncIterable<Uint8Array>;
  /** The whole body. @throws RegistryError SIZE_INVALID (413) when it is larger than `max` */
  bytes(max: number): Promise<Buffer>;
}

export interface HttpRequest {
  readonly method: string;
  /** The path as it was sent. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /**
   * `Host`, or HTTP/2's `:authority`, in lower case and without the ports 80 and 443, which clients write or leave out:
   * names the service, as tokens do in their audience.
   */
  readonly host: string;
  /** `scheme://host` as the client wrote it. */
  readonly origin: string;
  /** Where the client is: an IPv4 or IPv6 address, or `unknown` (address.ts). */
  readonly address: string;
  readonly body: RequestBody;
}

export interface ParseOptions {
  /** The client's address, where it is not who is at the other end of the connection. */
  readonly address?: string;
  /** Called when the body is asked for, before it is read: the moment for 100 Continue. */
  readonly beforeBody?: () => void;
}

const hostPattern = /^(?:[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?|\[[0-9a-f:.]+\])(?::\d{1,5})?$/;

/**
 * Reads what a server hands over.
 * @throws RegistryError when the URL or the Host header is not one a client would send
 */
export function parseRequest(
  message: Incoming,
  { address = clientAddress(message, 0), beforeBody = () => undefined }: ParseOptions = {},
): HttpRequest {
  const { method = 'GET', url = '/', headers } = message;
  if (url.length > urlCharactersMax) {
    throw new RegistryError('NAME_INVALID', {
      message: `the URL is longer than ${urlCharactersMax} characters`,
      status: 414,
    });
  }
  const mark = url.indexOf('?');
  const written = parseHost(message);
  // Behind a load balancer that ends TLS. It decides nothing but how the client's own challenge is written.
  const scheme = headers['x-forwarded-proto'] === 'https' ? 'https' : 'http';
  return {
    method,
    path: mark === -1 ? url : url.slice(0, mark),
    query: new URLSearchParams(mark === -1 ? '' : url.slice(mark + 1)),
    headers,
    host: written.replace(/:(?:80|443)$/, ''),
    origin: `${scheme}://${written}`,
    address,
    body: bodyOf(message, beforeBody),
  };
}

/**
 * One Host header, neither none nor two (RFC 9112 section 3.2), and on HTTP/2 the same as `:authority` where both are
 * there (RFC 9113 section 8.3.1): who reads the other one must not differ.
 */
function parseHost({ headers, rawHeaders }: Incoming): string {
  const hosts = { host: [] as string[], ':authority': [] as string[] };
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const [name = '', value = ''] = [rawHeaders[at]?.toLowerCase(), rawHeaders[at + 1]];
    if (name === 'host' || name === ':authority') hosts[name].push(value.toLowerCase());
  }
  const [authority] = hosts[':authority'];
  const host = authority ?? headers.host?.toLowerCase() ?? '';
  if (!hostPattern.test(host)) {
    throw new RegistryError('NAME_INVALID', { message: 'the Host header must be a host name' });
  }
  const isSaidOnce = hosts.host.length <= 1 && hosts[':authority'].length <= 1;
  if (isSaidOnce && (hosts.host[0] ?? host) === host) return host;
  throw new RegistryError('NAME_INVALID', { message: 'there must be one Host header only' });
}

function bodyOf(message: Incoming, beforeBody: () => void): RequestBody {
  const { headers } = message;
  const length = announcedLength(message);
  let received = 0;
  async function* stream(): AsyncGenerator<Uint8Array> {
    refuseEncoded(headers);
    const { rawBody } = message;
    // Whoever waited for 100 Continue was told so when the framework read the body.
    if (rawBody === undefined) beforeBody();
    try {
      for await (const bytes of rawBody === undefined ? message : [rawBody]) {
        received += bytes.length;
        yield bytes;
      }
    } catch (cause) {
      throw new ClientGone(cause);
    }
  }
  return {
    received: () => received,
    length,
    stream,
    bytes: (max) => readAll(stream(), max, length),
  };
}

/** HTTP/1.1 has no body without a header that says so; HTTP/2 has none where the headers end the stream. */
function announcedLength({ headers, httpVersionMajor, complete }: Incoming): number | undefined {
  const { 'content-length': announced, 'transfer-encoding': encoding } = headers;
  if (encoding !== undefined) return undefined;
  if (announced !== undefined) return Number(announced);
  return httpVersionMajor !== 2 || complete ? 0 : undefined;
}

/** Digests are of the bytes as they come. A body that is encoded would have to be decoded, and hides its size. */
function refuseEncoded(headers: IncomingHttpHeaders): void {
  const encoding = headers['content-encoding'];
  if (encoding === undefined || encoding.toLowerCase() === 'identity') return;
  throw encodingRefused();
}

/** 415, to who encoded a body (RFC 9110 section 15.5.16). */
export function encodingRefused(): RegistryError {
  return new RegistryError('UNSUPPORTED', {
    message: 'send the body as it is, without Content-Encoding: its digest is of those bytes',
    status: 415,
  });
}

async function readAll(
  body: AsyncIterable<Uint8Array>,
  max: number,
  announced: number | undefined,
): Promise<Buffer> {
  if (announced !== undefined && announced > max) throw tooLarge(max);
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > max) throw tooLarge(max);
    pieces.push(piece);
  }
  return Buffer.concat(pieces, size);
}

function tooLarge(max: number): RegistryError {
  return new RegistryError('SIZE_INVALID', {
    message: `the body is larger than ${max} bytes`,
    detail: { bytesMax: max },
    status: 413,
  });
}
