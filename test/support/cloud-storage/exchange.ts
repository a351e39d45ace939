// A request to the stand-in as its handlers see it, and what they answer.

import type { IncomingHttpHeaders } from 'node:http';
import { invalid } from './errors.ts';
import type { Rights } from './rights.ts';

export interface Call {
  /** What is asked for, as the reference names it: `objects.insert`. */
  readonly operation: string;
  readonly method: string;
  /** As it was sent, percent-encoded, without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  readonly headers: IncomingHttpHeaders;
  /** `http://host:port`, as the client addressed us. */
  readonly origin: string;
  /** What the path names, decoded; empty where it names none. */
  readonly bucket: string;
  readonly object: string;
  /** Where a copy goes, decoded. */
  readonly toBucket: string;
  readonly toObject: string;
  /** What the caller may do; `undefined` for everything. */
  readonly rights: Rights | undefined;
  /** Throws when the client goes away before its end. */
  readonly body: AsyncIterable<Buffer>;
  /** Breaks the connection off. */
  readonly cut: () => void;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | AsyncIterable<Uint8Array>;
  /** Called when the answer is over, sent or not. */
  readonly done?: () => void;
}

export function json(value: unknown, status = 200): Answer {
  return {
    status,
    headers: { 'content-type': 'application/json; charset=UTF-8' },
    body: JSON.stringify(value),
  };
}

/** The longest JSON body that is read. */
const jsonBytesMax = 1024 * 1024;

/** A body that must be a JSON object; an empty one is `{}`. */
export async function readJson(body: AsyncIterable<Uint8Array>): Promise<Record<string, unknown>> {
  const pieces: Uint8Array[] = [];
  let size = 0;
  for await (const piece of body) {
    size += piece.length;
    if (size > jsonBytesMax) throw invalid('The JSON of this request is too large.');
    pieces.push(piece);
  }
  if (size === 0) return {};
  const value = parseJson(Buffer.concat(pieces).toString());
  if (!isRecord(value)) throw invalid('Parse Error');
  return value;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw invalid('Parse Error');
  }
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
