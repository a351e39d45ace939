// Cloud Storage, as the adapter calls it: through the SDK, one attempt at a time, each bounded in time, counted,
// and failing with a StorageFailure.
//
// The SDK finds the credentials, keeps them fresh, signs, and makes the calls that are only metadata: stat, delete,
// compose, list. What carries bytes, and rewrite, are requests of the JSON API, sent by the SDK's own authenticated
// client, because its methods for them (8.4.0) break what the port promises:
// - createWriteStream sends no status query where it could and fails when the service kept less than it was sent; a
//   body that fails leaves the session open; a checksum that is wrong deletes by name, whoever's object that is;
// - createReadStream destroys the connections of the whole process when one reader stops early;
// - copy forgets its preconditions when a rewrite takes more than one call;
// - none of them has a time-out (theirs is passed to a version of node-fetch that has none), and a retry whose time is
//   over is never told to the caller. So retries are ours here too.

import type { Readable } from 'node:stream';
import type { Storage } from '@google-cloud/storage';
import type { Meter, Operation } from '../ports/meter.ts';
import { failureOf, StorageFailure } from './storage-failure.ts';
import { type Patience, retried } from './storage-retries.ts';

const googleEndpoint = 'https://storage.googleapis.com';

export interface StorageRequest {
  /** What it costs; nothing, where it is left out. */
  readonly operation?: Operation;
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  /** A path at the endpoint, or a whole URL. */
  readonly url: string;
  /** What is `undefined` is left out. */
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: Uint8Array | string;
  /** The statuses that are an answer; every other one is a failure. */
  readonly expected: readonly number[];
  readonly answerMsMax?: number;
  /** Ends the attempt, and the stream that it answered. */
  readonly signal?: AbortSignal;
}

export interface StorageAnswer<Data> {
  readonly status: number;
  readonly headers: Headers;
  readonly data: Data;
}

export interface StorageServiceOptions {
  /** As {@link endpointOf} answers it. */
  readonly apiEndpoint: string;
  readonly patience: Patience;
  readonly meter?: Meter | undefined;
}

export class StorageService {
  readonly patience: Patience;
  readonly #options: StorageServiceOptions;
  readonly #isAnonymous: boolean;
  #storage: Promise<Storage> | undefined;

  /** @param isAnonymous whether to call without credentials; at an endpoint that is not Google's nobody asks for them */
  constructor(options: StorageServiceOptions, isAnonymous = !isGoogles(options.apiEndpoint)) {
    this.patience = options.patience;
    this.#options = options;
    this.#isAnonymous = isAnonymous;
  }

  /** The same service, called as somebody. */
  withCredentials(): StorageService {
    return this.#isAnonymous ? new StorageService(this.#options, false) : this;
  }

  /** Makes a call of the SDK, again while it fails in passing. @throws StorageFailure */
  call<T>(
    operation: Operation,
    make: (storage: Storage, attempt: number) => Promise<T>,
  ): Promise<T> {
    return retried(this.patience, (attempt) => this.callOnce(operation, (s) => make(s, attempt)));
  }

  /** Makes a call of the SDK. One that is not answered in time is abandoned: the SDK cannot be told to end it. */
  callOnce<T>(operation: Operation, make: (storage: Storage) => Promise<T>): Promise<T> {
    return bounded(this.patience.answerMsMax, undefined, async () => {
      const storage = await this.#connected();
      this.#options.meter?.(operation);
      return make(storage);
    });
  }

  /** Sends a request once, and answers with the JSON it was answered. @throws StorageFailure */
  send(request: StorageRequest): Promise<StorageAnswer<unknown>> {
    return this.#send(request, 'json') as Promise<StorageAnswer<unknown>>;
  }

  /** Sends a request once, and answers with the body as it comes, until the request's signal ends it. */
  open(request: StorageRequest): Promise<StorageAnswer<Readable>> {
    return this.#send(request, 'stream') as Promise<StorageAnswer<Readable>>;
  }

  #send(request: StorageRequest, responseType: 'json' | 'stream') {
    const { operation, method, headers, body, expected, answerMsMax, signal } = request;
    const url = this.#urlOf(request);
    return bounded(answerMsMax ?? this.patience.answerMsMax, signal, async (ending) => {
      const storage = await this.#connected();
      if (operation !== undefined) this.#options.meter?.(operation);
      return storage.authClient.request<unknown>({
        ...{ method, url, responseType, signal: ending },
        ...(headers && { headers: { ...headers } }),
        ...(body !== undefined && { data: body }),
        // 308 says here that an upload is not complete, and has nowhere to go.
        redirect: 'manual',
        validateStatus: (status) => expected.includes(status),
        // It would look for secrets in a body byte by byte, seconds for a chunk; failureOf keeps nothing of it anyway.
        errorRedactor: false,
      });
    });
  }

  #urlOf({ url, query }: StorageRequest): URL {
    const whole = new URL(url, this.#options.apiEndpoint);
    for (const [name, value] of Object.entries(query ?? {})) {
      if (value !== undefined) whole.searchParams.set(name, value);
    }
    return whole;
  }

  /** The SDK, loaded at its first use: it takes 160 ms, which a caller that only signs URLs should not wait for. */
  #connected(): Promise<Storage> {
    this.#storage ??= connect(this.#options.apiEndpoint, this.#isAnonymous);
    return this.#storage;
  }
}

/** The endpoint to use: the one given, the emulator's that the SDK would use too, or Google's. */
export function endpointOf(given: string | undefined): string {
  const endpoint = given ?? process.env['STORAGE_EMULATOR_HOST'] ?? googleEndpoint;
  return (/^\w+:\/\//.test(endpoint) ? endpoint : `https://${endpoint}`).replace(/\/+$/, '');
}

function isGoogles(apiEndpoint: string): boolean {
  return /(^|\.)googleapis\.com$/.test(new URL(apiEndpoint).hostname);
}

/** The SDK's client, which retries nothing. */
async function connect(apiEndpoint: string, isAnonymous: boolean): Promise<Storage> {
  const { IdempotencyStrategy, Storage } = await import('@google-cloud/storage');
  const { PassThroughClient } = await import('google-auth-library');
  return new Storage({
    apiEndpoint,
    retryOptions: { autoRetry: false, idempotencyStrategy: IdempotencyStrategy.RetryNever },
    useAuthWithCustomEndpoint: !isAnonymous,
    ...(isAnonymous && { authClient: new PassThroughClient() }),
  });
}

/**
 * What the call answers, unless it takes too long or the signal ends it. It is given a signal of its own, by which
 * both reach it; after it has answered, only the outer one does.
 */
async function bounded<T>(
  msMax: number,
  outer: AbortSignal | undefined,
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  outer?.throwIfAborted();
  const late = new AbortController();
  const timer = setTimeout(() => {
    late.abort(
      new StorageFailure(`no answer from Cloud Storage in ${msMax} ms`, { isPassing: true }),
    );
  }, msMax);
  const signal = outer === undefined ? late.signal : AbortSignal.any([late.signal, outer]);
  const { promise: ended, reject } = Promise.withResolvers<never>();
  const end = () => reject(signal.reason);
  signal.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([call(signal), ended]);
  } catch (error) {
    throw signal.aborted ? signal.reason : failureOf(error);
  } finally {
    clearTimeout(timer);
    signal.removeEventListener('abort', end);
  }
}
