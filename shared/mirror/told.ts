// What mirrors tell of themselves: lines in the log, and figures where somebody counts.

import type { Log } from '../log.ts';
import type { UpstreamFailure } from './upstream-failure.ts';

/**
 * How a request was answered: from the store; with what came of the upstream; with what may be out of date, since the
 * upstream did not answer; with nothing, since it has none; or not, since it does not answer.
 */
export type Outcome = 'hit' | 'fetched' | 'stale' | 'absent' | 'failed';

/** Is told of each request. */
export interface MirrorFigures {
  answered(kind: 'manifest' | 'blob', outcome: Outcome): void;
  /** Bytes that came of an upstream. */
  received(bytes: number): void;
}

export interface Fetched {
  readonly upstream: string;
  readonly name: string;
  readonly digest: string;
  readonly bytes: number;
  readonly durationMs: number;
  readonly isStored: boolean;
  readonly failure: UpstreamFailure | undefined;
}

export class Told {
  readonly #log: Log;
  readonly #figures: MirrorFigures | undefined;

  constructor(log: Log, figures: MirrorFigures | undefined) {
    this.#log = log;
    this.#figures = figures;
  }

  answered(kind: 'manifest' | 'blob', outcome: Outcome): void {
    this.#figures?.answered(kind, outcome);
  }

  fetched({ failure, isStored, durationMs, ...fetched }: Fetched): void {
    this.#figures?.received(fetched.bytes);
    this.#log(failure === undefined ? 'INFO' : 'WARNING', 'mirror: fetched', {
      ...fetched,
      durationMs: Math.round(durationMs),
      stored: isStored,
      ...(failure === undefined ? {} : { error: failure.message }),
    });
  }

  failed(upstream: string, name: string, failure: UpstreamFailure): void {
    this.#log('WARNING', 'mirror: an upstream does not answer', {
      upstream,
      name,
      error: failure.message,
    });
  }

  storeFailed(upstream: string, digest: string, error: unknown): void {
    this.#log('ERROR', 'mirror: not stored', { upstream, digest, error: String(error) });
  }
}
