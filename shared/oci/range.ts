// Ranges: of a blob's bytes that are asked for (RFC 9110 section 14), and of a chunk that is sent.

/** From `start` to `end` inclusive, counted from 0. */
export interface Range {
  readonly start: number;
  readonly end: number;
}

/**
 * What a `Range` header asks of `size` bytes.
 * @returns the range; `unsatisfiable` for 416; `undefined` when the header is absent or of a kind
 *   that is ignored (another unit, several ranges), for the whole
 */
export function parseRange(
  header: string | undefined,
  size: number,
): Range | 'unsatisfiable' | undefined {
  const match = /^bytes=(\d{0,16})-(\d{0,16})$/.exec(header?.replaceAll(' ', '') ?? '');
  if (match === null) return undefined;
  const [, first = '', last = ''] = match;
  if (first === '' && last === '') return undefined;
  if (first === '') {
    const start = Math.max(0, size - Number(last));
    return start >= size ? 'unsatisfiable' : { start, end: size - 1 };
  }
  const start = Number(first);
  const end = last === '' ? size - 1 : Math.min(Number(last), size - 1);
  return start >= size || end < start ? 'unsatisfiable' : { start, end };
}

/**
 * The `Content-Range` of a chunk: `<start>-<end>` (distribution specification, "Pushing a blob in
 * chunks"), or as HTTP writes it, `bytes <start>-<end>/<size>`.
 * @returns `undefined` when it is neither
 */
export function parseContentRange(header: string): Range | undefined {
  const match = /^(?:bytes[ =])?(\d{1,16})-(\d{1,16})(?:\/(\d{1,16}|\*))?$/.exec(header.trim());
  if (match === null) return undefined;
  const range = { start: Number(match[1]), end: Number(match[2]) };
  const size =
    match[3] === undefined || match[3] === '*' ? Number.MAX_SAFE_INTEGER : Number(match[3]);
  return range.end < range.start || range.end >= size ? undefined : range;
}

/** What an upload session has received, as its `Range` header says it. Clients read `0-0` where nothing is there. */
export function receivedRange(offset: number): string {
  return `0-${Math.max(0, offset - 1)}`;
}
