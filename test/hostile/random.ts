// Choices that are the same for the same seed: what failed once can be made to fail again.

import { createHash, randomInt } from 'node:crypto';

export interface Random {
  /** A whole number, from 0 up to `limit` and never that. */
  below(limit: number): number;
  chance(probability: number): boolean;
  pick<T>(list: readonly T[]): T;
  bytes(length: number): Buffer;
  /** So many of these characters. */
  text(characters: string, length: number): string;
}

/** What the environment asks for: `BERTH_FUZZ_SEED` repeats a run, `BERTH_FUZZ_RUNS` looks longer. */
export const fuzz = {
  seed: process.env['BERTH_FUZZ_SEED'] ?? String(randomInt(2 ** 31)),
  runs: Number(process.env['BERTH_FUZZ_RUNS'] ?? 20_000),
};

/** The choices of one input of a run: it needs none of those before it. */
export function randomOf(seed: string, index: number): Random {
  const state = new Uint32Array(
    new Uint8Array(createHash('sha256').update(`${seed}/${index}`).digest()).buffer,
  );
  let [a = 0, b = 0, c = 0, d = 0] = state;
  // sfc32: small, and of a long period.
  const next = () => {
    const sum = (a + b + d) >>> 0;
    d = (d + 1) >>> 0;
    a = b ^ (b >>> 9);
    b = (c + (c << 3)) >>> 0;
    c = (((c << 21) | (c >>> 11)) + sum) >>> 0;
    return sum;
  };
  const below = (limit: number) => Math.floor((next() / 2 ** 32) * limit);
  const pick = <T>(list: readonly T[]): T => {
    const at = below(list.length);
    if (at >= list.length) throw new Error('nothing to pick from');
    return list[at] as T;
  };
  return {
    below,
    pick,
    chance: (probability) => next() / 2 ** 32 < probability,
    bytes: (length) => Buffer.from(Array.from({ length }, () => below(256))),
    text: (characters, length) =>
      Array.from({ length }, () => characters[below(characters.length)]).join(''),
  };
}

/** What to set, and where to look, to see an input again. */
export function repeatBy(index: number): string {
  return `repeat with BERTH_FUZZ_SEED=${fuzz.seed}, input ${index}`;
}
