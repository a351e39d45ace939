// Conditional requests (RFC 9110 section 13): a digest is the strongest validator there is.

import type { IncomingHttpHeaders } from 'node:http';
import type { Digest } from '../oci/digest.ts';

/** Whether the client holds this very content already (`If-None-Match`), for 304. */
export function isFresh(headers: IncomingHttpHeaders, digest: Digest): boolean {
  return lists(headers['if-none-match'], digest);
}

/** Whether a Range may be answered: there is no `If-Range`, or it names this very content. */
export function rangeApplies(headers: IncomingHttpHeaders, digest: Digest): boolean {
  const condition = headers['if-range'];
  return condition === undefined || condition === `"${digest}"`;
}

function lists(header: string | undefined, digest: Digest): boolean {
  if (header === undefined) return false;
  const tags = header.split(',').map((tag) => tag.trim().replace(/^W\//, ''));
  return tags.includes('*') || tags.includes(`"${digest}"`);
}
