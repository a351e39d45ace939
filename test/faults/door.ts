// The door of the registry under test: a real HTTP server before the real pipeline with all functions, where
// each request has the stores that its client was given.

import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { exportJWK, generateKeyPair } from 'jose';
import { serve } from '#functions/serve.ts';
import type { Services } from '#functions/services.ts';
import { openAccess } from '#shared/auth/open-access.ts';
import { hashSecret } from '#shared/auth/passwords.ts';
import { newSecret } from '#shared/auth/secrets.ts';
import { createIssuer, createVerifier } from '#shared/auth/token.ts';
import type { Clock } from '#shared/ports/clock.ts';
import type { Store } from '#shared/registry/store.ts';
import { type Answer, send } from '#test/support/calls.ts';
import { adminPassword } from '#test/support/registry.ts';

export interface Call {
  readonly method: string;
  readonly path: string;
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string | Uint8Array;
  /** The Authorization header: the admin's when left out. */
  readonly authorization?: string;
}

/** A call, what it was answered, and what the registry logged of it. */
export class Exchange {
  readonly call: Call;
  /** `undefined` when the connection broke off before the answer was whole. */
  readonly answer: Answer | undefined;
  readonly logged: readonly string[];

  constructor(call: Call, answer: Answer | undefined, logged: readonly string[]) {
    this.call = call;
    this.answer = answer;
    this.logged = logged;
  }

  /** The answer, in a line. */
  toString(): string {
    if (this.answer === undefined) return 'broke off';
    const { status, headers, body } = this.answer;
    const range = headers['range'] === undefined ? '' : ` Range: ${headers['range']}`;
    return `${status}${range} ${status < 400 ? '' : body.subarray(0, 300)}`.trim();
  }
}

/** What all calls have in common. */
type SharedServices = Pick<Services, 'issuer' | 'verifier' | 'stateKeys' | 'proxies'>;

export class Door {
  readonly #server: Server;
  readonly #shared: SharedServices;
  /** By the number that a call carries. */
  readonly #open = new Map<string, Services>();
  #calls = 0;

  private constructor(server: Server, shared: SharedServices) {
    this.#server = server;
    this.#shared = shared;
  }

  static async open(clock: Clock): Promise<Door> {
    const { privateKey, publicKey } = await generateKeyPair('ES256', { extractable: true });
    const server = createServer();
    const door = new Door(server, {
      issuer: await createIssuer({ ...(await exportJWK(privateKey)), kid: 'test' }, clock),
      verifier: await createVerifier([{ ...(await exportJWK(publicKey)), kid: 'test' }], clock),
      proxies: 0,
      stateKeys: [{ id: 'test', secret: newSecret() }],
    });
    server.on('request', (request, response) => {
      const services = door.#open.get(String(request.headers['x-call']));
      if (services === undefined) throw new Error('a call that nobody made');
      serve(services)(request, response).catch(() => response.destroy());
    });
    await new Promise<void>((resolve) => {
      server.listen(0, '127.0.0.1', resolve);
    });
    return door;
  }

  /** Sends a call to a registry over that store. */
  async send(store: Store, location: string, call: Call): Promise<Exchange> {
    this.#calls += 1;
    const id = String(this.#calls);
    const logged: string[] = [];
    this.#open.set(id, await this.#services(store, location, logged));
    const { port } = this.#server.address() as AddressInfo;
    const headers = { ...call.headers, 'x-call': id };
    try {
      const answer = await send(`http://127.0.0.1:${port}`, { ...call, headers });
      return new Exchange(call, answer, logged);
    } catch {
      return new Exchange(call, undefined, logged);
    } finally {
      this.#open.delete(id);
    }
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => this.#server.close(resolve));
    this.#server.closeAllConnections();
    await closed;
  }

  async #services(store: Store, location: string, logged: string[]): Promise<Services> {
    const access = await openAccess(store, {
      adminHash: hashSecret(adminPassword),
      requestsPerSecond: 0,
      freeFailures: 0,
      anonymousPull: new Set(),
      operators: [],
      privateIssuers: [],
      googleEndpoint: undefined,
      projectBucket: undefined,
      hosts: new Set(),
      locationOf: () => location,
      tokenKeys: [],
    });
    return {
      ...access,
      ...this.#shared,
      ...store,
      locationOf: () => location,
      log: (severity, message, fields) => {
        logged.push(`${severity} ${message} ${JSON.stringify(fields ?? {})}`);
      },
      observe: () => undefined,
      gcrListing: true,
      metrics: undefined,
    };
  }
}
