// A stand-in for Google Cloud Storage, strict where the service is: what passes here is meant to pass there. It speaks
// the part of the JSON API that a registry uses, and the XML API's signed GET. Where the reference ("Cloud Storage JSON
// API") is silent, the comments say what was observed of the service, or that nobody knows.
//
//   server.ts  http.ts      requests in, answers out; exchange.ts: what both are in between
//   faults.ts               what goes wrong on the way; request-log.ts: what was asked
//   routes.ts  handlers.ts  which operation a request asks for, and what carries it out:
//     buckets.ts  objects.ts  downloads.ts  uploads.ts  resumable.ts  copies.ts  signed-urls.ts
//   rights.ts               what a caller may do, where there are several
//   preconditions.ts  metadata.ts  content-range.ts  multipart.ts     what they read in requests
//   resources.ts  errors.ts     what they answer
//   store.ts                buckets and objects, in memory
//   contents.ts  crc32c.ts  bytes, in files, and their checksum
//   main.ts                 all of it as a process

import { mkdtemp, rm } from 'node:fs/promises';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as wait } from 'node:timers/promises';
import { type Clock, systemClock } from '#shared/ports/clock.ts';
import { createBucket } from './buckets.ts';
import { forbidden, notFound, StorageError, xmlRefused } from './errors.ts';
import type { Answer, Call } from './exchange.ts';
import { type Fault, Faults } from './faults.ts';
import { type Handler, handlersOf } from './handlers.ts';
import { callOf, drain, send, splitTarget } from './http.ts';
import { type LoggedRequest, RequestLog } from './request-log.ts';
import { checkRights, type Rights } from './rights.ts';
import { routeOf } from './routes.ts';
import type { SigningKeys } from './signed-urls.ts';
import { Store } from './store.ts';

export interface CloudStorageOptions {
  /** 0, any that is free, when left out. */
  readonly port?: number;
  /** Where the bytes go; a temporary directory of its own, removed at the end, when left out. */
  readonly directory?: string;
  readonly clock?: Clock;
  /** The Bearer token that the JSON API asks for; when left out, it asks for none. */
  readonly requireToken?: string;
  readonly keys?: Partial<SigningKeys>;
  /** Callers that are held to rights of their own: name → rights. Each has an address of its own. */
  readonly callers?: Readonly<Record<string, Rights>>;
  /** The caller whose keys sign URLs, and by whose rights those are good; when left out, by all rights. */
  readonly signer?: string;
  /** How much of an object one `objects.rewrite` copies; all of it when left out. */
  readonly rewriteStepBytes?: number;
  /** Buckets to begin with: name → settings. */
  readonly buckets?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

/** What is looked at, and changed, beside the API. */
export interface Backstage {
  /** The buckets that the caller has: name → settings. */
  buckets(): Readonly<Record<string, Readonly<Record<string, unknown>>>>;
  /** The names of a bucket's objects. */
  objects(bucket: string): readonly string[];
  /** Somebody else makes a bucket, for himself or for everybody to write to. */
  takeBucket(name: string, owner: 'closed' | 'open'): void;
  /** Removes a bucket with all that is in it. */
  removeBucket(name: string): void;
  /** Gives or takes the right to make buckets. */
  letMakeBuckets(may: boolean): void;
  /** Gives every caller all rights, as `roles/storage.admin` of the project does. */
  letDoAll(): void;
}

export interface CloudStorage {
  readonly backstage: Backstage;
  /** `http://127.0.0.1:port`, for `apiEndpoint` or `STORAGE_EMULATOR_HOST` */
  readonly url: string;
  readonly host: string;
  /** The address of a caller that is held to its rights. @throws Error when there is none of that name */
  urlOf(caller: string): string;
  /** The last thousand requests, the latest last. */
  readonly requests: readonly LoggedRequest[];
  /** How many requests asked for each operation. */
  counts(): Record<string, number>;
  /** Forgets the requests so far. */
  resetRequests(): void;
  /** Something goes wrong with the next requests that fit. */
  failNext(fault: Fault): void;
  /** Takes back the faults that have hit nothing yet. */
  clearFaults(): void;
  /** Ends all connections and removes what was stored. */
  close(): Promise<void>;
}

/** Starts a Cloud Storage of our own, on a port of this machine. */
export async function startCloudStorage(options: CloudStorageOptions = {}): Promise<CloudStorage> {
  const directory = options.directory ?? (await mkdtemp(join(tmpdir(), 'cloud-storage-')));
  const store = new Store(directory, options.clock ?? systemClock);
  for (const [name, settings] of Object.entries(options.buckets ?? {}))
    createBucket(store, name, settings);
  const handlers = handlersOf(store, {
    keys: { hmac: {}, rsa: {}, ...options.keys },
    rewriteStepBytes: options.rewriteStepBytes ?? Number.POSITIVE_INFINITY,
  });
  const { callers = {}, signer } = options;
  const signerRights = signer === undefined ? undefined : callers[signer];
  const front = new Front(store, handlers, { requiredToken: options.requireToken, signerRights });
  const server = await listen(front, undefined, options.port);
  const ofCallers = new Map<string, Server>();
  for (const [name, rights] of Object.entries(callers)) {
    ofCallers.set(name, await listen(front, rights));
  }
  return {
    backstage: backstageOf(store),
    url: `http://${hostOf(server)}`,
    host: hostOf(server),
    urlOf: (caller) => {
      const its = ofCallers.get(caller);
      if (its === undefined) throw new Error(`no caller ${caller}`);
      return `http://${hostOf(its)}`;
    },
    requests: front.log.requests,
    counts: () => front.log.counts(),
    resetRequests: () => front.log.reset(),
    failNext: (fault) => front.faults.plan(fault),
    clearFaults: () => front.faults.clear(),
    close: async () => {
      await Promise.all([server, ...ofCallers.values()].map(end));
      await store.close();
      if (options.directory === undefined) await rm(directory, { recursive: true, force: true });
    },
  };
}

/** @param rights of whoever calls there; everything, when left out */
async function listen(front: Front, rights: Rights | undefined, port = 0): Promise<Server> {
  const server = createServer(
    { requestTimeout: 0, keepAliveTimeout: 60_000 },
    (request, response) => {
      // What fails here is the connection: there is nobody to tell.
      front.serve(request, response, rights).catch(() => response.destroy());
    },
  );
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(port, '127.0.0.1', resolve);
  });
  return server;
}

