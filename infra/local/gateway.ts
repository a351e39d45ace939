// The laptop's load balancer: one HTTP server before all functions.

import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { serve } from '#functions/serve.ts';
import type { Services } from '#functions/services.ts';
import { errorEnvelope, RegistryError } from '#shared/oci/errors.ts';
import { headerBytesMax } from '#shared/oci/limits.ts';

export interface Gateway {
  readonly port: number;
  /** Finishes the requests in flight, takes no more, and resolves when the last is done. */
  stop(): Promise<void>;
}

/** How long a connection may say nothing in the midst of a request, ours or the client's turn: joining many chunks takes a while. */
const silenceMs = 10 * 60 * 1000;

export async function startGateway(
  services: Services,
  { host, port }: { host: string; port: number },
): Promise<Gateway> {
  const handler = serve(services);
  const answer: RequestListener = (request, response) => {
    handler(request, response).catch((error: unknown) => {
      services.log('ERROR', 'a request was left unanswered', { error: String(error) });
      response.destroy();
    });
  };
  const server = createServer(
    {
      maxHeaderSize: headerBytesMax,
      // What is missing or wrong is answered in the registry's own form, by parseRequest.
      requireHostHeader: false,
      // A layer takes as long as the client's line needs: silence is bounded, not the whole.
      requestTimeout: 0,
      keepAliveTimeout: 65_000,
    },
    answer,
  );
  // An Expect that is not 100-continue asks for nothing that an answer would not tell.
  server.on('checkExpectation', answer);
  server.timeout = silenceMs;
  server.on('clientError', refuse);
  await listen(server, host, port);
  return { port: (server.address() as AddressInfo).port, stop: () => close(server) };
}

/** Answers what is not HTTP, or has more headers than `headerBytesMax`, in the registry's own form. */
function refuse(error: NodeJS.ErrnoException, socket: Socket): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy();
    return;
  }
  const overflow = error.code === 'HPE_HEADER_OVERFLOW';
  const refusal = new RegistryError('SIZE_INVALID', {
    message: overflow
      ? `the headers are larger than ${headerBytesMax} bytes`
      : 'this is not a request in HTTP/1.1',
  });
  const id = crypto.randomUUID();
  const body = errorEnvelope(refusal, id);
  const status = overflow ? '431 Request Header Fields Too Large' : '400 Bad Request';
  const head = [
    `HTTP/1.1 ${status}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(body)}`,
    `X-Request-Id: ${id}`,
    'Connection: close',
  ];
  socket.end(`${head.join('\r\n')}\r\n\r\n${body}`);
}

function listen(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const fail = (error: NodeJS.ErrnoException) => {
      const taken = `PORT ${port} is taken on ${host}: another program listens there`;
      reject(error.code === 'EADDRINUSE' ? new Error(taken) : error);
    };
    server.once('error', fail);
    server.listen({ host, port, backlog: 1024 }, () => {
      server.off('error', fail);
      resolve();
    });
  });
}

function close(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    // A connection that is kept alive becomes idle only when its request is answered.
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    server.close((error) => {
      clearInterval(idle);
      if (error === undefined) resolve();
      else reject(error);
    });
  });
}
