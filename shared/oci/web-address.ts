// An image's name is its web address: https://HOST/PROJECT/IMAGE, and with :TAG or @DIGEST what that names.

import {
  parseReference,
  parseRepositoryName,
  projectOf,
  type Reference,
  type RepositoryName,
} from './reference.ts';

export interface WebAddress {
  /** A repository's, or what the names of others begin with; a project's where it is one. */
  readonly name: RepositoryName;
  /** The manifest that is meant, where one is. */
  readonly reference?: Reference;
}

/**
 * The path of an address, without its first slash. A project of a domain may be written `example.com:project`, as Google
 * writes it; so what stands before a colon and has a dot and no slash is taken for a domain.
 * @returns `undefined` where it cannot be one
 */
export function parseWebAddress(text: string): WebAddress | undefined {
  const path = text.replace(/%40/g, '@').replace(/\/$/, '');
  const [before = '', digest, ...more] = path.split('@');
  if (more.length > 0) return undefined;
  const [first, ...rest] = before.split(':');
  const isDomain = rest.length > 0 && first?.includes('.') && !first.includes('/');
  const [named = '', tag, ...others] = isDomain
    ? [`${first}/${rest[0]}`, ...rest.slice(1)]
    : [first, ...rest];
  if (others.length > 0) return undefined;
  const name = parseRepositoryName(named);
  if (name === undefined) return undefined;
  if (digest !== undefined) return withReference(name, digest, 'digest');
  return tag === undefined ? { name } : withReference(name, tag, 'tag');
}

/** The project whose page it is; `undefined` where it is another's. */
export function projectAt({ name, reference }: WebAddress): string | undefined {
  return reference === undefined && projectOf(name) === name ? name : undefined;
}

/** The path of that address: a project of a domain as clients write it in names. */
export function pathOfAddress({ name, reference }: WebAddress): string {
  if (reference === undefined) return `/${name}`;
  return reference.kind === 'tag' ? `/${name}:${reference.tag}` : `/${name}@${reference.digest}`;
}

function withReference(
  name: RepositoryName,
  text: string,
  kind: Reference['kind'],
): WebAddress | undefined {
  const reference = parseReference(text);
  return reference?.kind === kind ? { name, reference } : undefined;
}
