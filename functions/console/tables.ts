// Tables of manifests. On a narrow screen each row becomes a card, whose cells say what their column is; the roles say then
// what the elements no longer do.

import { h } from 'preact';
import { type Content, link } from './document.ts';

export interface Column<R> {
  readonly label: string;
  readonly cell: (row: R) => Content;
  readonly look?: 'num' | 'pull';
}

/**
 * @param caption for who listens
 * @param columns the first one's cells head the rows
 */
export function table<R>(
  caption: string,
  rows: readonly R[],
  columns: readonly Column<R>[],
): Content {
  const heads = columns.map(({ label, look }) =>
    h('th', { scope: 'col', role: 'columnheader', class: look ?? '' }, label),
  );
  const lines = rows.map((row) =>
    h(
      'tr',
      { role: 'row' },
      columns.map((one, at) => cell(row, one, at)),
    ),
  );
  return h(
    'div',
    { class: 'card' },
    h(
      'table',
      { role: 'table' },
      h('caption', null, caption),
      h('thead', { role: 'rowgroup' }, h('tr', { role: 'row' }, heads)),
      h('tbody', { role: 'rowgroup' }, lines),
    ),
  );
}

function cell<R>(row: R, { label, cell: content, look }: Column<R>, at: number): Content {
  const inside = h('div', null, content(row));
  const common = { 'data-label': label, class: look ?? '' };
  return at === 0
    ? h('th', { scope: 'row', role: 'rowheader', ...common }, inside)
    : h('td', { role: 'cell', ...common }, inside);
}

/** What to type to fetch something, folded away. */
export function pullDetails(what: string, commands: readonly string[]): Content {
  return h(
    'details',
    // One at a time is open.
    { name: 'pull' },
    h('summary', { 'aria-label': `Pull ${what}` }, 'Pull'),
    h(
      'div',
      { class: 'commands' },
      commands.map((command) => h('pre', { tabIndex: 0 }, h('code', null, command))),
    ),
  );
}

/** The next page, and the first one where this is not it. */
export function pages(path: string, next: string | undefined, isFirst: boolean): Content {
  if (next === undefined && isFirst) return null;
  return h(
    'nav',
    { class: 'pages', 'aria-label': 'Pages' },
    isFirst ? null : link(path, 'First page'),
    next === undefined ? null : link(next, 'Next page', { rel: 'next noreferrer' }),
  );
}
