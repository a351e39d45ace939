// Signed URLs: GET and HEAD of /bucket/object by the XML API, with a V4 signature in the query ("V4 signing process",
// "Canonical requests"). Whatever of the request was changed after signing makes it another canonical request.

import { createHash, createHmac, verify } from 'node:crypto';
import { mediaAnswer } from './downloads.ts';
import { StorageError, xmlRefused } from './errors.ts';
import type { Answer, Call } from './exchange.ts';
import { etagOf } from './resources.ts';
import { may } from './rights.ts';
import type { Store, StoredObject } from './store.ts';

export interface SigningKeys {
  /** HMAC keys: access id → secret, as `projects.hmacKeys.create` gives them. */
  readonly hmac: Readonly<Record<string, string>>;
  /** Service accounts: email → public key, PEM. */
  readonly rsa: Readonly<Record<string, string>>;
}

/** "The longest expiration value is 604800 seconds (7 days)." */
const expirySecondsMax = 604_800;

/** How far ahead of ours a signer's clock may be. */
const clockSkewMs = 15 * 60 * 1000;

/** GET or HEAD of an object by the XML API, for who has a signed URL. Nothing here is public. */
export async function getSigned(store: Store, keys: SigningKeys, call: Call): Promise<Answer> {
  authorize(store.clock.now(), keys, call);
  checkSigner(store, call);
  try {
    const object = store.object(call.bucket, call.object);
    return mediaAnswer(object, call, {
      etag: xmlEtag(object),
      ...responseHeaders(call.query),
    });
  } catch (error) {
    if (!(error instanceof StorageError) || error.status !== 404) throw error;
    if (store.buckets.has(call.bucket))
      throw xmlRefused(404, 'NoSuchKey', 'The specified key does not exist.');
    throw xmlRefused(404, 'NoSuchBucket', 'The specified bucket does not exist.');
  }
}

/** A signed URL is good for what its signer may do when it is used. @throws StorageError 403, in XML */
function checkSigner(store: Store, call: Call): void {
  const { bucket, object } = call;
  if (!store.holdsToRights) return;
  const isThere = store.buckets.get(bucket)?.objects.has(object) === true;
  if (may(call, isThere ? 'storage.objects.get' : 'storage.objects.list', bucket)) return;
  throw denied('The signer does not have storage.objects.get access to the object.');
}

/** The MD5, as S3 has it; composed objects have none. */
function xmlEtag(object: StoredObject): string {
  const { md5Hash } = object.content;
  if (md5Hash === undefined) return `"-${etagOf(object)}"`;
  return `"${Buffer.from(md5Hash, 'base64').toString('hex')}"`;
}

/** The query may say what the answer is called: `response-content-type`, `response-content-disposition`. */
function responseHeaders(query: URLSearchParams): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const name of ['content-type', 'content-disposition']) {
    const value = query.get(`response-${name}`);
    if (value !== null) headers[name] = value;
  }
  return headers;
}

/** @throws StorageError 403 or 400, in XML */
function authorize(nowMs: number, keys: SigningKeys, call: Call): void {
  const signature = readSignature(call.query);
  if (signature === undefined) {
    const details = 'Anonymous caller does not have storage.objects.get access';
    throw denied(`${details} to the Google Cloud Storage object.`);
  }
  // Two ways of authentication at once are refused: clients that keep the registry's token on a redirect fail.
  if (call.headers.authorization !== undefined)
    throw denied('A signed URL and an Authorization header may not be used together.');
  checkTime(nowMs, signature);
  checkSignedHeaders(call, signature.signedHeaders);
  const matches = canonicalRequests(call, signature.signedHeaders).some((request) =>
    isSignedBy(keys, signature, request),
  );
  if (matches) return;
  const why = 'The request signature we calculated does not match the signature you provided.';
  const details = `${why} Check your Google secret key and signing method.`;
  throw xmlRefused(403, 'SignatureDoesNotMatch', 'Access denied.', details);
}

interface Signature {
  readonly algorithm: string;
  /** Whose it is: an access id or an email. */
  readonly id: string;
  /** date/location/service/goog4_request */
  readonly scope: string;
  readonly date: string;
  readonly signedAt: number;
  readonly expiresAt: number;
  readonly signedHeaders: readonly string[];
  readonly bytes: Buffer;
}

