// What a machine that looks after the registry reads.

import type { Reply } from '#shared/http/reply.ts';

/** A line of text that must not be kept. */
export function plainText(status: number, line: string): Reply {
  return {
    status,
    headers: { 'Content-Type': 'text/plain; charset=utf-8', 'Cache-Control': 'no-store' },
    body: `${line}\n`,
  };
}
