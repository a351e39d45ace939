// The server of Berth's own: HTTP/1.1, and HTTP/2 on the same port where that is wanted.

import type { Server } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { headersMs } from '../oci/limits.ts';
import { createHttp1Server, type Refused } from './http1.ts';
import { createHttp2Connections, type Http2Connections } from './http2.ts';
import type { Handler } from './message.ts';

export interface RunningServer {
  readonly port: number;
  /** Finishes the requests in flight, takes no more, and resolves when all are done or `stopMs` are over. */
  stop(): Promise<void>;
}

export interface ServerOptions {
  readonly host: string;
  /** 0 takes any that is free. */
  readonly port: number;
  /** Whether HTTP/2 without TLS is spoken as well. */
  readonly http2: boolean;
  /** How long requests in flight may go on once the server is told to stop. */
  readonly stopMs: number;
  /** Is told of what was refused before it was a request, and so never came to the handler. */
  readonly refused?: ((refused: Refused) => void) | undefined;
}

/**
 * Listens.
 * @param handler must not reject
 * @throws Error that names the port when it is taken
 */
export async function startServer(
  handler: Handler,
  { host, port, http2, stopMs, refused }: ServerOptions,
): Promise<RunningServer> {
  const server = createHttp1Server(handler, refused);
  const connections = http2 ? speakHttp2(server, handler) : undefined;
  await listen(server, host, port);
  return {
    port: (server.address() as AddressInfo).port,
    stop: () => close(server, connections, stopMs),
  };
}

/** Every connection of HTTP/2 begins with these bytes (RFC 9113 section 3.4), and none of HTTP/1.1 does. */
const preface = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

/**
 * Has a server of HTTP/1.1 look at how a connection begins, and hand on those of HTTP/2. The one server listens and
 * counts them all, so that its timeouts and its end are theirs.
 */
function speakHttp2(server: Server, handler: Handler): Http2Connections {
  const connections = createHttp2Connections(handler);
  const undecided = new Set<Socket>();
  const acceptHttp1 = server.listeners('connection');
  server.removeAllListeners('connection');
  server.on('connection', (socket) => {
    undecided.add(socket);
    socket.once('close', () => undecided.delete(socket));
    whenDecided(socket, (isHttp2) => {
      undecided.delete(socket);
      if (isHttp2) connections.accept(socket);
      else for (const accept of acceptHttp1) accept.call(server, socket);
    });
  });
  return {
    ...connections,
    close: () => {
      connections.close();
      for (const socket of undecided) socket.destroy();
    },
  };
}

/** Reads until it is plain which protocol it is, and puts back what was read. */
function whenDecided(socket: Socket, decided: (isHttp2: boolean) => void): void {
  let head: Buffer = Buffer.alloc(0);
  const patience = setTimeout(() => socket.destroy(), headersMs).unref();
  // Who ends his side before that has asked nothing.
  const giveUp = () => socket.destroy();
  const look = (bytes: Buffer) => {
    head = Buffer.concat([head, bytes]);
    const compared = Math.min(head.length, preface.length);
    const isHttp2 = head.compare(preface, 0, compared, 0, compared) === 0;
    if (isHttp2 && compared < preface.length) return;
    clearTimeout(patience);
    socket.off('data', look).off('end', giveUp).off('error', giveUp).off('close', forget);
    socket.pause();
    socket.unshift(head);
    decided(isHttp2);
    if (!isHttp2) socket.resume();
  };
  const forget = () => clearTimeout(patience);
  socket.on('data', look).on('end', giveUp).on('error', giveUp).on('close', forget);
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

function close(
  server: Server,
  connections: Http2Connections | undefined,
  stopMs: number,
): Promise<void> {
  return new Promise((resolve, reject) => {
    // A connection that is kept alive becomes idle only when its request is answered.
    const idle = setInterval(() => server.closeIdleConnections(), 50);
    // A client that stands still would keep the process for as long as it may be silent.
    const patience = setTimeout(() => {
      server.closeAllConnections();
      connections?.destroy();
    }, stopMs);
    server.close((error) => {
      clearInterval(idle);
      clearTimeout(patience);
      if (error === undefined) resolve();
      else reject(error);
    });
    connections?.close();
  });
}
