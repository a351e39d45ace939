// `Content-Range` as resumable uploads use it.

import { invalid } from './errors.ts';

/** `bytes 0-99/1000`, `bytes 0-99/*`; without an end, `bytes 0-*\/*`, it goes on until the body ends. */
export interface BytesRange {
  readonly kind: 'bytes';
  readonly first: number;
  readonly last: number | undefined;
  readonly total: number | undefined;
}

/** `bytes *\/1000` or `bytes *\/*`: no bytes, how many are there? */
export interface StatusRange {
  readonly kind: 'status';
  readonly total: number | undefined;
}

export type ContentRange = BytesRange | StatusRange;

/** A request without the header carries all of the object. */
export function parseContentRange(header: string | undefined): ContentRange {
  if (header === undefined) return { kind: 'bytes', first: 0, last: undefined, total: undefined };
  const match = /^bytes (?:\*|(\d+)-(\d+|\*))\/(\d+|\*)$/.exec(header.trim());
  const [, first, last, size] = match ?? [];
  if (match === null) throw invalid('Failed to parse Content-Range header.');
  const total = size === '*' ? undefined : Number(size);
  if (first === undefined) return { kind: 'status', total };
  const range = { first: Number(first), last: last === '*' ? undefined : Number(last), total };
  const end = range.last ?? range.first;
  if (end < range.first || (range.last !== undefined && total !== undefined && end >= total))
    throw invalid('Failed to parse Content-Range header.');
  return { kind: 'bytes', ...range };
}
