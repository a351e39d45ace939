// What a subscriber was brought, and how a test waits for it.

import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A message, as it arrived. */
export interface Delivery {
  readonly data: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly orderingKey: string;
  readonly messageId: string;
}

/** Whether a subscriber takes a message. */
export type Takes = (delivery: Delivery) => boolean;

/** A test that waits for longer waits for nothing. */
const patienceMs = 30_000;

export class Inbox {
  readonly deliveries: Delivery[] = [];
  readonly #takes: Takes;
  #changed = Promise.withResolvers<void>();

  constructor(takes: Takes = () => true) {
    this.#takes = takes;
  }

  /** @returns whether it is taken */
  receive(delivery: Delivery): boolean {
    this.deliveries.push(delivery);
    const taken = this.#takes(delivery);
    this.#changed.resolve();
    this.#changed = Promise.withResolvers();
    return taken;
  }

  /** Data in the order in which each came first. */
  firsts(orderingKey?: string): string[] {
    const wanted = this.deliveries.filter(
      (delivery) => orderingKey === undefined || delivery.orderingKey === orderingKey,
    );
    return [...new Set(wanted.map(({ data }) => data))];
  }

  /** Resolves when it holds. @throws Error with what came instead */
  async until(holds: (inbox: Inbox) => boolean): Promise<void> {
    const { promise: tooLong, reject } = Promise.withResolvers<never>();
    const timer = setTimeout(() => {
      const came = this.deliveries.slice(-20).map(({ data }) => data);
      reject(new Error(`waited in vain; ${this.deliveries.length} came, last ${came.join(', ')}`));
    }, patienceMs);
    try {
      while (!holds(this)) await Promise.race([this.#changed.promise, tooLong]);
    } finally {
      clearTimeout(timer);
    }
  }
}

export interface PushEndpoint {
  readonly inbox: Inbox;
  readonly url: string;
  /** All requests, as they came. */
  readonly requests: readonly { readonly headers: IncomingHttpHeaders; readonly body: string }[];
  close(): Promise<void>;
}

/**
 * A subscriber that messages are pushed to.
 * @param options.silent an ordering key that it never answers
 * @param options.location where it sends what it does not take; when left out, that is answered 500
 */
export async function startPushEndpoint(
  options: {
    readonly inbox?: Inbox;
    readonly port?: number;
    readonly silent?: string;
    readonly location?: string;
  } = {},
): Promise<PushEndpoint> {
  const { inbox = new Inbox(), port = 0, silent, location } = options;
  const requests: { headers: IncomingHttpHeaders; body: string }[] = [];
  const server = createServer(async (request, response) => {
    const pieces: Uint8Array[] = await Array.fromAsync(request);
    const body = Buffer.concat(pieces).toString();
    requests.push({ headers: request.headers, body });
    const { message } = JSON.parse(body);
    const data = Buffer.from(message.data, 'base64').toString();
    const taken = inbox.receive({ ...message, data });
    if (location !== undefined) response.setHeader('Location', location);
    response.statusCode = taken ? 204 : location === undefined ? 500 : 307;
    if (silent === undefined || message.orderingKey !== silent) response.end();
  });
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  const address = server.address() as AddressInfo;
  return {
    inbox,
    requests,
    url: `http://127.0.0.1:${address.port}/events`,
    close: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
}
