// How far behind a queue by time is.

/**
 * Whole seconds between now and the earliest of these times, all in milliseconds since 1970.
 * @returns 0 where there is none, and where what wrote them has a clock that is ahead
 */
export function secondsBehind(now: number, since: Iterable<number>): number {
  let earliest = now;
  for (const time of since) earliest = Math.min(earliest, time);
  return Math.floor((now - earliest) / 1000);
}
