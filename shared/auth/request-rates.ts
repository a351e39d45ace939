// How many requests one principal may make of one instance: a token bucket each (a burst, and then so many a second).

import { RegistryError } from '../oci/errors.ts';
import { requestRatesMax, requestsBurstSeconds } from '../oci/limits.ts';
import type { Clock } from '../ports/clock.ts';

export interface RequestRates {
  /**
   * Counts a request.
   * @param key whose: a principal's name, or the network (`networkOf`) of who has none
   * @throws RegistryError TOOMANYREQUESTS with `Retry-After`, when it is one too many
   */
  take(key: string): void;
}

interface Bucket {
  /** Requests that may be made at once, as of `atMs`. */
  left: number;
  atMs: number;
}

/**
 * Counts in constant time and without timers. A bucket that was not used for `requestsBurstSeconds` is full, as one is
 * that never was: so those are forgotten, all at once, that were not used since the last time. More than
 * `requestRatesMax` at once are forgotten sooner. Who has so many addresses, or IPv6 networks, gets the burst of each
 * again; a bucket each is what he has anyway.
 *
 * @param perSecond 0 for no limit
 */
export function openRequestRates(perSecond: number, clock: Clock): RequestRates {
  if (perSecond === 0) return { take: () => undefined };
  const burst = perSecond * requestsBurstSeconds;
  let recent = new Map<string, Bucket>();
  let before = new Map<string, Bucket>();
  let turnedAtMs = clock.now();

  const bucketOf = (key: string, nowMs: number): Bucket => {
    const known = recent.get(key);
    if (known !== undefined) return known;
    const bucket = before.get(key) ?? { left: burst, atMs: nowMs };
    if (recent.size >= requestRatesMax / 2) turn(nowMs);
    recent.set(key, bucket);
    return bucket;
  };
  const turn = (nowMs: number) => {
    [before, recent] = [recent, new Map()];
    turnedAtMs = nowMs;
  };

  return {
    take: (key) => {
      const nowMs = clock.now();
      if (nowMs - turnedAtMs >= requestsBurstSeconds * 1000) turn(nowMs);
      const bucket = bucketOf(key, nowMs);
      // A clock that is set back gives nothing, and takes nothing.
      const passedMs = Math.max(0, nowMs - bucket.atMs);
      bucket.left = Math.min(burst, bucket.left + (passedMs * perSecond) / 1000);
      bucket.atMs = nowMs;
      if (bucket.left < 1) throw tooMany(perSecond, bucket.left);
      bucket.left -= 1;
    },
  };
}

function tooMany(perSecond: number, left: number): RegistryError {
  const seconds = Math.max(1, Math.ceil((1 - left) / perSecond));
  return new RegistryError('TOOMANYREQUESTS', {
    message: `more than ${perSecond} requests a second: try again in ${seconds} s`,
    detail: { requestsPerSecondMax: perSecond },
    headers: { 'Retry-After': String(seconds) },
  });
}
