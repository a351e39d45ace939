// Tags: pointers that move. Where a tag pointed before is kept in its history.

import type { Digest } from '../oci/digest.ts';
import { RegistryError } from '../oci/errors.ts';
import type { Tag } from '../oci/reference.ts';
import type { Transaction } from '../ports/documents.ts';
import {
  historyKey,
  linksOf,
  manifestTagKey,
  type Repository,
  repositoryKey,
  tagKey,
  tagsOf,
} from './layout.ts';
import { edge, read, write } from './records.ts';
import type { Store } from './store.ts';

/** A part of a list, and whether more follows it. */
export interface Page<T> {
  readonly entries: readonly T[];
  readonly more: boolean;
}

/**
 * A repository's tags in ASCII order (specification, "Listing Tags").
 * @throws RegistryError NAME_UNKNOWN when the repository has neither manifests nor blobs
 */
export async function listTags(
  { documents }: Store,
  repository: Repository,
  { limit, last }: { limit: number; last: string | undefined },
): Promise<Page<string>> {
  const prefix = tagsOf(repository);
  const after = last === undefined || last === '' ? undefined : [...prefix, last];
  const tags = await documents.names({ prefix, after, limit: limit + 1 });
  if (tags.length === 0 && !(await isKnown(documents, repository))) throw nameUnknown(repository);
  return { entries: tags.length > limit ? tags.slice(0, limit) : tags, more: tags.length > limit };
}

/** A repository whose last manifest was deleted is known as long as it holds blobs. */
export async function isKnown(
  documents: Store['documents'],
  repository: Repository,
): Promise<boolean> {
  if ((await read(documents, repositoryKey(repository))) !== undefined) return true;
  return (await documents.list({ prefix: linksOf(repository), limit: 1 })).length > 0;
}

/** Points a tag at a manifest of its repository: reads now, and answers the writes. */
export async function moveTag(
  transaction: Transaction,
  repository: Repository,
  { tag, digest, by, now }: { tag: Tag; digest: Digest; by: string; now: number },
): Promise<() => void> {
  const before = await read(transaction, tagKey(repository, tag));
  return () => {
    write(transaction, tagKey(repository, tag), { digest, updated: now, by });
    if (before?.digest === digest) return;
    if (before !== undefined) transaction.delete(manifestTagKey(repository, before.digest, tag));
    write(transaction, manifestTagKey(repository, digest, tag), edge);
    write(transaction, historyKey(repository, tag, now), { digest, at: now, by });
  };
}

/** Removes a tag, not its manifest: reads now, and answers the writes; `undefined` when there is none. */
export async function removeTag(
  transaction: Transaction,
  repository: Repository,
  { tag, by, now }: { tag: Tag; by: string; now: number },
): Promise<(() => void) | undefined> {
  const before = await read(transaction, tagKey(repository, tag));
  if (before === undefined) return undefined;
  return () => {
    transaction.delete(tagKey(repository, tag));
    transaction.delete(manifestTagKey(repository, before.digest, tag));
    write(transaction, historyKey(repository, tag, now), { digest: null, at: now, by });
  };
}

export function nameUnknown({ name }: Repository): RegistryError {
  return new RegistryError('NAME_UNKNOWN', {
    message: `there is no repository ${name}`,
    detail: { name },
  });
}
