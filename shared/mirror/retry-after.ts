// 429: how long an upstream wants to be left in peace (RFC 9110 section 10.2.3).

import { mirrorBusySeconds, mirrorBusySecondsMax, mirrorBusySecondsMin } from './limits.ts';
import { UpstreamFailure } from './upstream-failure.ts';

/** @param header `Retry-After`: seconds or a date */
export function retryAfter(header: string | undefined): UpstreamFailure {
  const seconds = secondsOf(header?.trim() ?? '');
  const retryAfterSeconds = Math.min(
    Math.max(seconds ?? mirrorBusySeconds, mirrorBusySecondsMin),
    mirrorBusySecondsMax,
  );
  return new UpstreamFailure('it answered 429: too many requests', { retryAfterSeconds });
}

function secondsOf(text: string): number | undefined {
  if (/^\d{1,9}$/.test(text)) return Number(text);
  const date = Date.parse(text);
  return Number.isNaN(date) ? undefined : Math.ceil((date - Date.now()) / 1000);
}
