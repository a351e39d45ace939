// Pages of a list: `n`, `last` and the Link to the next (specification, "Listing Tags"; RFC 5988).

import { RegistryError } from '../oci/errors.ts';
import { pageEntriesMax } from '../oci/limits.ts';

export interface PageRequest {
  /** Entries wanted, at most `pageEntriesMax`; a larger `n` is answered with so many and a Link. */
  readonly limit: number;
  /** The page begins after this entry, which need not exist. */
  readonly last: string | undefined;
}

/**
 * Reads `n` and `last`.
 * @param fallback the limit when the client names none
 * @throws RegistryError UNSUPPORTED (400) when `n` is not a number
 */
export function parsePage(query: URLSearchParams, fallback = pageEntriesMax): PageRequest {
  // An empty one is before all names.
  const last = query.get('last') || undefined;
  if (last?.includes('\0')) throw invalid('last must be a name');
  const n = query.get('n');
  if (n === null || n === '') return { limit: fallback, last };
  if (!/^\d+$/.test(n)) throw invalid('n must be a whole number, 0 or more');
  return { limit: Math.min(Number(n), pageEntriesMax), last };
}

/** The `Link` header to the page after `last`, relative to the host. */
export function nextLink(path: string, parameters: Readonly<Record<string, string>>): string {
  return `<${path}?${new URLSearchParams(parameters)}>; rel="next"`;
}

function invalid(message: string): RegistryError {
  return new RegistryError('UNSUPPORTED', { message, status: 400 });
}
