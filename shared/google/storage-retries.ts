// How long and how often a call that fails is made again.

import { setTimeout as delay } from 'node:timers/promises';
import { isPassing } from './storage-failure.ts';

export interface Patience {
  /** How long one attempt may go without an answer, or a transfer without a byte. */
  readonly answerMsMax: number;
  /** How long one attempt to send a chunk may take: 8 MiB come through at 70 KB/s. */
  readonly chunkMsMax: number;
  /** The delay before the second attempt; it doubles with each further one. */
  readonly delayMsFirst: number;
  readonly delayMsMax: number;
  /** No attempt begins later than this after the first one failed. */
  readonly retryMsMax: number;
}

export const patient: Patience = {
  answerMsMax: 30_000,
  chunkMsMax: 120_000,
  delayMsFirst: 250,
  delayMsMax: 8_000,
  retryMsMax: 60_000,
};

/**
 * What the attempt answers, made again while it fails in passing. It is told its number, from 1: what an earlier
 * one asked for may have been done although it failed.
 * @param signal ends the waiting between attempts, with its reason
 * @throws what the last attempt failed with
 */
export async function retried<T>(
  patience: Patience,
  attempt: (number: number) => Promise<T>,
  signal?: AbortSignal,
): Promise<T> {
  let lastAt: number | undefined;
  for (let number = 1; ; number += 1) {
    try {
      return await attempt(number);
    } catch (error) {
      const waitMs = backoffMs(patience, number);
      lastAt ??= performance.now() + patience.retryMsMax;
      if (!isPassing(error) || performance.now() + waitMs > lastAt) throw error;
      await delay(waitMs, undefined, signal === undefined ? {} : { signal });
    }
  }
}

/** Half of it is left to chance, so that those who failed together do not come back together. */
function backoffMs({ delayMsFirst, delayMsMax }: Patience, failures: number): number {
  const fullMs = Math.min(delayMsFirst * 2 ** (failures - 1), delayMsMax);
  return fullMs * (0.5 + Math.random() / 2);
}
