// Tables for people.

import { printable } from './printable.ts';

/**
 * Rows in aligned columns under a head. What others wrote is made {@link printable}.
 * @param columns cuts lines at the terminal's width; not when left out
 */
export function table(
  head: readonly string[],
  rows: readonly (readonly string[])[],
  columns?: number,
): string {
  const lines = [head, ...rows.map((row) => row.map(printable))];
  const widths = head.map((_, at) => Math.max(...lines.map((line) => width(line[at] ?? ''))));
  return lines
    .map((line) =>
      line
        .map((cell, at) => cell + ' '.repeat((widths[at] ?? 0) - width(cell)))
        .join('  ')
        .trimEnd(),
    )
    .map((line) => cut(line, columns))
    .join('\n');
}

function width(text: string): number {
  return [...text].length;
}

function cut(line: string, columns: number | undefined): string {
  const characters = [...line];
  if (columns === undefined || columns < 1 || characters.length <= columns) return line;
  return `${characters.slice(0, columns - 1).join('')}…`;
}
