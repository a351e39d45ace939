// Times, as people write them.

import { wrongUsage } from './failure.ts';
import { shown } from './printable.ts';

const unitMs: Readonly<Record<string, number>> = { m: 60_000, h: 3_600_000, d: 86_400_000 };

/**
 * @param text how long from now (`90d`, `12h`, `30m`), or a time (RFC 3339, or a date alone)
 * @returns RFC 3339
 */
export function parseTime(text: string, now = Date.now()): string {
  const [, count, unit = ''] = /^(\d{1,6})([mhd])$/.exec(text) ?? [];
  const at =
    count !== undefined
      ? now + Number(count) * (unitMs[unit] ?? 0)
      : /^\d{4}-\d{2}-\d{2}(?:T\d{2}:\d{2}(?::\d{2}(?:\.\d{1,9})?)?(?:Z|[+-]\d{2}:\d{2}))?$/i.test(
            text,
          )
        ? Date.parse(text)
        : Number.NaN;
  if (Number.isNaN(at)) {
    throw wrongUsage(`${shown(text, 50)} is no time: write 90d, 12h, 30m or 2027-01-31T12:00:00Z`);
  }
  return new Date(at).toISOString();
}
