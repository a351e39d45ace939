// Tables of calls over HTTP: what a client sends, and what the registry must answer. Sent with node:http,
// byte for byte: fetch would tidy up URLs, add headers and hide how a body is framed.

import assert from 'node:assert/strict';
import { type IncomingHttpHeaders, type IncomingMessage, request } from 'node:http';
import { after, before, describe, it } from 'node:test';
import type { ErrorCode } from '#shared/oci/errors.ts';
import { isOnGoogle } from './backend.ts';
import { sendHttp2 } from './http2-client.ts';
import type { Content, Manifest } from './manifests.ts';
import { adminBasic, startTestRegistry, type TestRegistry } from './registry.ts';

/** A list is sent as a line each. */
export type CallHeaders = Readonly<Record<string, string | readonly string[]>>;

export interface Call {
  readonly description?: string;
  readonly method: string;
  /**
   * Path and query, as they go on the wire. Here, in headers and in text, `{word}` is what an earlier call of
   * the row kept; `{host}` is the registry's own.
   */
  readonly path: string;
  readonly headers?: CallHeaders;
  /** The Authorization header: the admin's when left out, none when null. */
  readonly authorization?: string | null;
  /** Several pieces are sent chunked, with no Content-Length. */
  readonly body?: string | Uint8Array | readonly Uint8Array[];
  readonly expect: Expectation;
  /** Word → what later calls put in its place: a header of the answer, or what a function makes of it. */
  readonly keep?: Readonly<Record<string, string | ((answer: Answer) => string)>>;
}

export interface Expectation {
  readonly status: number;
  /** Exactly, by a pattern, or `undefined` for a header that must be absent. */
  readonly headers?: Readonly<Record<string, string | RegExp | undefined>>;
  /** Of each error in the body. */
  readonly code?: ErrorCode;
  /** The first error's. */
  readonly message?: RegExp;
  readonly body?: string | Uint8Array;
  readonly json?: unknown;
  /** Members that the JSON has, among others. */
  readonly has?: Readonly<Record<string, unknown>>;
  /** What the table cannot say. */
  readonly also?: (answer: Answer) => void;
}

