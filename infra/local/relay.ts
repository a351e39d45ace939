// What wakes the relay on one machine: a request that changed something, soon after it was answered, and a timer,
// for what a crash or a failure left.

import type { Observe } from '#functions/observe.ts';
import { openPushEvents } from '#shared/embedded/push-events.ts';
import type { Log } from '#shared/log.ts';
import type { Clock } from '#shared/ports/clock.ts';
import type { Documents } from '#shared/ports/documents.ts';
import { eventsTopic } from '#shared/registry/relay.ts';
import { sweepOutbox } from '#shared/registry/sweep.ts';

export interface LocalRelay {
  /** Is told of requests, as `Services.observe` is. */
  readonly observe: Observe;
  /** Resolves when nothing is under way. What is left is told after the next start. */
  stop(): Promise<void>;
}

/** The changes of this long are published together. */
const soonMs = 100;
const sweepMs = 30_000;

/** Starts with what is left from before. */
export function startRelay(options: {
  readonly documents: Documents;
  readonly clock: Clock;
  readonly locations: readonly string[];
  /** Addresses of subscribers. */
  readonly endpoints: readonly string[];
  readonly log: Log;
}): LocalRelay {
  const { documents, clock, locations, endpoints, log } = options;
  const events = openPushEvents({
    documents,
    clock,
    subscriptions: endpoints.map((endpoint) => ({ topic: eventsTopic, endpoint })),
    refused: ({ endpoint, orderingKey, times, error }) => {
      // Without its query, which may hold a secret.
      const to = endpoint.split('?', 1)[0];
      const why = describe(error);
      log('WARNING', 'an event was not taken', { endpoint: to, orderingKey, times, error: why });
    },
  });
  // One process has the data to itself.
  const services = { documents, clock, events, alone: true };
  const sweep = async (location: string) => {
    try {
      const { failures, more } = await sweepOutbox(services, location);
      for (const error of failures)
        log('ERROR', 'events were not published', { error: describe(error) });
      if (more) wake();
    } catch (error) {
      log('ERROR', 'events were not looked for', { error: describe(error) });
    }
  };
  let running = Promise.resolve();
  let soon: NodeJS.Timeout | undefined;
  let stopped = false;
  const wake = () => {
    if (stopped) return;
    soon ??= setTimeout(() => {
      soon = undefined;
      running = running.then(async () => {
        for (const location of locations) await sweep(location);
      });
    }, soonMs).unref();
  };
  const timer = setInterval(wake, sweepMs).unref();
  wake();
  return {
    observe: ({ route, status }) => {
      if (changing.has(route) && status < 300) wake();
    },
    stop: async () => {
      stopped = true;
      clearInterval(timer);
      clearTimeout(soon);
      await running;
      await events.close();
    },
  };
}

/** Routes by which tags and manifests change. */
const changing: ReadonlySet<string> = new Set(['end-7', 'end-9']);

function describe(error: unknown): string {
  // What `fetch` says itself is only that it failed.
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  return cause instanceof Error ? cause.message : String(cause);
}
