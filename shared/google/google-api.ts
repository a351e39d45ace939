// APIs of Google that have no SDK here, because a few calls of REST are all that is asked of them: each call bounded in time
// and size, made again while it fails in passing, and failing with a StorageFailure that tells nothing of what was sent.

import type { GoogleAuth } from 'google-auth-library';
import { textAtMost } from '../ports/text-at-most.ts';
import { StorageFailure } from './storage-failure.ts';
import { type Patience, patient, retried } from './storage-retries.ts';

const answerBytesMax = 1024 * 1024;
/** Of what an API says why it refuses. */
const reasonCharactersMax = 500;

export interface GoogleApiOptions {
  /** What answers in place of Google, on this machine: nobody logs in there. */
  readonly standIn?: string | undefined;
  /** The project that calls are counted for: needed where a person's credentials are used. */
  readonly quotaProject?: string | undefined;
  readonly patience?: Patience | undefined;
}

export interface ApiRequest {
  readonly method: 'GET' | 'POST' | 'PUT' | 'DELETE';
  readonly path: string;
  readonly query?: Readonly<Record<string, string>>;
  readonly body?: unknown;
  /** Statuses that are an answer, beside 200 and 204. */
  readonly expected?: readonly number[];
  /** Statuses that may be others soon. */
  readonly passing?: readonly number[];
}

export interface ApiAnswer {
  readonly status: number;
  readonly data: unknown;
}

export class GoogleApi {
  readonly #service: string;
  readonly #endpoint: string;
  readonly #options: GoogleApiOptions;
  #auth: Promise<GoogleAuth> | undefined;

  /**
   * @param service what it is called in messages
   * @param endpoint its address at Google
   */
  constructor(service: string, endpoint: string, options: GoogleApiOptions) {
    this.#service = service;
    this.#endpoint = options.standIn ?? endpoint;
    this.#options = options;
  }

  /** @throws StorageFailure when there is no answer, or one that was not expected */
  ask(request: ApiRequest): Promise<ApiAnswer> {
    const patience = this.#options.patience ?? patient;
    return retried(patience, () => this.#askOnce(request, patience.answerMsMax));
  }

  async #askOnce(request: ApiRequest, msMax: number): Promise<ApiAnswer> {
    const { method, path, query = {}, body, expected = [], passing = [] } = request;
    const url = new URL(path, this.#endpoint);
    for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
    const signal = AbortSignal.timeout(msMax);
    const headers = await unlessLate(signal, this.#headers());
    if (body !== undefined) headers.set('content-type', 'application/json');
    const { status, text } = await this.#fetched(url, {
      ...{ method, headers, redirect: 'error', signal },
      ...(body !== undefined && { body: JSON.stringify(body) }),
    });
    if (status !== 200 && status !== 204 && !expected.includes(status)) {
      throw new StorageFailure(`${this.#service} answered ${status}: ${reasonIn(text)}`, {
        status,
        ...(passing.includes(status) && { isPassing: true }),
      });
    }
    return { status, data: status === 204 ? undefined : this.#parsed(text, status) };
  }

  async #fetched(url: URL, init: RequestInit): Promise<{ status: number; text: string }> {
    try {
      const response = await fetch(url, init);
      const text = await textAtMost(
        response.body ?? [],
        answerBytesMax,
        () => new StorageFailure('an answer of Google’s was too large', {}),
      );
      return { status: response.status, text };
    } catch (error) {
      if (error instanceof StorageFailure) throw error;
      // What fetch says is not repeated: it may quote a header.
      throw new StorageFailure(`no answer from ${this.#service}`, { isPassing: true });
    }
  }

  #parsed(text: string, status: number): unknown {
    try {
      return JSON.parse(text);
    } catch {
      if (status !== 200) return undefined;
      throw new StorageFailure(`${this.#service} answered with something that is not JSON`, {});
    }
  }

  /** What says who asks. @throws StorageFailure that says what to do, when nobody can be found who does */
  async #headers(): Promise<Headers> {
    if (this.#options.standIn !== undefined) return new Headers();
    try {
      this.#auth ??= connect(this.#options.quotaProject);
      return new Headers(await (await this.#auth).getRequestHeaders());
    } catch (error) {
      throw noCredentials(error);
    }
  }
}

/** What the promise answers. Who gives credentials has no time-out of its own. @throws StorageFailure when that takes too long */
function unlessLate<T>(signal: AbortSignal, promise: Promise<T>): Promise<T> {
  const { promise: late, reject } = Promise.withResolvers<never>();
  const end = () =>
    reject(new StorageFailure('Google’s credentials did not come in time', { isPassing: true }));
  signal.addEventListener('abort', end, { once: true });
  return Promise.race([promise, late]);
}

async function connect(quotaProjectId: string | undefined): Promise<GoogleAuth> {
  const { GoogleAuth } = await import('google-auth-library');
  return new GoogleAuth({
    scopes: 'https://www.googleapis.com/auth/cloud-platform',
    ...(quotaProjectId !== undefined && { clientOptions: { quotaProjectId } }),
  });
}

function noCredentials(error: unknown): StorageFailure {
  const { message, code } = error as { message?: unknown; code?: unknown };
  const isNone = /default credentials/.test(String(message));
  const isOver = /invalid_grant|invalid_rapt|reauth/.test(String(message));
  if (!isNone && !isOver) {
    const isPassing = typeof code === 'string' && /^(E[A-Z]+|5\d\d)$/.test(code);
    return new StorageFailure('Google’s credentials could not be got or used', { isPassing });
  }
  return new StorageFailure(
    `${isNone ? 'there are no credentials of Google here' : 'the login at Google is over'}: run \`gcloud auth application-default login\``,
    {},
  );
}

/** Why an API of Google's refuses, by its own words. */
function reasonIn(text: string): string {
  try {
    const { error } = JSON.parse(text) as { error?: { message?: unknown } };
    return String(error?.message ?? 'no reason was given').slice(0, reasonCharactersMax);
  } catch {
    return 'no reason was given';
  }
}
