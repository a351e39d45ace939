// Addresses where a client may GET an object without credentials: V4 signed URLs. With an HMAC key the signature is
// computed here, in 25 µs; without one the SDK makes it, for which it mostly has to ask a service (signBlob).

import { createHash, createHmac } from 'node:crypto';
import type { Clock } from '../ports/clock.ts';
import { type Place, percentEncoded } from './object-places.ts';
import type { StorageService } from './storage-service.ts';

/** A key of a service account that may read the blobs, as Cloud Storage's interoperability API issues it. */
export interface HmacKey {
  readonly kind: 'hmac';
  readonly accessId: string;
  readonly secret: string;
}

/**
 * How long a URL is good for. A client begins its download at once, and what has begun is not cut off; but docker
 * fetches three layers at a time, and follows the redirect again when a download broke off.
 */
const lifetimeSeconds = 20 * 60;

/** A URL is handed out again for so long: whoever gets it has at least ten minutes. */
const handedOutMs = 10 * 60 * 1000;

/** A URL and its key have about 1 KB. */
const urlsKeptMax = 5_000;

/** What a URL is to allow. */
export interface Grant {
  readonly place: Place;
  /** What the answer's Content-Type will be. */
  readonly mediaType: string;
  /** From when, in milliseconds since 1970, and for how long. */
  readonly nowMs: number;
  readonly seconds: number;
}

export type Sign = (grant: Grant) => Promise<string>;

/** Signed URLs, each handed out to many. */
export class SignedUrls {
  readonly #sign: Sign;
  readonly #clock: Clock;
  /** The least recently used comes first. */
  readonly #kept = new Map<string, { readonly url: Promise<string>; readonly untilMs: number }>();

  constructor(sign: Sign, clock: Clock) {
    this.#sign = sign;
    this.#clock = clock;
  }

  /** @throws StorageFailure when the signature has to be asked for, and is not given */
  get(place: Place, mediaType: string): Promise<string> {
    const key = `${place.bucket}/${place.object} ${mediaType}`;
    const nowMs = this.#clock.now();
    const kept = this.#kept.get(key);
    const isGood = kept !== undefined && nowMs < kept.untilMs;
    const entry = isGood
      ? kept
      : this.#signed({ place, mediaType, nowMs, seconds: lifetimeSeconds });
    this.#kept.delete(key);
    this.#kept.set(key, entry);
    if (!isGood) entry.url.catch(() => this.#forget(key, entry));
    const oldest = this.#kept.size > urlsKeptMax ? this.#kept.keys().next().value : undefined;
    if (oldest !== undefined) this.#kept.delete(oldest);
    return entry.url;
  }

  #signed(grant: Grant) {
    return { url: this.#sign(grant), untilMs: grant.nowMs + handedOutMs };
  }

  #forget(key: string, entry: object): void {
    if (this.#kept.get(key) === entry) this.#kept.delete(key);
  }
}

/** Signs with the SDK: with the private key of its credentials, or by a call to the service that keeps it. */
export function signBySdk(anyone: StorageService): Sign {
  const service = anyone.withCredentials();
  return ({ place, mediaType, nowMs, seconds }) =>
    service.call('remoteSignature', async (storage) => {
      const file = storage.bucket(place.bucket).file(place.object);
      const [url] = await file.getSignedUrl({
        version: 'v4',
        action: 'read',
        accessibleAt: nowMs,
        expires: nowMs + seconds * 1000,
        responseType: mediaType,
      });
      return url;
    });
}

/** Signs with the key (GOOG4-HMAC-SHA256), without any call. */
export function signByHmac(apiEndpoint: string, key: HmacKey): Sign {
  const { hostname, origin } = new URL(apiEndpoint);
  return async ({ place, mediaType, nowMs, seconds }) => {
    const timestamp = new Date(nowMs).toISOString().replace(/[-:]|\.\d+/g, '');
    const date = timestamp.slice(0, 8);
    const scope = `${date}/auto/storage/goog4_request`;
    const path = `/${place.bucket}/${place.object.split('/').map(percentEncoded).join('/')}`;
    // In the order of their names, as the signature has them.
    const query = [
      ['X-Goog-Algorithm', 'GOOG4-HMAC-SHA256'],
      ['X-Goog-Credential', `${key.accessId}/${scope}`],
      ['X-Goog-Date', timestamp],
      ['X-Goog-Expires', String(seconds)],
      ['X-Goog-SignedHeaders', 'host'],
      ['response-content-type', mediaType],
    ]
      .map(([name, value = '']) => `${name}=${percentEncoded(value)}`)
      .join('&');
    // The host goes without its port, as the SDK has it.
    const request = ['GET', path, query, `host:${hostname}\n`, 'host', 'UNSIGNED-PAYLOAD'].join(
      '\n',
    );
    const hash = createHash('sha256').update(request).digest('hex');
    const signed = ['GOOG4-HMAC-SHA256', timestamp, scope, hash].join('\n');
    const signature = hmac(signingKey(key, date), signed).toString('hex');
    return `${origin}${path}?${query}&X-Goog-Signature=${signature}`;
  };
}

/** The key of a day, a place and a service, of which nobody finds the way back to the secret. */
function signingKey({ secret }: HmacKey, date: string): Buffer {
  return [date, 'auto', 'storage', 'goog4_request'].reduce(hmac, Buffer.from(`GOOG4${secret}`));
}

function hmac(key: Buffer, text: string): Buffer {
  return createHmac('sha256', key).update(text).digest();
}
