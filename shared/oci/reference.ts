// What things are called: repository names, tags and references, by the distribution specification's grammar.

import { type Digest, parseDigest } from './digest.ts';
import { nameCharactersMax } from './limits.ts';

declare const nameBrand: unique symbol;
/** A repository's `<name>`, valid. Made only by {@link parseRepositoryName}. */
export type RepositoryName = string & { readonly [nameBrand]: true };

declare const tagBrand: unique symbol;
/** A valid tag. Made only by {@link parseTag}. */
export type Tag = string & { readonly [tagBrand]: true };

/** `<tag-or-digest>`. */
export type Reference =
  | { readonly kind: 'tag'; readonly tag: Tag }
  | { readonly kind: 'digest'; readonly digest: Digest };

// Each separator is followed by a character it cannot itself match, so a hostile name costs linear time.
const namePattern =
  /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const tagPattern = /^[a-zA-Z0-9_][a-zA-Z0-9._-]{0,127}$/;

/** The name, or `undefined` when it breaks the grammar or is longer than {@link nameCharactersMax}. */
export function parseRepositoryName(text: string): RepositoryName | undefined {
  return text.length <= nameCharactersMax && namePattern.test(text)
    ? (text as RepositoryName)
    : undefined;
}

/** The tag, or `undefined` when it breaks the grammar. */
export function parseTag(text: string): Tag | undefined {
  return tagPattern.test(text) ? (text as Tag) : undefined;
}

/** The reference, or `undefined`. What holds a colon can only be a digest. */
export function parseReference(text: string): Reference | undefined {
  if (text.includes(':')) {
    const digest = parseDigest(text);
    return digest === undefined ? undefined : { kind: 'digest', digest };
  }
  const tag = parseTag(text);
  return tag === undefined ? undefined : { kind: 'tag', tag };
}

/**
 * The project a repository belongs to: the first path segment, or the first two when the first holds
 * a dot (`example.com/project`). A bare `hello` is a repository of the project `hello`.
 */
export function projectOf(name: RepositoryName): string {
  const [first = '', second] = name.split('/', 2);
  return first.includes('.') && second !== undefined ? `${first}/${second}` : first;
}

/** The tag of the referrers tag schema for a subject: `sha256-<encoded>` (specification, "Referrers Tag Schema"). */
export function referrersTag(subject: Digest): Tag {
  const [algorithm = '', encoded = ''] = subject.split(':');
  // "the algorithm truncated to 32 characters … the encoded truncated to 64 characters"
  return `${algorithm.slice(0, 32)}-${encoded.slice(0, 64)}` as Tag;
}
