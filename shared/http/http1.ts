// HTTP/1.1, hardened: what is slow, half closed, malformed or no request at all is bounded, and answered in the
// registry's own form.

import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import { Socket } from 'node:net';
import type { Duplex } from 'node:stream';
import { errorEnvelope, RegistryError } from '../oci/errors.ts';
import { headerBytesMax, headersMs, idleMs, lastWordMs, silenceMs } from '../oci/limits.ts';
import { normalAddress } from './address.ts';
import type { Handler } from './message.ts';

/** What was answered where no request came to be one. */
export interface Refused {
  readonly requestId: string;
  /** Who was at the other end of the connection. */
  readonly address: string;
  readonly status: number;
  /** Of the answer's body. */
  readonly bytesSent: number;
}

/**
 * A server that does not listen yet.
 * @param handler must not reject
 * @param told is told of what the handler never sees
 */
export function createHttp1Server(
  handler: Handler,
  told: (refused: Refused) => void = () => undefined,
): Server {
  /** What each connection was last asked: with pipelining, earlier answers are done before this one's. */
  const last = new WeakMap<Duplex, ServerResponse>();
  const answer: RequestListener = (request, response) => {
    last.set(request.socket, response);
    // There is nothing to upgrade to. Node reads no more of such a connection, though it is answered.
    if (request.headers.upgrade !== undefined) response.setHeader('Connection', 'close');
    void handler(request, response);
  };
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      // What is missing or wrong is answered in the registry's own form, by parseRequest.
      requireHostHeader: false,
      // A layer takes as long as the client's line needs: silence is bounded, not the whole.
      requestTimeout: 0,
      headersTimeout: headersMs,
      keepAliveTimeout: idleMs,
    },
    answer,
  );
  // 100 Continue is sent when the body is asked for: not to who may not send it. Another Expect asks for
  // nothing that an answer would not tell.
  server.on('checkContinue', answer);
  server.on('checkExpectation', answer);
  server.on('connect', (_, socket) =>
    refuse(socket, '405 Method Not Allowed', tunnelRefused, told),
  );
  server.on('clientError', (error: NodeJS.ErrnoException, socket) => {
    const response = last.get(socket);
    // Behind a whole request: its answer is not cut into. In the midst of one: it is not answered twice.
    if (response?.req.complete === true && !response.writableFinished) {
      response.once('close', () => refuseMalformed(error, socket, told));
    } else if (response?.req.complete === false && response.headersSent) socket.destroy();
    else refuseMalformed(error, socket, told);
  });
  // Who has sent all and ends his side still reads the answer. Node keeps this one switch off the options.
  Object.assign(server, { httpAllowHalfOpen: true });
  server.timeout = silenceMs;
  return server;
}

const tunnelRefused = new RegistryError('UNSUPPORTED', {
  message: 'CONNECT is not supported: this is a registry, not a proxy',
});

/** Answers what is not HTTP, or has more headers than `headerBytesMax`. */
function refuseMalformed(
  error: NodeJS.ErrnoException,
  socket: Duplex,
  told: (refused: Refused) => void,
): void {
  if (error.code === 'ECONNRESET') socket.destroy();
  else if (error.code === 'HPE_HEADER_OVERFLOW') {
    const message = `the headers are larger than ${headerBytesMax} bytes`;
    const refusal = new RegistryError('SIZE_INVALID', { message });
    refuse(socket, '431 Request Header Fields Too Large', refusal, told);
  } else if (error.code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const message = 'the request did not come to its end in time';
    refuse(socket, '408 Request Timeout', new RegistryError('SIZE_INVALID', { message }), told);
  } else {
    const message = 'this is not a request in HTTP/1.1';
    refuse(socket, '400 Bad Request', new RegistryError('SIZE_INVALID', { message }), told);
  }
}

/** Writes an answer in the registry's own form where no request came to be one, and ends the connection. */
function refuse(
  socket: Duplex,
  status: string,
  refusal: RegistryError,
  told: (refused: Refused) => void,
): void {
  if (!socket.writable) {
    socket.destroy();
    return;
  }
  const id = crypto.randomUUID();
  const body = errorEnvelope(refusal, id);
  const head = [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${id}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
  told({
    requestId: id,
    address: normalAddress((socket instanceof Socket && socket.remoteAddress) || ''),
    status: Number.parseInt(status, 10),
    bytesSent: Buffer.byteLength(body),
  });
  // A moment to read why; then it is over, whether or not the other side ends its own.
  setTimeout(() => socket.destroy(), lastWordMs).unref();
}