function hostOf(server: Server): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function end(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}

function backstageOf(store: Store): Backstage {
  return {
    buckets: () => {
      const ours = [...store.buckets.values()].filter(({ owner }) => owner === 'us');
      return Object.fromEntries(ours.map(({ name, settings }) => [name, settings]));
    },
    objects: (bucket) => [...(store.buckets.get(bucket)?.objects.keys() ?? [])],
    takeBucket: (name, owner) => {
      store.buckets.set(name, { ...createBucket(store, name, {}), owner });
    },
    removeBucket: (name) => {
      store.buckets.delete(name);
    },
    letMakeBuckets: (may) => {
      store.mayMakeBuckets = may;
    },
    letDoAll: () => {
      store.holdsToRights = false;
    },
  };
}

/** Operations whose address is a secret that suffices. */
const selfAuthorized = ['uploads.put', 'uploads.cancel', 'xml.getObject'];

/** What stands before the operations: the log, faults, and who may ask. */
class Front {
  readonly log = new RequestLog();
  readonly faults = new Faults();
  readonly #store: Store;
  readonly #handlers: ReadonlyMap<string, Handler>;
  readonly #requiredToken: string | undefined;
  readonly #signerRights: Rights | undefined;

  constructor(
    store: Store,
    handlers: ReadonlyMap<string, Handler>,
    callers: {
      readonly requiredToken: string | undefined;
      readonly signerRights: Rights | undefined;
    },
  ) {
    this.#store = store;
    this.#handlers = handlers;
    this.#requiredToken = callers.requiredToken;
    this.#signerRights = callers.signerRights;
  }

  async serve(
    request: IncomingMessage,
    response: ServerResponse,
    rights: Rights | undefined,
  ): Promise<void> {
    const { method = 'GET', url = '/' } = request;
    const { path, query } = splitTarget(url);
    const route = routeOf(method, path, query);
    const asked = { operation: route.operation, method, path };
    const logged = this.log.add(asked);
    const fault = this.faults.take(asked);
    const { breakRequestAfterBytes: breakAfterBytes } = fault ?? {};
    if (breakAfterBytes === 0) {
      request.socket.resetAndDestroy();
      return;
    }
    const call = callOf(
      request,
      { ...route, path, query },
      {
        breakAfterBytes,
        rights: route.operation === 'xml.getObject' ? this.#signerRights : rights,
      },
    );
    const answer =
      fault?.status === undefined
        ? await this.#carryOut(call, request)
        : failure(fault.status, { ...fault, operation: route.operation });
    try {
      logged.status = answer.status;
      if (fault?.loseAnswer === true) {
        request.socket.destroy();
        return;
      }
      if (fault?.delayMs !== undefined) await wait(fault.delayMs);
      await fault?.answerAfter;
      await drain(call, request);
      await send(response, answer, { breakAfterBytes: fault?.breakResponseAfterBytes });
    } finally {
      answer.done?.();
    }
  }

  /** Throws when the request broke off. */
  async #carryOut(call: Call, request: IncomingMessage): Promise<Answer> {
    try {
      const handler = this.#handlers.get(call.operation);
      if (handler === undefined) throw notFound('Not Found');
      this.#authorize(call);
      checkRights(this.#store, call);
      return await handler(call);
    } catch (error) {
      if (error instanceof StorageError) return error.answer;
      if (request.destroyed || request.socket.destroyed) throw error;
      // A fault of the stand-in itself, which is not to look like one of the network.
      const { stack } = error as Error;
      return new StorageError(500, 'standInFailed', stack ?? String(error)).answer;
    }
  }

  #authorize({ operation, bucket, toBucket, headers: { authorization } }: Call): void {
    for (const name of [bucket, toBucket]) {
      // Who may nothing there is not told whether there is such an object.
      if (this.#store.buckets.get(name)?.owner === 'closed') throw forbidden(operation, 'bucket');
    }
    if (this.#requiredToken === undefined || selfAuthorized.includes(operation)) return;
    if (authorization === undefined) throw new StorageError(401, 'required', 'Login Required.');
    if (authorization !== `Bearer ${this.#requiredToken}`)
      throw new StorageError(401, 'authError', 'Invalid Credentials');
  }
}

/** An error as the service tells it when it is not the client's. */
function failure(
  status: number,
  { operation, retryAfterSeconds }: { operation: string; retryAfterSeconds?: number },
): Answer {
  const message = 'We encountered an internal error. Please try again.';
  const reason = status === 429 ? 'rateLimitExceeded' : 'backendError';
  const { answer } =
    operation === 'xml.getObject'
      ? xmlRefused(status, 'InternalError', message)
      : new StorageError(status, reason, message);
  if (retryAfterSeconds === undefined) return answer;
  return { ...answer, headers: { ...answer.headers, 'retry-after': String(retryAfterSeconds) } };
}
