// Conditional requests (RFC 9110 section 13): a digest is the strongest validator there is.

import type { IncomingHttpHeaders } from 'node:http';
import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { Precondition, Validators } from '../oci/precondition.ts';

/** Whether the client holds this very content already (`If-None-Match`), for 304. */
export function isFresh(headers: IncomingHttpHeaders, digest: Digest): boolean {
  const tags = entityTags(headers['if-none-match'] ?? '');
  return tags === '*' || (tags?.some(({ opaque }) => opaque === digest) ?? false);
}

/** Whether a Range may be answered: there is no `If-Range`, or it names this very content. */
export function rangeApplies(headers: IncomingHttpHeaders, digest: Digest): boolean {
  const condition = headers['if-range'];
  return condition === undefined || condition === `"${digest}"`;
}

/**
 * What a request that changes something asks of what is there (`If-Match`, `If-None-Match`); `undefined` when nothing.
 * @throws RegistryError UNSUPPORTED, 400, for a header that is none of these: a condition that cannot be read must not be
 *   taken for one that holds
 */
export function parsePrecondition(headers: IncomingHttpHeaders): Precondition | undefined {
  const [match, noneMatch] = [headers['if-match'], headers['if-none-match']];
  if (match === undefined && noneMatch === undefined) return undefined;
  return {
    // "A recipient MUST use the strong comparison function" here (section 13.1.1): weak tags match nothing.
    match: validators('If-Match', match, ({ weak }) => !weak),
    noneMatch: validators('If-None-Match', noneMatch, () => true),
  };
}

function validators(
  name: string,
  header: string | undefined,
  counts: (tag: EntityTag) => boolean,
): Validators | undefined {
  if (header === undefined) return undefined;
  const tags = entityTags(header);
  if (tags === '*') return tags;
  if (tags !== undefined) return tags.filter(counts).map(({ opaque }) => opaque);
  throw new RegistryError('UNSUPPORTED', {
    message: `${name} must be * or digests in quotes, separated by commas: "sha256:<64 hex digits>"`,
    detail: { header: name },
    status: 400,
  });
}

interface EntityTag {
  readonly weak: boolean;
  /** What stands between the quotes: it may hold commas. */
  readonly opaque: string;
}

/** `"*" / #entity-tag` (RFC 9110 sections 8.8.3 and 13.1); empty elements are passed over. `undefined` when it is neither. */
function entityTags(header: string): '*' | EntityTag[] | undefined {
  if (header.trim() === '*') return '*';
  const before = /[ \t,]*/y;
  const element = /(W\/)?"([\x21\x23-\x7e\x80-\xff]*)"/y;
  const after = /[ \t]*(?:,[ \t,]*|$)/y;
  const tags: EntityTag[] = [];
  for (let at = end(before, header, 0) ?? 0; at < header.length; ) {
    element.lastIndex = at;
    const [all = '', weak, opaque] = element.exec(header) ?? [];
    const next = opaque === undefined ? undefined : end(after, header, at + all.length);
    if (opaque === undefined || next === undefined) return undefined;
    tags.push({ weak: weak !== undefined, opaque });
    at = next;
  }
  return tags.length === 0 ? undefined : tags;
}

/** Where a match that begins at a place ends; `undefined` where there is none. */
function end(pattern: RegExp, text: string, at: number): number | undefined {
  pattern.lastIndex = at;
  return pattern.test(text) ? pattern.lastIndex : undefined;
}
