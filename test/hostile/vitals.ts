// What the system tells of a process: memory and open files. Read from /proc, which Linux has.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { setTimeout as pause } from 'node:timers/promises';
import type { RunningBerth } from '#test/support/berth.ts';

export const hasProc = existsSync('/proc/self/fd');

export function memoryMebibytes({ process: { pid } }: RunningBerth): number {
  const [, kibibytes] = /VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? [];
  return Number(kibibytes) / 1024;
}

export function openFiles({ process: { pid } }: RunningBerth): number {
  return readdirSync(`/proc/${pid}/fd`).length;
}

/** Looks again and again until it is so, or there is no more patience. @returns whether it came to be so */
export async function comesTrue(
  holds: () => boolean | Promise<boolean>,
  patienceMs = 15_000,
): Promise<boolean> {
  const end = performance.now() + patienceMs;
  for (;;) {
    if (await holds()) return true;
    if (performance.now() > end) return false;
    await pause(50);
  }
}
