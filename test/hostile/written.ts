// Requests as bytes: what goes on the wire, as RFC 9112 lets it be written, and what no longer is a request.

import type { Random } from './random.ts';

export interface Request {
  method: string;
  path: string;
  query: [string, string][];
  headers: [string, string][];
  body: Buffer;
}

export function written(random: Random, { method, path, query, headers, body }: Request): Buffer {
  // Spaces and what lies beyond ASCII are no part of a URL; everything else goes as it was made.
  const parameters = query
    .map(([name, value]) => `${name}=${value}`)
    .join('&')
    .replace(/[^\x21-\x7e]/g, encodeURIComponent);
  const target = query.length === 0 && random.chance(0.9) ? path : `${path}?${parameters}`;
  const lines = [
    `${method} ${target} HTTP/1.1`,
    ...headers.map(([name, value]) => `${name}: ${value}`),
  ];
  const isChunked = body.length > 0 && random.chance(0.3);
  if (isChunked) lines.push('Transfer-Encoding: chunked');
  else if (body.length > 0 || random.chance(0.2)) lines.push(`Content-Length: ${body.length}`);
  const head = Buffer.from(`${lines.join('\r\n')}\r\n\r\n`, 'latin1');
  return Buffer.concat([head, isChunked ? chunked(random, body) : body]);
}

/** A body in chunks of any size, with what else RFC 9112 lets a chunk carry. */
function chunked(random: Random, body: Buffer): Buffer {
  const pieces: Buffer[] = [];
  for (let at = 0; at < body.length; ) {
    const size = Math.min(random.pick([1, 2, 15, 16, 17, 1000, 65_536]), body.length - at);
    const written = size.toString(16).padStart(random.pick([1, 2, 8]), '0');
    const extension = random.pick(['', '', '', ';a=b', ';a="b c"']);
    pieces.push(
      Buffer.from(`${random.chance(0.5) ? written.toUpperCase() : written}${extension}\r\n`),
    );
    pieces.push(body.subarray(at, at + size), Buffer.from('\r\n'));
    at += size;
  }
  return Buffer.concat([
    ...pieces,
    Buffer.from(random.pick(['0\r\n\r\n', '000\r\n\r\n', '0\r\nX-Trailer: y\r\n\r\n'])),
  ]);
}

const interesting = [
  '\0',
  '\r',
  '\n',
  '\r\n',
  '\r\n\r\n',
  ' ',
  '\t',
  ':',
  '%',
  '\x7f',
  '\xff',
  '/',
  '0',
  'HTTP/1.1',
  'Content-Length: 5\r\n',
  'Transfer-Encoding: chunked\r\n',
  'Host: b\r\n',
];

/** Changes a few places of the bytes of a request, or puts another's end behind its beginning. */
export function mutated(random: Random, bytes: Buffer, other: Buffer): Buffer {
  let changed = bytes;
  for (let left = 1 + random.below(4); left > 0; left -= 1) {
    const at = random.below(changed.length + 1);
    const [before, after] = [changed.subarray(0, at), changed.subarray(at)];
    const pieces = random.pick<() => Uint8Array[]>([
      () => [before, random.bytes(1), after.subarray(1)],
      () => [before, after.subarray(1 + random.below(8))],
      () => [before, Buffer.from(random.pick(interesting), 'latin1'), after],
      () => [before, after.subarray(0, random.below(40)), after],
      () => [before],
      () => [before, other.subarray(random.below(other.length))],
    ])();
    changed = Buffer.concat(pieces);
  }
  return changed;
}
