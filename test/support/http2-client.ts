// Calls over HTTP/2 without TLS, many on one connection.

import { once } from 'node:events';
import { type ClientHttp2Session, connect, type IncomingHttpHeaders } from 'node:http2';
import type { Answer } from './calls.ts';

const sessions = new Map<string, ClientHttp2Session>();

/** The connection to a server, made anew when it has ended. @param url `h2c://address:port` */
function sessionTo(url: string): ClientHttp2Session {
  const known = sessions.get(url);
  if (known !== undefined && !known.closed && !known.destroyed) return known;
  // What waits to be sent counts as its memory: a client of many large bodies must not refuse them itself.
  // Tests send what they like: also several lines of what Node takes for single, by an option that its types do not know.
  const options = { maxSessionMemory: 1000, strictSingleValueFields: false };
  const session = connect(url.replace(/^h2c:/, 'http:'), options);
  // What is wrong with a connection is seen by the calls on it.
  session.on('error', () => undefined);
  sessions.set(url, session);
  return session;
}

/** What HTTP/1.1 says of a connection, HTTP/2 has other means for, or no need of. */
const ofConnection = new Set(['connection', 'host', 'keep-alive', 'transfer-encoding']);

/** Sends a request and reads the whole answer. @param pieces of the body; none ends the request with its headers */
export async function sendHttp2(
  url: string,
  { method, path, headers }: { method: string; path: string; headers: Record<string, string> },
  pieces: readonly Uint8Array[],
): Promise<Answer> {
  const named = Object.entries(headers).map(([name, value]) => [name.toLowerCase(), value]);
  const { host }: Record<string, string> = Object.fromEntries(named);
  const sent = sessionTo(url).request(
    {
      ':method': method,
      ':path': path,
      ...(host === undefined ? {} : { ':authority': host }),
      ...Object.fromEntries(named.filter(([name = '']) => !ofConnection.has(name))),
    },
    { endStream: pieces.length === 0 },
  );
  for (const piece of pieces) sent.write(piece);
  sent.end();
  const [answered] = (await once(sent, 'response')) as [IncomingHttpHeaders];
  const { ':status': status = 0, ...rest } = answered;
  return {
    status: Number(status),
    headers: rest,
    body: Buffer.concat(await Array.fromAsync<Uint8Array>(sent)),
  };
}
