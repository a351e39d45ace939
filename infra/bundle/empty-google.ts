// What stands for Google's services while the bundled functions are compiled: a Firestore that is empty and forgets
// what is written, and a Cloud Storage that refuses everything, in a way that nobody tries again.

import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttp2Server, type ServerHttp2Session } from 'node:http2';
import type { AddressInfo, Server } from 'node:net';
import { buffer } from 'node:stream/consumers';

export interface EmptyGoogle {
  /** `host:port` of Firestore. */
  readonly firestoreHost: string;
  /** The address of Cloud Storage. */
  readonly storageUrl: string;
  close(): void;
}

export async function startEmptyGoogle(): Promise<EmptyGoogle> {
  const sessions = new Set<ServerHttp2Session>();
  const firestore = createHttp2Server();
  firestore.on('session', (session) => sessions.add(session));
  firestore.on('stream', async (stream, { ':path': path = '' }) => {
    const method = path.slice(path.lastIndexOf('/') + 1);
    const answers = answersTo(method, (await buffer(stream)).subarray(frameHeadBytes));
    stream.respond(
      { ':status': 200, 'content-type': 'application/grpc' },
      { waitForTrailers: true },
    );
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
    stream.end(Buffer.concat(answers.map(framed)));
  });
  const storage = createServer((request, response) => {
    request.resume().once('end', () => response.writeHead(400).end());
  });
  return {
    firestoreHost: `127.0.0.1:${await listen(firestore)}`,
    storageUrl: `http://127.0.0.1:${await listen(storage)}`,
    close: () => {
      for (const session of sessions) session.destroy();
      firestore.close();
      storage.close();
      storage.closeAllConnections();
    },
  };
}

/** The messages of google.firestore.v1 that answer a method: no document is there, every transaction is good. */
function answersTo(method: string, request: Buffer): Buffer[] {
  const time = Buffer.from([0x08, 0x01]);
  const transaction = Buffer.from('transaction');
  if (method === 'BatchGetDocuments') {
    return fieldsOf(request)
      .filter(({ number }) => number === 2)
      .map(({ bytes }) => Buffer.concat([field(2, bytes), field(3, transaction), field(4, time)]));
  }
  if (method === 'RunQuery') return [Buffer.concat([field(2, transaction), field(3, time)])];
  return method === 'Commit' ? [field(2, time)] : [Buffer.alloc(0)];
}

/** Of a message all of whose fields have a length, as those of these requests have. */
function fieldsOf(message: Buffer): { number: number; bytes: Buffer }[] {
  const fields = [];
  for (let at = 0; at < message.length; ) {
    const number = message.readUInt8(at) >> 3;
    let length = 0;
    for (let shift = 0; ; shift += 7) {
      at += 1;
      const byte = message.readUInt8(at);
      length |= (byte & 0x7f) << shift;
      if (byte < 0x80) break;
    }
    fields.push({ number, bytes: message.subarray(at + 1, at + 1 + length) });
    at += 1 + length;
  }
  return fields;
}

/** A field with its length, which is below 16 KiB. */
function field(number: number, bytes: Buffer): Buffer {
  const { length } = bytes;
  const head = length < 0x80 ? [length] : [0x80 | (length & 0x7f), length >> 7];
  return Buffer.concat([Buffer.from([(number << 3) | 2, ...head]), bytes]);
}

/** Of gRPC: a byte that says whether it is compressed, and a length. */
const frameHeadBytes = 5;

function framed(message: Buffer): Buffer {
  const head = Buffer.alloc(frameHeadBytes);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

async function listen(server: Server): Promise<number> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return (server.address() as AddressInfo).port;
}
