// Bytes on a socket: what no HTTP client would send.

import { connect } from 'node:net';

export interface WireAnswer {
  /** 0 when the connection ended with no answer. */
  readonly status: number;
  readonly head: string;
  readonly body: string;
}

/**
 * Sends bytes as they are and reads until the registry ends the connection.
 * @param options.afterwards what becomes of our side when all is sent: `end` half-closes, `reset` breaks off
 */
export function sendBytes(
  url: string,
  bytes: string | Uint8Array,
  options: { readonly afterwards?: 'wait' | 'end' | 'reset' } = {},
): Promise<WireAnswer> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve) => {
    const pieces: Buffer[] = [];
    const socket = connect(Number(port), hostname, () => {
      socket.write(bytes, () => {
        if (options.afterwards === 'end') socket.end();
        if (options.afterwards === 'reset') socket.resetAndDestroy();
      });
    });
    socket.on('data', (piece) => pieces.push(piece));
    // A connection that is reset while we still write is an end like any other.
    socket.on('error', () => {});
    socket.on('close', () => {
      const text = Buffer.concat(pieces).toString('latin1');
      const end = text.indexOf('\r\n\r\n');
      const [, status = '0'] = /^HTTP\/1\.1 (\d{3})/.exec(text) ?? [];
      resolve({ status: Number(status), head: text.slice(0, end), body: text.slice(end + 4) });
    });
  });
}
