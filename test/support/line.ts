// A line to a server, on which a test counts, changes and holds back what passes.

import { EventEmitter, once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

export interface Line {
  /** The server, by way of this line. */
  readonly url: string;
  /** What clients have sent, heads of requests and all. */
  sentBytes: number;
  /** Sees each piece that a client sends, and gives what is passed on. */
  onSent: (piece: Buffer) => Buffer;
  /**
   * Sees each piece that the server answers, and gives what is passed on; `undefined` for nothing. Connections are counted
   * from 1.
   */
  onAnswer: (piece: Buffer, connection: number) => Buffer | undefined;
  /** Resolves when the next connection has closed. */
  nextClose(): Promise<void>;
  close(): void;
}

/** @param serverUrl `http://host:port` */
export async function openLine(serverUrl: string): Promise<Line> {
  const { hostname, port } = new URL(serverUrl);
  const sockets = new Set<Socket>();
  const closes = new EventEmitter();
  let connections = 0;
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    connections += 1;
    const connection = connections;
    for (const [socket, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      sockets.add(socket);
      socket.on('error', () => undefined);
      // Whoever breaks off, both ends see it.
      socket.on('close', () => {
        sockets.delete(socket);
        other.destroy();
        if (socket === client) closes.emit('close');
      });
      other.on('drain', () => socket.resume());
      socket.on('end', () => other.end());
    }
    client.on('data', (piece) => {
      line.sentBytes += piece.length;
      if (!upstream.write(line.onSent(piece))) client.pause();
    });
    upstream.on('data', (piece) => {
      const passed = line.onAnswer(piece, connection);
      if (passed !== undefined && !client.write(passed)) upstream.pause();
    });
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const line: Line = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    sentBytes: 0,
    onSent: (piece) => piece,
    onAnswer: (piece) => piece,
    nextClose: async () => {
      await once(closes, 'close');
    },
    close: () => {
      server.close();
      for (const socket of sockets) socket.destroy();
    },
  };
  return line;
}
