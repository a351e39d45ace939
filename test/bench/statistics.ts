// Few numbers, told with how much they vary.

export interface Measured {
  /** A round each. */
  readonly values: readonly number[];
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [
    sorted[sorted.length - 1 - middle],
    sorted[middle],
  ];
  return (low + high) / 2;
}

/** The first to the second, round by round: the median, and the smallest and the largest. Empty for one alone. */
export function compare([ours, theirs]: readonly Measured[]): string {
  if (ours === undefined || theirs === undefined) return '';
  const ratios = ours.values.map((value, round) => value / (theirs.values[round] ?? Number.NaN));
  const shown = (value: number) => value.toFixed(value < 10 ? 2 : 1);
  const spread = `${shown(Math.min(...ratios))}–${shown(Math.max(...ratios))}`;
  return `${shown(median(ratios))} × (${spread})`;
}
