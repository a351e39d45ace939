// What is known of a request once it is over: for the log, and for who counts.

import type { Refused } from '#shared/http/http1.ts';
import type { Log } from '#shared/log.ts';
import { traceField } from './trace.ts';

export interface ServedRequest {
  readonly requestId: string;
  /** Where the client is: an IPv4 or IPv6 address, or `unknown`. */
  readonly address: string;
  readonly method: string;
  /** The route's id; `none` where the request matched none. */
  readonly route: string;
  /** The repository. Absent where the route names none, or the request no valid one. */
  readonly name: string | undefined;
  readonly status: number;
  /** Of the bodies: what was received, and what was sent. */
  readonly bytesReceived: number;
  readonly bytesSent: number;
  readonly durationMs: number;
  /** A principal's name. Absent where the request did not come so far. */
  readonly actor: string | undefined;
  /** The connection ended before the answer did. */
  readonly aborted: boolean;
  /** What the platform calls this request's trace. Absent where it has none. */
  readonly trace?: string | undefined;
}

/** Is told of every request, once. */
export type Observe = (served: ServedRequest) => void;

/** As of a request that never came to be one. */
export function observeRefused(observe: Observe): (refused: Refused) => void {
  return (refused) =>
    observe({
      ...refused,
      method: '',
      route: 'none',
      name: undefined,
      bytesReceived: 0,
      durationMs: 0,
      actor: undefined,
      aborted: false,
    });
}

/** One line a request. A request that failed on our side has an `ERROR` line of its own beside it. */
export function logRequests(log: Log): Observe {
  return ({ durationMs, aborted, trace, ...served }) => {
    const duration = Math.round(durationMs * 1000) / 1000;
    const outcome = aborted ? { aborted } : {};
    log('INFO', 'request', { ...served, durationMs: duration, ...outcome, ...traceField(trace) });
  };
}
