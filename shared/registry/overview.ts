// What a page shows of a repository: its tags with what they point at, and its manifests. Each page reads a bounded part.

import type { Digest } from '../oci/digest.ts';
import {
  pageRowsMax,
  tagsOfManifestMax,
  tagsOfManifestPageMax,
  tagsSortedMax,
} from '../oci/limits.ts';
import { type Manifest, parseManifest } from '../oci/manifest.ts';
import type { Reference, Tag } from '../oci/reference.ts';
import type { Document } from '../ports/documents.ts';
import {
  manifestKey,
  manifestTagsOf,
  type Repository,
  summariesOf,
  summaryKey,
  tagKey,
  tagsOf,
} from './layout.ts';
import { type ManifestSummary, read, type TagRecord } from './records.ts';
import type { Store } from './store.ts';

type Reads = Pick<Store, 'documents'>;

export interface ManifestLine {
  readonly digest: Digest;
  readonly summary: ManifestSummary | undefined;
  /** What points at it, the first `tagsOfManifestMax` by name; `undefined` where it was not looked. */
  readonly tags?: readonly Tag[];
}

export interface TagLine extends ManifestLine {
  readonly tag: Tag;
  /** When it was pointed there: milliseconds since 1970. */
  readonly updated: number;
}

export interface Overview {
  readonly tags: readonly TagLine[];
  /** How many there are, where that is known: those are sorted, the newest first. Else they are by name. */
  readonly tagsCount: number | undefined;
  /** The tag, or the number of the page, that is to be asked for next. */
  readonly next: { readonly last: Tag } | { readonly page: number } | undefined;
  /** Manifests without a tag, where all manifests fit on one page and all tags are known; else nothing. */
  readonly untagged: readonly ManifestLine[] | undefined;
}

/**
 * A page of a repository's tags. It reads `tagsSortedMax` + 1 tags at most, `pageRowsMax` + 1 summaries in a list, and as many
 * again one by one where there are more manifests than that.
 * @param options.page of those that are sorted, from 1
 * @param options.last of those that are by name, the tag to go on after
 */
export async function readOverview(
  { documents }: Reads,
  repository: Repository,
  { page, last }: { readonly page: number; readonly last: Tag | undefined },
): Promise<Overview> {
  const prefix = tagsOf(repository);
  const after = last === undefined ? undefined : [...prefix, last];
  const limit = last === undefined ? tagsSortedMax + 1 : pageRowsMax + 1;
  const [found, summaries] = await Promise.all([
    documents.list({ prefix, after, limit }),
    documents.list({ prefix: summariesOf(repository), limit: pageRowsMax + 1 }),
  ]);
  const isSorted = last === undefined && found.length <= tagsSortedMax;
  const all = found.map(tagOf);
  if (isSorted) all.sort((a, b) => b.updated - a.updated || (a.tag < b.tag ? -1 : 1));
  const start = isSorted ? (page - 1) * pageRowsMax : 0;
  const shown = all.slice(start, start + pageRowsMax);
  const known = new Map(summaries.map(summaryOf).map((line) => [line.digest, line.summary]));
  const isWhole = summaries.length <= pageRowsMax;
  const wanted = new Set(isWhole ? [] : shown.map(({ digest }) => digest));
  for (const digest of wanted) if (known.has(digest)) wanted.delete(digest);
  await Promise.all(
    [...wanted].map(async (digest) => {
      known.set(digest, await read(documents, summaryKey(repository, digest)));
    }),
  );
  const tagged = new Set(all.map(({ digest }) => digest));
  const end = shown.at(-1);
  const hasMore = all.length > start + shown.length && end !== undefined;
  return {
    tags: shown.map((line) => ({ ...line, summary: known.get(line.digest) })),
    tagsCount: isSorted ? all.length : undefined,
    next: hasMore ? (isSorted ? { page: page + 1 } : { last: end.tag }) : undefined,
    untagged:
      isSorted && isWhole
        ? summaries.map(summaryOf).filter(({ digest }) => !tagged.has(digest))
        : undefined,
  };
}

/**
 * A page of a repository's manifests by digest, each with its first tags: one read for each manifest, and one more for each of
 * those tags.
 * @param last the digest to go on after
 */
export async function listManifests(
  { documents }: Reads,
  repository: Repository,
  last: Digest | undefined,
): Promise<{ readonly manifests: readonly ManifestLine[]; readonly next: Digest | undefined }> {
  const prefix = summariesOf(repository);
  const after = last === undefined ? undefined : [...prefix, last];
  const found = await documents.list({ prefix, after, limit: pageRowsMax + 1 });
  const shown = found.slice(0, pageRowsMax).map(summaryOf);
  const manifests = await Promise.all(
    shown.map(async (line) => ({
      ...line,
      tags: await tagsAt({ documents }, repository, line.digest, tagsOfManifestMax),
    })),
  );
  return { manifests, next: found.length > pageRowsMax ? shown.at(-1)?.digest : undefined };
}

export interface ManifestView extends ManifestLine {
  readonly summary: ManifestSummary;
  readonly tags: readonly Tag[];
  /** What it names; `undefined` where it is so large that it is a blob. */
  readonly manifest: Manifest | undefined;
}

/** One manifest, as its page shows it; `undefined` where there is none. Of its tags the first `tagsOfManifestPageMax`. */
export async function viewManifest(
  { documents }: Reads,
  repository: Repository,
  reference: Reference,
): Promise<ManifestView | undefined> {
  const digest =
    reference.kind === 'digest'
      ? reference.digest
      : (await read(documents, tagKey(repository, reference.tag)))?.digest;
  if (digest === undefined) return undefined;
  const [summary, record, tags] = await Promise.all([
    read(documents, summaryKey(repository, digest)),
    read(documents, manifestKey(repository, digest)),
    tagsAt({ documents }, repository, digest, tagsOfManifestPageMax),
  ]);
  if (summary === undefined || record === undefined) return undefined;
  const { bytes, mediaType } = record;
  return { digest, summary, tags, manifest: bytes && parseManifest(bytes, mediaType) };
}

async function tagsAt(
  { documents }: Reads,
  repository: Repository,
  digest: Digest,
  limit: number,
): Promise<Tag[]> {
  const edges = await documents.list({ prefix: manifestTagsOf(repository, digest), limit });
  return edges.map(({ key }) => key.at(-1) as Tag);
}

function tagOf({ key, value }: Document): Omit<TagLine, 'summary'> {
  const { digest, updated } = value as TagRecord;
  return { tag: key.at(-1) as Tag, digest, updated };
}

function summaryOf({ key, value }: Document): ManifestLine {
  return { digest: key.at(-1) as Digest, summary: value as ManifestSummary };
}