export interface Answer {
  /** The bytes were sent by the store, to which the registry led. */
  readonly elsewhere?: true;
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** One test: a call, or calls one after another. */
export type Row =
  | (Call & { readonly description: string })
  | { readonly description: string; readonly calls: readonly Call[] };

/**
 * A registry for all tests of a file, or of the suite it is called in.
 * @param prepare what is done with it before the first test
 */
export function useRegistry(
  options: Parameters<typeof startTestRegistry>[0] = {},
  prepare: (registry: TestRegistry) => Promise<unknown> = async () => undefined,
): () => TestRegistry {
  let registry: TestRegistry | undefined;
  before(async () => {
    registry = await startTestRegistry(options);
    await prepare(registry);
  });
  after(() => registry?.close());
  return () => {
    assert.ok(registry !== undefined, 'the registry has not started');
    return registry;
  };
}

/**
 * A table as a suite: each row a test. No row may make the registry log a failure of its own.
 * @param words what stands for `{word}`s from the first call on
 */
export function testCalls(
  title: string,
  registry: () => TestRegistry,
  rows: readonly Row[],
  words: () => Words = () => new Map(),
): void {
  describe(title, () => {
    for (const row of rows) {
      it(row.description, async () => {
        const logged = registry().logged.length;
        await sendAll(registry().url, 'calls' in row ? row.calls : [row], words());
        assert.deepEqual(registry().logged.slice(logged), []);
      });
    }
  });
}

export type Words = ReadonlyMap<string, string>;

/** Sends calls one after another and checks each answer. @returns what they kept, and `words` */
export async function sendAll(
  url: string,
  calls: readonly Call[],
  words: Words = new Map(),
): Promise<Words> {
  const kept = new Map([['host', new URL(url).host], ...words]);
  for (const call of calls) {
    const filled = fill(call, kept);
    const answer = await send(url, filled);
    try {
      check(filled, answer);
    } catch (error) {
      throw new Error(describeFailure(filled, answer, error), { cause: error });
    }
    for (const [word, source] of Object.entries(call.keep ?? {})) {
      const value =
        typeof source === 'string' ? answer.headers[source.toLowerCase()] : source(answer);
      assert.equal(typeof value, 'string', `${call.method} ${call.path} has no ${word} to keep`);
      kept.set(word, String(value));
    }
  }
  return kept;
}

/**
 * Sends a call and reads the whole answer, whatever it is. Where blobs lie elsewhere it goes there, as clients do, and
 * answers with what both said.
 */
export async function send(url: string, call: Omit<Call, 'expect'>): Promise<Answer> {
  const answer = await sendOnce(url, call);
  const { location } = answer.headers;
  if (answer.status !== 307 || location === undefined || !isOnGoogle()) return answer;
  const { origin, pathname, search } = new URL(location);
  const there = { ...call, path: `${pathname}${search}`, authorization: null };
  const { status, headers, body } = await sendOnce(origin, there);
  return {
    elsewhere: true,
    status,
    headers: { ...headers, ...answer.headers, ...lengthOf(headers) },
    body,
  };
}

/** What the store alone knows of the bytes it sends. */
function lengthOf(headers: IncomingHttpHeaders): IncomingHttpHeaders {
  const told = ['content-length', 'content-range', 'content-type', 'accept-ranges'];
  return Object.fromEntries(told.map((name) => [name, headers[name]]));
}

function sendOnce(url: string, call: Omit<Call, 'expect'>): Promise<Answer> {
  const { method, path, authorization = adminBasic, body = '' } = call;
  const { protocol, hostname, port } = new URL(url);
  const headers = { ...(authorization === null ? {} : { authorization }), ...linesOf(call) };
  if (protocol === 'h2c:') return sendHttp2(url, { method, path, headers }, piecesOf(body));
  return new Promise((resolve, reject) => {
    const sent = request({ hostname, port, method, path, headers }, (message) => {
      readAnswer(message).then(resolve, reject);
    });
    // An answer may come before the whole body was taken: then it counts, and not the broken pipe.
    sent.on('error', reject);
    if (typeof body === 'string' || body instanceof Uint8Array) {
      sent.end(body);
      return;
    }
    for (const piece of body) sent.write(piece);
    sent.end();
  });
}

function linesOf({ headers = {} }: Pick<Call, 'headers'>): Record<string, string | string[]> {
  const lines = Object.entries(headers).map(([name, value]) => [
    name,
    typeof value === 'string' ? value : [...value],
  ]);
  return Object.fromEntries(lines);
}

function piecesOf(body: NonNullable<Call['body']>): readonly Uint8Array[] {
  if (typeof body !== 'string') return body instanceof Uint8Array ? [body] : body;
  return body === '' ? [] : [Buffer.from(body)];
}

async function readAnswer(message: IncomingMessage): Promise<Answer> {
  const pieces: Uint8Array[] = await Array.fromAsync(message);
  return {
    status: message.statusCode ?? 0,
    headers: message.headers,
    body: Buffer.concat(pieces),
  };
}

function fill(call: Call, words: Words): Call {
  const put = <T>(value: T): T | string =>
    typeof value === 'string'
      ? value.replace(/\{(\w+)\}/g, (all, word) => words.get(word) ?? all)
      : value;
  const putEach = (headers: Readonly<Record<string, unknown>> = {}) =>
    Object.fromEntries(Object.entries(headers).map(([name, value]) => [name, put(value)]));
  const { authorization, body, expect } = call;
  return {
    ...call,
    path: put(call.path),
    headers: putEach(call.headers) as CallHeaders,
    ...(authorization === undefined ? {} : { authorization: put(authorization) }),
    ...(body === undefined ? {} : { body: put(body) }),
    expect: { ...expect, headers: putEach(expect.headers) as NonNullable<Expectation['headers']> },
  };
}

function check({ method, path, expect }: Call, answer: Answer): void {
  assert.equal(answer.status, expect.status, 'status');
  for (const [name, wanted] of Object.entries(expect.headers ?? {})) {
    // The store has its own.
    if (answer.elsewhere && /^(etag|cache-control)$/i.test(name)) continue;
    const actual = answer.headers[name.toLowerCase()];
    if (wanted instanceof RegExp) assert.match(String(actual ?? ''), wanted, name);
    else assert.equal(actual, wanted, name);
  }
  const contentType = answer.headers['content-type'] ?? '';
  // What is not for clients is in other forms than the specification's.
  const isPlain = !path.startsWith('/v2') && contentType.startsWith('text/plain');
  // "The registry SHOULD NOT include parameters on the Content-Type header."
  if (!isPlain) assert.doesNotMatch(contentType, /;/, 'Content-Type');
  if (method === 'HEAD') assert.equal(answer.body.length, 0, 'a HEAD has no body');
  else if (answer.status >= 400 && !isPlain) checkErrors(expect, answer);
  if (expect.body !== undefined) {
    const wanted = Buffer.from(expect.body);
    assert.ok(answer.body.equals(wanted), `the body is not the ${wanted.length} bytes expected`);
  }
  if (expect.json !== undefined) assert.deepEqual(JSON.parse(String(answer.body)), expect.json);
  if (expect.has !== undefined) {
    const told = JSON.parse(String(answer.body)) as Record<string, unknown>;
    const names = Object.keys(expect.has);
    assert.deepEqual(Object.fromEntries(names.map((name) => [name, told[name]])), expect.has);
  }
  expect.also?.(answer);
}

/** The specification, "Error Codes": "The code field MUST be one of the following". */
const specified: ReadonlySet<string> = new Set<ErrorCode>([
  'BLOB_UNKNOWN',
  'BLOB_UPLOAD_INVALID',
  'BLOB_UPLOAD_UNKNOWN',
  'DIGEST_INVALID',
  'MANIFEST_BLOB_UNKNOWN',
  'MANIFEST_INVALID',
  'MANIFEST_UNKNOWN',
  'NAME_INVALID',
  'NAME_UNKNOWN',
  'SIZE_INVALID',
  'UNAUTHORIZED',
  'DENIED',
  'UNSUPPORTED',
  'TOOMANYREQUESTS',
]);

/** gcr.io's, which nothing answers but a DELETE in a project that chose its rules: a test that expects one names it. */
const ofGcr: ReadonlySet<string | undefined> = new Set<ErrorCode>([
  'GOOGLE_MANIFEST_DANGLING_TAG',
  'GOOGLE_MANIFEST_DANGLING_PARENT_IMAGE',
  'GOOGLE_MANIFEST_REFERRING_MANIFEST',
]);

/** "If the response body is in JSON format, it MUST have the following format": every refusal of ours is. */
function checkErrors({ code, message }: Expectation, answer: Answer): void {
  assert.equal(answer.headers['content-type'], 'application/json');
  const errors = errorsOf(answer);
  assert.ok(errors.length > 0, 'errors is empty');
  for (const error of errors) {
    const isSpecified = specified.has(error.code) || ofGcr.has(code);
    assert.ok(isSpecified, `${error.code} is not a code of the specification`);
    if (code !== undefined) assert.equal(error.code, code, 'code');
    assert.ok(error.message.length > 0, 'an error says nothing');
  }
  if (message !== undefined) assert.match(errors[0]?.message ?? '', message);
}

export interface AnsweredError {
  readonly code: string;
  readonly message: string;
  readonly detail: Readonly<Record<string, unknown>>;
}

export function errorsOf({ body }: Answer): readonly AnsweredError[] {
  return (JSON.parse(String(body)) as { errors: AnsweredError[] }).errors;
}

function describeFailure(
  { method, path, description }: Call,
  answer: Answer,
  error: unknown,
): string {
  const shown = answer.body.length > 600 ? `${answer.body.length} bytes` : String(answer.body);
  const what = description === undefined ? '' : `${description}: `;
  return `${what}${method} ${path}\n${error instanceof Error ? error.message : String(error)}\nanswered ${answer.status} ${JSON.stringify(answer.headers)}\n${shown}`;
}

/** The path of the page that a Link header names next, for {@link Call.keep}. */
export function nextPage({ headers }: Answer): string {
  return /^<([^>]+)>; rel="next"$/.exec(String(headers['link']))?.[1] ?? 'no next page';
}

/** The same call, answered otherwise; nothing is kept of it. */
export function answered({ keep, ...call }: Call, expect: Expectation): Call {
  return { ...call, expect };
}

// Calls that tables begin with.

/** Stores a blob with one POST. */
export function pushBlob(name: string, { bytes, digest }: Content): Call {
  return {
    method: 'POST',
    path: `/v2/${name}/blobs/uploads/?digest=${digest}`,
    headers: { 'Content-Type': 'application/octet-stream' },
    body: bytes,
    expect: { status: 201 },
  };
}

/** Stores a manifest, whose blobs and children are there. By its digest when no reference is given. */
export function pushManifest(name: string, manifest: Content, reference = manifest.digest): Call {
  return {
    method: 'PUT',
    path: `/v2/${name}/manifests/${reference}`,
    headers: { 'Content-Type': manifest.mediaType },
    body: manifest.bytes,
    expect: { status: 201, headers: { 'Docker-Content-Digest': /^sha(256|512):/ } },
  };
}

/** Stores a manifest with everything that it names. */
export function pushAll(name: string, manifest: Manifest, reference?: string): Call[] {
  return [...pushParts(name, manifest), pushManifest(name, manifest, reference)];
}

/** Stores everything that a manifest names, and not itself. */
export function pushParts(name: string, { blobs, children }: Manifest): Call[] {
  return [
    ...blobs.map((blob) => pushBlob(name, blob)),
    ...children.flatMap((child) => pushAll(name, child)),
  ];
}

/** Opens an upload session, which the calls after it reach as `{upload}`. */
export function openUpload(name: string, query = ''): Call {
  return {
    method: 'POST',
    path: `/v2/${name}/blobs/uploads/${query}`,
    expect: { status: 202 },
    keep: { upload: 'Location' },
  };
}

/** Asks for a blob, and expects its bytes. */
export function pullBlob(name: string, { bytes, digest }: Content): Call {
  return {
    method: 'GET',
    path: `/v2/${name}/blobs/${digest}`,
    expect: { status: 200, headers: { 'Docker-Content-Digest': digest }, body: bytes },
  };
}

/** Asks for a blob, and expects that it is not there. */
export function missBlob(name: string, { digest }: Content): Call {
  return {
    method: 'GET',
    path: `/v2/${name}/blobs/${digest}`,
    expect: { status: 404, code: 'BLOB_UNKNOWN' },
  };
}

/** Asks for a manifest, and expects its bytes. */
export function pullManifest(name: string, manifest: Content, reference = manifest.digest): Call {
  return {
    method: 'GET',
    path: `/v2/${name}/manifests/${reference}`,
    expect: {
      status: 200,
      headers: {
        'Content-Type': manifest.mediaType,
        'Content-Length': String(manifest.bytes.length),
      },
      body: manifest.bytes,
    },
  };
}

/** Asks for a manifest, and expects that it is not there. */
export function missManifest(name: string, reference: string): Call {
  return {
    method: 'GET',
    path: `/v2/${name}/manifests/${reference}`,
    expect: { status: 404, code: 'MANIFEST_UNKNOWN' },
  };
}