/** `undefined` when the request has none. @throws StorageError 400 for one that cannot be */
function readSignature(query: URLSearchParams): Signature | undefined {
  const hex = query.get('X-Goog-Signature');
  if (hex === null) return undefined;
  if (query.getAll('X-Goog-Signature').length > 1) throw malformed('Two signatures.');
  const read = (name: string, form: RegExp): string => {
    const value = query.get(`X-Goog-${name}`) ?? '';
    if (query.getAll(`X-Goog-${name}`).length === 1 && form.test(value)) return value;
    throw malformed(`Invalid X-Goog-${name}.`);
  };
  const date = read('Date', /^\d{8}T\d{6}Z$/);
  const [id = '', ...scope] = read(
    'Credential',
    /^[^/]+\/\d{8}\/[\w-]+\/storage\/goog4_request$/,
  ).split('/');
  if (scope[0] !== date.slice(0, 8))
    throw malformed('The credential is of another day than X-Goog-Date.');
  const seconds = Number(read('Expires', /^\d{1,9}$/));
  if (seconds > expirySecondsMax) throw malformed('X-Goog-Expires is more than 7 days.');
  const signedAt = Date.parse(
    date.replace(/(\d{4})(\d\d)(\d\d)T(\d\d)(\d\d)(\d\d)Z/, '$1-$2-$3T$4:$5:$6Z'),
  );
  if (Number.isNaN(signedAt)) throw malformed('Invalid X-Goog-Date.');
  const signedHeaders = read('SignedHeaders', /^[a-z0-9-]+(;[a-z0-9-]+)*$/).split(';');
  if (!signedHeaders.includes('host')) throw malformed('The header host must be signed.');
  return {
    algorithm: read('Algorithm', /^GOOG4-(RSA|HMAC)-SHA256$/),
    id,
    scope: scope.join('/'),
    date,
    signedAt,
    expiresAt: signedAt + seconds * 1000,
    signedHeaders,
    bytes: Buffer.from(hex, 'hex'),
  };
}

function checkTime(nowMs: number, { signedAt, expiresAt }: Signature): void {
  // Observed: an expired URL is answered 400, not 403.
  if (nowMs > expiresAt) {
    const at = new Date(expiresAt).toISOString().replace('.000Z', '+00:00');
    const details = `The provided token has expired. Request signature expired at: ${at}`;
    throw xmlRefused(400, 'ExpiredToken', 'Invalid argument.', details);
  }
  if (signedAt > nowMs + clockSkewMs) throw denied('The signature is of a time to come.');
}

/** Observed: what is signed must be sent, and what is sent and begins with `x-goog-` must be signed. */
function checkSignedHeaders(call: Call, signedHeaders: readonly string[]): void {
  const sent = Object.keys(call.headers);
  const missing = signedHeaders.find((header) => !sent.includes(header));
  if (missing !== undefined)
    throw malformed(`Header was included in signedheaders, but not in the request: ${missing}`);
  const unsigned = sent.find(
    (header) => header.startsWith('x-goog-') && !signedHeaders.includes(header),
  );
  if (unsigned !== undefined)
    throw malformed(`Header was included in the request, but not in signedheaders: ${unsigned}`);
}

function isSignedBy(keys: SigningKeys, signature: Signature, canonicalRequest: string): boolean {
  const { algorithm, id, scope, date, bytes } = signature;
  const hash = createHash('sha256').update(canonicalRequest).digest('hex');
  const text = [algorithm, date, scope, hash].join('\n');
  if (algorithm === 'GOOG4-RSA-SHA256') {
    const key = keys.rsa[id];
    return key !== undefined && verify('RSA-SHA256', Buffer.from(text), key, bytes);
  }
  const secret = keys.hmac[id];
  if (secret === undefined) return false;
  let key = Buffer.from(`GOOG4${secret}`);
  for (const part of [...scope.split('/'), text]) {
    key = createHmac('sha256', key).update(part).digest();
  }
  return key.equals(bytes);
}

/**
 * What the signer must have signed. There are two, since `host` is signed as it is sent, and the SDK leaves out the port,
 * which the service's address does not have.
 */
function canonicalRequests(call: Call, signedHeaders: readonly string[]): string[] {
  const { host = '', ...headers } = call.headers;
  return [host, host.replace(/:\d+$/, '')].map((name) => {
    const values = new Map<string, unknown>(Object.entries({ ...headers, host: name }));
    const lines = signedHeaders.map((header) => {
      const value = String(values.get(header)).trim().replace(/\s+/g, ' ');
      return `${header}:${value}\n`;
    });
    const payload = signedHeaders.includes('x-goog-content-sha256')
      ? String(headers['x-goog-content-sha256'])
      : 'UNSIGNED-PAYLOAD';
    return [
      call.method,
      canonicalPath(call.path),
      canonicalQuery(call.query),
      lines.join(''),
      signedHeaders.join(';'),
      payload,
    ].join('\n');
  });
}

function canonicalPath(path: string): string {
  return path
    .split('/')
    .map((segment) => encode(decodeURIComponent(segment)))
    .join('/');
}

/** Every parameter but the signature, encoded in one way, by name. */
function canonicalQuery(query: URLSearchParams): string {
  return [...query]
    .filter(([name]) => name !== 'X-Goog-Signature')
    .map(([name, value]): [string, string] => [encode(name), encode(value)])
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name}=${value}`)
    .join('&');
}

/** All but letters, digits and `-._~` percent-encoded. */
function encode(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

function denied(details: string): StorageError {
  return xmlRefused(403, 'AccessDenied', 'Access denied.', details);
}

function malformed(details: string): StorageError {
  return xmlRefused(
    400,
    'MalformedSecurityHeader',
    'Your request has a malformed header.',
    details,
  );
}
