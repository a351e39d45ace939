// What a request asks of what is there before it changes anything (RFC 9110 section 13): that others have not changed it
// meanwhile. A digest is the strongest validator there is, so entity tags are digests.

import type { Digest } from './digest.ts';

/** Anything that is there, or what one of these names. */
export type Validators = '*' | readonly string[];

export interface Precondition {
  /** `If-Match`: what is there must be among these. */
  readonly match?: Validators | undefined;
  /** `If-None-Match`: what is there must not be among these. */
  readonly noneMatch?: Validators | undefined;
}

/**
 * Which header does not hold, in the order in which they count (RFC 9110 section 13.2.2); `undefined` when all do.
 * @param current what is there now, if anything
 */
export function unmet(
  { match, noneMatch }: Precondition,
  current: Digest | undefined,
): 'If-Match' | 'If-None-Match' | undefined {
  if (match !== undefined && !names(match, current)) return 'If-Match';
  if (noneMatch !== undefined && names(noneMatch, current)) return 'If-None-Match';
  return undefined;
}

function names(validators: Validators, current: Digest | undefined): boolean {
  if (current === undefined) return false;
  return validators === '*' || validators.includes(current);
}
