// HTTP/2 without TLS ("prior knowledge", RFC 9113 section 3.3), as load balancers speak it behind them, bounded: in
// memory, in time, and in what a connection may ask for and take back.

import {
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from 'node:http2';
import type { Socket } from 'node:net';
import {
  connectionMemoryMebibytesMax,
  connectionWindowBytes,
  headerBytesMax,
  headerFieldsMax,
  idleMs,
  invalidFramesMax,
  lastWordMs,
  refusedStreamsMax,
  resetStreamsBurst,
  resetStreamsPerSecond,
  settingsMax,
  silenceMs,
  streamsMax,
  streamWindowBytes,
  unansweredPingsMax,
} from '../oci/limits.ts';
import { breakOff, Http2Incoming, Http2Outgoing } from './http2-stream.ts';
import type { Handler } from './message.ts';

/** What speaks HTTP/2 on connections that another server has accepted. */
export interface Http2Connections {
  accept(socket: Socket): void;
  /** Takes no more requests on any of them, and ends each when its last is answered. */
  close(): void;
  /** Breaks them off. */
  destroy(): void;
}

/** @param handler must not reject */
export function createHttp2Connections(handler: Handler): Http2Connections {
  const sessions = new Map<ServerHttp2Session, Socket>();
  const server = createBoundedServer();
  server.on('stream', (stream, headers, _flags, rawHeaders) => {
    const socket = sessions.get(stream.session as ServerHttp2Session);
    answer(handler, stream, new Http2Incoming(stream, headers, rawHeaders, socket));
  });
  return {
    accept: (socket) => {
      server.once('session', (session) => {
        sessions.set(session, socket);
        socket.once('close', () => sessions.delete(session));
        watch(session, socket);
      });
      // Here, who ends his side waits for nothing more: it is a connection of many requests.
      socket.allowHalfOpen = false;
      server.emit('connection', socket);
    },
    close: () => {
      for (const session of sessions.keys()) session.close();
    },
    destroy: () => {
      for (const socket of sessions.values()) socket.destroy();
    },
  };
}

function createBoundedServer(): Http2Server {
  return createServer({
    settings: {
      initialWindowSize: streamWindowBytes,
      maxConcurrentStreams: streamsMax,
      maxHeaderListSize: headerBytesMax,
    },
    maxHeaderListPairs: headerFieldsMax,
    maxSessionMemory: connectionMemoryMebibytesMax,
    maxSettings: settingsMax,
    maxOutstandingPings: unansweredPingsMax,
    maxSessionInvalidFrames: invalidFramesMax,
    maxSessionRejectedStreams: refusedStreamsMax,
    streamResetBurst: resetStreamsBurst,
    streamResetRate: resetStreamsPerSecond,
  });
}

function answer(handler: Handler, stream: ServerHttp2Stream, request: Http2Incoming): void {
  // What is wrong with a stream is seen by who reads or writes it.
  stream.on('error', () => undefined);
  stream.setTimeout(silenceMs, () => breakOff(stream));
  void handler(request, new Http2Outgoing(stream));
}

/** Ends a connection that asks for nothing, and one whose other side does not end it with us. */
function watch(session: ServerHttp2Session, socket: Socket): void {
  let open = 0;
  session.setLocalWindowSize(connectionWindowBytes);
  session.on('stream', (stream) => {
    open += 1;
    stream.once('close', () => {
      open -= 1;
      // A stream that is broken off is not taken for a sign of life.
      if (open === 0) session.setTimeout(idleMs);
    });
  });
  session.setTimeout(idleMs);
  session.on('timeout', () => {
    if (open === 0) session.close();
  });
  socket.once('finish', () => {
    setTimeout(() => socket.destroy(), lastWordMs).unref();
  });
}
